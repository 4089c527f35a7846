"""Square subscriptions: the subscription says who and when, its plan variation in the catalog how much and how often."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from providers.records import Interval, Money, Subscription, SubscriptionStatus
from providers.square.mapping.values import day, moment, money, money_json, version_text, word

STATUSES = {
    "PENDING": SubscriptionStatus.PENDING,
    "ACTIVE": SubscriptionStatus.ACTIVE,
    "PAUSED": SubscriptionStatus.PAUSED,
    "CANCELED": SubscriptionStatus.CANCELED,
    "DEACTIVATED": SubscriptionStatus.UNPAID,  # a billing problem; it can be resumed
    "COMPLETED": SubscriptionStatus.ENDED,  # since 2026; before, such a subscription was CANCELED
}
OVER = frozenset([SubscriptionStatus.CANCELED, SubscriptionStatus.ENDED])
CADENCES = {
    "DAILY": (Interval.DAY, 1),
    "WEEKLY": (Interval.WEEK, 1),
    "EVERY_TWO_WEEKS": (Interval.WEEK, 2),
    "THIRTY_DAYS": (Interval.DAY, 30),
    "SIXTY_DAYS": (Interval.DAY, 60),
    "NINETY_DAYS": (Interval.DAY, 90),
    "MONTHLY": (Interval.MONTH, 1),
    "EVERY_TWO_MONTHS": (Interval.MONTH, 2),
    "QUARTERLY": (Interval.MONTH, 3),
    "EVERY_FOUR_MONTHS": (Interval.MONTH, 4),
    "EVERY_SIX_MONTHS": (Interval.MONTH, 6),
    "ANNUAL": (Interval.YEAR, 1),
    "EVERY_TWO_YEARS": (Interval.YEAR, 2),
}
CADENCE_OF = {every: cadence for cadence, every in CADENCES.items()} | {(Interval.MONTH, 12): "ANNUAL"}


def subscription(raw: Mapping[str, Any], variation: Mapping[str, Any] | None, *, as_of: datetime) -> Subscription:
    """`variation`: the catalog object of its plan variation; None: unknown (an event brings the subscription alone), and then
    there is neither name nor interval, and an amount only where the subscription overrides its plan's.

    Canceling is a plan for the end of the period: until then Square calls it ACTIVE, with a `canceled_date`."""
    get = raw.get
    status = word(STATUSES, get("status"), SubscriptionStatus.UNKNOWN, noun="subscription", path="status", at=as_of)
    data = _variation_data(variation)
    phase = _phase(data)
    interval, count = word(
        CADENCES, phase.get("cadence"), (Interval.UNKNOWN, 1), noun="subscription", path="phases.cadence", at=as_of
    )
    canceled_on = day(get("canceled_date"))
    over = status in OVER
    invoices = get("invoice_ids") or ()
    return Subscription(
        id=raw["id"],
        version=version_text(get("version")),
        created_at=moment(get("created_at")),
        as_of=as_of,
        customer_id=get("customer_id"),
        location_id=get("location_id"),
        status=status,
        name=data.get("name") or "",
        amount=money(get("price_override_money")) or _price(phase),
        interval=interval,
        interval_count=count,
        price_id=get("plan_variation_id"),
        payment_method_id=get("card_id"),
        starts_on=day(get("start_date")),
        renews_on=None if over else _renews_on(raw, status, canceled_on),
        pauses_on=_pauses_on(raw) if status is SubscriptionStatus.ACTIVE else None,
        cancels_on=None if over else canceled_on,
        ended_at=_ended_at(raw, canceled_on) if over else None,
        latest_invoice_id=invoices[0] if invoices else None,
        raw={"subscription": raw, "plan_variation": variation},
    )


def _variation_data(variation: Mapping[str, Any] | None) -> Mapping[str, Any]:
    found = variation.get("subscription_plan_variation_data") if variation else None
    return found if isinstance(found, Mapping) else {}


def _phase(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The last one: earlier ones are trials and introductory prices."""
    phases = [phase for phase in data.get("phases") or () if isinstance(phase, Mapping)]
    return max(phases, key=lambda phase: phase.get("ordinal") or 0) if phases else {}


def _price(phase: Mapping[str, Any]) -> Money | None:
    """None for a price that Square reckons from an order template (RELATIVE)."""
    pricing = phase.get("pricing") or {}
    return money(pricing.get("price_money") or pricing.get("price")) or money(phase.get("recurring_price_money"))


def _renews_on(raw: Mapping[str, Any], status: SubscriptionStatus, canceled_on: date | None) -> date | None:
    """The day after the last one that is paid for; before the first invoice, the first day."""
    if status is SubscriptionStatus.PAUSED:
        return None
    through = day(raw.get("charged_through_date"))
    next_day = through + timedelta(days=1) if through else day(raw.get("start_date"))
    return None if canceled_on and next_day and next_day >= canceled_on else next_day


def planned(raw: Mapping[str, Any], type: str) -> Mapping[str, Any] | None:
    """The planned action of this type (PAUSE, RESUME, ...), None if there is none; only where actions were asked for."""
    return next(
        (action for action in raw.get("actions") or () if isinstance(action, Mapping) and action.get("type") == type), None
    )


def _pauses_on(raw: Mapping[str, Any]) -> date | None:
    pause = planned(raw, "PAUSE")
    return day(pause.get("effective_date")) if pause else None


def _ended_at(raw: Mapping[str, Any], canceled_on: date | None) -> datetime | None:
    """The beginning of its last day, by its own clock: Square names a day only."""
    last = canceled_on or day(raw.get("completed_date")) or day(raw.get("charged_through_date"))
    if last is None:
        return None
    try:
        zone: ZoneInfo | Any = ZoneInfo(raw.get("timezone") or "UTC")
    except (ZoneInfoNotFoundError, ValueError, TypeError):
        zone = UTC
    return datetime.combine(last, time(), zone)


def plan_json(name: str) -> dict[str, Any]:
    return {"type": "SUBSCRIPTION_PLAN", "id": "#plan", "subscription_plan_data": {"name": name, "all_items": False}}


def variation_json(name: str, plan_id: str, amount: Money, cadence: str) -> dict[str, Any]:
    """One price for ever, the same every period."""
    pricing = {"type": "STATIC", "price_money": money_json(amount)}
    phases = [{"cadence": cadence, "ordinal": 0, "pricing": pricing}]
    data = {"name": name, "phases": phases, "subscription_plan_id": plan_id}
    return {"type": "SUBSCRIPTION_PLAN_VARIATION", "id": "#variation", "subscription_plan_variation_data": data}
