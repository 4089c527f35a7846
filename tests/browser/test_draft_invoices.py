"""Drafts are changed on a page of their own, in a real browser, and the provider gets what was changed."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect
from sqlalchemy import select

from hub import clock, db
from hub.audit import Actor
from hub.crm import clients, invoices
from hub.crm.invoices import NewLine
from hub.models import Client, Conflict, Invoice, InvoiceLine, RemoteRecord
from tests.browser.conftest import Shop

TEST_ACTOR = Actor("system")
CAKE = NewLine(description="Wedding cake", amount=148_050, unit_amount=148_050)


def test_an_edited_draft_is_changed_here_and_at_stripe_and_then_issued_so(page: Page, shop: Shop) -> None:
    shop.sign_in(page)
    shop.connect(page, "stripe", "Harbor Street Bakery")
    expect(page.get_by_role("status")).to_contain_text("Sync is complete")
    grace = a_client(shop)
    page.goto(f"{shop.hub.base_url}/invoices/new?client={grace.id}")
    first, second = page.get_by_role("group", name="Item 1"), page.get_by_role("group", name="Item 2")
    first.get_by_label("What").fill("Wedding cake")
    first.get_by_label("Price each").fill("1480.5")
    page.get_by_label("Message to the client").fill("See you on Saturday")
    page.get_by_role("button", name="Save as draft").click()
    page.get_by_role("link", name="Edit", exact=True).click()
    expect(first.get_by_label("Price each")).to_have_value("1480.50")
    expect(page.get_by_label("Message to the client")).to_have_value("See you on Saturday")
    page.get_by_role("button", name="More items").click()
    second.get_by_label("What").fill("Delivery")
    second.get_by_label("Quantity").fill("3")
    second.get_by_label("Price each").fill("12.50")
    day = clock.now().date().replace(year=clock.now().year + 1, month=12, day=24)
    page.get_by_label("Due").fill(day.isoformat())
    page.get_by_label("Message to the client").fill("")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("The draft is saved, here and at the provider.")).to_be_visible()
    expect(page.get_by_role("region", name="Balance")).to_contain_text("$1,518.00")
    with db.tenant_session(shop.tenant_id) as session:
        draft_id = session.scalars(select(Invoice.id).where(Invoice.client_id == grace.id)).one()
        of_draft = (RemoteRecord.data_type == "invoice") & (RemoteRecord.local_id == draft_id)
        there = session.scalars(select(RemoteRecord).where(of_draft)).one()
        assert (there.base or {})["due_on"] == day.isoformat()
        assert there.data["total"] == 151_800
        assert not there.data["description"]
        assert session.scalars(select(Conflict.field)).all() == []
    page.get_by_role("button", name="Issue without sending").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Open")
    expect(page.get_by_role("link", name="Edit", exact=True)).to_have_count(0)


def test_a_draft_of_no_account_is_edited_and_what_was_typed_wrongly_is_told_at_its_row(page: Page, shop: Shop) -> None:
    draft = a_draft(shop)
    shop.sign_in(page)
    page.goto(f"{shop.hub.base_url}/invoices/{draft.id}/edit")
    first = page.get_by_role("group", name="Item 1")
    first.get_by_label("Price each").fill("a lot")
    page.get_by_role("button", name="Save draft").click()
    expect(first.get_by_label("Price each")).to_have_accessible_description(re.compile("Write an amount such as 1250.50"))
    expect(first.get_by_label("What")).to_have_value("Wedding cake")
    first.get_by_label("Price each").fill("900")
    page.get_by_label("Due").fill("")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("The draft is saved.")).to_be_visible()
    with db.tenant_session(shop.tenant_id) as session:
        invoice = session.scalars(select(Invoice)).one()
        assert (invoice.total, invoice.due_on) == (90_000, None)


def test_lines_that_cannot_be_typed_stay_as_they_are_while_others_change(page: Page, shop: Shop) -> None:
    """Three for ten dollars have no price each, and a discount is below zero: providers make such lines."""
    draft = a_draft(shop)
    with db.tenant_session(shop.tenant_id) as session:
        for position, (text, quantity, amount) in enumerate((("Buns, three for ten", "3", 1_000), ("Discount", "1", -500)), 5):
            line = {"position": position, "description": text, "quantity": quantity, "amount": amount}
            session.add(InvoiceLine(tenant_id=shop.tenant_id, invoice_id=draft.id, **line))
    shop.sign_in(page)
    page.goto(f"{shop.hub.base_url}/invoices/{draft.id}/edit")
    page.get_by_label("Message to the client").fill("Only this is new")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("The draft is saved.")).to_be_visible()
    assert amounts(shop) == [("1", 148_050), ("3", 1_000), ("1", -500)]


def test_a_draft_changed_meanwhile_is_not_written_over_unseen(page: Page, shop: Shop) -> None:
    draft = a_draft(shop)
    shop.sign_in(page)
    page.goto(f"{shop.hub.base_url}/invoices/{draft.id}/edit")
    invoices.edit(shop.tenant_id, draft.id, {"description": "By somebody else"}, actor=TEST_ACTOR)
    page.get_by_label("Message to the client").fill("By me")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("alert")).to_contain_text("was changed meanwhile")
    expect(page.get_by_label("Message to the client")).to_have_value("By me")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("By me")).to_be_visible()


def test_an_issued_invoice_has_no_form_and_says_why(page: Page, shop: Shop) -> None:
    draft = a_draft(shop)
    with db.tenant_session(shop.tenant_id) as session:
        session.scalars(select(Invoice)).one().status = "open"
    shop.sign_in(page)
    page.goto(f"{shop.hub.base_url}/invoices/{draft.id}/edit")
    expect(page).to_have_url(f"{shop.hub.base_url}/invoices/{draft.id}")
    expect(page.get_by_role("alert")).to_contain_text("Void it and make a new one")


def a_client(shop: Shop) -> Client:
    return clients.create(shop.tenant_id, {"given_name": "Grace", "email": "grace@navy.example"}, actor=TEST_ACTOR)


def a_draft(shop: Shop) -> Invoice:
    """Of no account."""
    due_on = clock.now().date().replace(year=clock.now().year + 1, month=6, day=1)
    client_id = a_client(shop).id
    invoice, _ = invoices.create(
        shop.tenant_id, client_id=client_id, currency="USD", lines=[CAKE], due_on=due_on, actor=TEST_ACTOR
    )
    return invoice


def amounts(shop: Shop) -> list[tuple[str, int]]:
    with db.tenant_session(shop.tenant_id) as session:
        lines = session.scalars(select(InvoiceLine).order_by(InvoiceLine.position))
        return [(line.quantity, line.amount) for line in lines]
