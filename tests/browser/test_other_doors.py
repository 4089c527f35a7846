"""The other ways in, in a real browser: an identity provider's button, and the link that a CRM sends its user to."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from playwright.sync_api import Page, expect

from hub import db
from hub.identity import administration
from hub.models import Tenant
from tests.browser.conftest import Shop
from tests.browser.hub import Hub

CRM_PAGE = b"<!doctype html><html lang=en><title>CRM</title><h1>Back in the CRM</h1>"


@pytest.fixture(scope="module")
def crm() -> Iterator[str]:
    """The origin of a CRM with one page."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(CRM_PAGE)))
            self.end_headers()
            self.wfile.write(CRM_PAGE)

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def neighbours(neighbours: tuple[str, ...], crm: str) -> tuple[str, ...]:
    return (*neighbours, crm)


# --- identity provider --------------------------------------------------------------------------------------------------


def at_the_identity_provider(page: Page, hub: Hub, email: str, *, wanted: str) -> None:
    """Asked for a page without a session; the button leads to the provider, where this person is known."""
    hub.issuer.person = {"sub": secrets.token_hex(8), "email": email, "email_verified": True}
    page.goto(hub.base_url + wanted)
    page.get_by_role("button", name="Sign in with your organisation").click()
    expect(page).to_have_url(re.compile(re.escape(hub.issuer.url)))
    expect(page.get_by_role("heading")).to_have_text(email)


def test_a_person_known_to_the_identity_provider_gets_to_the_page_that_was_asked_for(page: Page, shop: Shop) -> None:
    email = shop.person("manager")
    at_the_identity_provider(page, shop.hub, email, wanted="/payments?status=failed")
    page.get_by_role("button", name="Continue").click()
    expect(page).to_have_url(f"{shop.hub.base_url}/payments?status=failed")
    expect(page.get_by_role("heading", level=1)).to_have_text("Payments")
    page.locator("summary").click()
    expect(page.get_by_text(email)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_person_who_refuses_at_the_identity_provider_is_told_and_gets_in_by_mail(page: Page, shop: Shop) -> None:
    at_the_identity_provider(page, shop.hub, shop.person("viewer"), wanted="/clients")
    page.get_by_role("button", name="Refuse").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This sign-in cannot go on")
    expect(page.get_by_role("main")).to_contain_text("or use a mailed link")
    page.get_by_role("link", name="Sign in").click()
    expect(page.get_by_label("Your mail address")).to_be_visible()


def test_a_stranger_whom_the_identity_provider_knows_is_told_whom_to_ask(page: Page, shop: Shop) -> None:
    at_the_identity_provider(page, shop.hub, "stranger@elsewhere.example", wanted="/clients")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("main")).to_contain_text("Ask its owner to add your mail address")
    page.goto(f"{shop.hub.base_url}/clients")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


# --- connect sessions ---------------------------------------------------------------------------------------------------


def link_from_the_crm(shop: Shop, crm: str) -> str:
    """As the CRM's server asks for it."""
    with db.tenant_session(shop.tenant_id) as session:
        session.get_one(Tenant, shop.tenant_id).return_origins = [crm]
    key = administration.create_api_key(shop.tenant_id, role="manager", name="CRM server")
    answer = httpx.post(
        f"{shop.hub.base_url}/api/connect-sessions",
        json={"user": "bo.of.the.crm", "return_url": f"{crm}/settings/payments?tab=2"},
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["url"])


def test_a_crm_user_connects_an_account_without_a_second_login_and_gets_back_to_the_crm(page: Page, shop: Shop, crm: str) -> None:
    page.goto(link_from_the_crm(shop, crm))
    expect(page.get_by_role("region", name="Payments")).to_contain_text("Not connected")
    expect(page.get_by_role("navigation", name="Main")).to_have_count(0)
    shop.connect(page, "stripe", "Harbor Street Bakery")
    expect(page.get_by_role("heading", level=1)).to_have_text("Harbor Street Bakery is connected")
    page.get_by_role("link", name="Back to your CRM").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Back in the CRM")
    expect(page).to_have_url(f"{crm}/settings/payments?tab=2")
    page.goto(f"{shop.hub.base_url}/integrations")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_crm_user_reaches_no_page_but_those_of_connecting(page: Page, shop: Shop, crm: str) -> None:
    page.goto(link_from_the_crm(shop, crm))
    for path in ("/clients", "/settings", "/invoices/new"):
        answer = page.goto(shop.hub.base_url + path)
        assert answer is not None
        assert answer.status == 403, path
    expect(page.get_by_role("main")).to_contain_text("The link you came by does not reach this page")


def test_a_link_from_the_crm_that_was_used_says_where_to_get_another(page: Page, shop: Shop, crm: str) -> None:
    link = link_from_the_crm(shop, crm)
    page.goto(link)
    page.context.clear_cookies()
    answer = page.goto(link)
    assert answer is not None
    assert answer.status == 410
    expect(page.get_by_role("main")).to_contain_text("Get a new one in your CRM")
