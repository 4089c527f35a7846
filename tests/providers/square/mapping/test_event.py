from datetime import UTC, datetime
from typing import Any

import pytest

from providers.errors import Rejected
from providers.records import Customer, Effect, Invoice, Location, Money, Payment, Refund
from providers.square.mapping.event import EVENT_TYPES, event

CREATED_AT = datetime(2026, 11, 21, 8, 59, 58, 123000, tzinfo=UTC)


def envelope(event_type: str, data: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "merchant_id": "ML1",
        "type": event_type,
        "event_id": "6a8f5f28-54a1-4eb0-a98a-3111513fd4fc",
        "created_at": "2026-11-21T08:59:58.123Z",
        "data": data,
        **more,
    }


def test_customer_event_carries_the_customer_as_of_its_time() -> None:
    raw = envelope(
        "customer.updated", {"type": "customer", "id": "C1", "object": {"customer": {"id": "C1", "given_name": "Ada"}}}
    )
    found = event(raw, live=True)
    assert (found.id, found.account_id, found.live, found.effect) == (raw["event_id"], "ML1", True, Effect.CHANGED)
    assert (found.kind, found.record_id, found.partial) == (Customer, "C1", False)
    assert isinstance(found.snapshot, Customer)
    assert (found.snapshot.given_name, found.snapshot.as_of) == ("Ada", CREATED_AT)


def test_deleted_customer_is_deleted_and_not_changed() -> None:
    raw = envelope("customer.deleted", {"id": "C1", "deleted": True, "object": {"customer": {"id": "C1"}}})
    found = event(raw, live=False)
    assert (found.effect, found.record_id, found.snapshot, found.merged_into) == (Effect.DELETED, "C1", None, None)


def test_customer_deleted_by_a_merge_names_the_survivor() -> None:
    context = {"merge": {"from_customer_ids": ["C1", "C2"], "to_customer_id": "C3"}}
    raw = envelope(
        "customer.deleted", {"id": "C1", "deleted": True, "object": {"customer": {"id": "C1"}, "event_context": context}}
    )
    found = event(raw, live=False)
    assert (found.effect, found.record_id, found.merged_into) == (Effect.MERGED, "C1", "C3")
    made = event(
        envelope("customer.created", {"id": "C3", "object": {"customer": {"id": "C3"}, "event_context": context}}), live=False
    )
    assert (made.effect, made.record_id) == (Effect.CHANGED, "C3")


def test_invoice_event_is_partial_because_its_lines_are_on_the_order() -> None:
    held = {"invoice": {"id": "inv:0-1", "version": 3, "status": "PAID", "order_id": "O1"}}
    found = event(envelope("invoice.payment_made", {"type": "invoice", "id": "other", "object": held}), live=False)
    assert (found.kind, found.record_id, found.partial) == (Invoice, "inv:0-1", True)
    assert isinstance(found.snapshot, Invoice)
    assert found.snapshot.version == "3"


def test_deleted_draft_invoice_has_only_its_id() -> None:
    found = event(envelope("invoice.deleted", {"type": "invoice", "id": "inv:0-1", "deleted": True}), live=False)
    assert (found.effect, found.kind, found.record_id) == (Effect.DELETED, Invoice, "inv:0-1")


def test_payment_and_refund_events_carry_whole_records() -> None:
    money = {"amount": 100, "currency": "USD"}
    paid = event(envelope("payment.updated", {"id": "x", "object": {"payment": {"id": "P1", "total_money": money}}}), live=False)
    assert (paid.kind, paid.record_id, paid.partial) == (Payment, "P1", False)
    back = event(envelope("refund.created", {"id": "R1", "object": {"refund": {"id": "R1", "amount_money": money}}}), live=False)
    assert isinstance(back.snapshot, Refund)
    assert back.snapshot.amount == Money(100, "USD")


def test_location_event_has_no_object_and_must_be_read() -> None:
    found = event(envelope("location.updated", {"type": "Location", "id": "L1"}), live=False)
    assert (found.kind, found.record_id, found.snapshot, found.partial) == (Location, "L1", None, True)


def test_revoked_authorization_disconnects_as_of_its_own_time() -> None:
    held = {"revocation": {"revoked_at": "2026-11-20T00:00:00Z", "revoker_type": "MERCHANT"}}
    found = event(envelope("oauth.authorization.revoked", {"type": "revocation", "id": "r", "object": held}), live=True)
    assert (found.effect, found.account_id, found.kind) == (Effect.DISCONNECTED, "ML1", None)
    assert found.created_at == datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize("event_type", ["webhooks.test_notification", "loyalty.account.created", "invoice.frozen"])
def test_types_we_do_not_apply_are_kept_as_other(event_type: str) -> None:
    found = event(envelope(event_type, {"type": "x", "id": "x1", "object": {"order_updated": {"order_id": "x1"}}}), live=False)
    assert (found.effect, found.kind, found.record_id) == (Effect.OTHER, None, None)


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
@pytest.mark.parametrize(
    "data", [{}, {"id": "1"}, {"id": "1", "object": None}, {"id": 7, "object": {"customer": []}}, {"object": []}]
)
def test_event_without_its_object_is_no_crash(event_type: str, data: dict[str, Any]) -> None:
    assert event(envelope(event_type, data), live=False).event_type == event_type


@pytest.mark.parametrize(
    "raw", [None, [], "x", {}, {"type": "customer.created"}, {"type": "x", "event_id": "1"}, {"type": 1, "event_id": 2}]
)
def test_what_is_not_an_event_is_rejected(raw: Any) -> None:
    with pytest.raises(Rejected):
        event(raw, live=False)
