"""What each of Stripe's events means for our copies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from providers.errors import Rejected
from providers.records import Customer, Effect, Invoice, Payment, Record, Refund
from providers.stripe.mapping.event import EVENT_TYPES, event
from tests.providers.stripe import samples
from tests.providers.stripe.samples import CREATED


def test_a_changed_customer_comes_with_its_whole_snapshot() -> None:
    found = event(samples.event("customer.updated", samples.customer()))
    assert (found.effect, found.kind, found.record_id, found.partial) == (Effect.CHANGED, Customer, "cus_1", False)
    assert isinstance(found.snapshot, Customer)
    assert found.snapshot.as_of == found.created_at == datetime.fromtimestamp(CREATED, UTC)
    assert (found.account_id, found.live) == ("acct_1", False)


@pytest.mark.parametrize(
    ("event_type", "obj", "kind", "record_id"),
    [
        ("customer.deleted", samples.customer(), Customer, "cus_1"),
        ("invoice.deleted", samples.invoice(status="draft"), Invoice, "in_1"),
    ],
)
def test_a_deletion_names_the_record_that_went(event_type: str, obj: dict[str, Any], kind: type[Record], record_id: str) -> None:
    found = event(samples.event(event_type, obj))
    assert (found.effect, found.kind, found.record_id, found.snapshot) == (Effect.DELETED, kind, record_id, None)


def test_an_invoice_snapshot_is_whole_unless_lines_are_left_out() -> None:
    assert not event(samples.event("invoice.paid", samples.invoice(status="paid"))).partial
    cut = samples.invoice(lines={"object": "list", "data": [samples.line()], "has_more": True})
    assert event(samples.event("invoice.updated", cut)).partial


def test_a_payment_snapshot_lacks_fee_and_invoice() -> None:
    found = event(samples.event("payment_intent.succeeded", samples.intent(latest_charge="ch_1")))
    assert (found.kind, found.record_id, found.partial) == (Payment, "pi_1", True)
    assert isinstance(found.snapshot, Payment)


@pytest.mark.parametrize("event_type", ["charge.refunded", "charge.updated", "charge.succeeded"])
def test_a_charges_event_concerns_its_payment(event_type: str) -> None:
    found = event(samples.event(event_type, samples.charge()))
    assert (found.kind, found.record_id, found.snapshot, found.partial) == (Payment, "pi_1", None, True)
    assert event(samples.event(event_type, samples.charge(payment_intent=None))).record_id == "ch_1"


def test_a_part_paid_concerns_the_invoice() -> None:
    found = event(samples.event("invoice_payment.paid", {"id": "inpay_1", "object": "invoice_payment", "invoice": "in_1"}))
    assert (found.kind, found.record_id, found.snapshot, found.partial) == (Invoice, "in_1", None, True)


def test_a_refunds_event_comes_with_its_snapshot() -> None:
    found = event(samples.event("refund.failed", samples.refund(status="failed")))
    assert (found.kind, found.record_id, found.partial) == (Refund, "re_1", False)


def test_a_departed_account_is_disconnected() -> None:
    found = event(samples.event("account.application.deauthorized", {"id": "ca_1", "object": "application"}))
    assert (found.effect, found.account_id, found.kind) == (Effect.DISCONNECTED, "acct_1", None)


@pytest.mark.parametrize(
    ("event_type", "obj"),
    [
        ("customer.source.updated", {"id": "card_1", "object": "card"}),
        ("account.updated", {"id": "acct_1", "object": "account"}),
        ("invoice.upcoming", samples.invoice(id="upcoming_in_1")),
        ("payment_intent.created", samples.intent(status="requires_payment_method", latest_charge=None)),
        ("something.new", {"id": "x", "object": "novelty"}),
        ("customer.updated", {"object": "customer"}),
    ],
)
def test_what_concerns_none_of_our_kinds_has_no_effect(event_type: str, obj: dict[str, Any]) -> None:
    found = event(samples.event(event_type, obj))
    assert (found.effect, found.snapshot) == (Effect.OTHER, None)


def test_a_type_of_another_noun_has_no_effect_whatever_it_carries() -> None:
    assert event(samples.event("brand_new.thing", samples.customer())).effect is Effect.OTHER


def test_a_new_type_about_a_known_kind_still_counts_as_a_change() -> None:
    assert event(samples.event("invoice.reimagined", samples.invoice())).effect is Effect.CHANGED


def test_a_snapshot_in_a_version_that_we_never_learnt_must_be_read_again() -> None:
    assert not event(samples.event("customer.updated", samples.customer(), api_version="2023-10-16")).partial
    assert event(samples.event("customer.updated", samples.customer(), api_version="2027-03-31.fennel")).partial


@pytest.mark.parametrize(
    ("request_", "key"),
    [
        ({"id": "req_1", "idempotency_key": "ph1abc.p"}, "ph1abc.p"),
        ({"id": "req_1", "idempotency_key": "somebody-elses"}, None),
        ({"id": None, "idempotency_key": None}, None),
        ("req_1", None),
        (None, None),
    ],
)
def test_only_our_own_keys_are_recognised_as_echoes(request_: Any, key: str | None) -> None:
    assert event(samples.event("customer.updated", samples.customer(), request=request_)).idempotency_key == key


def test_a_thin_event_is_kept_without_effect() -> None:
    thin = {"id": "evt_2", "object": "v2.core.event", "type": "v1.customer.updated", "created": "2026-11-21T09:00:00.000Z"}
    assert event(thin).effect is Effect.OTHER


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"id": "evt_1"},
        {"id": "", "type": "x", "created": 1},
        {"id": "e", "type": "", "created": 1},
        {"id": "evt_1", "type": "x", "created": "long ago"},
        {"id": "e", "type": "x"},
    ],
)
def test_what_is_no_event_is_rejected(raw: dict[str, Any]) -> None:
    with pytest.raises(Rejected):
        event(raw)


def test_the_disconnection_is_among_the_types_we_ask_for() -> None:
    assert "account.application.deauthorized" in EVENT_TYPES
