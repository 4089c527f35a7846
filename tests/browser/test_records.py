"""Pages of clients, invoices, payments and settings, in a real browser."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect
from sqlalchemy import select

from hub import clock, db
from hub.audit import Actor
from hub.crm import clients
from hub.identity import administration
from hub.models import Change, Integration, Invoice, InvoiceLine, Payment, Tenant
from tests.browser.conftest import Shop

TEST_ACTOR = Actor("system")


def test_a_client_is_created_found_and_edited(page: Page, shop: Shop) -> None:
    shop.sign_in(page)
    page.get_by_role("link", name="Clients", exact=True).click()
    expect(page.get_by_role("heading", name="No clients yet")).to_be_visible()
    page.get_by_role("link", name="New client").click()
    page.get_by_label("Given name").fill("Grace")
    page.get_by_label("Family name").fill("Hopper")
    page.get_by_label("Email").fill("grace@navy.example")
    page.get_by_label("Country").select_option(label="United States")
    page.get_by_role("button", name="Save client").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Grace Hopper")
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Company").fill("Navy Compilers & Co")
    page.get_by_role("button", name="Save client").click()
    page.goto(f"{shop.hub.base_url}/clients?q=compilers")
    expect(page.get_by_role("row").nth(1)).to_contain_text("Grace Hopper")
    page.goto(f"{shop.hub.base_url}/clients?q=nobody")
    expect(page.get_by_role("heading", name="No client matches")).to_be_visible()


def test_a_wrong_address_is_told_at_its_field_and_what_was_typed_stays(page: Page, shop: Shop) -> None:
    shop.sign_in(page)
    page.goto(f"{shop.hub.base_url}/clients/new")
    page.get_by_label("Given name").fill("<b>Grace</b>")
    page.get_by_label("Email").fill("grace at navy")
    page.get_by_role("button", name="Save client").click()
    expect(page.get_by_label("Email")).to_have_accessible_description(re.compile("valid email"))
    expect(page.get_by_label("Given name")).to_have_value("<b>Grace</b>")


def test_a_client_without_anything_is_refused_in_words(page: Page, shop: Shop) -> None:
    shop.sign_in(page)
    page.goto(f"{shop.hub.base_url}/clients/new")
    page.get_by_role("button", name="Save client").click()
    expect(page.get_by_role("alert")).to_contain_text("A client needs a name, a company, an email address or a phone number")


def test_an_invoice_of_several_items_is_issued_at_stripe_with_its_pay_page_and_voided(page: Page, shop: Shop) -> None:
    shop.sign_in(page)
    shop.connect(page, "stripe", "Harbor Street Bakery")
    expect(page.get_by_role("status")).to_contain_text("Sync is complete")
    grace = clients.create(shop.tenant_id, {"given_name": "Grace", "email": "grace@navy.example"}, actor=TEST_ACTOR)
    page.goto(f"{shop.hub.base_url}/invoices/new?client={grace.id}")
    page.get_by_role("button", name="More items").click()
    expect(page.get_by_role("group", name=re.compile("^Item "))).to_have_count(8)
    first, second = page.get_by_role("group", name="Item 1"), page.get_by_role("group", name="Item 2")
    first.get_by_label("What").fill("Wedding cake")
    first.get_by_label("Price each").fill("1,480.50")
    second.get_by_label("What").fill("Delivery")
    second.get_by_label("Quantity").fill("3")
    second.get_by_label("Price each").fill("12.345")
    page.get_by_role("button", name="Issue without sending").click()
    expect(second.get_by_label("Price each")).to_have_accessible_description(re.compile("USD has 2 decimals"))
    second.get_by_label("Price each").fill("12.5")
    page.get_by_role("button", name="Issue without sending").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Open")
    expect(page.get_by_role("region", name="Balance")).to_contain_text("$1,518.00")
    expect(page.get_by_label("Pay page for the client")).to_have_value(re.compile("^http"))
    page.get_by_role("link", name="Void…").click()
    page.get_by_role("button", name="Void this invoice").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Void")
    expect(page.get_by_label("Pay page for the client")).to_have_count(0)
    with db.tenant_session(shop.tenant_id) as session:
        invoice = session.scalars(select(Invoice).where(Invoice.client_id == grace.id)).one()
        lines = session.scalars(select(InvoiceLine).where(InvoiceLine.invoice_id == invoice.id).order_by(InvoiceLine.position))
        assert [line.amount for line in lines] == [148_050, 3_750]
        assert (invoice.total, invoice.currency) == (151_800, "USD")


def test_a_parked_change_shows_its_reason_and_a_retry_takes_it_up_again(page: Page, shop: Shop) -> None:
    now = clock.now()
    with db.tenant_session(shop.tenant_id) as session:
        home = Integration(
            tenant_id=shop.tenant_id,
            provider="stripe",
            name="Harbor Street Bakery",
            account_id=f"acct_{shop.tenant_id}",
            live=False,
            status="reconnect",
            connected_at=now,
            created_at=now,
        )
        session.add(home)
        session.flush()
        integration_id = home.id
    grace = clients.create(shop.tenant_id, {"given_name": "Grace"}, actor=TEST_ACTOR)
    with db.tenant_session(shop.tenant_id) as session:
        change = Change(
            tenant_id=shop.tenant_id,
            integration_id=integration_id,
            kind="client",
            local_id=grace.id,
            verb="update",
            revision=1,
            created_at=now,
            due_at=now,
            parked_at=now,
            reason="The phone number is too long.",
        )
        session.add(change)
        session.flush()
        change_id = change.id
    shop.sign_in(page)
    page.goto(f"{shop.hub.base_url}/integrations/{integration_id}")
    attention = page.get_by_role("region", name="Needs your attention")
    expect(attention).to_contain_text("Update client Grace")
    expect(attention).to_contain_text("The phone number is too long.")
    attention.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("It is being tried again.")).to_be_visible()
    with db.tenant_session(shop.tenant_id) as session:
        assert session.scalars(select(Change.parked_at).where(Change.id == change_id)).one() is None


def test_payments_of_yen_and_dinars_show_their_own_decimals(page: Page, shop: Shop) -> None:
    now = clock.now()
    with db.tenant_session(shop.tenant_id) as session:
        for amount, currency in ((1_500, "JPY"), (1_250, "BHD"), (123_456, "USD")):
            session.add(
                Payment(
                    tenant_id=shop.tenant_id, status="succeeded", amount=amount, currency=currency, created_at=now, updated_at=now
                )
            )
    shop.sign_in(page)
    page.get_by_role("link", name="Payments", exact=True).click()
    for text in ("¥1,500", "BHD\u00a01.250", "$1,234.56"):
        expect(page.get_by_text(text, exact=True)).to_be_visible()


def test_settings_are_saved_and_a_stale_page_is_refused(page: Page, shop: Shop) -> None:
    shop.sign_in(page)
    page.get_by_role("link", name="Settings", exact=True).click()
    page.get_by_label("Support email").fill("help@harbor.example")
    page.get_by_label("Time zone").select_option("Europe/Lisbon")
    page.get_by_label("Notices and who gets them").fill("payment_received: ada@harbor.example, bo@harbor.example")
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("The settings are saved.")).to_be_visible()
    with db.tenant_session(shop.tenant_id) as session:
        tenant = session.scalars(select(Tenant)).one()
        assert (tenant.timezone, tenant.support_email) == ("Europe/Lisbon", "help@harbor.example")
        assert tenant.notices == {"payment_received": ["ada@harbor.example", "bo@harbor.example"]}
        tenant.revision += 1
    page.get_by_label("Name", exact=False).first.fill("Too late")
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody changed the settings since you opened this page")


def test_a_pattern_that_would_repeat_numbers_is_refused_at_its_field(page: Page, shop: Shop) -> None:
    shop.sign_in(page)
    page.goto(f"{shop.hub.base_url}/settings")
    page.get_by_label("Invoice numbers").fill("INV-{year}")
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_label("Invoice numbers")).to_have_accessible_description(re.compile("exactly once"))


def test_an_owner_adds_a_person_and_makes_a_key_that_is_shown_once(page: Page, shop: Shop) -> None:
    shop.sign_in(page)
    page.goto(f"{shop.hub.base_url}/settings/people")
    page.get_by_role("region", name="Add a person").get_by_label("Email").fill("bo@harbor.example")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("row").filter(has_text="bo@harbor.example")).to_be_visible()
    page.get_by_role("link", name="API keys").click()
    page.get_by_label("Name").fill("CRM server")
    page.get_by_role("button", name="Make key").click()
    expect(page.get_by_label("API key", exact=True)).to_have_value(re.compile("^ph_"))
    page.goto(f"{shop.hub.base_url}/settings/api-keys")
    expect(page.get_by_label("API key", exact=True)).to_have_count(0)
    page.get_by_role("link", name="Audit log").click()
    expect(page.get_by_role("row").filter(has_text="Made an API key")).to_be_visible()


def test_a_viewer_reads_settings_and_clients_but_finds_nothing_to_change(page: Page, shop: Shop) -> None:
    shop.sign_in(page, "viewer")
    page.goto(f"{shop.hub.base_url}/settings")
    expect(page.get_by_label("Support email")).not_to_be_editable()
    expect(page.get_by_role("button", name="Save settings")).to_have_count(0)
    page.goto(f"{shop.hub.base_url}/clients")
    expect(page.get_by_role("link", name="New client")).to_have_count(0)
    answer = page.goto(f"{shop.hub.base_url}/settings/api-keys")
    assert answer is not None
    assert answer.status == 403


def test_another_business_s_client_is_not_found(page: Page, shop: Shop) -> None:
    shop.sign_in(page)
    elsewhere = administration.create_tenant("Somebody Else")
    theirs = clients.create(elsewhere, {"given_name": "Secret"}, actor=TEST_ACTOR)
    answer = page.goto(f"{shop.hub.base_url}/clients/{theirs.id}")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
