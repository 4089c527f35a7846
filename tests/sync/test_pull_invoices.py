"""Invoices on their way in, before and after what they refer to."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from hub import clock, db
from hub.models import Allocation, Conflict, Invoice, InvoiceLine, MissingReference, Payment, Refund
from providers.records import Invoice as InvoiceRecord
from providers.records import InvoiceStatus, RefundStatus
from sync import pull
from tests.sync.hub_in_process import HubInProcess
from tests.sync.records_made import at, customer, invoice, payment, refund


def edit_invoice(hub: HubInProcess, **fields: object) -> None:
    with db.tenant_session(hub.tenant_id) as session:
        row = session.scalars(select(Invoice)).one()
        for name, value in fields.items():
            setattr(row, name, value)


def test_new_invoice_is_stored_with_lines_client_and_the_providers_number(hub: HubInProcess) -> None:
    hub.apply(customer("cus_1"))
    hub.apply(invoice("in_1", customer_id="cus_1", number="ACME-1", due_on=date(2026, 9, 1)))
    row, line = hub.row(Invoice), hub.row(InvoiceLine)
    assert (row.number, row.provider_number, row.status, row.total, row.currency) == ("ACME-1", "ACME-1", "open", 1000, "USD")
    assert row.client_id == hub.remote("cus_1").local_id
    assert row.due_on == date(2026, 9, 1)
    assert (line.position, line.description, line.amount) == (1, "Work", 1000)
    assert hub.balance("in_1").due == 1000


def test_number_taken_already_is_replaced_by_one_of_our_pattern(hub: HubInProcess) -> None:
    hub.apply(invoice("in_1", number="A"), invoice("in_2", number="A"), invoice("in_3"))
    year = clock.now().year
    assert [row.number for row in hub.rows(Invoice)] == ["A", f"INV-{year}-00001", f"INV-{year}-00002"]


def test_invoice_before_its_customer_is_linked_when_the_customer_comes(hub: HubInProcess) -> None:
    hub.apply(invoice("in_1", customer_id="cus_1"))
    assert hub.row(Invoice).client_id is None
    assert hub.row(MissingReference).wanted_id == "cus_1"
    hub.apply(customer("cus_1"))
    assert hub.row(Invoice).client_id == hub.remote("cus_1").local_id
    assert hub.rows(MissingReference) == []


def test_paid_invoice_without_its_payment_is_reported_paid_until_the_payment_comes(hub: HubInProcess) -> None:
    hub.apply(invoice("in_1", paid=1000, status=InvoiceStatus.PAID))
    assert (hub.balance("in_1").paid, hub.balance("in_1").due) == (1000, 0)
    assert hub.totals()["reported", "USD"] == 1000
    hub.apply(payment("pay_1", invoices=("in_1",)))
    assert (hub.balance("in_1").paid, hub.balance("in_1").due) == (1000, 0)
    assert hub.totals()["reported", "USD"] == 0
    assert hub.totals()["clearing", "USD"] == 1000


def test_credit_that_the_provider_set_off_is_not_due(hub: HubInProcess) -> None:
    hub.apply(invoice("in_1", total=1000, paid=300, due=0, status=InvoiceStatus.PAID))
    assert hub.balance("in_1").due == 0


@pytest.mark.parametrize("payment_first", [True, False])
def test_payment_and_invoice_find_each_other_in_any_order(hub: HubInProcess, payment_first: bool) -> None:
    records = [invoice("in_1"), payment("pay_1", invoices=("in_1",))]
    for record in reversed(records) if payment_first else records:
        hub.apply(record)
    assert hub.row(Allocation).amount == 1000
    assert hub.balance("in_1").due == 0
    assert hub.rows(MissingReference) == []


@pytest.mark.parametrize("payment_first", [True, False])
def test_payment_of_the_same_order_pays_the_invoice_in_any_order(hub: HubInProcess, payment_first: bool) -> None:
    hub.apply(customer("cus_1"))
    records = [invoice("in_1", order_id="ord_1", customer_id="cus_1"), payment("pay_1", amount=1150, tip=150, order_id="ord_1")]
    for record in reversed(records) if payment_first else records:
        hub.apply(record)
    assert hub.balance("in_1").due == 0
    assert hub.totals()["tips", "USD"] == -150


def test_sale_in_person_without_invoice_is_kept(hub: HubInProcess) -> None:
    hub.apply(payment("pay_1", amount=4200))
    assert hub.row(Payment).amount == 4200
    assert hub.totals() == {("clearing", "USD"): 4200, ("unapplied", "USD"): -4200}


@pytest.mark.parametrize("refund_first", [True, False])
def test_refund_and_payment_find_each_other_in_any_order(hub: HubInProcess, refund_first: bool) -> None:
    hub.apply(invoice("in_1"))
    records = [payment("pay_1", invoices=("in_1",)), refund("re_1", "pay_1", amount=400)]
    for record in reversed(records) if refund_first else records:
        hub.apply(record)
    assert hub.row(Refund).payment_id == hub.row(Payment).id
    balance = hub.balance("in_1")
    assert (balance.paid, balance.refunded, balance.due) == (1000, 400, 0)
    assert hub.totals()["clearing", "USD"] == 600


def test_canceled_refund_gives_nothing_back(hub: HubInProcess) -> None:
    hub.apply(invoice("in_1"))
    hub.apply(payment("pay_1", invoices=("in_1",)))
    hub.apply(refund("re_1", "pay_1", amount=400))
    hub.apply(refund("re_1", "pay_1", 5, amount=400, status=RefundStatus.CANCELED))
    assert hub.balance("in_1").refunded == 0
    assert hub.totals()["clearing", "USD"] == 1000


def test_voided_invoice_owes_nothing_and_its_revenue_is_reversed(hub: HubInProcess) -> None:
    hub.apply(invoice("in_1"))
    hub.apply(invoice("in_1", 5, status=InvoiceStatus.VOID))
    assert hub.balance("in_1").due == 0
    assert hub.totals()["revenue", "USD"] == 0


def test_uncollectible_invoice_is_written_off_and_revived_by_a_payment(hub: HubInProcess) -> None:
    hub.apply(invoice("in_1"))
    hub.apply(invoice("in_1", 5, status=InvoiceStatus.UNCOLLECTIBLE))
    assert (hub.balance("in_1").due, hub.totals()["written_off", "USD"]) == (0, 1000)
    hub.apply(invoice("in_1", 10, status=InvoiceStatus.PAID, paid=1000))
    assert (hub.balance("in_1").due, hub.totals()["written_off", "USD"]) == (0, 0)


def test_draft_posts_nothing_until_it_is_issued(hub: HubInProcess) -> None:
    hub.apply(invoice("in_1", status=InvoiceStatus.DRAFT))
    assert hub.totals() == {}
    hub.apply(invoice("in_1", 5))
    assert hub.balance("in_1").due == 1000
    assert hub.row(Invoice).issued_at is not None


def test_deleted_draft_is_hidden(hub: HubInProcess) -> None:
    hub.apply(invoice("in_1", status=InvoiceStatus.DRAFT))
    pull.tombstone(hub.tenant_id, hub.integration_id, InvoiceRecord, "in_1", as_of=at(9))
    assert hub.row(Invoice).deleted_at is not None


def test_invoice_that_carries_our_reference_is_linked_not_doubled(hub: HubInProcess) -> None:
    with db.tenant_session(hub.tenant_id) as session:
        ours = Invoice(
            tenant_id=hub.tenant_id,
            number="INV-1",
            integration_id=hub.integration_id,
            status="draft",
            currency="USD",
            total=1000,
            created_at=clock.now(),
            updated_at=clock.now(),
        )
        session.add(ours)
        session.flush()
        ours_id = ours.id
    hub.apply(invoice("in_1", reference=f"payhub:invoice:{ours_id}", number="P-1"))
    row = hub.row(Invoice)
    assert (row.id, row.number, row.provider_number, row.status) == (ours_id, "INV-1", "P-1", "open")


def test_local_description_survives_while_status_and_total_are_the_providers(hub: HubInProcess) -> None:
    hub.apply(invoice("in_1", description="theirs"))
    edit_invoice(hub, description="ours", total=5)
    hub.apply(invoice("in_1", 5, total=1200, description="theirs", status=InvoiceStatus.PARTIALLY_PAID, paid=200))
    row = hub.row(Invoice)
    assert (row.description, row.total, row.status) == ("ours", 1200, "partially_paid")
    assert [conflict.field for conflict in hub.rows(Conflict)] == ["total"]
    assert hub.row(InvoiceLine).amount == 1200
    assert hub.balance("in_1").due == 1000
