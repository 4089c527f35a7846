"""Who gets to a view, by key or by session."""

from __future__ import annotations

import pytest
from apiflask import APIBlueprint, APIFlask
from flask.testing import FlaskClient

from hub import db
from hub.http import create_app, csrf_token, current, public, require, signed_in
from hub.identity import api_keys, sessions
from hub.identity.tokens import token_hash
from hub.models import Membership, SignInSession
from tests.hub.apps import TEST_ACTOR, Business, Person
from tests.whole_run.answers import searched


@pytest.fixture
def blueprints() -> list[APIBlueprint]:
    blueprint = APIBlueprint("probe", __name__)

    @blueprint.get("/api/probe/read")
    @require("viewer")
    def read() -> dict[str, object]:
        caller = current()
        return {"tenant_id": caller.tenant_id, "role": caller.role, "actor": [caller.actor_kind, caller.actor_id]}

    @blueprint.post("/api/probe/write")
    @require("manager")
    def write() -> dict[str, object]:
        return {"written": True}

    @blueprint.get("/api/probe/own")
    @require("owner", limited="connect")
    def own() -> dict[str, object]:
        return {"owned": True}

    @blueprint.get("/api/probe/connect")
    @require("manager", limited="connect")
    def connect() -> dict[str, object]:
        return {"connected": True}

    @blueprint.get("/probe/page")
    @require("viewer")
    def page() -> str:
        return f"<form>{csrf_token()}</form>"

    @blueprint.get("/probe/person")
    @signed_in
    def person() -> str:
        return "hello"

    @blueprint.get("/probe/form")
    @public
    def form() -> str:
        return csrf_token()

    @blueprint.post("/probe/form")
    @public(form=True)
    def send_form() -> str:
        return "taken"

    @blueprint.post("/api/probe/webhook")
    @public
    def webhook() -> str:
        return "taken"

    return [blueprint]


def sign_in(client: FlaskClient, person: Person) -> str:
    with db.system_session() as session:
        token = sessions.start(session, person.user_id)
    client.set_cookie("payhub_signin", token)
    return token


def test_nobody_calling_the_api_gets_401(client: FlaskClient) -> None:
    answer = client.get("/api/probe/read")
    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"
    assert answer.json is not None
    assert answer.json["code"] == "not_signed_in"
    assert "Bearer" in answer.headers["WWW-Authenticate"]


def test_nobody_opening_a_page_is_sent_to_sign_in_and_back(client: FlaskClient) -> None:
    answer = client.get("/probe/page?tab=2")
    assert answer.status_code == 303
    assert answer.location == "/sign-in?next=%2Fprobe%2Fpage%3Ftab%3D2"


def test_api_key_calls_as_its_tenant_and_role(client: FlaskClient, business: Business) -> None:
    answer = client.get("/api/probe/read", headers=business.bearer("viewer"))
    assert answer.json is not None
    assert (answer.json["tenant_id"], answer.json["role"]) == (business.tenant_id, "viewer")
    assert answer.json["actor"][0] == "api_key"


@pytest.mark.parametrize(
    "spoil", [lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"), lambda key: "ph_x_y", lambda key: "é"]
)
def test_altered_api_key_gets_401(client: FlaskClient, business: Business, spoil: object) -> None:
    key = spoil(business.key("owner"))  # type: ignore[operator]
    answer = client.get("/api/probe/read", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["code"] == "invalid_api_key"


def test_revoked_api_key_gets_401(client: FlaskClient, business: Business) -> None:
    with db.tenant_session(business.tenant_id) as session:
        made = api_keys.create(session, business.tenant_id, TEST_ACTOR, name="old", role="owner")
    headers = {"Authorization": f"Bearer {made.secret}"}
    assert client.get("/api/probe/read", headers=headers).status_code == 200
    with db.tenant_session(business.tenant_id) as session:
        assert api_keys.revoke(session, business.tenant_id, TEST_ACTOR, made.row.id)
    assert client.get("/api/probe/read", headers=headers).status_code == 401


def test_viewer_writing_gets_403_with_the_needed_role(client: FlaskClient, business: Business) -> None:
    answer = client.post("/api/probe/write", headers=business.bearer("viewer"))
    assert answer.status_code == 403
    assert answer.json is not None
    assert answer.json["code"] == "role_too_low"
    assert "manager" in answer.json["detail"]


def test_manager_with_a_key_writes_without_csrf_token(client: FlaskClient, business: Business) -> None:
    assert client.post("/api/probe/write", headers=business.bearer("manager")).status_code == 200


def test_session_writes_only_with_its_own_csrf_token(client: FlaskClient, business: Business, app: APIFlask) -> None:
    sign_in(client, business.add_person("manager"))
    token = client.get("/probe/page").text.removeprefix("<form>").removesuffix("</form>")
    assert client.post("/api/probe/write").status_code == 403
    stranger = app.test_client()
    sign_in(stranger, business.add_person("manager"))
    foreign = stranger.get("/probe/page").text.removeprefix("<form>").removesuffix("</form>")
    refused = client.post("/api/probe/write", headers={"X-CSRF-Token": foreign})
    assert refused.status_code == 403
    assert refused.json is not None
    assert refused.json["code"] == "csrf_failed"
    assert client.post("/api/probe/write", headers={"X-CSRF-Token": token}).status_code == 200


def test_public_form_without_its_visitors_token_is_refused(client: FlaskClient, app: APIFlask) -> None:
    token = client.get("/probe/form").text
    assert client.post("/probe/form", data={"csrf_token": token}).status_code == 200
    assert client.post("/probe/form").status_code == 403
    assert app.test_client().post("/probe/form", data={"csrf_token": token}).status_code == 403


def test_public_view_for_machines_needs_no_token(client: FlaskClient) -> None:
    assert client.post("/api/probe/webhook", data=b"raw").status_code == 200


def test_removed_member_is_out_at_the_next_request(client: FlaskClient, business: Business) -> None:
    person = business.add_person("owner")
    sign_in(client, person)
    assert client.get("/api/probe/read").status_code == 200
    with db.system_session() as session:
        membership = session.get_one(Membership, (business.tenant_id, person.user_id))
        session.delete(membership)
    answer = client.get("/api/probe/read")
    assert answer.status_code == 403
    assert answer.json is not None
    assert answer.json["code"] == "tenant_not_chosen"


def test_changed_role_counts_at_the_next_request(client: FlaskClient, business: Business) -> None:
    person = business.add_person("owner")
    sign_in(client, person)
    assert client.get("/api/probe/own").status_code == 200
    with db.system_session() as session:
        session.get_one(Membership, (business.tenant_id, person.user_id)).role = "manager"
    assert client.get("/api/probe/own").status_code == 403


def test_member_of_two_tenants_is_asked_to_choose(client: FlaskClient, business: Business, other_business: Business) -> None:
    person = business.add_person("owner")
    other_business.join(person, "viewer")
    sign_in(client, person)
    assert client.get("/probe/page").location == "/tenants"
    assert client.get("/probe/person").text == "hello"


def test_connect_session_reaches_only_what_says_so(client: FlaskClient, business: Business) -> None:
    with db.system_session() as session:
        token = sessions.start_limited(
            session,
            tenant_id=business.tenant_id,
            limited_to="connect",
            external_user="anna",
            contact_id=None,
            return_url="https://crm.example/back",
        )
    client.set_cookie("payhub_signin", token)
    assert client.get("/api/probe/connect").status_code == 200
    refused = client.get("/api/probe/read")
    assert refused.status_code == 403
    assert refused.json is not None
    assert refused.json["code"] == "limited_session"
    assert client.get("/api/probe/own").status_code == 403
    assert client.get("/probe/person").status_code == 403


def test_view_without_a_declared_access_serves_nobody(app: APIFlask, business: Business) -> None:
    forgotten = APIBlueprint("forgotten", __name__)
    forgotten.get("/api/forgotten")(lambda: {"open": True})
    client = searched(create_app(app.extensions["payhub_settings"], [forgotten])).test_client()
    assert client.get("/api/forgotten", headers=business.bearer("owner")).status_code == 500


def test_expired_and_idle_sessions_are_over(client: FlaskClient, business: Business) -> None:
    token = sign_in(client, business.add_person("owner"))
    with db.system_session() as session:
        session.get_one(SignInSession, token_hash(token)).last_seen_at -= sessions.IDLE_LIMIT
    assert client.get("/api/probe/read").status_code == 401
    token = sign_in(client, business.add_person("owner"))
    with db.system_session() as session:
        session.get_one(SignInSession, token_hash(token)).expires_at -= sessions.ABSOLUTE_LIMIT
    assert client.get("/api/probe/read").status_code == 401
