"""The subscription as a record: its items, their plans and billing periods."""

from collections.abc import Mapping
from typing import Any

from dateutil.relativedelta import relativedelta

from providers.sandbox.stripe.call import Call
from providers.sandbox.stripe.errors import no_such
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.store import Record

LIVE = ("incomplete", "trialing", "active", "past_due", "unpaid", "paused")
"""Every status that is not the end."""


def subscription_record(subscription_id: str, *, customer: str, currency: str, created: int, livemode: bool) -> Record:
    return {
        "id": subscription_id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": created,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": created,
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={subscription_id}",
        },
        "latest_invoice": None,
        "livemode": livemode,
        "metadata": {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": created,
        "status": "active",
        "status_details": None,
        "test_clock": None,
        "transfer_data": None,
        "trial_end": None,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": None,
    }


def item_of_price(subscription_id: str, price: Record, quantity: int, *, start: int, end: int, created: int) -> Record:
    return {
        "id": new_id("si_", length=14),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": created,
        "current_period_end": end,
        "current_period_start": start,
        "discounts": [],
        "metadata": {},
        "plan": plan_of(price),
        "price": price,
        "quantity": quantity,
        "subscription": subscription_id,
        "tax_rates": [],
    }


def plan_of(price: Record) -> Record:
    """The older form of a recurring price, still part of each subscription item."""
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": price["livemode"],
        "metadata": price["metadata"],
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": recurring["trial_period_days"],
        "usage_type": recurring["usage_type"],
    }


def existing_subscription(call: Call, subscription_id: str, *, param: str = "id") -> Record:
    subscription = call.store.subscriptions.get(subscription_id)
    if subscription is None:
        other = call.world.store(call.account.id, not call.livemode)
        other_mode = ("test" if call.livemode else "live") if subscription_id in other.subscriptions else None
        raise no_such("subscription", subscription_id, param=param, other_mode=other_mode)
    return subscription


def put_subscription(call: Call, subscription: Record, *, before: Mapping[str, Any] | None = None) -> Record:
    """Store it with its items; with `before` customer.subscription.updated tells the change."""
    items = subscription["items"]["data"]
    known = {item["id"] for item in call.store.subscription_items.find(subscription=subscription["id"])}
    for gone in known - {item["id"] for item in items}:
        call.store.subscription_items.remove(gone)
    for item in items:
        call.store.subscription_items.put(item)
    call.store.subscriptions.put(subscription)
    if before is not None:
        emit(call, "customer.subscription.updated", subscription, before=before)
    return subscription


def period_after(call: Call, recurring: Mapping[str, Any], anchor: int, moment: int) -> int:
    """The first end of a period after `moment`, counted from the anchor so that a 31st stays a 31st where it can."""
    start, count = call.world.clock.moment(anchor), 1
    while (end := int((start + _times(recurring, count)).timestamp())) <= moment:
        count += 1
    return end


def current_period(subscription: Record) -> tuple[int, int]:
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def set_period(subscription: Record, start: int, end: int) -> None:
    for item in subscription["items"]["data"]:
        item |= {"current_period_start": start, "current_period_end": end}


def interval_of(subscription: Record) -> Record:
    recurring: Record = subscription["items"]["data"][0]["price"]["recurring"]
    return recurring


def _times(recurring: Mapping[str, Any], count: int) -> relativedelta:
    number = recurring["interval_count"] * count
    match recurring["interval"]:
        case "day":
            return relativedelta(days=number)
        case "week":
            return relativedelta(weeks=number)
        case "month":
            return relativedelta(months=number)
        case _:
            return relativedelta(years=number)
