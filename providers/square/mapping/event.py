"""Square events, from a webhook or from the events feed: the same envelope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from providers import drift
from providers.errors import Rejected
from providers.records import (
    CatalogItem,
    Customer,
    Dispute,
    Effect,
    Event,
    InventoryCount,
    Invoice,
    Location,
    Payment,
    PaymentMethod,
    Payout,
    Record,
    Refund,
    Subscription,
    TerminalCheckout,
)
from providers.square.mapping.counter import inventory_count, terminal_checkout
from providers.square.mapping.customer import customer
from providers.square.mapping.dispute import dispute
from providers.square.mapping.invoice import invoice
from providers.square.mapping.known_fields import watch
from providers.square.mapping.location import card
from providers.square.mapping.payment import payment, refund
from providers.square.mapping.payout import payout
from providers.square.mapping.subscription import subscription
from providers.square.mapping.values import moment


def _bare_invoice(raw: Mapping[str, Any], *, as_of: datetime) -> Invoice:
    return invoice(raw, None, as_of=as_of)


def _bare_subscription(raw: Mapping[str, Any], *, as_of: datetime) -> Subscription:
    return subscription(raw, None, as_of=as_of)


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a family of events is about: `keys`, the object's names in the event; `read` None where only an id comes; `noun` as
    in known_fields."""

    kind: type[Record]
    keys: tuple[str, ...]
    read: Callable[..., Record] | None
    noun: str = ""
    partial: bool = False


_CUSTOMER = _Subject(Customer, ("customer",), customer, "customer")
_INVOICE = _Subject(Invoice, ("invoice",), _bare_invoice, "invoice", partial=True)  # lines and reference are on the order
_PAYMENT = _Subject(Payment, ("payment",), payment, "payment")
_REFUND = _Subject(Refund, ("refund",), refund, "refund")
_LOCATION = _Subject(Location, ("location",), None, partial=True)
_CARD = _Subject(PaymentMethod, ("card",), card, "card")
# Its version can stay the same while its status changes, and amount and interval are on the plan: always to be read again.
_SUBSCRIPTION = _Subject(Subscription, ("subscription",), _bare_subscription, "subscription", partial=True)
# Square's schema names the object "object", its examples "dispute"; both are read.
_DISPUTE = _Subject(Dispute, ("dispute", "object"), dispute, "dispute")
_PAYOUT = _Subject(Payout, ("payout",), payout, "payout")
_COUNT = _Subject(InventoryCount, (), inventory_count, "inventory_count")
_CHECKOUT = _Subject(TerminalCheckout, ("checkout",), terminal_checkout, "terminal_checkout")

SUBJECTS: Mapping[str, _Subject] = {
    "customer.created": _CUSTOMER,
    "customer.updated": _CUSTOMER,
    "customer.deleted": _CUSTOMER,
    "invoice.created": _INVOICE,
    "invoice.published": _INVOICE,
    "invoice.updated": _INVOICE,
    "invoice.payment_made": _INVOICE,
    "invoice.scheduled_charge_failed": _INVOICE,
    "invoice.canceled": _INVOICE,
    "invoice.refunded": _INVOICE,
    "invoice.deleted": _INVOICE,
    "payment.created": _PAYMENT,
    "payment.updated": _PAYMENT,
    "refund.created": _REFUND,
    "refund.updated": _REFUND,
    "location.created": _LOCATION,
    "location.updated": _LOCATION,
    "card.created": _CARD,
    "card.updated": _CARD,
    "card.disabled": _CARD,
    "card.forgotten": _CARD,
    "card.automatically_updated": _CARD,
    "subscription.created": _SUBSCRIPTION,
    "subscription.updated": _SUBSCRIPTION,
    "dispute.created": _DISPUTE,
    "dispute.state.updated": _DISPUTE,
    "dispute.evidence.created": _DISPUTE,
    "dispute.evidence.deleted": _DISPUTE,
    "payout.sent": _PAYOUT,
    "payout.paid": _PAYOUT,
    "payout.failed": _PAYOUT,
    "terminal.checkout.created": _CHECKOUT,
    "terminal.checkout.updated": _CHECKOUT,
}
DEPRECATED = {"dispute.state.changed": _DISPUTE, "dispute.evidence.added": _DISPUTE, "dispute.evidence.removed": _DISPUTE}
"""Read when they come, and not asked for: their successors come as well."""
UNREADABLE = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)
DELETIONS = frozenset(["customer.deleted", "invoice.deleted"])
ORDER_EVENTS = frozenset(["order.created", "order.updated", "order.fulfillment.updated"])
REVOKED, CATALOG, INVENTORY = "oauth.authorization.revoked", "catalog.version.updated", "inventory.count.updated"
TEST_EVENT = "webhooks.test_notification"

# Every type we handle.
EVENT_TYPES = frozenset(SUBJECTS) | ORDER_EVENTS | {REVOKED, CATALOG, INVENTORY}


def event(raw: Any, *, live: bool, own_account_id: str | None = None) -> Event:
    """One event. An unknown type is Effect.OTHER, and counted; what is not an event at all raises Rejected.

    An order is no kind of ours: it moves with its invoice, its link or its sale, so its events are Effect.OTHER with the order's
    id. The record's id is the one inside the object: Square's `data.id` disagrees with it in places."""
    if not isinstance(raw, Mapping) or not isinstance(raw.get("event_id"), str) or not isinstance(raw.get("type"), str):
        raise Rejected("This is not an event of Square.", code="not_an_event")
    if not raw["event_id"]:
        raise Rejected("This event of Square has no id.", code="not_an_event")
    created_at = moment(raw.get("created_at"))
    if created_at is None:
        raise Rejected("This event of Square has no time.", code="not_an_event")
    event_type, merchant_id = raw["type"], raw.get("merchant_id")
    data = raw.get("data")
    data = data if isinstance(data, Mapping) else {}
    held = data.get("object")
    held = held if isinstance(held, Mapping) else {}
    about: dict[str, Any] = {"effect": Effect.OTHER}
    subject = SUBJECTS.get(event_type) or DEPRECATED.get(event_type)
    if event_type == REVOKED:
        # It can come late, after a reconnect: the time of the revocation counts.
        revocation = held.get("revocation")
        created_at = (moment(revocation.get("revoked_at")) if isinstance(revocation, Mapping) else None) or created_at
        about = {"effect": Effect.DISCONNECTED}
    elif subject is not None:
        about = _about(subject, event_type, data, held, created_at)
    elif event_type == CATALOG:
        about = {"effect": Effect.CHANGED, "kind": CatalogItem, "partial": True}  # list what changed since
    elif event_type == INVENTORY:
        about = _counted(held, created_at)
    elif event_type in ORDER_EVENTS:
        about = {"effect": Effect.OTHER, "record_id": _order_id(held, data)}
    elif event_type != TEST_EVENT:
        drift.word("square", "event", "type", event_type, at=created_at)
    return Event(
        id=raw["event_id"],
        event_type=event_type,
        account_id=merchant_id if isinstance(merchant_id, str) and merchant_id else own_account_id,
        live=live,
        created_at=created_at,
        raw=raw,
        **about,
    )


def _about(
    subject: _Subject, event_type: str, data: Mapping[str, Any], held: Mapping[str, Any], created_at: datetime
) -> dict[str, Any]:
    """The effect on our copy, with what the event brings of the record."""
    thing = next((one for key in subject.keys if isinstance(one := held.get(key), Mapping)), None)
    # Older versions name a dispute by `dispute_id` only.
    named = (thing.get("id") or thing.get("dispute_id")) if thing is not None else None
    if not isinstance(named, str):
        thing = None
    record_id = named if thing is not None else data.get("id")
    if not isinstance(record_id, str):
        return {"effect": Effect.OTHER}
    deleted = event_type in DELETIONS
    found: dict[str, Any] = {"kind": subject.kind, "record_id": record_id}
    if deleted:
        merged_into = _merged_into(held, record_id)
        return {**found, "effect": Effect.MERGED if merged_into else Effect.DELETED, "merged_into": merged_into}
    snapshot = _snapshot(subject, thing, event_type, created_at) if thing is not None else None
    return {**found, "effect": Effect.CHANGED, "snapshot": snapshot, "partial": subject.partial or snapshot is None}


def _snapshot(subject: _Subject, thing: Mapping[str, Any], event_type: str, created_at: datetime) -> Record | None:
    """The record as the event brings it. None for a shape that nobody foresaw: it is no reason to lose the event, the record
    itself is read instead."""
    try:
        if subject.noun:
            watch(subject.noun, [thing], at=created_at)
        return subject.read(thing, as_of=created_at) if subject.read is not None else None
    except UNREADABLE:
        drift.word("square", "event", "shape", event_type, at=created_at)
        return None


def _counted(held: Mapping[str, Any], created_at: datetime) -> dict[str, Any]:
    """One count is told whole; of several, that some changed."""
    counts = held.get("inventory_counts")
    told = [count for count in counts if isinstance(count, Mapping)] if isinstance(counts, list) else []
    found: dict[str, Any] = {"effect": Effect.CHANGED, "kind": InventoryCount}
    snapshot = _snapshot(_COUNT, told[0], INVENTORY, created_at) if len(told) == 1 else None
    if snapshot is None:
        return {**found, "partial": True}
    return {**found, "record_id": snapshot.id, "snapshot": snapshot}


def _order_id(held: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    """From the stub, whose name changes with the type: order_created, order_updated, order_fulfillment_updated."""
    stubs = [stub.get("order_id") for name, stub in held.items() if name.startswith("order") and isinstance(stub, Mapping)]
    named = next((id for id in stubs if isinstance(id, str)), data.get("id"))
    return named if isinstance(named, str) else None


def _merged_into(held: Mapping[str, Any], record_id: str) -> str | None:
    """A merge makes a new customer and deletes the old ones, each with its own event that names the survivor."""
    context = held.get("event_context")
    merge = context.get("merge") if isinstance(context, Mapping) else None
    survivor = merge.get("to_customer_id") if isinstance(merge, Mapping) else None
    return survivor if isinstance(survivor, str) and survivor != record_id else None
