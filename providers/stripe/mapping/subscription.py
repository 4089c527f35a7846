"""Subscriptions, both ways. Since basil their periods stand on the items; before, on the subscription itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, cast

from stripe.params import SubscriptionCreateParams, SubscriptionUpdateParams

from providers.records import Interval, Money, Subscription, SubscriptionDraft, SubscriptionStatus
from providers.stripe.mapping.invoice import DAYS_UNTIL_DUE
from providers.stripe.mapping.values import (
    REFERENCE,
    Json,
    Words,
    currency_of,
    day,
    identifier,
    metadata_of,
    moment,
    number,
    without_secrets,
)

STATUSES: Final = Words(
    "subscription",
    "status",
    {
        "incomplete": SubscriptionStatus.PENDING,
        "incomplete_expired": SubscriptionStatus.ENDED,
        "trialing": SubscriptionStatus.TRIALING,
        "active": SubscriptionStatus.ACTIVE,
        "past_due": SubscriptionStatus.PAST_DUE,
        "unpaid": SubscriptionStatus.UNPAID,
        "paused": SubscriptionStatus.PAUSED,
        "canceled": SubscriptionStatus.CANCELED,
    },
    SubscriptionStatus.UNKNOWN,
)
INTERVALS: Final = Words(
    "price",
    "recurring.interval",
    {"day": Interval.DAY, "week": Interval.WEEK, "month": Interval.MONTH, "year": Interval.YEAR},
    Interval.UNKNOWN,
)
BEGINS: Final = "payhub_starts_on"  # metadata key: the free time until then is a later beginning, no trial
_OVER: Final = frozenset([SubscriptionStatus.CANCELED, SubscriptionStatus.ENDED])


def subscription(raw: Json, as_of: datetime) -> Subscription:
    """A subscription as received. One that waits for its first day is a trial at Stripe, which our mark tells from real ones."""
    metadata = metadata_of(raw)
    items: Sequence[Json] = (raw.get("items") or {}).get("data") or ()
    prices = [price_of(item) for item in items]
    begins = _iso_day(metadata.get(BEGINS))
    status = STATUSES.of(raw.get("status"), as_of)
    if status is SubscriptionStatus.TRIALING and begins is not None:
        status = SubscriptionStatus.PENDING
    over = status in _OVER
    period_end = _period_end(raw, items)
    ends = raw.get("cancel_at") or (period_end if raw.get("cancel_at_period_end") else None)
    first = prices[0] if prices else {}
    recurring = first.get("recurring") or first
    return Subscription(
        id=raw["id"],
        created_at=moment(raw.get("created")),
        as_of=as_of,
        raw=without_secrets(raw),
        customer_id=identifier(raw.get("customer")),
        status=status,
        name=raw.get("description") or first.get("nickname") or "",
        amount=_amount(items, prices, currency_of(raw) if raw.get("currency") else currency_of(first)),
        interval=INTERVALS.of(recurring.get("interval"), as_of),
        interval_count=recurring.get("interval_count") or 1,
        price_id=first.get("id") if len(prices) == 1 else None,
        payment_method_id=identifier(raw.get("default_payment_method")),
        starts_on=begins or day(raw.get("start_date")),
        renews_on=None if over or (ends and period_end and ends <= period_end) else day(period_end),
        cancels_on=None if over else day(ends),
        ended_at=moment(raw.get("ended_at")),
        collects=raw.get("pause_collection") is None,
        latest_invoice_id=identifier(raw.get("latest_invoice")),
        reference=metadata.get(REFERENCE) or None,
    )


def price_of(item: Json) -> Json:
    """What an item costs: its price, or the plan of old times, in the words of a price."""
    price = item.get("price")
    if price.__class__ is dict:
        return cast(Json, price)
    plan: Json = item.get("plan") or {}
    amounts = {"unit_amount": plan.get("amount"), "unit_amount_decimal": plan.get("amount_decimal")}
    return plan | amounts if plan else {}


def _period_end(raw: Json, items: Sequence[Json]) -> int | None:
    """The next end of a period: the earliest, where items differ."""
    ends = [item["current_period_end"] for item in items if item.get("current_period_end") is not None]
    return min(ends) if ends else raw.get("current_period_end")


def _amount(items: Sequence[Json], prices: Sequence[Json], currency: str) -> Money | None:
    """Of one period; None where a price has tiers, counts usage or comes in fractions, or where intervals differ."""
    total = 0
    spans = set()
    for item, price in zip(items, prices, strict=True):
        recurring = price.get("recurring") or price
        unit = number(price.get("unit_amount"))
        unit = number(price.get("unit_amount_decimal")) if unit is None else unit
        if unit is None or recurring.get("usage_type") == "metered":
            return None
        spans.add((recurring.get("interval"), recurring.get("interval_count")))
        total += unit * (1 if item.get("quantity") is None else item["quantity"])
    return Money(total, currency) if len(spans) == 1 else None


def create_parameters(draft: SubscriptionDraft, price: Json) -> SubscriptionCreateParams:
    """`price`: {"price": id} or {"price_data": ...}. Without a payment method each period's invoice is sent, not charged."""
    parameters: dict[str, Any] = {"customer": draft.customer_id, "items": [price], **_collection(draft.payment_method_id)}
    if draft.payment_method_id:
        parameters["off_session"] = True
    return cast(SubscriptionCreateParams, parameters | _named(draft))


def update_parameters(draft: SubscriptionDraft, item: Json | None) -> SubscriptionUpdateParams:
    """`item`: what becomes of the one item, from the next period on; None leaves it."""
    parameters: dict[str, Any] = _named(draft)
    if item is not None:
        parameters |= {"items": [item], "proration_behavior": "none"}
    if draft.payment_method_id is not None:
        parameters |= _collection(draft.payment_method_id)
    return cast(SubscriptionUpdateParams, parameters)


def price_data(amount: Money, product_id: str, interval: str, interval_count: int) -> Json:
    return {
        "currency": amount.currency.lower(),
        "product": product_id,
        "unit_amount": amount.minor_units,
        "recurring": {"interval": interval, "interval_count": interval_count},
    }


def _collection(payment_method_id: str | None) -> Json:
    if payment_method_id:
        return {"collection_method": "charge_automatically", "default_payment_method": payment_method_id}
    cleared = {"default_payment_method": ""} if payment_method_id == "" else {}
    return {"collection_method": "send_invoice", "days_until_due": DAYS_UNTIL_DUE, **cleared}


def _named(draft: SubscriptionDraft) -> Json:
    named: Json = {} if draft.name is None else {"description": draft.name}
    return named if draft.reference is None else named | {"metadata": {REFERENCE: draft.reference}}


def _iso_day(text: Any) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except (TypeError, ValueError):
        return None
