"""What a business keeps of a client, in a real browser: contacts, jobs, and what was changed on both sides."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect
from sqlalchemy import select

from hub import clock, db
from hub.audit import Actor
from hub.crm import clients
from hub.models import Client, Conflict, Contact, Integration, Invoice, Job, Payment, Refund
from tests.browser.conftest import Shop

TEST_ACTOR = Actor("system")


def test_a_contact_is_added_and_edited_on_the_client_s_page_without_javascript(browser_without_script: Page, shop: Shop) -> None:
    page = browser_without_script
    grace = a_client(page, shop)
    page.goto(f"{shop.hub.base_url}/clients/{grace.id}")
    contacts = page.get_by_role("region", name="Contacts")
    expect(contacts).to_contain_text("Nobody else is known at this client")
    contacts.get_by_role("link", name="Add contact").click()
    page.get_by_label("Name").fill("Bo Lind")
    page.get_by_role("button", name="Save contact").click()
    expect(page.get_by_label("Email")).to_have_accessible_description(re.compile("needs an email address or a phone number"))
    expect(page.get_by_label("Name")).to_have_value("Bo Lind")
    page.get_by_label("Email").fill("bo@navy.example")
    page.get_by_role("button", name="Save contact").click()
    expect(contacts.get_by_role("row").nth(1)).to_contain_text("Bo Lind")
    contacts.get_by_role("link", name="Edit Bo Lind").click()
    page.get_by_label("Phone").fill("+1 415 555 0100")
    page.get_by_role("button", name="Save contact").click()
    expect(contacts.get_by_role("link", name="+1 415 555 0100")).to_be_visible()
    with db.tenant_session(shop.tenant_id) as session:
        contact = session.scalars(select(Contact)).one()
        assert (contact.client_id, contact.name, contact.email) == (grace.id, "Bo Lind", "bo@navy.example")


def test_a_job_is_added_approved_once_and_invoiced(page: Page, shop: Shop) -> None:
    grace = a_client(page, shop)
    page.goto(f"{shop.hub.base_url}/clients/{grace.id}")
    page.get_by_role("link", name="Add job").click()
    page.get_by_role("button", name="Save job").click()
    expect(page.get_by_label("What is to be done")).to_have_accessible_description("Must not be empty.")
    page.get_by_label("What is to be done").fill("Kitchen of the officers' mess")
    page.get_by_label("Agreed amount").fill("12.345")
    page.get_by_role("button", name="Save job").click()
    expect(page.get_by_label("Agreed amount")).to_have_accessible_description(re.compile("USD has 2 decimals"))
    page.get_by_label("Agreed amount").fill("12,500")
    page.get_by_role("button", name="Save job").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Not approved")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Approved")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    page.get_by_role("link", name="New invoice").click()
    expect(page.get_by_role("group", name="Item 1").get_by_label("Price each")).to_have_value("12500.00")
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_role("region", name="Balance")).to_contain_text("$12,500.00")
    page.get_by_role("link", name="Kitchen of the officers' mess").click()
    expect(page.get_by_role("region", name="Invoices").get_by_role("row").nth(1)).to_contain_text("$12,500.00")
    with db.tenant_session(shop.tenant_id) as session:
        job, invoice = session.scalars(select(Job)).one(), session.scalars(select(Invoice)).one()
        assert (job.amount, job.currency, job.client_id) == (1_250_000, "USD", grace.id)
        assert job.approved_at is not None
        assert invoice.job_id == job.id


def test_a_job_s_agreed_amount_is_changed_and_taken_back(page: Page, shop: Shop) -> None:
    grace = a_client(page, shop)
    job = clients.create_job(shop.tenant_id, grace.id, {"title": "Roof", "amount": 5_000, "currency": "JPY"})
    page.goto(f"{shop.hub.base_url}/clients/{grace.id}/jobs/{job.id}/edit")
    expect(page.get_by_label("Agreed amount")).to_have_value("5000")
    page.get_by_label("Agreed amount").fill("")
    page.get_by_role("button", name="Save job").click()
    expect(page.get_by_role("main")).to_contain_text("Not agreed yet")
    with db.tenant_session(shop.tenant_id) as session:
        assert session.scalars(select(Job.amount)).one() is None


def test_a_viewer_sees_contacts_and_jobs_and_can_change_none(page: Page, shop: Shop) -> None:
    grace = clients.create(shop.tenant_id, {"given_name": "Grace"}, actor=TEST_ACTOR)
    contact = clients.add_contact(shop.tenant_id, grace.id, {"name": "Bo Lind", "email": "bo@navy.example"})
    job = clients.create_job(shop.tenant_id, grace.id, {"title": "Roof"})
    shop.sign_in(page, "viewer")
    page.goto(f"{shop.hub.base_url}/clients/{grace.id}")
    expect(page.get_by_role("region", name="Contacts")).to_contain_text("Bo Lind")
    page.get_by_role("link", name="Roof").click()
    for name in ("Approve", "Edit", "New invoice"):
        expect(page.get_by_text(name, exact=True)).to_have_count(0)
    for path in (f"contacts/{contact.id}", "contacts/new", f"jobs/{job.id}/edit", "jobs/new"):
        answer = page.goto(f"{shop.hub.base_url}/clients/{grace.id}/{path}")
        assert answer is not None
        assert answer.status == 403, path


def test_what_both_sides_changed_shows_both_values_with_the_client_and_with_the_account(page: Page, shop: Shop) -> None:
    grace = a_client(page, shop)
    integration_id = an_account(shop)
    with db.tenant_session(shop.tenant_id) as session:
        session.add(
            Conflict(
                tenant_id=shop.tenant_id, integration_id=integration_id, kind="client", local_id=grace.id, external_id="cus_1",
                field="phone", base={"value": ""}, ours={"value": "+14155550100"},
                theirs={"value": "+14155550199", "kept": "ours"}, created_at=clock.now(),
            )
        )  # fmt: skip
    page.goto(f"{shop.hub.base_url}/integrations/{integration_id}")
    both = page.get_by_role("region", name="Changed on both sides")
    expect(both.get_by_role("definition").nth(0)).to_have_text(re.compile(r"^\+14155550100\s+Stands$"))
    expect(both.get_by_role("definition").nth(1)).to_have_text("+14155550199")
    both.get_by_role("link", name="Grace Hopper").click()
    expect(both).to_contain_text("Phone")
    expect(both).to_contain_text("+14155550199")
    with db.tenant_session(shop.tenant_id) as session:
        session.scalars(select(Conflict)).one().resolved_at = clock.now()
    page.reload()
    expect(both).to_have_count(0)


def test_refunds_stand_on_their_payment_s_page_also_the_one_that_failed(page: Page, shop: Shop) -> None:
    integration_id, now = an_account(shop), clock.now()
    common = {"tenant_id": shop.tenant_id, "integration_id": integration_id, "currency": "USD", "updated_at": now}
    with db.tenant_session(shop.tenant_id) as session:
        payment = Payment(**common, status="succeeded", amount=10_000, paid_at=now, created_at=now, external_id="ch_1")
        session.add(payment)
        session.flush()
        given = {**common, "payment_id": payment.id, "payment_external_id": "ch_1", "created_at": now}
        session.add(Refund(**given, status="succeeded", amount=2_500, reason="requested_by_customer", external_id="re_1"))
        session.add(Refund(**given, status="failed", amount=900, failure="The card's account is closed.", external_id="re_2"))
        payment_id = payment.id
    shop.sign_in(page)
    page.goto(f"{shop.hub.base_url}/payments/{payment_id}")
    rows = page.get_by_role("region", name="Refunds").get_by_role("row")
    expect(rows.nth(1)).to_contain_text("Requested by customer")
    expect(rows.nth(1)).to_contain_text("$25.00")
    expect(rows.nth(2)).to_contain_text("The card's account is closed.")
    expect(page.get_by_role("region", name="Amounts").get_by_text("$25.00")).to_be_visible()
    expect(page.get_by_role("region", name="How")).not_to_contain_text("Location")


def a_client(page: Page, shop: Shop) -> Client:
    """Grace Hopper; the page's person is signed in."""
    shop.sign_in(page)
    return clients.create(shop.tenant_id, {"given_name": "Grace", "family_name": "Hopper"}, actor=TEST_ACTOR)


def an_account(shop: Shop) -> int:
    now = clock.now()
    with db.tenant_session(shop.tenant_id) as session:
        account = Integration(
            tenant_id=shop.tenant_id, provider="stripe", name="Harbor Street Bakery", account_id=f"acct_{shop.tenant_id}",
            live=False, status="reconnect", connected_at=now, created_at=now,
        )  # fmt: skip
        session.add(account)
        session.flush()
        return account.id
