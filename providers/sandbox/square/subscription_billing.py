"""Subscription cycles: on each billing day an order, an invoice and, with a card on file, its payment; and what actions bring."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from providers.sandbox.square import catalog, invoice_publishing, invoices, orders, subscriptions
from providers.sandbox.square.cadence import following, monthly, next_anchor
from providers.sandbox.square.errors import ApiFailure
from providers.sandbox.square.money import amount_of
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square
from providers.sandbox.square.subscriptions import Billing, billing_of, find, note, save, today_of

BILLED = ("PENDING", "ACTIVE")


def settle(square: Square, seller: Seller, subscription_id: str) -> Record:
    """Let everything happen that is due by today, in the order of its days; then wait for the next day that matters."""
    while (due := _next_due(seller, find(seller, subscription_id))) is not None:
        day, action = due
        if day > today_of(square, find(seller, subscription_id)):
            break
        if action is None:
            _bill(square, seller, find(seller, subscription_id), day)
        else:
            billing_of(seller, subscription_id).actions.remove(action)
            _act(square, seller, find(seller, subscription_id), action, day)
    subscription = find(seller, subscription_id)
    _wait(square, seller, subscription)
    return subscription


def _next_due(seller: Seller, subscription: Record) -> tuple[date, Record | None] | None:
    """The next action or bill; of the same day actions come first. A cancelled day still belongs to the buyer."""
    billing = billing_of(seller, subscription["id"])
    if subscription["status"] in subscriptions.ENDED:
        return None
    moments: list[tuple[date, int, Record | None]] = []
    for action in billing.actions:
        day = date.fromisoformat(action["effective_date"])
        moments.append((day + timedelta(days=1) if action["type"] == "CANCEL" else day, 0, action))
    if subscription["status"] in BILLED:
        moments.append((billing.next_bill, 1, None))
    if not moments:
        return None
    day, _, action_due = min(moments, key=lambda moment: moment[:2])
    return day, action_due


def _wait(square: Square, seller: Seller, subscription: Record) -> None:
    due, billing = _next_due(seller, subscription), billing_of(seller, subscription["id"])
    if due is None or billing.timed_for == due[0]:
        return
    day = billing.timed_for = due[0]
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(subscription["timezone"]))

    def begin() -> None:
        if billing.timed_for == day:
            billing.timed_for = None
            settle(square, seller, subscription["id"])

    square.later(max(0.0, (start - square.now()).total_seconds()), begin)


def _bill(square: Square, seller: Seller, subscription: Record, day: date) -> None:
    variation = seller.catalog.get(subscription["plan_variation_id"]) or {}
    phases, billing = variation["subscription_plan_variation_data"]["phases"], billing_of(seller, subscription["id"])
    if subscription["status"] == "PENDING":
        note(seller, subscription, "START_SUBSCRIPTION", day)
        subscription = {**subscription, "status": "ACTIVE"}
        if monthly(phases[0]["cadence"]):
            subscription.setdefault("monthly_billing_anchor_date", billing.anchor_day)
    if _phases_over(phases, billing):
        note(seller, subscription, "STOP_SUBSCRIPTION", day)
        save(square, seller, {**subscription, "status": "COMPLETED", "completed_date": day.isoformat()})
        return
    trouble = _trouble(seller, subscription)
    if trouble is not None:
        note(seller, subscription, "DEACTIVATE_SUBSCRIPTION", day, trouble)
        save(square, seller, {**subscription, "status": "DEACTIVATED"})
        return
    phase = phases[billing.phase]
    billing.next_bill = following(day, phase["cadence"], billing.anchor_day)
    billing.periods_done += 1
    subscription = {**subscription, "charged_through_date": (billing.next_bill - timedelta(days=1)).isoformat()}
    invoice = _invoice(square, seller, subscription, phase, day)
    if invoice is not None:
        subscription = {**subscription, "invoice_ids": [invoice["id"], *subscription.get("invoice_ids", [])]}
    save(square, seller, subscription)
    if invoice is not None:
        _send(square, seller, invoice)


def _phases_over(phases: list[Record], billing: Billing) -> bool:
    """Move on to the next phase where one is used up; True after the last one."""
    periods = phases[billing.phase].get("periods")
    if not periods or billing.periods_done < periods:
        return False
    if billing.phase == len(phases) - 1:
        return True
    billing.phase, billing.periods_done = billing.phase + 1, 0
    return False


def _trouble(seller: Seller, subscription: Record) -> Record | None:
    """Why this subscription cannot be billed any more, as its history tells it."""
    profile = seller.customers.get(subscription["customer_id"])
    location = seller.locations[subscription["location_id"]]
    if location["status"] != "ACTIVE":
        return {"code": "LOCATION_NOT_ACTIVE", "detail": "The location is not active."}
    if profile is None:
        return {"code": "CUSTOMER_DELETED", "detail": "The customer profile was deleted."}
    if not profile.get("email_address"):
        return {"code": "CUSTOMER_NO_EMAIL", "detail": "The customer has no email address."}
    if not any(profile.get(name) for name in ("given_name", "family_name", "company_name")):
        return {"code": "CUSTOMER_NO_NAME", "detail": "The customer has no name."}
    return None


def _invoice(square: Square, seller: Seller, subscription: Record, phase: Record, day: date) -> Record | None:
    """A draft for one period; None for a period that costs nothing."""
    lines = _lines(seller, subscription, phase)
    wanted: Record = {"location_id": subscription["location_id"], "customer_id": subscription["customer_id"], "line_items": lines}
    if subscription.get("tax_percentage"):
        wanted["taxes"] = [{"name": "Tax", "percentage": subscription["tax_percentage"], "scope": "ORDER"}]
    order = orders.build(square, seller, wanted, source="Subscriptions")
    if amount_of(order["total_money"]) == 0:
        return None
    orders.add(square, seller, order)
    request: Record = {"request_type": "BALANCE", "due_date": day.isoformat()}
    if subscription.get("card_id"):
        request |= {"automatic_payment_source": "CARD_ON_FILE", "card_id": subscription["card_id"]}
    fields = {
        "order_id": order["id"],
        "primary_recipient": {"customer_id": subscription["customer_id"]},
        "payment_requests": [request],
        "delivery_method": "EMAIL",
        "accepted_payment_methods": {"card": True},
        "title": lines[0]["name"],
        "subscription_id": subscription["id"],
    }
    return invoices.create(square, seller, fields)


def _lines(seller: Seller, subscription: Record, phase: Record) -> list[Record]:
    if phase["pricing"]["type"] == "RELATIVE":
        shown = next(known for known in subscription["phases"] if known["plan_phase_uid"] == phase["uid"])
        template = orders.find(seller, shown["order_template_id"])
        names = ("name", "quantity", "base_price_money", "catalog_object_id", "variation_name")
        return [{name: line[name] for name in names if name in line} for line in template["line_items"]]
    variation = catalog.find(seller, subscription["plan_variation_id"])["subscription_plan_variation_data"]
    plan = seller.catalog.get(variation.get("subscription_plan_id") or "")
    name = (plan or {}).get("subscription_plan_data", {}).get("name") or variation["name"]
    price: Any = subscription.get("price_override_money") or phase["pricing"]["price_money"]
    return [{"name": name, "quantity": "1", "base_price_money": price}]


def _send(square: Square, seller: Seller, invoice: Record) -> None:
    """A refused card leaves the invoice unpaid and the subscription active: dues are read from the invoices."""
    try:
        invoice_publishing.publish(square, seller, invoice)
    except ApiFailure:
        return


def _act(square: Square, seller: Seller, subscription: Record, action: Record, day: date) -> None:
    kind, billing = action["type"], billing_of(seller, subscription["id"])
    if kind == "CANCEL":
        end(square, seller, subscription, day)
    elif kind == "PAUSE":
        note(seller, subscription, "PAUSE_SUBSCRIPTION", day, _pause_info(action))
        save(square, seller, {**subscription, "status": "PAUSED"})
    elif kind == "RESUME":
        if subscription["status"] in ("PAUSED", "DEACTIVATED"):
            note(seller, subscription, "RESUME_SUBSCRIPTION", day)
            billing.next_bill = max(billing.next_bill, day)
            save(square, seller, {**subscription, "status": "ACTIVE"})
    elif kind == "SWAP_PLAN":
        billing.phase = billing.periods_done = 0
        changed = {**subscription, "plan_variation_id": action["new_plan_variation_id"], "phases": action["phases"]}
        changed.pop("price_override_money", None)
        note(seller, changed, "PLAN_CHANGE", day)
        save(square, seller, changed)
    elif kind == "CHANGE_BILLING_ANCHOR_DATE":
        billing.anchor_day = action["monthly_billing_anchor_date"]
        billing.next_bill = next_anchor(max(day, billing.next_bill), billing.anchor_day)
        changed = {**subscription, "monthly_billing_anchor_date": billing.anchor_day}
        note(seller, changed, "BILLING_ANCHOR_DATE_CHANGED", day)
        billing.history[-1]["monthly_billing_anchor_date"] = billing.anchor_day
        save(square, seller, changed)


def end(square: Square, seller: Seller, subscription: Record, day: date) -> None:
    """CANCELED from this day on; nothing that was scheduled happens any more."""
    note(seller, subscription, "STOP_SUBSCRIPTION", day)
    billing_of(seller, subscription["id"]).actions.clear()
    canceled = {**subscription, "status": "CANCELED"}
    canceled.setdefault("canceled_date", day.isoformat())
    save(square, seller, canceled)


def _pause_info(action: Record) -> Record | None:
    reason = action.get("_reason")
    return {"code": "USER_PROVIDED", "detail": reason} if reason else None


def cycles_later(seller: Seller, subscription: Record, day: date, cycles: int) -> date:
    """The billing day so many periods after this one."""
    variation = catalog.find(seller, subscription["plan_variation_id"])["subscription_plan_variation_data"]
    billing = billing_of(seller, subscription["id"])
    for _ in range(cycles):
        day = following(day, variation["phases"][billing.phase]["cadence"], billing.anchor_day)
    return day
