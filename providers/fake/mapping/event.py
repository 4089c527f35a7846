"""The fake provider's events, and which of its words is which of our kinds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from providers.errors import Rejected
from providers.fake.mapping.billing import customer, endpoint, invoice, location, payment, refund
from providers.fake.mapping.counter import catalog_item, inventory_count, terminal_checkout
from providers.fake.mapping.links import billing_portal, payment_link, payment_method, payment_method_setup
from providers.fake.mapping.recurring import subscription
from providers.fake.mapping.settlement import dispute, payout, payout_entry
from providers.records import (
    BillingPortal,
    CatalogItem,
    Customer,
    Dispute,
    Effect,
    Endpoint,
    Event,
    InventoryCount,
    Invoice,
    JsonObject,
    Location,
    Payment,
    PaymentLink,
    PaymentMethod,
    PaymentMethodSetup,
    Payout,
    PayoutEntry,
    Record,
    Refund,
    Subscription,
    TerminalCheckout,
)

EFFECTS = {
    "created": Effect.CHANGED,
    "updated": Effect.CHANGED,
    "deleted": Effect.DELETED,
    "merged": Effect.MERGED,
    "disconnected": Effect.DISCONNECTED,
}

KINDS: dict[type[Record], tuple[str, Callable[[JsonObject, datetime], Record]]] = {
    Customer: ("customer", customer),
    Invoice: ("invoice", invoice),
    Payment: ("payment", payment),
    Refund: ("refund", refund),
    Location: ("location", location),
    PaymentMethod: ("payment_method", payment_method),
    PaymentMethodSetup: ("payment_method_setup", payment_method_setup),
    PaymentLink: ("payment_link", payment_link),
    BillingPortal: ("billing_portal", billing_portal),
    Subscription: ("subscription", subscription),
    Dispute: ("dispute", dispute),
    Payout: ("payout", payout),
    PayoutEntry: ("payout_entry", payout_entry),
    CatalogItem: ("catalog_item", catalog_item),
    InventoryCount: ("inventory_count", inventory_count),
    TerminalCheckout: ("terminal_checkout", terminal_checkout),
    Endpoint: ("endpoint", endpoint),
}
"""Our kind -> the provider's word for it and the mapping of one object."""
BY_WORD = {word: (kind, read) for kind, (word, read) in KINDS.items()}


def event(raw: JsonObject, *, own_account_id: str | None = None) -> Event:
    """Raises Rejected where the object is no event (id, type and time are its least)."""
    try:
        id, event_type, created_at = raw["id"], raw["type"], datetime.fromisoformat(raw["created_at"])
    except (KeyError, TypeError, ValueError) as problem:
        raise Rejected("The delivery is not an event of the fake provider.", code="not_an_event") from problem
    if not id or not event_type:
        raise Rejected("The delivery is not an event of the fake provider.", code="not_an_event")
    about = raw.get("data") or {}
    kind, read = BY_WORD.get(about.get("kind") or "", (None, None))
    effect = EFFECTS.get(event_type.rpartition(".")[2], Effect.OTHER)
    found = about.get("object") or {}
    record_id = found.get("id")
    if effect is not Effect.DISCONNECTED and (read is None or not record_id):
        effect, kind, record_id, read = Effect.OTHER, None, None, None
    return Event(
        id=id,
        event_type=event_type,
        account_id=raw.get("account_id") or own_account_id,
        live=bool(raw.get("live")),
        created_at=created_at,
        effect=effect,
        kind=kind,
        record_id=record_id,
        snapshot=read(found, created_at) if read is not None else None,
        merged_into=about.get("merged_into") if effect is Effect.MERGED else None,
        idempotency_key=raw.get("idempotency_key"),
        raw=raw,
    )
