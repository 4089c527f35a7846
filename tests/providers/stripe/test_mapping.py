"""Stripe's JSON into records and drafts into parameters, without any request."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.records import (
    Address,
    Customer,
    CustomerDraft,
    InvoiceDraft,
    InvoiceStatus,
    Line,
    Money,
    PaymentStatus,
    RefundDraft,
    RefundStatus,
)
from providers.stripe.mapping.customer import customer, customer_parameters
from providers.stripe.mapping.endpoint import endpoint
from providers.stripe.mapping.invoice import create_parameters, invoice, item_parameters, line, plain_decimal, update_parameters
from providers.stripe.mapping.payment import bare_charge, payment, was_tried
from providers.stripe.mapping.payment_method import payment_method
from providers.stripe.mapping.refund import refund, refund_parameters
from tests.providers.stripe import samples
from tests.providers.stripe.samples import AS_OF, CREATED

NAMES = st.text(st.characters(categories=["Lu", "Ll"]), max_size=8) | st.just("van Beethoven") | st.just("Mary Ann")


def test_a_customer_is_read_with_everything_known() -> None:
    found = customer(samples.customer(), AS_OF)
    assert (found.given_name, found.family_name, found.display_name) == ("Ada", "Lovelace", "Ada Lovelace")
    assert (found.email, found.phone, found.reference, found.deleted) == ("ada@example.com", "", "c-7", False)
    assert found.address == Address(line1="1 Row", city="London", postal_code="N1", country="GB")
    assert found.created_at == datetime.fromtimestamp(CREATED, UTC)
    assert (found.as_of, found.version, found.changed_at) == (AS_OF, None, None)


def test_of_a_deleted_customer_only_the_id_is_left() -> None:
    found = customer({"id": "cus_1", "object": "customer", "deleted": True}, AS_OF)
    assert found.deleted
    assert (found.given_name, found.email, found.reference) == ("", "", None)


def written(draft: CustomerDraft, current: Customer | None = None) -> Customer:
    """The customer as Stripe would hold it after this write."""
    return customer({"id": "cus_1", "object": "customer", "created": CREATED, **customer_parameters(draft, current)}, AS_OF)


@given(given_name=NAMES, family_name=NAMES, company=NAMES)
def test_names_come_back_as_they_were_written(given_name: str, family_name: str, company: str) -> None:
    back = written(CustomerDraft(given_name=given_name, family_name=family_name, company_name=company))
    assert (back.given_name, back.family_name, back.company_name) == (given_name, family_name, company)


def test_a_name_changed_in_the_dashboard_wins_over_our_split() -> None:
    ours: dict[str, Any] = {**customer_parameters(CustomerDraft(given_name="Ada", family_name="Byron", company_name=""), None)}
    found = customer({"id": "cus_1", **ours, "name": "Ada King Lovelace"}, AS_OF)
    assert (found.given_name, found.family_name) == ("Ada King", "Lovelace")


def test_a_company_renamed_in_the_dashboard_is_no_person() -> None:
    ours: dict[str, Any] = {**customer_parameters(CustomerDraft(given_name="", family_name="", company_name="Acme"), None)}
    found = customer({"id": "cus_1", **ours, "name": "Acme Inc"}, AS_OF)
    assert (found.given_name, found.family_name, found.company_name) == ("", "", "Acme Inc")


def test_a_draft_of_one_name_part_keeps_the_others() -> None:
    before = written(CustomerDraft(given_name="Ada", family_name="Byron", company_name="Engines"))
    after = written(CustomerDraft(family_name="Lovelace"), before)
    assert (after.given_name, after.family_name, after.company_name) == ("Ada", "Lovelace", "Engines")


def test_a_draft_sends_only_what_it_names_and_an_empty_text_clears() -> None:
    assert customer_parameters(CustomerDraft(email=""), None) == {"email": ""}
    assert customer_parameters(CustomerDraft(reference="c-1"), None) == {"metadata": {"payhub_reference": "c-1"}}


def test_an_open_invoice_is_read_with_lines_and_amounts() -> None:
    found = invoice(samples.invoice(), AS_OF)
    assert (found.status, found.number, found.customer_id, found.reference) == (InvoiceStatus.OPEN, "A-0001", "cus_1", "i-7")
    assert (found.total, found.paid, found.due) == (Money(5000, "USD"), Money(0, "USD"), Money(5000, "USD"))
    assert found.lines[1] == Line(description="Work 2", amount=Money(2500, "USD"), unit_amount=Money(2500, "USD"))
    assert found.due_on == datetime.fromtimestamp(1796040000, UTC).date()
    assert found.pay_url == "https://invoice.stripe.com/i/x"


@pytest.mark.parametrize(
    ("changes", "status", "due"),
    [
        ({"status": "draft"}, InvoiceStatus.DRAFT, 5000),
        ({"amount_paid": 2000, "amount_remaining": 3000}, InvoiceStatus.PARTIALLY_PAID, 3000),
        ({"status": "paid", "amount_paid": 5000, "amount_remaining": 0}, InvoiceStatus.PAID, 0),
        ({"status": "void"}, InvoiceStatus.VOID, 0),
        ({"status": "uncollectible"}, InvoiceStatus.UNCOLLECTIBLE, 5000),
        ({"status": "haunted"}, InvoiceStatus.UNKNOWN, 5000),
        ({"status": None}, InvoiceStatus.UNKNOWN, 5000),
    ],
)
def test_an_invoices_status_and_rest_follow_stripes(changes: dict[str, Any], status: InvoiceStatus, due: int) -> None:
    found = invoice(samples.invoice(**changes), AS_OF)
    assert (found.status, found.due) == (status, Money(due, "USD"))


def test_of_a_deleted_draft_only_the_id_is_left() -> None:
    found = invoice({"id": "in_1", "object": "invoice", "deleted": True}, AS_OF)
    assert (found.deleted, found.status, found.lines) == (True, InvoiceStatus.VOID, ())


@pytest.mark.parametrize(("code", "exponent"), [("jpy", 0), ("usd", 2), ("kwd", 3)])
def test_amounts_stay_in_the_currencys_minor_unit(code: str, exponent: int) -> None:
    found = invoice(samples.invoice(currency=code, total=1990), AS_OF)
    assert (found.total.minor_units, found.total.exponent) == (1990, exponent)


@pytest.mark.parametrize(
    ("changes", "quantity", "unit"),
    [
        ({"quantity": 3, "quantity_decimal": "3", "pricing": {"unit_amount_decimal": "150"}}, "3", Money(150, "USD")),
        ({"quantity": 1, "quantity_decimal": "1.500", "pricing": {"unit_amount_decimal": "150.00"}}, "1.5", Money(150, "USD")),
        ({"quantity_decimal": "100", "pricing": {"unit_amount_decimal": "0.5"}}, "100", None),
        ({"quantity": None, "quantity_decimal": None, "pricing": None}, "1", None),
        ({"quantity_decimal": "many", "pricing": {"unit_amount_decimal": "dear"}}, "many", None),
    ],
)
def test_a_line_keeps_quantity_and_whole_unit_amounts(changes: dict[str, Any], quantity: str, unit: Money | None) -> None:
    found = line(samples.line(**changes), "USD")
    assert (found.quantity, found.unit_amount) == (quantity, unit)


@pytest.mark.parametrize(("text", "plain"), [("1", "1"), ("1.50", "1.5"), ("100", "100"), ("1E+2", "100"), ("x", "x")])
def test_decimal_text_is_plain(text: str, plain: str) -> None:
    assert plain_decimal(text) == plain


def test_a_due_day_comes_back_as_the_same_day() -> None:
    draft = InvoiceDraft(customer_id="cus_1", due_on=date(2026, 12, 24))
    sent = create_parameters(draft, "cus_1", "USD")
    assert invoice(samples.invoice(due_date=sent["due_date"]), AS_OF).due_on == date(2026, 12, 24)


def test_a_new_invoice_stays_a_draft_until_it_is_published() -> None:
    sent = create_parameters(InvoiceDraft(reference="i-1", number="B-7"), "cus_1", "USD")
    assert (sent["auto_advance"], sent["collection_method"], sent["currency"]) == (False, "send_invoice", "usd")
    assert (sent["pending_invoice_items_behavior"], sent["days_until_due"]) == ("exclude", 30)
    assert (sent["number"], sent["metadata"]) == ("B-7", {"payhub_reference": "i-1"})


def test_an_update_sends_only_what_the_draft_names() -> None:
    assert update_parameters(InvoiceDraft(description="")) == {"description": ""}


def test_a_line_whose_product_is_not_its_amount_is_sent_as_an_amount() -> None:
    rounded = Line(description="Third", amount=Money(100, "USD"), quantity="3", unit_amount=Money(33, "USD"))
    exact = Line(description="Hours", amount=Money(300, "USD"), quantity="1.5", unit_amount=Money(200, "USD"))
    assert item_parameters(rounded, "in_1", "cus_1")["amount"] == 100
    sent = item_parameters(exact, "in_1", "cus_1")
    assert "amount" not in sent
    assert (str(sent["quantity_decimal"]), str(sent["unit_amount_decimal"])) == ("1.5", "200")


def test_a_payment_is_read_with_fee_card_payer_and_invoice() -> None:
    found = payment(samples.intent(), AS_OF, ("in_1",))
    assert (found.amount, found.status, found.invoice_ids) == (Money(5000, "EUR"), PaymentStatus.SUCCEEDED, ("in_1",))
    assert found.fee == Money(187, "USD")  # settled in the merchant's currency, not in the payer's
    assert (found.method, found.card_brand, found.card_last4, found.charge_id) == ("card", "visa", "4242", "ch_1")
    assert (found.payer_name, found.payer_email, found.reference) == ("Ada L.", "ada@example.com", "p-7")
    assert found.receipt_url == "https://pay.stripe.com/receipts/x"


def test_a_payment_whose_charge_is_only_an_id_has_no_fee_yet() -> None:
    found = payment(samples.intent(latest_charge="ch_1"), AS_OF)
    assert (found.charge_id, found.fee, found.method) == ("ch_1", None, "other")


def test_a_fee_is_unknown_until_the_balance_transaction_exists() -> None:
    assert payment(samples.intent(latest_charge=samples.charge(balance_transaction=None)), AS_OF).fee is None
    assert payment(samples.intent(latest_charge=samples.charge(balance_transaction="txn_1")), AS_OF).fee is None


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"status": "requires_payment_method", "latest_charge": None}, PaymentStatus.PENDING),
        ({"status": "requires_payment_method", "last_payment_error": {"message": "Declined."}}, PaymentStatus.FAILED),
        ({"status": "requires_action"}, PaymentStatus.REQUIRES_ACTION),
        ({"status": "processing"}, PaymentStatus.PENDING),
        ({"status": "requires_capture"}, PaymentStatus.AUTHORIZED),
        ({"status": "canceled"}, PaymentStatus.CANCELED),
        ({"status": "entangled"}, PaymentStatus.UNKNOWN),
    ],
)
def test_a_payments_status_follows_the_intents(changes: dict[str, Any], status: PaymentStatus) -> None:
    assert payment(samples.intent(**changes), AS_OF).status is status


def test_a_failed_payment_says_why_without_any_key() -> None:
    problem = {"message": "Your card was declined with sk_live_abc123.", "code": "card_declined"}
    found = payment(samples.intent(status="requires_payment_method", last_payment_error=problem), AS_OF)
    assert found.failure == "Your card was declined with (key)."


def test_an_intent_nobody_has_tried_is_no_payment_yet() -> None:
    waiting = samples.intent(status="requires_payment_method", latest_charge=None)
    assert not was_tried(waiting)
    assert was_tried(waiting | {"last_payment_error": {"code": "card_declined"}})
    assert was_tried(samples.intent(status="canceled", latest_charge=None))


@pytest.mark.parametrize(
    ("details", "method"),
    [
        ({"type": "card_present", "card_present": {"brand": "visa", "last4": "1"}}, "card"),
        ({"type": "card", "card": {"brand": "visa", "last4": "1", "wallet": {"type": "apple_pay"}}}, "wallet"),
        ({"type": "sepa_debit", "sepa_debit": {"last4": "3000"}}, "bank"),
        ({"type": "paypal"}, "wallet"),
        ({"type": "carrier_pigeon"}, "other"),
        (None, "other"),
    ],
)
def test_the_method_is_named_in_our_words(details: dict[str, Any] | None, method: str) -> None:
    assert payment(samples.intent(latest_charge=samples.charge(payment_method_details=details)), AS_OF).method == method


def test_a_charge_without_intent_is_a_payment_of_its_own() -> None:
    found = bare_charge(samples.charge(payment_intent=None), AS_OF)
    assert (found.id, found.charge_id, found.amount, found.fee) == ("ch_1", "ch_1", Money(5000, "EUR"), Money(187, "USD"))
    assert bare_charge(samples.charge(captured=False), AS_OF).status is PaymentStatus.AUTHORIZED


def test_a_refund_belongs_to_the_intent_else_to_the_charge() -> None:
    found = refund(samples.refund(), AS_OF)
    assert (found.payment_id, found.amount, found.status) == ("pi_1", Money(700, "JPY"), RefundStatus.PENDING)
    assert refund(samples.refund(payment_intent=None), AS_OF).payment_id == "ch_1"
    assert refund(samples.refund(status="odd"), AS_OF).status is RefundStatus.UNKNOWN


def test_a_refund_draft_names_intent_or_charge_and_keeps_a_free_reason() -> None:
    by_intent = refund_parameters(RefundDraft(payment_id="pi_1", amount=Money(5, "USD"), reason="duplicate"))
    assert by_intent == {"amount": 5, "payment_intent": "pi_1", "reason": "duplicate"}
    by_charge = refund_parameters(RefundDraft(payment_id="ch_1", amount=Money(5, "USD"), reason="Broken on arrival"))
    assert by_charge == {"amount": 5, "charge": "ch_1", "metadata": {"payhub_reason": "Broken on arrival"}}
    assert refund(samples.refund(metadata=by_charge["metadata"]), AS_OF).reason == "Broken on arrival"


def test_a_saved_method_is_display_data_only() -> None:
    card = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030}
    found = payment_method({"id": "pm_1", "type": "card", "customer": "cus_1", "card": card}, AS_OF)
    assert (found.brand, found.last4, found.exp_month, found.exp_year, found.enabled) == ("visa", "4242", 12, 2030, True)
    assert not payment_method({"id": "pm_1", "type": "card", "customer": None}, AS_OF).enabled


def test_an_endpoints_secret_is_in_no_repr() -> None:
    raw = {"id": "we_1", "url": "https://x", "enabled_events": ["*"], "status": "enabled", "secret": "whsec_s3cret"}
    found = endpoint(raw, AS_OF)
    assert (found.secret, found.active) == ("whsec_s3cret", True)
    assert "s3cret" not in repr(found)


def test_an_invoice_whose_lines_are_null_has_none() -> None:
    assert invoice(samples.invoice(lines={"object": "list", "data": None, "has_more": False}), AS_OF).lines == ()


@pytest.mark.parametrize("mapper", [customer, invoice, payment, bare_charge, refund, payment_method, endpoint])
def test_an_object_with_nothing_but_its_id_is_still_read(mapper: Any) -> None:
    assert mapper({"id": "x_1"}, AS_OF).id == "x_1"


def test_a_page_of_a_hundred_invoices_is_mapped_in_milliseconds() -> None:
    page = [samples.invoice(id=f"in_{n}") for n in range(100)]
    timings = []
    for _ in range(7):
        started = time.perf_counter()
        for raw in page:
            invoice(raw, AS_OF)
        timings.append(time.perf_counter() - started)
    assert min(timings) < 0.01
