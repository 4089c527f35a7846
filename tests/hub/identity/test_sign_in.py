"""Signing in by mailed link, as a browser does it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from apiflask import APIBlueprint, APIFlask
from flask import Blueprint
from flask.testing import FlaskClient

from hub import clock, db, queue
from hub.http import current_session, require, signed_in
from hub.identity import links
from hub.messages import mailbox, work
from hub.models import Message
from hub.web import sign_in
from tests.hub.apps import Business, Person


@pytest.fixture
def blueprints() -> list[Blueprint]:
    probe = APIBlueprint("probe", __name__)

    @probe.get("/probe")
    @require("viewer")
    def page() -> str:
        session = current_session()
        return str(session.tenant_name) if session else "by key"

    @probe.get("/probe/person")
    @signed_in
    def person() -> str:
        return "hello"

    return [sign_in.blueprint, probe]


@pytest.fixture(autouse=True)
def _worker(app: APIFlask) -> None:
    queue.register({"send_message": work.send})


def token_on(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found.group(1)


def ask_for_link(client: FlaskClient, address: str, next_path: str = "/probe") -> str:
    """Returns the page after asking."""
    form = client.get(f"/sign-in?next={next_path}").text
    asked = client.post("/sign-in", data={"csrf_token": token_on(form), "email": address, "next": next_path})
    assert asked.status_code == 303
    queue.run_pending()
    return client.get(asked.location).text


def newest_mail_to(address: str) -> Message | None:
    return next((mail for mail in mailbox() if mail.recipient == address), None)


def link_for(client: FlaskClient, person: Person, next_path: str = "/probe") -> str:
    ask_for_link(client, person.email, next_path)
    mail = newest_mail_to(person.email)
    assert mail is not None
    assert mail.body is not None
    found = re.search(r"http\S+", mail.body)
    assert found
    parts = urlsplit(found.group())
    return f"{parts.path}?{parts.query}"


def use(client: FlaskClient, link: str) -> str:
    """Presses the button; returns where it leads."""
    page = client.get(link)
    assert page.status_code == 200
    answer = client.post("/sign-in/link", data={"csrf_token": token_on(page.text), "token": link.partition("token=")[2]})
    assert answer.status_code == 303
    return answer.location


def test_mailed_link_signs_in_and_leads_to_the_wanted_page(client: FlaskClient, business: Business) -> None:
    person = business.add_person("viewer")
    assert use(client, link_for(client, person, "/probe?tab=1")) == "/probe?tab=1"
    assert client.get("/probe").text == business.name


def test_session_cookie_is_ours_http_only_and_lax(client: FlaskClient, business: Business) -> None:
    link = link_for(client, business.add_person("viewer"))
    page = client.get(link)
    answer = client.post("/sign-in/link", data={"csrf_token": token_on(page.text), "token": link.partition("token=")[2]})
    cookie = next(value for value in answer.headers.getlist("Set-Cookie") if value.startswith("payhub_signin="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_unknown_address_gets_the_same_answer_and_no_mail(client: FlaskClient, business: Business) -> None:
    person = business.add_person("viewer")
    known, unknown = ask_for_link(client, person.email), ask_for_link(client, "nobody@example.com")
    assert known == unknown
    assert newest_mail_to("nobody@example.com") is None


def test_opening_the_link_any_number_of_times_uses_nothing_up(client: FlaskClient, business: Business, app: APIFlask) -> None:
    link = link_for(client, business.add_person("viewer"))
    for _ in range(3):
        assert app.test_client().get(link).status_code == 200
    assert use(client, link) == "/probe"


def test_link_works_once(client: FlaskClient, business: Business, app: APIFlask) -> None:
    link = link_for(client, business.add_person("viewer"))
    use(client, link)
    assert app.test_client().get(link).status_code == 410


def test_link_taken_by_many_at_once_signs_one_in(client: FlaskClient, business: Business) -> None:
    token = link_for(client, business.add_person("viewer")).partition("token=")[2]
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: links.take(token, replaces=None), range(8)))
    assert sum(each is not None for each in taken) == 1


def test_link_ends_after_fifteen_minutes(client: FlaskClient, business: Business) -> None:
    link = link_for(client, business.add_person("viewer"))
    clock.advance(timedelta(minutes=15, seconds=1))
    answer = client.get(link)
    assert answer.status_code == 410
    assert "no longer works" in answer.text


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/%0a/x"]
)
def test_next_page_on_another_site_is_never_taken(client: FlaskClient, business: Business, elsewhere: str) -> None:
    location = use(client, link_for(client, business.add_person("viewer"), elsewhere))
    assert location in ("/", "/%0a/x")


def test_signing_in_again_ends_the_session_before(client: FlaskClient, business: Business, app: APIFlask) -> None:
    person = business.add_person("viewer")
    use(client, link_for(client, person))
    before = client.get_cookie("payhub_signin")
    assert before is not None
    with db.system_session() as session:
        token = links.issue(session, person.user_id)
    use(client, f"/sign-in/link?token={token}")
    old = app.test_client()
    old.set_cookie("payhub_signin", before.value)
    assert old.get("/probe").status_code == 303
    assert client.get("/probe").status_code == 200


def test_signing_out_ends_the_session_itself(client: FlaskClient, business: Business, app: APIFlask) -> None:
    use(client, link_for(client, business.add_person("viewer")))
    cookie = client.get_cookie("payhub_signin")
    assert cookie is not None
    page = client.get("/tenants").text
    assert client.post("/sign-out", data={"csrf_token": token_on(page)}).status_code == 303
    copy = app.test_client()
    copy.set_cookie("payhub_signin", cookie.value)
    assert copy.get("/probe").status_code == 303


def test_signing_out_everywhere_ends_every_browser(client: FlaskClient, business: Business, app: APIFlask) -> None:
    person, other = business.add_person("viewer"), app.test_client()
    use(client, link_for(client, person))
    use(other, link_for(other, person))
    page = client.get("/tenants").text
    client.post("/sign-out/everywhere", data={"csrf_token": token_on(page)})
    assert other.get("/probe").status_code == 303


def test_member_of_two_chooses_one_and_sees_it(client: FlaskClient, business: Business, other_business: Business) -> None:
    person = business.add_person("viewer")
    other_business.join(person, "owner")
    use(client, link_for(client, person))
    page = client.get("/tenants").text
    assert business.name in page
    assert other_business.name in page
    chosen = client.post("/tenants", data={"csrf_token": token_on(page), "tenant_id": other_business.tenant_id})
    assert chosen.status_code == 303
    assert client.get("/probe").text == other_business.name


def test_choosing_a_business_of_others_is_404(client: FlaskClient, business: Business, other_business: Business) -> None:
    use(client, link_for(client, business.add_person("owner")))
    page = client.get("/tenants").text
    answer = client.post("/tenants", data={"csrf_token": token_on(page), "tenant_id": other_business.tenant_id})
    assert answer.status_code == 404
    assert client.get("/probe").text == business.name


def test_asking_for_links_without_end_is_stopped_per_address(client: FlaskClient, business: Business) -> None:
    person = business.add_person("viewer")
    page = client.get("/sign-in").text
    data = {"csrf_token": token_on(page), "email": person.email, "next": "/"}
    codes = [client.post("/sign-in", data=data).status_code for _ in range(7)]
    assert codes == [303] * 5 + [429] * 2
    other = client.post("/sign-in", data={**data, "email": business.add_person("viewer").email})
    assert other.status_code == 303


def test_signing_in_form_from_another_site_is_refused(client: FlaskClient, business: Business) -> None:
    person = business.add_person("viewer")
    assert client.post("/sign-in", data={"email": person.email}).status_code == 403
    with db.system_session() as session:
        token = links.issue(session, person.user_id)
    assert client.post("/sign-in/link", data={"token": token}).status_code == 403
