"""Subscriptions: /v1/subscriptions create, read, list, update, cancel, pause and resume."""

from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.customers import existing_customer
from providers.sandbox.stripe.errors import ApiError, no_such, refused, wrong_state
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.invoice_lifecycle import DAY_SECONDS
from providers.sandbox.stripe.invoice_lines import new_item
from providers.sandbox.stripe.lists import created_bounds, list_answer
from providers.sandbox.stripe.params import blank_to_none, required
from providers.sandbox.stripe.search import search_answer
from providers.sandbox.stripe.store import Record
from providers.sandbox.stripe.subscription_changes import apply_fields, change_items, items_of
from providers.sandbox.stripe.subscription_cycles import (
    INCOMPLETE_SECONDS,
    activate,
    bill_now,
    call_items,
    end_now,
    pause_now,
    plan_expiry,
    plan_next,
)
from providers.sandbox.stripe.subscription_invoices import prorate
from providers.sandbox.stripe.subscription_records import (
    LIVE,
    existing_subscription,
    interval_of,
    period_after,
    put_subscription,
    set_period,
    subscription_record,
)

NO_METHOD = (
    "This customer has no attached payment source or default payment method. Please consider adding a default payment method."
)
NOT_KNOWN_HERE = ("backdate_start_date", "billing_schedules", "billing_cycle_anchor_config", "transfer_data", "on_behalf_of")


@operation("POST /v1/subscriptions")
def create_subscription(call: Call) -> Record:
    params = call.params
    for name in NOT_KNOWN_HERE:
        if name in params:
            raise refused(f"The twin cannot make subscriptions with {name}.", param=name)
    customer = existing_customer(call, required(params, "customer"))
    subscription = start_subscription(call, customer, params)
    behavior = params.get("payment_behavior", "allow_incomplete")
    charged = subscription["collection_method"] == "charge_automatically" and subscription["status"] != "trialing"
    if charged and behavior != "default_incomplete" and not _has_method(subscription, customer):
        raise ApiError(400, NO_METHOD, code="resource_missing")
    put_subscription(call, subscription)
    emit(call, "customer.subscription.created", subscription)
    _add_one_time_items(call, subscription, params)
    _first_invoice(call, subscription, behavior)
    return existing_subscription(call, subscription["id"])


def start_subscription(call: Call, customer: Record, params: dict[str, Any]) -> Record:
    """A valid new subscription that is not stored yet: trialing, incomplete or (send_invoice) active."""
    subscription = subscription_record(
        new_id("sub_1", length=23), customer=customer["id"], currency="", created=call.now, livemode=call.livemode
    )
    subscription["application"] = call.application
    wanted = required(params, "items")
    trial_end = _trial_end(call, params)
    items = items_of(call, subscription["id"], wanted, start=call.now, end=call.now)
    subscription["items"]["data"] = items
    subscription["currency"] = items[0]["price"]["currency"]
    _check_currency(call, customer, subscription["currency"])
    anchor = params.get("billing_cycle_anchor")
    if anchor is not None and params.get("proration_behavior") != "none":
        raise refused(
            "The twin begins at a billing_cycle_anchor only with proration_behavior=none.", param="billing_cycle_anchor"
        )
    apply_fields(call, subscription, params)
    if subscription["collection_method"] == "send_invoice" and subscription["days_until_due"] is None:
        message = "Missing required param: days_until_due, as collection_method is send_invoice."
        raise refused(message, code="parameter_missing", param="days_until_due")
    subscription["status"] = "active" if subscription["collection_method"] == "send_invoice" else "incomplete"
    end = trial_end or anchor or period_after(call, interval_of(subscription), call.now, call.now)
    set_period(subscription, call.now, end)
    subscription["billing_cycle_anchor"] = trial_end or anchor or call.now
    if trial_end is not None:
        subscription |= {"status": "trialing", "trial_start": call.now, "trial_end": trial_end}
    return subscription


@operation("GET /v1/subscriptions")
def list_subscriptions(call: Call) -> bytes:
    params = call.params
    status, price = params.get("status"), params.get("price") or params.get("plan")
    bounds = {name: created_bounds(params.get(name)) for name in ("current_period_start", "current_period_end")}

    def keep(row: Any, subscriptions: Any) -> bool:
        current = subscriptions.field(row, "status")
        if status == "ended":
            shown = current in ("canceled", "incomplete_expired")
        else:
            shown = status == "all" or (current != "canceled" if status is None else current == status)
        if not shown or (price is None and not any(params.get(name) for name in bounds)):
            return bool(shown)
        items = call.store.subscription_items.find(subscription=row.order[2])
        return any(
            (price is None or item["price"]["id"] == price)
            and all(
                (low is None or item[name] >= low) and (high is None or item[name] <= high)
                for name, (low, high) in bounds.items()
            )
            for item in items
        )

    equal = {name: params.get(name) for name in ("customer", "collection_method")}
    return list_answer(call, call.store.subscriptions, equal=equal, keep=keep)


@operation("GET /v1/subscriptions/search")
def search_subscriptions(call: Call) -> bytes:
    return search_answer(call, call.store.subscriptions)


@operation("GET /v1/subscriptions/{subscription_exposed_id}")
def get_subscription(call: Call) -> Record:
    return existing_subscription(call, call.ids["subscription_exposed_id"])


@operation("POST /v1/subscriptions/{subscription_exposed_id}")
def update_subscription(call: Call) -> Record:
    before, subscription, params = get_subscription(call), get_subscription(call), call.params
    if subscription["status"] in ("canceled", "incomplete_expired"):
        if set(params) - {"metadata", "cancellation_details", "expand"}:
            raise wrong_state("A canceled subscription can only update its cancellation_details and metadata.")
        apply_fields(call, subscription, params)
        return put_subscription(call, subscription, before=before)
    apply_fields(call, subscription, params)
    bill = change_items(call, subscription, params) if "items" in params else False
    if (params.get("billing_cycle_anchor") or {}).get("type") == "now":
        bill = True
        subscription["billing_cycle_anchor"] = call.now
        set_period(subscription, call.now, period_after(call, interval_of(subscription), call.now, call.now))
    if "trial_end" in params:
        bill = _move_trial_end(call, subscription, params["trial_end"]) or bill
    _apply_cancellation(call, subscription, params)
    put_subscription(call, subscription, before=before)
    _add_one_time_items(call, subscription, params)
    if bill and subscription["status"] in ("active", "past_due"):
        _bill_change(call, subscription, params.get("payment_behavior", "allow_incomplete"))
    plan_next(call, existing_subscription(call, subscription["id"]))
    return existing_subscription(call, subscription["id"])


@operation("DELETE /v1/subscriptions/{subscription_exposed_id}")
def cancel_subscription(call: Call) -> Record:
    subscription = get_subscription(call)
    if subscription["status"] not in LIVE:
        raise no_such("subscription", subscription["id"])
    if call.params.get("prorate"):
        prorate(call, subscription, call_items(subscription)["data"], [])
    details = call.params.get("cancellation_details") or {}
    for name in ("comment", "feedback"):
        if name in details:
            subscription["cancellation_details"][name] = blank_to_none(details[name])
    return end_now(call, subscription, "cancellation_requested")


@operation("DELETE /v1/subscriptions/{subscription_exposed_id}/discount")
def delete_subscription_discount(call: Call) -> Record:
    before, subscription = get_subscription(call), get_subscription(call)
    if not subscription["discounts"]:
        raise no_such("discount", subscription["id"])
    discount = call.store.discounts.get(subscription["discounts"].pop())
    put_subscription(call, subscription, before=before)
    return {**(discount or {}), "deleted": True}


@operation("POST /v1/subscriptions/{subscription}/pause")
def pause_subscription(call: Call) -> Record:
    """Since endive: no invoices and no new periods until it is resumed; unused time is given back unless asked otherwise."""
    subscription = existing_subscription(call, call.ids["subscription"])
    if subscription["status"] not in ("active", "past_due", "trialing"):
        raise wrong_state(f"You cannot pause a subscription with a status of {subscription['status']}.")
    unused = ((call.params.get("bill_for") or {}).get("unused_time_from") or {}).get("type", "now")
    if unused != "none" and subscription["status"] != "trialing":
        prorate(call, subscription, call_items(subscription)["data"], [])
    return pause_now(call, subscription, "pause_requested")


@operation("POST /v1/subscriptions/{subscription}/resume")
def resume_subscription(call: Call) -> Record:
    before = existing_subscription(call, call.ids["subscription"])
    subscription = existing_subscription(call, call.ids["subscription"])
    if subscription["status"] != "paused":
        raise wrong_state(f"You can only resume a paused subscription; this one is {subscription['status']}.")
    if subscription["collection_method"] != "charge_automatically":
        raise wrong_state("You can only resume subscriptions with collection_method charge_automatically.")
    anchored = (call.params.get("billing_cycle_anchor") or {}).get("type", "now") == "now"
    if anchored:
        subscription["billing_cycle_anchor"] = call.now
    anchor = subscription["billing_cycle_anchor"]
    set_period(subscription, call.now, period_after(call, interval_of(subscription), anchor, call.now))
    put_subscription(call, subscription)
    by_attempt = call.params.get("payment_behavior", "resume_on_payment_attempt") == "resume_on_payment_attempt"
    invoice_id = _bill_change(call, subscription, "allow_incomplete", reason="subscription")
    current = existing_subscription(call, subscription["id"])
    if current["status"] == "paused" and by_attempt:
        activate(call, current, before=before)
    elif current["status"] == "paused":
        _plan_resumption_void(call, invoice_id)
    plan_next(call, existing_subscription(call, subscription["id"]))
    return existing_subscription(call, subscription["id"])


@operation("POST /v1/subscriptions/{subscription}/migrate")
def migrate_subscription(call: Call) -> Record:
    before = existing_subscription(call, call.ids["subscription"])
    mode = {"flexible": {"proration_discounts": "included"}, "type": "flexible", "updated_at": call.now}
    return put_subscription(call, {**before, "billing_mode": mode}, before=before)


def _first_invoice(call: Call, subscription: Record, behavior: str) -> None:
    free = subscription["status"] == "trialing" or call.params.get("billing_cycle_anchor") is not None
    try:
        bill_now(call, subscription, "subscription_create", free=free, attempt=behavior != "default_incomplete")
    except ApiError as problem:
        if problem.status != 402:
            raise
        if behavior == "error_if_incomplete":
            end_now(call, existing_subscription(call, subscription["id"]), "payment_failed")
            raise
    current = existing_subscription(call, subscription["id"])
    if current["status"] == "incomplete":
        plan_expiry(call, current["id"])
    plan_next(call, current)


def _bill_change(call: Call, subscription: Record, behavior: str, *, reason: str = "subscription_update") -> str:
    """Bill what changed at once; returns the invoice's id."""
    try:
        return str(bill_now(call, subscription, reason, attempt=behavior != "default_incomplete")["id"])
    except ApiError as problem:
        if problem.status != 402 or behavior == "error_if_incomplete":
            raise
    return str(existing_subscription(call, subscription["id"])["latest_invoice"])


def _plan_resumption_void(call: Call, invoice_id: str) -> None:
    """A resumption invoice that nobody pays within 23 hours is voided; the subscription stays paused."""

    def due(later: Call) -> None:
        invoice = later.store.invoices.get(invoice_id)
        if invoice is not None and invoice["status"] == "open":
            changed = {**invoice, "status": "void"}
            changed["status_transitions"] = {**invoice["status_transitions"], "voided_at": later.now}
            later.store.invoices.put(changed)
            emit(later, "invoice.voided", changed)

    call.plan(call.now + INCOMPLETE_SECONDS, due)


def _apply_cancellation(call: Call, subscription: Record, params: dict[str, Any]) -> None:
    """canceled_at is the moment of the request, not of the end."""
    if "cancel_at_period_end" in params:
        ends = params["cancel_at_period_end"]
        end = subscription["items"]["data"][0]["current_period_end"]
        subscription |= {"cancel_at_period_end": ends, "cancel_at": end if ends else None}
        subscription["canceled_at"] = call.now if ends else None
        subscription["cancellation_details"]["reason"] = "cancellation_requested" if ends else None
    if "cancel_at" in params:
        moment = blank_to_none(params["cancel_at"])
        if isinstance(moment, str):
            moment = subscription["items"]["data"][0]["current_period_end"]
        subscription |= {"cancel_at": moment, "canceled_at": call.now if moment else None}
        subscription["cancellation_details"]["reason"] = "cancellation_requested" if moment else None


def _move_trial_end(call: Call, subscription: Record, trial_end: int | str) -> bool:
    """True if the trial ends now, which bills the first period."""
    if trial_end == "now":
        subscription |= {"trial_end": call.now, "status": "active", "billing_cycle_anchor": call.now}
        set_period(subscription, call.now, period_after(call, interval_of(subscription), call.now, call.now))
        return True
    moment = int(trial_end)
    if moment <= call.now:
        raise refused("The trial end must be in the future.", param="trial_end")
    start = subscription["trial_start"] or call.now
    subscription |= {"trial_start": start, "trial_end": moment, "status": "trialing", "billing_cycle_anchor": moment}
    set_period(subscription, start, moment)
    return False


def _trial_end(call: Call, params: dict[str, Any]) -> int | None:
    days, end = params.get("trial_period_days"), params.get("trial_end")
    if days is not None and end is not None:
        raise refused("You may only specify one of these parameters: trial_end, trial_period_days.", param="trial_period_days")
    if days is not None:
        return call.now + days * DAY_SECONDS if days else None
    if end in (None, "now"):
        return None
    if int(end) <= call.now:
        raise refused("The trial end must be in the future.", param="trial_end")
    return int(end)


def _check_currency(call: Call, customer: Record, currency: str) -> None:
    """All running subscriptions of a customer have one currency."""
    for other in call.store.subscriptions.find(customer=customer["id"]):
        if other["status"] in LIVE and other["currency"] != currency:
            raise ApiError(
                400,
                "You cannot combine currencies on a single customer. This customer has an active subscription with currency "
                f"{other['currency']}.",
            )
    if customer["currency"] is None:
        call.store.customers.put({**customer, "currency": currency})
        emit(call, "customer.updated", {**customer, "currency": currency}, before=customer)


def _has_method(subscription: Record, customer: Record) -> bool:
    return bool(subscription["default_payment_method"] or customer["invoice_settings"]["default_payment_method"])


def _add_one_time_items(call: Call, subscription: Record, params: dict[str, Any]) -> None:
    for index, wanted in enumerate(params.get("add_invoice_items") or []):
        choice = {**wanted, "pricing": {"price": wanted["price"]}} if wanted.get("price") else wanted
        path = f"add_invoice_items[{index}]"
        item = new_item(call, choice, customer=subscription["customer"], currency=subscription["currency"], path=path)
        details = {"subscription": subscription["id"], "subscription_item": None}
        item["parent"] = {"subscription_details": details, "type": "subscription_details"}
        call.store.invoiceitems.put(item)
        emit(call, "invoiceitem.created", item)
