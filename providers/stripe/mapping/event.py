"""Events, from a webhook or from the feed: what each means for our copies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from providers import drift
from providers.errors import Rejected
from providers.records import (
    Customer,
    Dispute,
    Effect,
    Event,
    Invoice,
    Payment,
    PaymentLink,
    PaymentMethod,
    PaymentMethodSetup,
    Payout,
    Record,
    Refund,
    Subscription,
)
from providers.stripe.mapping.customer import customer
from providers.stripe.mapping.dispute import dispute
from providers.stripe.mapping.invoice import invoice, lines_complete
from providers.stripe.mapping.known import VERSIONS, notice, notice_event
from providers.stripe.mapping.payment import payment, was_tried
from providers.stripe.mapping.payment_link import is_one_payment, session
from providers.stripe.mapping.payment_method import payment_method
from providers.stripe.mapping.payout import payout
from providers.stripe.mapping.refund import refund
from providers.stripe.mapping.setup import setup
from providers.stripe.mapping.subscription import subscription
from providers.stripe.mapping.values import Json, identifier, without_secrets
from providers.stripe.settings import API_VERSION

DISCONNECTED: Final = "account.application.deauthorized"
DELETED: Final = frozenset(["customer.deleted", "invoice.deleted", "payment_method.detached"])
BANK_FAILED: Final = "checkout.session.async_payment_failed"
OUR_KEYS: Final = "ph1"  # how every idempotency key of ours begins

# What we ask to be told (Stripe docs: api/events/types). `invoice.upcoming` is a preview, not an invoice; `charge.refund.updated`
# is deprecated; prices and products stand in the records that name them; who connected us we know ourselves.
_TOLD: Final = {
    "account": "updated application.deauthorized",
    "customer": "created updated deleted",
    "customer.subscription": "created updated deleted paused resumed trial_will_end pending_update_applied "
    "pending_update_expired",
    "invoice": "created updated finalized sent deleted paid payment_failed payment_action_required finalization_failed "
    "overdue will_be_due voided marked_uncollectible overpaid",
    "invoice_payment": "paid",
    "credit_note": "created updated voided",
    "payment_intent": "succeeded payment_failed processing canceled requires_action partially_funded amount_capturable_updated",
    "charge": "succeeded failed updated captured refunded",
    "charge.dispute": "created updated closed funds_withdrawn funds_reinstated",
    "refund": "created updated failed",
    "payout": "created updated paid failed canceled reconciliation_completed",
    "checkout.session": "completed async_payment_succeeded async_payment_failed expired",
    "payment_link": "created updated",
    "payment_method": "attached detached updated automatically_updated",
    "setup_intent": "succeeded setup_failed requires_action canceled",
}
EVENT_TYPES: Final = frozenset(f"{noun}.{what}" for noun, told in _TOLD.items() for what in told.split())

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


def _subscription(raw: Json, as_of: datetime) -> Concern:
    return Subscription, raw["id"], subscription(raw, as_of), bool((raw.get("items") or {}).get("has_more"))


def _dispute(raw: Json, as_of: datetime) -> Concern:
    return Dispute, raw["id"], dispute(raw, as_of), False


def _payout(raw: Json, as_of: datetime) -> Concern:
    # The balance transaction is never expanded: an instant payout's fee is missing.
    return Payout, raw["id"], payout(raw, as_of), raw.get("method") == "instant"


def _session(raw: Json, as_of: datetime) -> Concern:
    """A visit to a payment link concerns the link; a session that is no single payment concerns nothing of ours."""
    link_id = identifier(raw.get("payment_link"))
    if link_id is not None:
        return PaymentLink, link_id, None, True
    if not is_one_payment(raw):
        return PaymentLink, None, None, True
    return PaymentLink, raw["id"], session(raw, as_of), False


def _payment_link(raw: Json, _: datetime) -> Concern:
    return PaymentLink, raw["id"], None, True  # without its lines the amount is unknown


def _payment_method(raw: Json, as_of: datetime) -> Concern:
    return PaymentMethod, raw["id"], payment_method(raw, as_of), False


def _setup(raw: Json, as_of: datetime) -> Concern:
    return PaymentMethodSetup, raw["id"], setup(raw, as_of), False


CONCERNS: Final[dict[str, Callable[[Json, datetime], Concern]]] = {
    "customer": _customer,
    "invoice": _invoice,
    "payment_intent": _payment_intent,
    "charge": _charge,
    "refund": _refund,
    "invoice_payment": _invoice_payment,
    "credit_note": _invoice_payment,
    "subscription": _subscription,
    "dispute": _dispute,
    "payout": _payout,
    "checkout.session": _session,
    "payment_link": _payment_link,
    "payment_method": _payment_method,
    "setup_intent": _setup,
}
# Those whose event names the record itself by its id.
KIND_OF_NOUN: Final[dict[object, type[Record]]] = {
    "customer": Customer,
    "invoice": Invoice,
    "payment_intent": Payment,
    "refund": Refund,
    "subscription": Subscription,
    "dispute": Dispute,
    "payout": Payout,
    "payment_method": PaymentMethod,
    "setup_intent": PaymentMethodSetup,
}
UNREADABLE: Final = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)
OUR_NOUNS: Final = frozenset(event_type.partition(".")[0] for event_type in EVENT_TYPES)


def event(raw: Json, *, account_id: str | None = None) -> Event:
    """One event. `account_id`: whose it is where the event itself does not say. Raises Rejected if it is no event of Stripe's.

    A snapshot in an API version that we have not learnt to read is marked partial, so that one get in ours settles it."""
    event_id, event_type, created = raw.get("id"), raw.get("type"), raw.get("created")
    if not (isinstance(event_id, str) and event_id and isinstance(event_type, str) and event_type):
        raise Rejected("The delivery is not an event of Stripe's.", code="not_an_event")
    as_of = _created_at(created)
    version = raw.get("api_version", API_VERSION)
    notice_event(event_type, version, as_of)
    kind, record_id, snapshot, partial, effect = _meaning(event_type, raw.get("data"), as_of)
    request = raw.get("request")
    key = request.get("idempotency_key") if isinstance(request, dict) else None
    return Event(
        id=event_id,
        event_type=event_type,
        account_id=_text(raw.get("account")) or account_id,
        live=raw.get("livemode") is True,
        created_at=as_of,
        effect=effect,
        kind=kind,
        record_id=record_id,
        snapshot=snapshot,
        partial=partial or (snapshot is not None and version not in VERSIONS),
        idempotency_key=key if isinstance(key, str) and key.startswith(OUR_KEYS) else None,
        raw=raw,
    )


def _meaning(event_type: str, data: Any, as_of: datetime) -> tuple[type[Record] | None, str | None, Record | None, bool, Effect]:
    if event_type == DISCONNECTED:
        return None, None, None, False, Effect.DISCONNECTED
    raw = data.get("object") if isinstance(data, dict) else None
    if not isinstance(raw, dict) or not raw.get("id") or event_type == "invoice.upcoming":
        return None, None, None, False, Effect.OTHER
    without_secrets(raw)  # before anything else: the inbox keeps the event as it is from here on
    noun = raw.get("object")
    concern = CONCERNS.get(noun) if isinstance(noun, str) else None
    # A type we have never heard of changes a record if it is about one of our nouns: invoice.anything, charge.anything.
    if concern is None or event_type.partition(".")[0] not in OUR_NOUNS:
        return None, None, None, False, Effect.OTHER
    try:
        notice([raw], as_of)
        kind, record_id, snapshot, partial = concern(raw, as_of)
    except UNREADABLE:
        # A shape that nobody foresaw is no reason to lose the event: the record itself, read in our own version, decides.
        drift.word("stripe", "event", "shape", event_type, at=as_of)
        if noun not in KIND_OF_NOUN:
            return None, None, None, False, Effect.OTHER
        kind, record_id, snapshot, partial = KIND_OF_NOUN[noun], _text(raw["id"]), None, True
    if not isinstance(record_id, str):
        return None, None, None, False, Effect.OTHER
    if event_type in DELETED:
        return kind, record_id, None, False, Effect.DELETED
    if noun == "payment_intent" and not was_tried(raw):
        return kind, record_id, None, False, Effect.OTHER
    return kind, record_id, snapshot, partial or event_type == BANK_FAILED, Effect.CHANGED


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _created_at(created: object) -> datetime:
    """Seconds in v1 events, text in the thin ones (v2.core.event)."""
    try:
        if isinstance(created, int):
            return datetime.fromtimestamp(created, UTC)
        return datetime.fromisoformat(str(created))
    except (ValueError, OverflowError, OSError):
        raise Rejected("The delivery is not an event of Stripe's.", code="not_an_event") from None
