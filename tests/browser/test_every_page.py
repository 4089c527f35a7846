"""Every page at a desk and on a phone: named, headed, labelled, nothing inline, nothing that scrolls sideways."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from hub import clock, db
from hub.audit import Actor
from hub.crm import clients, invoices
from hub.models import Conflict, Integration, Location, Payment, Refund, SyncRun
from tests.browser.accessibility import faults
from tests.browser.conftest import Shop

TEST_ACTOR = Actor("system")
SIZES = ((390, 844), (1280, 860))
DOORS = ("/sign-in", "/sign-in/sent", "/mailbox", "/nothing/here")


def test_every_page_is_named_headed_and_fits_a_desk_and_a_phone(page: Page, shop: Shop) -> None:
    found = {path: _faults(page, shop, path) for path in DOORS}
    paths = _furnish(shop)
    shop.sign_in(page)
    found |= {path: _faults(page, shop, path) for path in paths}
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_the_keyboard_reaches_the_content_first_and_sees_where_it_is(page: Page, shop: Shop) -> None:
    shop.sign_in(page)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    assert skip.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{shop.hub.base_url}/integrations#content")


def _faults(page: Page, shop: Shop, path: str) -> list[str]:
    answer = page.goto(shop.hub.base_url + path)
    assert answer is not None
    assert answer.status < 500, path
    policy = answer.headers["content-security-policy"]
    assert "'unsafe-inline'" not in policy
    wrong = []
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        wrong += faults(page)
    return wrong


def _furnish(shop: Shop) -> list[str]:
    """One of everything, and the addresses of all pages."""
    now = clock.now()
    with db.tenant_session(shop.tenant_id) as session:
        home = Integration(
            tenant_id=shop.tenant_id,
            provider="square",
            name="Harbor Street Bakery and Coffee Roasters of the Old Town",
            account_id=f"M{shop.tenant_id}",
            live=False,
            status="reconnect",
            status_reason="The seller ended our access.",
            connected_at=now,
            created_at=now,
        )
        session.add(home)
        session.flush()
        common = {"tenant_id": shop.tenant_id, "integration_id": home.id}
        session.add(
            SyncRun(**common, kind="hourly", created_at=now, due_at=now, done_at=now, outcome="failed", reason="Refused.")
        )
        session.add(Location(**common, external_id="L1", name="Main", currency="USD", created_at=now))
        payment = Payment(
            **common, external_id="pay_1", status="failed", failure="The card was declined.", amount=1, currency="USD",
            created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(payment)
        session.flush()
        given = {**common, "payment_id": payment.id, "amount": 1, "currency": "USD", "created_at": now, "updated_at": now}
        session.add(Refund(**given, external_id="re_1" + "x" * 30, status="failed", failure="The account is closed."))
        home_id, payment_id = home.id, payment.id
    client = clients.create(
        shop.tenant_id, {"given_name": "Grace", "email": "a.very.long.address@a-rather-long-domain.example"}, actor=TEST_ACTOR
    )
    line = invoices.NewLine(description="Cake", amount=100)
    invoice, _ = invoices.create(shop.tenant_id, client_id=client.id, currency="USD", lines=[line], due_on=None, actor=TEST_ACTOR)
    contact = clients.add_contact(shop.tenant_id, client.id, {"email": "another.long.address@a-rather-long-domain.example"})
    job = clients.create_job(
        shop.tenant_id, client.id, {"title": "Kitchen of the officers' mess", "amount": 1, "currency": "USD"}
    )
    invoices.edit(shop.tenant_id, invoice.id, {"job_id": job.id}, actor=TEST_ACTOR)
    with db.tenant_session(shop.tenant_id) as session:
        for kind, local_id, name in (("client", client.id, "email"), ("invoice", invoice.id, "description")):
            told = {"ours": {"value": "a" * 90}, "theirs": {"value": "b" * 90, "kept": "ours"}, "created_at": now}
            session.add(Conflict(**common, kind=kind, local_id=local_id, external_id="x", field=name, **told))
    of_client = f"/clients/{client.id}"
    return [
        f"{of_client}/contacts/new", f"{of_client}/contacts/{contact.id}", f"{of_client}/jobs/new", f"{of_client}/jobs/{job.id}",
        f"{of_client}/jobs/{job.id}/edit", f"/invoices/new?job={job.id}", f"/invoices/{invoice.id}/edit",
        "/integrations", "/integrations/connect", f"/integrations/{home_id}", f"/integrations/{home_id}/disconnect",
        f"/integrations/connected?connected={home_id}", "/clients", "/clients/new", f"/clients/{client.id}",
        f"/clients/{client.id}/edit", "/clients?q=nobody", "/invoices", "/invoices/new", f"/invoices/{invoice.id}",
        f"/invoices/{invoice.id}/void", "/invoices?status=overdue", "/payments", f"/payments/{payment_id}",
        "/payments?since=2026-01-01&until=2026-02-01", "/settings", "/settings/people", "/settings/api-keys",
        "/settings/audit-log", "/tenants", "/clients/999999999",
    ]  # fmt: skip
