"""Writing: what was meant arrives, once, on the version that was seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from providers.contract import Verb
from providers.errors import Rejected, VersionConflict
from providers.records import (
    Address,
    BillingPortalDraft,
    Customer,
    CustomerDraft,
    Draft,
    EndpointDraft,
    Invoice,
    InvoiceDraft,
    InvoiceStatus,
    Line,
    Money,
    Payment,
    PaymentDraft,
    PaymentLinkDraft,
    PaymentMethodDraft,
    PaymentMethodSetupDraft,
    PaymentStatus,
    Record,
    Refund,
    RefundDraft,
    SubscriptionDraft,
    TerminalCheckoutDraft,
)
from tests.contract.conftest import Pair
from tests.contract.scene import Scene, new_key, new_reference


def test_customer_comes_back_as_written(scene: Scene) -> None:
    reference = new_reference()
    draft = replace(scene.customer_draft(reference=reference), company_name="Cobol & Söhne 株式会社")
    made = scene.account.create(draft, key=new_key())
    found = scene.account.get(Customer, made.id)
    assert (found.given_name, found.family_name) == ("Grace", "Hopper")
    assert found.company_name == "Cobol & Söhne 株式会社"
    assert (found.email, found.phone) == (draft.email, draft.phone)
    assert found.address == draft.address
    assert found.reference == reference
    assert made == replace(found, as_of=made.as_of)


def test_update_leaves_what_it_does_not_name_and_clears_what_is_empty(scene: Scene) -> None:
    made = scene.customer()
    scene.account.update(made.id, CustomerDraft(phone="", family_name="Murray"), version=made.version, key=new_key())
    found = scene.account.get(Customer, made.id)
    assert (found.given_name, found.family_name, found.phone) == ("Grace", "Murray", "")
    assert (found.email, found.address) == (made.email, made.address)


def test_address_is_replaced_as_a_whole(scene: Scene) -> None:
    made = scene.customer()
    new = Address(line1="2 High St", city="Leeds", postal_code="LS1 1UR", country="GB")
    scene.account.update(made.id, CustomerDraft(address=new), version=made.version, key=new_key())
    assert scene.account.get(Customer, made.id).address == new


def test_invoice_comes_back_as_written(scene: Scene, invoicing: str) -> None:
    reference = new_reference()
    draft = scene.invoice_draft(reference=reference)
    made = scene.account.create(draft, key=new_key())
    found = scene.account.get(Invoice, made.id)
    assert found.customer_id == draft.customer_id
    assert [(line.description, line.amount) for line in found.lines] == [
        ("Pipe repair", scene.money(10_000)),
        ("Call-out", scene.money(2_550)),
    ]
    assert (found.total, found.paid, found.due) == (scene.money(12_550), scene.money(0), scene.money(12_550))
    assert found.due_on == date(2035, 6, 30)
    assert found.description == "Work of May"
    assert found.reference == reference
    assert made == replace(found, as_of=made.as_of)


def test_lines_of_a_draft_are_replaced_as_a_whole(scene: Scene, invoicing: str) -> None:
    made = scene.draft_invoice()
    lines = (Line(description="Only this", amount=scene.money(777)),)
    scene.account.update(made.id, InvoiceDraft(lines=lines), version=made.version, key=new_key())
    found = scene.account.get(Invoice, made.id)
    assert [(line.description, line.amount) for line in found.lines] == [("Only this", scene.money(777))]
    assert found.total == scene.money(777)
    assert found.customer_id == made.customer_id


def test_quantity_and_unit_amount_survive(scene: Scene, invoicing: str) -> None:
    line = Line(description="Hours", quantity="3", unit_amount=scene.money(4_000), amount=scene.money(12_000))
    made = scene.account.create(replace(scene.invoice_draft(), lines=(line,)), key=new_key())
    found = scene.account.get(Invoice, made.id)
    assert found.total == scene.money(12_000)
    assert [found_line.amount for found_line in found.lines] == [scene.money(12_000)]


def test_same_key_twice_makes_one_record(scene: Scene, keyed_create: Pair) -> None:
    kind, _ = keyed_create
    draft, key = scene.draft(kind), new_key()
    account = scene.door(kind)
    first = account.create(draft, key=key)
    second = account.create(draft, key=key)
    assert first.id == second.id


def test_same_key_with_another_body_is_rejected(scene: Scene, keyed_create: Pair) -> None:
    kind, _ = keyed_create
    draft, key = scene.draft(kind), new_key()
    account = scene.door(kind)
    made = account.create(draft, key=key)
    with pytest.raises(Rejected):
        account.create(_other(scene, draft), key=key)
    if scene.provider.supports(Verb.GET, kind):
        assert account.get(kind, made.id).id == made.id


def _other(scene: Scene, draft: Draft[Any]) -> Draft[Any]:
    if isinstance(draft, CustomerDraft):
        return replace(draft, given_name="Somebody")
    if isinstance(draft, InvoiceDraft):
        return replace(draft, description="Something else", due_on=date(2036, 1, 1))
    if isinstance(draft, PaymentMethodDraft | PaymentMethodSetupDraft):
        return replace(draft, customer_id=scene.customer().id, reference="another")
    if isinstance(draft, BillingPortalDraft):
        return replace(draft, return_url="https://hub.example/elsewhere")
    if isinstance(draft, SubscriptionDraft):
        assert draft.amount is not None
        return replace(draft, amount=Money(draft.amount.minor_units - 1, draft.amount.currency))
    if isinstance(draft, PaymentDraft | RefundDraft | PaymentLinkDraft | TerminalCheckoutDraft):
        return replace(draft, amount=Money(draft.amount.minor_units - 1, draft.amount.currency))
    assert isinstance(draft, EndpointDraft)
    return replace(draft, url=draft.url + "/other")


def test_stale_version_conflicts_and_changes_nothing(scene: Scene, edited: Pair) -> None:
    kind, _ = edited
    seen = scene.existing(kind)
    if seen.version is None:
        assert scene.account.get(kind, seen.id).version is None, "a provider has versions or it has none"
        return
    changes: dict[type[Record], tuple[Draft[Any], Draft[Any]]] = {
        Customer: (CustomerDraft(given_name="First"), CustomerDraft(given_name="Second")),
        Invoice: (InvoiceDraft(description="First"), InvoiceDraft(description="Second")),
    }
    first, second = changes[kind]
    scene.account.update(seen.id, first, version=seen.version, key=new_key())
    with pytest.raises(VersionConflict):
        scene.account.update(seen.id, second, version=seen.version, key=new_key())
    found = scene.account.get(kind, seen.id)
    assert "First" in (getattr(found, "given_name", None), getattr(found, "description", None))


def test_record_is_found_by_our_reference_right_after_it_was_made(scene: Scene, referenced: Pair) -> None:
    kind, _ = referenced
    reference = new_reference()
    draft: Draft[Any] = scene.customer_draft(reference=reference)
    if kind is Invoice:
        draft = scene.invoice_draft(reference=reference)
    made = scene.account.create(draft, key=new_key())
    found = scene.account.find_by_reference(kind, reference)
    assert found is not None
    assert found.id == made.id


def test_reference_never_used_finds_nothing(scene: Scene, referenced: Pair) -> None:
    kind, _ = referenced
    assert scene.account.find_by_reference(kind, new_reference()) is None


def test_payment_with_a_saved_method_succeeds_and_is_found_by_reference(scene: Scene) -> None:
    reference = new_reference()
    draft = scene.payment_draft(reference=reference)
    made = scene.account.create(draft, key=new_key())
    if not scene.provider.pays_at_once:
        assert made.status is PaymentStatus.PENDING
        scene.harness.collect(made.id)
        made = scene.account.get(Payment, made.id)
    assert made.status is PaymentStatus.SUCCEEDED
    assert made.amount == draft.amount
    found = scene.account.find_by_reference(Payment, reference)
    assert found is not None
    assert found.id == made.id


def test_invoice_is_charged_to_a_saved_method(scene: Scene, charging: str) -> None:
    """`charging`: only providers that can pay an invoice through the API."""
    assert scene.provider.charges_invoices
    draft = scene.payment_draft()
    invoice = scene.account.create(replace(scene.invoice_draft(), customer_id=draft.customer_id), key=new_key())
    invoice = scene.perform(Verb.PUBLISH, invoice)
    payment = scene.account.create(replace(draft, invoice_id=invoice.id, amount=invoice.due), key=new_key())
    assert payment.status is PaymentStatus.SUCCEEDED
    assert payment.amount == scene.money(12_550)
    assert scene.account.get(Payment, payment.id).invoice_ids == (invoice.id,)
    found = scene.account.get(Invoice, invoice.id)
    assert (found.status, found.paid, found.due) == (InvoiceStatus.PAID, scene.money(12_550), scene.money(0))


@pytest.mark.parametrize("currency", ["JPY", "BHD"])
def test_invoice_in_a_currency_without_hundredths_keeps_its_minor_units(
    scene: Scene, many_currencies: str, currency: str
) -> None:
    customer_id = scene.customer().id
    amount = Money(19_990, currency)
    line = Line(description="Work", amount=amount)
    draft = InvoiceDraft(customer_id=customer_id, currency=currency, lines=(line,), due_on=date(2035, 6, 30))
    found = scene.account.get(Invoice, scene.account.create(draft, key=new_key()).id)
    assert found.total == found.due == amount
    assert found.lines[0].amount == amount


def test_invoice_in_a_foreign_currency_is_rejected_by_a_single_currency_account(scene: Scene, one_currency: str) -> None:
    foreign = "JPY" if scene.currency != "JPY" else "USD"
    line = Line(description="Work", amount=Money(19_990, foreign))
    draft = InvoiceDraft(customer_id=scene.customer().id, currency=foreign, lines=(line,))
    with pytest.raises(Rejected):
        scene.account.create(draft, key=new_key())


def test_refund_names_its_payment_and_amount(scene: Scene) -> None:
    draft = scene.refund_draft()
    made = scene.account.create(draft, key=new_key())
    assert isinstance(made, Refund)
    assert (made.payment_id, made.amount) == (draft.payment_id, draft.amount)
    found = scene.account.get(Refund, made.id)
    assert (found.payment_id, found.amount) == (draft.payment_id, draft.amount)


def test_refund_of_more_than_was_paid_is_rejected(scene: Scene) -> None:
    draft = scene.refund_draft()
    paid = scene.account.get(Payment, draft.payment_id).amount
    with pytest.raises(Rejected):
        scene.account.create(replace(draft, amount=paid + Money(1, paid.currency)), key=new_key())


def test_invoice_for_an_unknown_customer_is_rejected_and_not_made(scene: Scene, invoicing: str) -> None:
    reference = new_reference()
    draft = scene.invoice_draft(reference=reference)
    assert draft.customer_id is not None
    unknown = replace(draft, customer_id=draft.customer_id[:-4] + "zzzz")
    with pytest.raises(Rejected):
        scene.account.create(unknown, key=new_key())
    assert scene.account.find_by_reference(Invoice, reference) is None
