"""Events, from a webhook or from the feed: what each means for our copies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from providers.errors import Rejected
from providers.records import Customer, Effect, Event, Invoice, Payment, Record, Refund
from providers.stripe.mapping.customer import customer
from providers.stripe.mapping.invoice import invoice, lines_complete
from providers.stripe.mapping.payment import payment, was_tried
from providers.stripe.mapping.refund import refund
from providers.stripe.mapping.values import Json, identifier
from providers.stripe.settings import API_VERSION

DISCONNECTED: Final = "account.application.deauthorized"
DELETED: Final = frozenset(["customer.deleted", "invoice.deleted"])
OUR_KEYS: Final = "ph1"  # how every idempotency key of ours begins

# What we ask to be told. `invoice.upcoming` is a preview, not an invoice; `charge.refund.updated` is deprecated.
EVENT_TYPES: Final = frozenset(
    [
        DISCONNECTED,
        "customer.created",
        "customer.updated",
        "customer.deleted",
        "invoice.created",
        "invoice.updated",
        "invoice.finalized",
        "invoice.sent",
        "invoice.deleted",
        "invoice.paid",
        "invoice.payment_failed",
        "invoice.payment_action_required",
        "invoice.finalization_failed",
        "invoice.overdue",
        "invoice.will_be_due",
        "invoice.voided",
        "invoice.marked_uncollectible",
        "invoice.overpaid",
        "invoice_payment.paid",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.processing",
        "payment_intent.canceled",
        "payment_intent.requires_action",
        "payment_intent.partially_funded",
        "payment_intent.amount_capturable_updated",
        "charge.succeeded",
        "charge.failed",
        "charge.updated",
        "charge.captured",
        "charge.refunded",
        "refund.created",
        "refund.updated",
        "refund.failed",
    ]
)

# (kind, record id, snapshot, whether the snapshot lacks parts) of an event's object
Concern = tuple[type[Record], str | None, Record | None, bool]


def _customer(raw: Json, as_of: datetime) -> Concern:
    return Customer, raw["id"], customer(raw, as_of), False


def _invoice(raw: Json, as_of: datetime) -> Concern:
    return Invoice, raw["id"], invoice(raw, as_of), not lines_complete(raw)


def _payment_intent(raw: Json, as_of: datetime) -> Concern:
    # The charge in it is never expanded, and since basil nothing in it names the invoice: fee and link are missing.
    return Payment, raw["id"], payment(raw, as_of), True


def _charge(raw: Json, _: datetime) -> Concern:
    return Payment, identifier(raw.get("payment_intent")) or raw["id"], None, True


def _refund(raw: Json, as_of: datetime) -> Concern:
    return Refund, raw["id"], refund(raw, as_of), False


def _invoice_payment(raw: Json, _: datetime) -> Concern:
    return Invoice, identifier(raw.get("invoice")), None, True


CONCERNS: Final[dict[str, Callable[[Json, datetime], Concern]]] = {
    "customer": _customer,
    "invoice": _invoice,
    "payment_intent": _payment_intent,
    "charge": _charge,
    "refund": _refund,
    "invoice_payment": _invoice_payment,
}


def event(raw: Json, *, account_id: str | None = None) -> Event:
    """One event. `account_id`: whose it is where the event itself does not say. Raises Rejected if it is no event of Stripe's.

    A snapshot in another API version than ours is marked partial, so that one get in our version settles it."""
    event_id, event_type, created = raw.get("id"), raw.get("type"), raw.get("created")
    if not (isinstance(event_id, str) and event_id and isinstance(event_type, str) and event_type):
        raise Rejected("The delivery is not an event of Stripe's.", code="not_an_event")
    as_of = _created_at(created)
    kind, record_id, snapshot, partial, effect = _meaning(event_type, raw.get("data"), as_of)
    request = raw.get("request")
    key = request.get("idempotency_key") if isinstance(request, dict) else None
    return Event(
        id=event_id,
        event_type=event_type,
        account_id=raw.get("account") or account_id,
        live=raw.get("livemode") is True,
        created_at=as_of,
        effect=effect,
        kind=kind,
        record_id=record_id,
        snapshot=snapshot,
        partial=partial or (snapshot is not None and raw.get("api_version", API_VERSION) != API_VERSION),
        idempotency_key=key if isinstance(key, str) and key.startswith(OUR_KEYS) else None,
        raw=raw,
    )


def _meaning(event_type: str, data: Any, as_of: datetime) -> tuple[type[Record] | None, str | None, Record | None, bool, Effect]:
    if event_type == DISCONNECTED:
        return None, None, None, False, Effect.DISCONNECTED
    raw = data.get("object") if isinstance(data, dict) else None
    if not isinstance(raw, dict) or not raw.get("id") or event_type == "invoice.upcoming":
        return None, None, None, False, Effect.OTHER
    noun = raw.get("object")
    concern = CONCERNS.get(noun) if isinstance(noun, str) else None
    # A type we have never heard of changes a record if it is about one of our nouns: invoice.anything, charge.anything.
    if concern is None or event_type.partition(".")[0] not in CONCERNS:
        return None, None, None, False, Effect.OTHER
    kind, record_id, snapshot, partial = concern(raw, as_of)
    if record_id is None:
        return None, None, None, False, Effect.OTHER
    if event_type in DELETED:
        return kind, record_id, None, False, Effect.DELETED
    if noun == "payment_intent" and not was_tried(raw):
        return kind, record_id, None, False, Effect.OTHER
    return kind, record_id, snapshot, partial, Effect.CHANGED


def _created_at(created: object) -> datetime:
    """Seconds in v1 events, text in the thin ones (v2.core.event)."""
    try:
        if isinstance(created, int):
            return datetime.fromtimestamp(created, UTC)
        return datetime.fromisoformat(str(created))
    except (ValueError, OverflowError, OSError):
        raise Rejected("The delivery is not an event of Stripe's.", code="not_an_event") from None
