"""Square events, from a webhook or from the events feed: the same envelope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from providers.errors import Rejected
from providers.records import Customer, Effect, Event, Invoice, Location, Payment, PaymentMethod, Record, Refund
from providers.square.mapping.customer import customer
from providers.square.mapping.invoice import invoice
from providers.square.mapping.location import card
from providers.square.mapping.payment import payment, refund
from providers.square.mapping.values import moment


def _bare_invoice(raw: Mapping[str, Any], *, as_of: datetime) -> Invoice:
    return invoice(raw, None, as_of=as_of)


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a family of events is about: `key` is the object's name in the event; `read` None where only an id comes."""

    kind: type[Record]
    key: str
    read: Callable[..., Record] | None
    partial: bool = False


SUBJECTS = {
    "customer": _Subject(Customer, "customer", customer),
    "invoice": _Subject(Invoice, "invoice", _bare_invoice, partial=True),  # lines and reference are on the order
    "payment": _Subject(Payment, "payment", payment),
    "refund": _Subject(Refund, "refund", refund),
    "location": _Subject(Location, "location", None, partial=True),
    "card": _Subject(PaymentMethod, "card", card),
}

# Every type we handle; "order" and the kinds of later features are stored and counted.
EVENT_TYPES = frozenset(
    [
        "customer.created",
        "customer.updated",
        "customer.deleted",
        "invoice.created",
        "invoice.published",
        "invoice.updated",
        "invoice.payment_made",
        "invoice.scheduled_charge_failed",
        "invoice.canceled",
        "invoice.refunded",
        "invoice.deleted",
        "payment.created",
        "payment.updated",
        "refund.created",
        "refund.updated",
        "location.created",
        "location.updated",
        "card.created",
        "card.updated",
        "card.disabled",
        "card.forgotten",
        "card.automatically_updated",
        "oauth.authorization.revoked",
    ]
)


def event(raw: Any, *, live: bool, own_account_id: str | None = None) -> Event:
    """One event. An unknown type is Effect.OTHER; what is not an event at all raises Rejected.

    The record's id is the one inside the object: Square's `data.id` disagrees with it in places."""
    if not isinstance(raw, Mapping) or not isinstance(raw.get("event_id"), str) or not isinstance(raw.get("type"), str):
        raise Rejected("This is not an event of Square.", code="not_an_event")
    if not raw["event_id"]:
        raise Rejected("This event of Square has no id.", code="not_an_event")
    created_at = moment(raw.get("created_at"))
    if created_at is None:
        raise Rejected("This event of Square has no time.", code="not_an_event")
    event_type = raw["type"]
    data = raw.get("data")
    data = data if isinstance(data, Mapping) else {}
    held = data.get("object")
    held = held if isinstance(held, Mapping) else {}
    about: dict[str, Any] = {"effect": Effect.OTHER}
    subject = SUBJECTS.get(event_type.partition(".")[0])
    if event_type == "oauth.authorization.revoked":
        # It can come late, after a reconnect: the time of the revocation counts.
        revocation = held.get("revocation")
        created_at = (moment(revocation.get("revoked_at")) if isinstance(revocation, Mapping) else None) or created_at
        about = {"effect": Effect.DISCONNECTED}
    elif subject is not None and event_type in EVENT_TYPES:
        about = _about(subject, event_type, data, held, created_at)
    return Event(
        id=raw["event_id"],
        event_type=event_type,
        account_id=raw.get("merchant_id") or own_account_id,
        live=live,
        created_at=created_at,
        raw=raw,
        **about,
    )


def _about(
    subject: _Subject, event_type: str, data: Mapping[str, Any], held: Mapping[str, Any], created_at: datetime
) -> dict[str, Any]:
    """The effect on our copy, with what the event brings of the record."""
    thing = held.get(subject.key)
    if not isinstance(thing, Mapping) or not isinstance(thing.get("id"), str):
        thing = None
    record_id = thing["id"] if thing is not None else data.get("id")
    if not isinstance(record_id, str):
        return {"effect": Effect.OTHER}
    deleted = bool(data.get("deleted")) or event_type.endswith(".deleted")
    found: dict[str, Any] = {"kind": subject.kind, "record_id": record_id}
    if deleted:
        merged_into = _merged_into(held, record_id)
        return {**found, "effect": Effect.MERGED if merged_into else Effect.DELETED, "merged_into": merged_into}
    snapshot = subject.read(thing, as_of=created_at) if subject.read is not None and thing is not None else None
    return {**found, "effect": Effect.CHANGED, "snapshot": snapshot, "partial": subject.partial or snapshot is None}


def _merged_into(held: Mapping[str, Any], record_id: str) -> str | None:
    """A merge makes a new customer and deletes the old ones, each with its own event that names the survivor."""
    context = held.get("event_context")
    merge = context.get("merge") if isinstance(context, Mapping) else None
    survivor = merge.get("to_customer_id") if isinstance(merge, Mapping) else None
    return survivor if isinstance(survivor, str) and survivor != record_id else None
