"""Subscriptions: created from a plan variation, versioned, with a history of what happened to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from providers.sandbox.square import catalog, ids, times
from providers.sandbox.square.errors import ApiFailure, bad_request, invalid, missing, not_found
from providers.sandbox.square.events import record_event
from providers.sandbox.square.invoice_schedule import is_date
from providers.sandbox.square.locations import active_location
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

ENDED = ("CANCELED", "COMPLETED")


@dataclass(slots=True, kw_only=True)
class Billing:
    """What no answer shows: where in its phases a subscription is, and when it is billed next."""

    next_bill: date
    anchor_day: int
    phase: int = 0
    periods_done: int = 0
    """In this phase."""
    actions: list[Record] = field(default_factory=list)
    """Scheduled ones, by effective_date."""
    history: list[Record] = field(default_factory=list)
    """SubscriptionEvents, oldest first."""
    timed_for: date | None = None
    """The day on which the timetable looks at it next."""


def find(seller: Seller, subscription_id: str) -> Record:
    known = seller.subscriptions.get(subscription_id)
    if known is None:
        raise not_found("Subscription", subscription_id, "subscription_id")
    return known


def billing_of(seller: Seller, subscription_id: str) -> Billing:
    found: Billing = seller.billing[subscription_id]
    return found


def today_of(square: Square, subscription: Record) -> date:
    return square.now().astimezone(ZoneInfo(subscription["timezone"])).date()


def save(square: Square, seller: Seller, subscription: Record) -> Record:
    """Store a changed subscription and tell subscription.updated."""
    known = find(seller, subscription["id"])
    status_only = square.settings.subscription_version_repeats and known["status"] != subscription["status"]
    changed = {**subscription, "version": known["version"] + (0 if status_only else 1)}
    seller.subscriptions.put(changed, square.clock.timestamp())
    record_event(square, seller, "subscription.updated", changed)
    return changed


def note(seller: Seller, subscription: Record, kind: str, day: date, info: Record | None = None) -> None:
    """Add to the history that ListSubscriptionEvents shows."""
    entry: Record = {
        "id": ids.event(),
        "subscription_event_type": kind,
        "effective_date": day.isoformat(),
        "plan_variation_id": subscription["plan_variation_id"],
        "phases": subscription["phases"],
    }
    if info:
        entry["info"] = info
    billing_of(seller, subscription["id"]).history.append(entry)


def phases_of(seller: Seller, variation: Record, templates: list[Record] | None = None) -> list[Record]:
    """How a subscription shows its phases; templates name the orders of RELATIVE ones."""
    data = variation["subscription_plan_variation_data"]
    given = {template.get("ordinal"): template.get("order_template_id") for template in templates or []}
    phases = []
    for phase in data["phases"]:
        shown: Record = {"uid": ids.event(), "ordinal": phase["ordinal"], "plan_phase_uid": phase["uid"]}
        template = given.get(phase["ordinal"])
        if phase["pricing"]["type"] == "RELATIVE":
            if not template or seller.orders.get(template) is None:
                raise missing("phases.order_template_id")
            shown["order_template_id"] = template
        phases.append(shown)
    return phases


def variation_of(seller: Seller, variation_id: str | None, field: str = "plan_variation_id") -> Record:
    if not variation_id:
        raise missing(field)
    try:
        return catalog.find(seller, variation_id, "SUBSCRIPTION_PLAN_VARIATION")
    except ApiFailure:
        raise not_found("Subscription plan variation", variation_id, field) from None


def create(square: Square, seller: Seller, wanted: Mapping[str, Any], *, source: str) -> Record:
    """PENDING until its start date, which the caller lets begin. Raises the documented refusals."""
    subscription, billing = build(square, seller, wanted, source=source)
    seller.billing[subscription["id"]] = billing
    if subscription.get("canceled_date"):
        schedule(seller, subscription, "CANCEL", date.fromisoformat(subscription["canceled_date"]))
    seller.subscriptions.put(subscription, square.clock.timestamp())
    record_event(square, seller, "subscription.created", subscription)
    return subscription


def build(square: Square, seller: Seller, wanted: Mapping[str, Any], *, source: str) -> tuple[Record, Billing]:
    """The record of a new subscription and what is known of its bills, not stored."""
    location = active_location(seller, wanted["location_id"])
    profile = _subscriber(seller, wanted["customer_id"])
    variation = variation_of(seller, wanted.get("plan_variation_id"))
    if wanted.get("card_id"):
        check_card(seller, wanted["card_id"], profile["id"])
    timezone = wanted.get("timezone") or location["timezone"]
    today = square.now().astimezone(ZoneInfo(timezone)).date()
    start = day_of(wanted.get("start_date"), "start_date") or today
    if start < today:
        raise invalid("INVALID_DATE", "The start date is in the past.", "start_date")
    end = day_of(wanted.get("canceled_date"), "canceled_date")
    if end is not None and end < start:
        raise invalid("INVALID_DATE", "The cancel date is before the start date.", "canceled_date")
    anchor = wanted.get("monthly_billing_anchor_date")
    if anchor is not None and not 1 <= anchor <= 31:
        raise invalid("INVALID_VALUE", "The billing anchor is a day of the month.", "monthly_billing_anchor_date")
    subscription: Record = {
        "id": ids.subscription(),
        "location_id": location["id"],
        "plan_variation_id": variation["id"],
        "customer_id": profile["id"],
        "start_date": start.isoformat(),
        "status": "PENDING",
        "version": 1,
        "created_at": times.wire(square.now(), 0),
        "timezone": timezone,
        "source": wanted.get("source") or {"name": source},
        "phases": phases_of(seller, variation, wanted.get("phases")),
    }
    names = ("card_id", "price_override_money", "tax_percentage", "canceled_date")
    subscription |= {name: wanted[name] for name in names if wanted.get(name) is not None}
    _check_price(variation, subscription.get("price_override_money"), location["currency"])
    if anchor is not None:
        subscription["monthly_billing_anchor_date"] = anchor
    return subscription, Billing(next_bill=start, anchor_day=anchor or start.day)


def _subscriber(seller: Seller, customer_id: str) -> Record:
    profile = seller.customers.get(customer_id)
    if profile is None:
        raise invalid("CUSTOMER_NOT_FOUND", f"Customer `{customer_id}` not found.", "customer_id")
    if not any(profile.get(name) for name in ("given_name", "family_name", "company_name")):
        raise invalid("CUSTOMER_MISSING_NAME", "The customer has no name.", "customer_id")
    if not profile.get("email_address"):
        raise invalid("CUSTOMER_MISSING_EMAIL", "The customer has no email address.", "customer_id")
    return profile


def check_card(seller: Seller, card_id: str, customer_id: str) -> None:
    card = seller.cards.get(card_id)
    if card is None or not card["enabled"] or card.get("customer_id") != customer_id:
        raise invalid("INVALID_CARD", "The card on file is not one of this customer.", "card_id")


def _check_price(variation: Record, price: Record | None, currency: str) -> None:
    phases = variation["subscription_plan_variation_data"]["phases"]
    if price is None:
        return
    if any(phase["pricing"]["type"] == "RELATIVE" for phase in phases):
        raise bad_request("A price override needs a plan variation with static prices.", "price_override_money")
    if price.get("currency") != currency or price.get("amount", -1) < 0:
        raise invalid("INVALID_VALUE", f"The price must be in {currency}.", "price_override_money")


def day_of(text: str | None, field: str) -> date | None:
    """A caller's date; None stays None. Raises INVALID_DATE."""
    if text is None:
        return None
    if not is_date(text):
        raise invalid("INVALID_DATE", "Expected a date in the form YYYY-MM-DD.", field)
    return date.fromisoformat(text)


def schedule(seller: Seller, subscription: Record, kind: str, day: date, **more: Any) -> Record:
    """Put an action on the list; the one of its kind that was there before gives way."""
    billing = billing_of(seller, subscription["id"])
    action: Record = {"id": ids.event(), "type": kind, "effective_date": day.isoformat(), **more}
    billing.actions = [known for known in billing.actions if known["type"] != kind]
    billing.actions = sorted([*billing.actions, action], key=lambda known: str(known["effective_date"]))
    return action


def with_actions(seller: Seller, subscription: Record) -> Record:
    """The actions as `include=actions` shows them; an empty list stays away."""
    actions = shown_actions(billing_of(seller, subscription["id"]).actions)
    return {**subscription, "actions": actions} if actions else subscription


def shown_actions(actions: list[Record]) -> list[Record]:
    """Without what only the history shows, such as the reason of a pause."""
    return [{name: value for name, value in action.items() if not name.startswith("_")} for action in actions]
