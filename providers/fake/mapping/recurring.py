"""Subscriptions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from providers.fake.mapping.values import common, day, moment, money, word, written
from providers.records import Interval, JsonObject, Subscription, SubscriptionDraft, SubscriptionStatus


def subscription(raw: JsonObject, as_of: datetime) -> Subscription:
    return Subscription(
        **common(raw, as_of),
        customer_id=raw.get("customer_id"),
        location_id=raw.get("location_id"),
        status=word(raw.get("status"), SubscriptionStatus),
        name=raw.get("name") or "",
        amount=money(raw.get("amount")),
        interval=word(raw.get("interval"), Interval),
        interval_count=raw.get("interval_count") or 1,
        price_id=raw.get("price_id"),
        payment_method_id=raw.get("payment_method_id"),
        starts_on=day(raw.get("starts_on")),
        renews_on=day(raw.get("renews_on")),
        ended_at=moment(raw.get("ended_at")),
        collects=raw.get("collects") is not False,
        reference=raw.get("reference"),
    )


def subscription_fields(draft: SubscriptionDraft) -> dict[str, Any]:
    names = (
        "customer_id",
        "name",
        "price_id",
        "amount",
        "interval",
        "payment_method_id",
        "location_id",
        "starts_on",
        "reference",
    )
    counted = {"interval_count": draft.interval_count} if draft.interval is not None else {}
    return {**written(draft, *names), **counted}
