"""Payments that come again: subscriptions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from providers.records.money import Money
from providers.records.record import Draft, Record


class SubscriptionStatus(StrEnum):
    PENDING = "pending"  # begins later, or its first payment is awaited
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    CANCELED = "canceled"
    ENDED = "ended"  # ran its course, or never began
    UNKNOWN = "unknown"


class Interval(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription(Record):
    """`amount` is for one period of `interval_count` intervals, before taxes and discounts; None where the provider does not
    tell it with the subscription (a Square plan's own price, until its plan is read). `price_id`: Stripe's price, Square's plan
    variation; None where several prices are billed together. `renews_on`: the next billing day, None once it has ended.
    `pauses_on`: the day on which it will be paused (Square pauses between two periods); None once it is, or where none is asked
    for. `cancels_on`: the day on which it will end by itself; `ended_at`: when it did. `collects` is False while it goes on but
    asks for no money (Stripe's pause_collection).
    """

    customer_id: str | None
    location_id: str | None = None
    status: SubscriptionStatus
    name: str = ""
    amount: Money | None = None
    interval: Interval = Interval.UNKNOWN
    interval_count: int = 1
    price_id: str | None = None
    payment_method_id: str | None = None
    starts_on: date | None = None
    renews_on: date | None = None
    pauses_on: date | None = None
    cancels_on: date | None = None
    ended_at: datetime | None = None
    collects: bool = True
    latest_invoice_id: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionDraft(Draft[Subscription]):
    """Either `price_id`, or `amount` with `interval` (the provider's price or plan is then made with it, under the same key).

    `payment_method_id` None: each period's invoice is sent to the customer instead of being charged. `starts_on` None: today.
    An update changes what is given: price or amount from the next period on, without proration; the payment method at once.
    """

    customer_id: str | None = None
    name: str | None = None
    price_id: str | None = None
    amount: Money | None = None
    interval: Interval | None = None
    interval_count: int = 1
    payment_method_id: str | None = None
    location_id: str | None = None
    starts_on: date | None = None
    reference: str | None = None
