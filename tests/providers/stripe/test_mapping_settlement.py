"""Disputes, payouts and what is in them, subscriptions, taxes, tills, and amounts that nobody can pay."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from providers.errors import Rejected
from providers.records import (
    Dispute,
    DisputeDraft,
    DisputeStatus,
    Effect,
    EntryType,
    Interval,
    Invoice,
    Money,
    Payout,
    PayoutStatus,
    Subscription,
    SubscriptionDraft,
    SubscriptionStatus,
)
from providers.stripe.mapping.dispute import dispute, evidence
from providers.stripe.mapping.event import event
from providers.stripe.mapping.invoice import invoice
from providers.stripe.mapping.payment import payment
from providers.stripe.mapping.payout import entry, is_payout_itself, payout
from providers.stripe.mapping.subscription import create_parameters, price_data, subscription, update_parameters
from providers.stripe.mapping.values import representable
from tests.providers.stripe import samples
from tests.providers.stripe.samples import AS_OF, CREATED

MONTH_END = CREATED + 30 * 86_400


def day(seconds: int) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()


def complaint(**changes: Any) -> dict[str, Any]:
    details = {"due_by": CREATED + 9, "submission_count": 0}
    return {
        "id": "dp_1",
        "object": "dispute",
        "amount": 5_000,
        "currency": "eur",
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "status": "needs_response",
        "reason": "fraudulent",
        "evidence_details": details,
    } | changes


@pytest.mark.parametrize(
    ("word", "status", "is_inquiry", "waits"),
    [
        ("warning_needs_response", DisputeStatus.NEEDS_RESPONSE, True, True),
        ("warning_under_review", DisputeStatus.UNDER_REVIEW, True, False),
        ("warning_closed", DisputeStatus.CLOSED, True, False),
        ("needs_response", DisputeStatus.NEEDS_RESPONSE, False, True),
        ("appeal_needs_response", DisputeStatus.NEEDS_RESPONSE, False, True),
        ("under_review", DisputeStatus.UNDER_REVIEW, False, False),
        ("won", DisputeStatus.WON, False, False),
        ("lost", DisputeStatus.LOST, False, False),
        ("prevented", DisputeStatus.PREVENTED, False, False),
        ("haunted", DisputeStatus.UNKNOWN, False, False),
    ],
)
def test_a_dispute_says_whether_and_until_when_it_waits_for_us(
    word: str, status: DisputeStatus, is_inquiry: bool, waits: bool
) -> None:
    found = dispute(complaint(status=word), AS_OF)
    assert (found.status, found.is_inquiry, found.respond_by is not None) == (status, is_inquiry, waits)
    assert (found.payment_id, found.charge_id, found.amount) == ("pi_1", "ch_1", Money(5_000, "EUR"))


def test_a_dispute_of_a_charge_without_intent_is_about_the_charge() -> None:
    assert dispute(complaint(payment_intent=None), AS_OF).payment_id == "ch_1"
    assert dispute(complaint(evidence_details={"submission_count": 1}), AS_OF).evidence_submitted


def test_evidence_names_only_what_the_draft_names() -> None:
    draft = DisputeDraft(explanation="It was done.", service_date=date(2026, 11, 3), customer_email="", refund_policy="None.")
    assert evidence(draft) == {
        "uncategorized_text": "It was done.",
        "service_date": "2026-11-03",
        "customer_email_address": "",
        "refund_policy_disclosure": "None.",
    }


@pytest.mark.parametrize("what", ["created", "updated", "closed", "funds_withdrawn", "funds_reinstated"])
def test_each_event_of_a_dispute_brings_its_snapshot(what: str) -> None:
    found = event(samples.event(f"charge.dispute.{what}", complaint()))
    assert (found.effect, found.kind, found.record_id, found.partial) == (Effect.CHANGED, Dispute, "dp_1", False)


def sent_out(**changes: Any) -> dict[str, Any]:
    return {
        "id": "po_1",
        "object": "payout",
        "amount": 5_213,
        "currency": "usd",
        "arrival_date": CREATED,
        "automatic": True,
        "method": "standard",
        "status": "paid",
        "reconciliation_status": "completed",
        "balance_transaction": "txn_1",
    } | changes


def test_a_payout_is_complete_once_stripe_has_reconciled_it() -> None:
    found = payout(sent_out(), AS_OF)
    assert (found.status, found.amount, found.arrives_on, found.is_complete, found.fee) == (
        PayoutStatus.PAID,
        Money(5_213, "USD"),
        day(CREATED),
        True,
        None,
    )
    assert not payout(sent_out(reconciliation_status="in_progress"), AS_OF).is_complete
    assert not payout(sent_out(automatic=False, reconciliation_status="not_applicable"), AS_OF).is_complete


def test_an_instant_payout_costs_a_fee_which_only_a_reading_tells() -> None:
    assert payout(sent_out(balance_transaction={"id": "txn_1", "fee": 52}), AS_OF).fee == Money(52, "USD")
    assert event(samples.event("payout.paid", sent_out(method="instant"))).partial
    found = event(samples.event("payout.reconciliation_completed", sent_out()))
    assert (found.kind, found.record_id, found.partial) == (Payout, "po_1", False)


def test_a_payout_that_came_back_says_why() -> None:
    assert payout(sent_out(status="failed", failure_code="no_account"), AS_OF).failure == "no_account"


def moved(**changes: Any) -> dict[str, Any]:
    return {
        "id": "txn_1",
        "object": "balance_transaction",
        "amount": 5_400,
        "fee": 187,
        "net": 5_213,
        "currency": "usd",
        "type": "charge",
        "reporting_category": "charge",
        "source": samples.charge(),
        "available_on": CREATED,
    } | changes


REFUND = samples.refund(payment_intent="pi_9", charge="ch_9")
COMPLAINT = complaint(payment_intent="pi_8", charge="ch_8")


@pytest.mark.parametrize(
    ("changes", "kind", "payment_id", "charge_id", "source_id"),
    [
        ({}, EntryType.CHARGE, "pi_1", "ch_1", "ch_1"),
        ({"source": samples.charge(payment_intent=None)}, EntryType.CHARGE, "ch_1", "ch_1", "ch_1"),
        ({"type": "payment"}, EntryType.CHARGE, "pi_1", "ch_1", "ch_1"),
        ({"reporting_category": "refund", "type": "refund", "source": REFUND}, EntryType.REFUND, "pi_9", "ch_9", "re_1"),
        ({"reporting_category": "refund_failure", "source": REFUND}, EntryType.REFUND_FAILURE, "pi_9", "ch_9", "re_1"),
        ({"reporting_category": "dispute", "source": COMPLAINT}, EntryType.DISPUTE, "pi_8", "ch_8", "dp_1"),
        ({"reporting_category": "dispute_reversal", "source": COMPLAINT}, EntryType.DISPUTE_REVERSAL, "pi_8", "ch_8", "dp_1"),
        (
            {"reporting_category": "other_adjustment", "type": "adjustment", "amount": -5_000, "source": COMPLAINT},
            EntryType.DISPUTE,
            "pi_8",
            "ch_8",
            "dp_1",
        ),
        ({"reporting_category": None, "type": "adjustment", "source": None}, EntryType.ADJUSTMENT, None, None, None),
        ({"reporting_category": "fee", "type": "stripe_fee", "source": None}, EntryType.FEE, None, None, None),
        ({"reporting_category": "novelty", "type": "novelty", "source": "xyz_1"}, EntryType.OTHER, None, None, "xyz_1"),
    ],
)
def test_an_entry_names_its_payment_as_payments_are_named(
    changes: dict[str, Any], kind: EntryType, payment_id: str | None, charge_id: str | None, source_id: str | None
) -> None:
    found = entry(moved(**changes), AS_OF, "po_1")
    assert (found.entry_type, found.payment_id, found.charge_id, found.source_id) == (kind, payment_id, charge_id, source_id)
    assert (found.payout_id, found.net) == ("po_1", Money(5_213, "USD"))


def test_the_payouts_own_movement_is_not_among_its_entries() -> None:
    own = moved(type="payout", source={"id": "po_1", "object": "payout"})
    assert is_payout_itself(own, "po_1")
    assert not is_payout_itself(moved(type="payout", source="po_2"), "po_1")
    assert not is_payout_itself(moved(type="payout_failure", source="po_1"), "po_1")
    assert not is_payout_itself(moved(), "po_1")


def agreed(**changes: Any) -> dict[str, Any]:
    recurring = {"interval": "month", "interval_count": 1, "usage_type": "licensed"}
    price = {
        "id": "price_1",
        "unit_amount": 1_900,
        "currency": "usd",
        "nickname": None,
        "product": "prod_1",
        "recurring": recurring,
    }
    item = {"id": "si_1", "quantity": 1, "price": price, "current_period_end": MONTH_END}
    return {
        "id": "sub_1",
        "object": "subscription",
        "status": "active",
        "currency": "usd",
        "customer": "cus_1",
        "description": "Boiler care",
        "start_date": CREATED,
        "items": {"object": "list", "data": [item], "has_more": False},
        "metadata": {},
    } | changes


def items(*prices: dict[str, Any], **of_item: Any) -> dict[str, Any]:
    [item] = agreed()["items"]["data"]
    return {"items": {"object": "list", "data": [item | {"price": item["price"] | price} | of_item for price in prices]}}


@pytest.mark.parametrize(
    ("word", "status", "renews"),
    [
        ("incomplete", SubscriptionStatus.PENDING, True),
        ("incomplete_expired", SubscriptionStatus.ENDED, False),
        ("trialing", SubscriptionStatus.TRIALING, True),
        ("active", SubscriptionStatus.ACTIVE, True),
        ("past_due", SubscriptionStatus.PAST_DUE, True),
        ("unpaid", SubscriptionStatus.UNPAID, True),
        ("paused", SubscriptionStatus.PAUSED, True),
        ("canceled", SubscriptionStatus.CANCELED, False),
        ("haunted", SubscriptionStatus.UNKNOWN, True),
    ],
)
def test_a_subscription_renews_until_it_is_over(word: str, status: SubscriptionStatus, renews: bool) -> None:
    found = subscription(agreed(status=word), AS_OF)
    assert (found.status, found.renews_on) == (status, day(MONTH_END) if renews else None)
    assert (found.amount, found.interval, found.price_id, found.name) == (
        Money(1_900, "USD"),
        Interval.MONTH,
        "price_1",
        "Boiler care",
    )


def test_one_that_ends_with_its_period_does_not_renew() -> None:
    found = subscription(agreed(cancel_at_period_end=True), AS_OF)
    assert (found.renews_on, found.cancels_on) == (None, day(MONTH_END))
    later = subscription(agreed(cancel_at=MONTH_END + 90 * 86_400), AS_OF)
    assert (later.renews_on, later.cancels_on) == (day(MONTH_END), day(MONTH_END + 90 * 86_400))


def test_one_that_asks_for_no_money_goes_on() -> None:
    found = subscription(agreed(pause_collection={"behavior": "void", "resumes_at": None}), AS_OF)
    assert (found.status, found.collects) == (SubscriptionStatus.ACTIVE, False)
    assert subscription(agreed(), AS_OF).collects


@pytest.mark.parametrize(
    ("changes", "amount", "price_id"),
    [
        (items({}, quantity=3), 5_700, "price_1"),
        (items({"unit_amount": 1_000}, {"id": "price_2", "unit_amount": 500}), 1_500, None),
        (items({"unit_amount": None, "unit_amount_decimal": "1900.0"}), 1_900, "price_1"),
        (items({"unit_amount": None, "unit_amount_decimal": "0.5"}), None, "price_1"),
        (items({"unit_amount": None, "unit_amount_decimal": None}), None, "price_1"),
        (items({"recurring": {"interval": "month", "interval_count": 1, "usage_type": "metered"}}), None, "price_1"),
        (items({}, {"recurring": {"interval": "year", "interval_count": 1}}), None, None),
        ({"items": {"data": []}}, None, None),
    ],
)
def test_the_amount_of_a_period_is_told_only_where_it_is_certain(
    changes: dict[str, Any], amount: int | None, price_id: str | None
) -> None:
    found = subscription(agreed(**changes), AS_OF)
    assert (found.amount, found.price_id) == (None if amount is None else Money(amount, "USD"), price_id)


def test_one_that_begins_later_is_pending_and_a_real_trial_is_not() -> None:
    waiting = subscription(agreed(status="trialing", metadata={"payhub_starts_on": "2027-01-15"}), AS_OF)
    assert (waiting.status, waiting.starts_on) == (SubscriptionStatus.PENDING, date(2027, 1, 15))
    trial = subscription(agreed(status="trialing"), AS_OF)
    assert (trial.status, trial.starts_on) == (SubscriptionStatus.TRIALING, day(CREATED))
    assert subscription(agreed(metadata={"payhub_starts_on": "soon"}), AS_OF).starts_on == day(CREATED)


def test_without_a_saved_method_each_period_is_invoiced() -> None:
    price = {"price": "price_1"}
    sent: Any = create_parameters(SubscriptionDraft(customer_id="cus_1", name="Care", reference="s-1"), price)
    assert (sent["collection_method"], sent["days_until_due"], sent["description"]) == ("send_invoice", 30, "Care")
    assert (sent["items"], sent["metadata"]) == ([price], {"payhub_reference": "s-1"})
    charged: Any = create_parameters(SubscriptionDraft(customer_id="cus_1", payment_method_id="pm_1"), price)
    assert (charged["collection_method"], charged["default_payment_method"], charged["off_session"]) == (
        "charge_automatically",
        "pm_1",
        True,
    )


def test_an_update_sends_only_what_the_draft_names_and_prorates_nothing() -> None:
    assert update_parameters(SubscriptionDraft(name="Other"), None) == {"description": "Other"}
    item = {"id": "si_1", "price_data": price_data(Money(2_500, "USD"), "prod_1", "month", 1)}
    sent: Any = update_parameters(SubscriptionDraft(amount=Money(2_500, "USD")), item)
    assert (sent["items"], sent["proration_behavior"]) == ([item], "none")
    assert "collection_method" not in sent
    cleared: Any = update_parameters(SubscriptionDraft(payment_method_id=""), None)
    assert (cleared["collection_method"], cleared["default_payment_method"]) == ("send_invoice", "")


@pytest.mark.parametrize(
    "what", ["created", "updated", "deleted", "paused", "resumed", "trial_will_end", "pending_update_applied"]
)
def test_each_event_of_a_subscription_brings_its_snapshot(what: str) -> None:
    """`deleted` is the event of a cancellation: the subscription stays to be read."""
    found = event(samples.event(f"customer.subscription.{what}", agreed(status="canceled")))
    assert (found.effect, found.kind, found.record_id, found.partial) == (Effect.CHANGED, Subscription, "sub_1", False)


@pytest.mark.parametrize("what", ["created", "updated", "voided"])
def test_a_credit_note_concerns_its_invoice(what: str) -> None:
    found = event(samples.event(f"credit_note.{what}", {"id": "cn_1", "object": "credit_note", "invoice": "in_1"}))
    assert (found.kind, found.record_id, found.partial) == (Invoice, "in_1", True)


def test_taxes_and_discounts_are_summed_for_the_invoice_and_each_line() -> None:
    taxed = samples.line(taxes=[{"amount": 200}, {"amount": 50}], discount_amounts=[{"amount": 30, "discount": "di_1"}])
    plain = samples.line(2, taxes=[], discount_amounts=[])
    raw = samples.invoice(
        lines={"object": "list", "data": [taxed, plain], "has_more": False},
        total_taxes=[{"amount": 250}],
        total_discount_amounts=[{"amount": 30, "discount": "di_1"}],
    )
    found = invoice(raw, AS_OF)
    assert (found.tax, found.discount) == (Money(250, "USD"), Money(30, "USD"))
    assert [(line.tax, line.discount) for line in found.lines] == [
        (Money(250, "USD"), Money(30, "USD")),
        (Money(0, "USD"), Money(0, "USD")),
    ]
    untold = invoice(samples.invoice(), AS_OF)
    assert (untold.tax, untold.discount, untold.lines[0].tax) == (None, None, None)


def test_a_sale_in_person_names_reader_location_tip_and_what_is_left_of_it() -> None:
    terminal = {
        "type": "card_present",
        "card_present": {"brand": "visa", "last4": "4242", "reader": "tmr_1", "location": "tml_1"},
    }
    balance = {"id": "txn_1", "fee": 187, "net": 5_213, "currency": "usd"}
    charge = samples.charge(
        payment_method_details=terminal, balance_transaction=balance, amount_refunded=700, disputed=True, refunded=False
    )
    found = payment(samples.intent(latest_charge=charge, amount_details={"tip": {"amount": 400}}), AS_OF)
    assert (found.device, found.location_id, found.tip) == ("tmr_1", "tml_1", Money(400, "EUR"))
    assert (found.fee, found.net, found.refunded, found.disputed) == (
        Money(187, "USD"),
        Money(5_213, "USD"),
        Money(700, "EUR"),
        True,
    )


@pytest.mark.parametrize(
    ("minor_units", "currency", "payable"),
    [
        (10_000, "ISK", True),
        (10_050, "ISK", False),
        (100, "UGX", True),
        (1, "UGX", False),
        (1_235, "KWD", False),
        (1_230, "KWD", True),
        (1_999, "HUF", True),
        (1_999, "TWD", True),
        (7, "JPY", True),
        (1, "USD", True),
    ],
)
def test_an_amount_that_stripe_cannot_take_is_rejected_before_it_is_asked(minor_units: int, currency: str, payable: bool) -> None:
    if payable:
        representable(Money(minor_units, currency))
        return
    with pytest.raises(Rejected) as rejected:
        representable(Money(0, currency), Money(minor_units, currency))
    assert (rejected.value.code, rejected.value.field) == ("amount_not_representable", "amount")


def test_forints_and_taiwan_dollars_are_read_in_hundredths_also_in_payouts() -> None:
    assert payout(sent_out(amount=120_000, currency="huf"), AS_OF).amount == Money(120_000, "HUF")
    assert Money(120_000, "HUF").exponent == Money(5_000, "TWD").exponent == 2
