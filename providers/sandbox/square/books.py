"""What banks, buyers and sellers do about money outside the API: disputes, payouts, links, plans, cards."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from providers.sandbox.core.twin import ControlError
from providers.sandbox.square import (
    cards,
    catalog,
    disputes,
    locations,
    orders,
    payment_links,
    payment_sources,
    payments,
    payouts,
    subscriptions,
)
from providers.sandbox.square.cadence import DAYS, MONTHS
from providers.sandbox.square.money import money
from providers.sandbox.square.shapes import enum_values
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square
from providers.sandbox.square.subscription_billing import end, settle

Body = Mapping[str, Any]
REASONS = (
    "AMOUNT_DIFFERS",
    "CANCELLED",
    "DUPLICATE",
    "NO_KNOWLEDGE",
    "NOT_AS_DESCRIBED",
    "NOT_RECEIVED",
    "PAID_BY_OTHER_MEANS",
    "CUSTOMER_REQUESTS_CREDIT",
    "EMV_LIABILITY_SHIFT",
)


def dispute_open(square: Square, seller: Seller, body: Body) -> Record:
    payment = payments.find(seller, body["payment_id"])
    reason, amount = body.get("reason", "NOT_AS_DESCRIBED"), body.get("amount")
    if reason not in REASONS:
        raise ControlError(f"reason must be one of {', '.join(REASONS)}")
    days = float(body.get("due_in_days", square.settings.dispute_days))
    inquiry = bool(body.get("inquiry", False))
    whole = int(amount) if amount is not None else None
    return {"dispute": disputes.opened(square, seller, payment, amount=whole, reason=reason, inquiry=inquiry, days=days)}


def dispute_decide(square: Square, seller: Seller, body: Body) -> Record:
    outcome = body.get("outcome", "WON")
    if outcome not in ("WON", "LOST"):
        raise ControlError("outcome must be WON or LOST")
    return {"dispute": disputes.decide(square, seller, disputes.find(seller, body["dispute_id"]), outcome)}


def payout_send(square: Square, seller: Seller, body: Body) -> Record:
    place = locations.location_of(seller, body.get("location_id"))["id"]
    payout = payouts.send(square, seller, place, instant=bool(body.get("instant", False)))
    return {"payout": payout, "entries": seller.payout_entries[payout["id"]]}


def payout_end(square: Square, seller: Seller, body: Body) -> Record:
    status = body.get("status", "PAID")
    if status not in ("PAID", "FAILED"):
        raise ControlError("status must be PAID or FAILED")
    return {"payout": payouts.end(square, seller, payouts.find(seller, body["payout_id"]), status)}


def link_pay(square: Square, seller: Seller, body: Body) -> Record:
    """What happens on the hosted checkout, without its page."""
    link = payment_links.find(seller, body["link_id"])
    expiry = body.get("expiry") or f"11/{square.now().year % 100 + 2:02d}"
    values = (body.get("card", "4111111111111111"), expiry, body.get("cvv", "111"), body.get("postal_code", "94103"))
    source = payment_sources.typed_card(square, *map(str, values))
    fields = {"buyer_email_address": body.get("email"), "name": body.get("name")}
    payment = payment_links.pay(square, seller, link, source, tip=int(body.get("tip", 0)), fields=fields)
    return {"payment": payment, "order": orders.find(seller, link["order_id"])}


def plan_create(square: Square, seller: Seller, body: Body) -> Record:
    """A plan with one variation: name, amount, cadence, periods; trial_periods before it cost nothing."""
    cadence = body.get("cadence", "MONTHLY")
    if cadence not in {*DAYS, *MONTHS}:
        raise ControlError(f"cadence must be one of {', '.join(sorted(enum_values('SubscriptionCadence')))}")
    phases: list[Record] = []
    if body.get("trial_periods"):
        phases.append(_phase(cadence, 0, seller.currency, int(body["trial_periods"])))
    phases.append(_phase(cadence, int(body["amount"]), seller.currency, body.get("periods")))
    variation = {
        "type": "SUBSCRIPTION_PLAN_VARIATION",
        "id": "#variation",
        "subscription_plan_variation_data": {"name": body.get("variation", cadence.title()), "phases": phases},
    }
    data = {"name": body.get("name", "Plan"), "all_items": False, "subscription_plan_variations": [variation]}
    stored, _ = catalog.upsert(square, seller, [{"type": "SUBSCRIPTION_PLAN", "id": "#plan", "subscription_plan_data": data}])
    return {
        "plan": stored[0],
        "plan_variation_id": stored[0]["subscription_plan_data"]["subscription_plan_variations"][0]["id"],
    }


def _phase(cadence: str, amount: int, currency: str, periods: int | None) -> Record:
    phase: Record = {"cadence": cadence, "pricing": {"type": "STATIC", "price_money": money(amount, currency)}}
    return {**phase, "periods": int(periods)} if periods else phase


def subscription_create(square: Square, seller: Seller, body: Body) -> Record:
    wanted = {"location_id": seller.main_location_id, **body}
    made = subscriptions.create(square, seller, wanted, source="Square Dashboard")
    return {"subscription": settle(square, seller, made["id"])}


def subscription_cancel(square: Square, seller: Seller, body: Body) -> Record:
    """At once, as only the seller can."""
    known = subscriptions.find(seller, body["subscription_id"])
    if known["status"] in subscriptions.ENDED:
        raise ControlError(f"the subscription is {known['status']} already")
    end(square, seller, known, subscriptions.today_of(square, known))
    return {"subscription": subscriptions.find(seller, known["id"])}


def subscription_deactivate(square: Square, seller: Seller, body: Body) -> Record:
    known = subscriptions.find(seller, body["subscription_id"])
    day: date = subscriptions.today_of(square, known)
    code = body.get("code", "CUSTOMER_NO_EMAIL")
    subscriptions.note(seller, known, "DEACTIVATE_SUBSCRIPTION", day, {"code": code, "detail": "Billing is not possible."})
    return {"subscription": subscriptions.save(square, seller, {**known, "status": "DEACTIVATED"})}


def card_update(square: Square, seller: Seller, body: Body) -> Record:
    """The card's bank sends a new expiry."""
    card = cards.find(seller, body["card_id"])
    fresh = {
        "exp_month": int(body.get("exp_month", card["exp_month"])),
        "exp_year": int(body.get("exp_year", card["exp_year"] + 3)),
    }
    return {"card": cards.change(square, seller, card, fresh, "card.automatically_updated")}


def card_forget(square: Square, seller: Seller, body: Body) -> Record:
    """The buyer has the card forgotten."""
    return {"card": cards.change(square, seller, cards.find(seller, body["card_id"]), {"enabled": False}, "card.forgotten")}


def card_decline(_square: Square, seller: Seller, body: Body) -> Record:
    """From now on the bank refuses this card on file; code null ends that."""
    card, code = cards.find(seller, body["card_id"]), body.get("code", "GENERIC_DECLINE")
    seller.card_declines.pop(card["id"], None)
    if code:
        seller.card_declines[card["id"]] = (code, f"Authorization error: '{code}'")
    return {"card": card, "declines_with": code}


ACTIONS: dict[str, tuple[Callable[[Square, Seller, Body], Record], str]] = {
    "dispute_open": (dispute_open, "payment_id, amount, reason, inquiry, due_in_days"),
    "dispute_decide": (dispute_decide, "dispute_id, outcome WON or LOST; an inquiry is closed"),
    "payout_send": (payout_send, "location_id, instant: pay the balance out now instead of at midnight"),
    "payout_end": (payout_end, "payout_id, status PAID or FAILED, also after PAID"),
    "link_pay": (link_pay, "link_id, card, expiry, cvv, postal_code, email, name, tip"),
    "plan_create": (plan_create, "name, amount, cadence, periods, trial_periods: a subscription plan with one variation"),
    "subscription_create": (subscription_create, "customer_id, plan_variation_id, card_id, start_date, …, as in the API"),
    "subscription_cancel": (subscription_cancel, "subscription_id: at once"),
    "subscription_deactivate": (subscription_deactivate, "subscription_id, code"),
    "card_update": (card_update, "card_id, exp_month, exp_year: card.automatically_updated"),
    "card_forget": (card_forget, "card_id: card.forgotten"),
    "card_decline": (card_decline, "card_id, code: the bank refuses this card on file from now on; null ends that"),
}
