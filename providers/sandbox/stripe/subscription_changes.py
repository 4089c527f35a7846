"""Changing a subscription: its plain fields, and its items with prorations; /v1/subscription_items."""

from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.coupons import redeem
from providers.sandbox.stripe.errors import no_such, refused, wrong_state
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.params import blank_to_none, merged_metadata
from providers.sandbox.stripe.price_choice import chosen_price
from providers.sandbox.stripe.store import Record
from providers.sandbox.stripe.subscription_cycles import bill_now, call_items
from providers.sandbox.stripe.subscription_invoices import prorate
from providers.sandbox.stripe.subscription_records import (
    LIVE,
    existing_subscription,
    interval_of,
    item_of_price,
    period_after,
    plan_of,
    put_subscription,
    set_period,
)
from providers.sandbox.stripe.tax_rates import existing_rates

MOST_ITEMS = 20
ONE_INTERVAL = "Currency and interval fields must match across all plans on this subscription."


def items_of(call: Call, subscription_id: str, wanted: list[dict[str, Any]], *, start: int, end: int) -> list[Record]:
    """New items for the `items` of a request. Raises 400 and 404."""
    items = []
    for index, params in enumerate(wanted):
        path = f"items[{index}]"
        price = _recurring_price(call, params, path)
        item = item_of_price(subscription_id, price, params.get("quantity", 1), start=start, end=end, created=call.now)
        _describe(call, item, params, path)
        items.append(item)
    check_items(items)
    return items


def check_items(items: list[Record]) -> None:
    if not items:
        raise refused("A subscription must have at least one active plan.", param="items")
    if len(items) > MOST_ITEMS:
        raise refused(f"A subscription can have up to {MOST_ITEMS} items.", param="items")
    kinds = {
        (item["price"]["currency"], item["price"]["recurring"]["interval"], item["price"]["recurring"]["interval_count"])
        for item in items
    }
    if len(kinds) > 1:
        raise refused(ONE_INTERVAL, param="items")
    if len({item["price"]["id"] for item in items}) < len(items):
        raise refused("Cannot add multiple subscription items with the same plan.", param="items")


def apply_fields(call: Call, subscription: Record, params: dict[str, Any]) -> None:
    """All but items, trial, anchor and cancellation."""
    for name in ("description", "days_until_due"):
        if name in params:
            subscription[name] = blank_to_none(params[name])
    if "collection_method" in params:
        subscription["collection_method"] = params["collection_method"]
    for name in ("default_payment_method",):
        if params.get(name):
            method = call.store.payment_methods.get(params[name])
            if method is None or method["customer"] != subscription["customer"]:
                raise no_such("PaymentMethod", params[name], param=name)
        if name in params:
            subscription[name] = blank_to_none(params[name])
    if "metadata" in params:
        subscription["metadata"] = merged_metadata(subscription["metadata"], params["metadata"])
    if "discounts" in params:
        owner = {"subscription": subscription["id"], "customer": subscription["customer"]}
        subscription["discounts"] = redeem(call, blank_to_none(params["discounts"]), **owner)
    if "default_tax_rates" in params:
        ids = blank_to_none(params["default_tax_rates"]) or []
        subscription["default_tax_rates"] = existing_rates(call, ids, "default_tax_rates")
    if "automatic_tax" in params:
        enabled = params["automatic_tax"]["enabled"]
        subscription["automatic_tax"] |= {"enabled": enabled, "liability": {"type": "self"} if enabled else None}
    if "pause_collection" in params:
        pause = blank_to_none(params["pause_collection"])
        subscription["pause_collection"] = {"resumes_at": None, **pause} if pause else None
    if "trial_settings" in params:
        subscription["trial_settings"]["end_behavior"] |= params["trial_settings"]["end_behavior"]
    if "cancellation_details" in params:
        for name in ("comment", "feedback"):
            if name in params["cancellation_details"]:
                subscription["cancellation_details"][name] = blank_to_none(params["cancellation_details"][name])
    saving = (params.get("payment_settings") or {}).get("save_default_payment_method")
    if saving:
        subscription["payment_settings"]["save_default_payment_method"] = saving
    if params.get("billing_mode"):
        subscription["billing_mode"] = {"flexible": None, **params["billing_mode"]}


def change_items(call: Call, subscription: Record, params: dict[str, Any]) -> bool:
    """Apply the `items` of an update; True if the change is to be billed at once."""
    old = call_items(subscription)["data"]
    interval = interval_of(subscription)
    start, end = old[0]["current_period_start"], old[0]["current_period_end"]
    kept = {item["id"]: dict(item) for item in old}
    for index, wanted in enumerate(params["items"]):
        path = f"items[{index}]"
        if not wanted.get("id"):
            price = _recurring_price(call, wanted, path)
            item = item_of_price(subscription["id"], price, wanted.get("quantity", 1), start=start, end=end, created=call.now)
            _describe(call, item, wanted, path)
            kept[item["id"]] = item
            continue
        if wanted["id"] not in kept:
            raise no_such("subscription item", wanted["id"], param=f"{path}[id]")
        if wanted.get("deleted"):
            del kept[wanted["id"]]
            continue
        _change_item(call, kept[wanted["id"]], wanted, path)
    new = list(kept.values())
    check_items(new)
    subscription["items"]["data"] = new
    restarted = interval_of(subscription) != interval
    if restarted:
        subscription["billing_cycle_anchor"] = call.now
        set_period(subscription, call.now, period_after(call, interval_of(subscription), call.now, call.now))
    behavior = params.get("proration_behavior", "create_prorations")
    if behavior != "none" and subscription["status"] in ("active", "past_due"):
        _prorate_difference(call, subscription, old, [] if restarted else new)
    return restarted or (behavior == "always_invoice" and subscription["status"] in ("active", "past_due"))


@operation("GET /v1/subscription_items")
def list_subscription_items(call: Call) -> bytes:
    existing_subscription(call, call.params["subscription"], param="subscription")
    return list_answer(call, call.store.subscription_items, equal={"subscription": call.params["subscription"]})


@operation("POST /v1/subscription_items")
def create_subscription_item(call: Call) -> Record:
    known = {item["id"] for item in call.store.subscription_items.find(subscription=call.params["subscription"])}
    change = {name: value for name, value in call.params.items() if name not in ("subscription", "expand")}
    items = _update(call, call.params["subscription"], change)
    return next(item for item in items if item["id"] not in known)


@operation("GET /v1/subscription_items/{item}")
def get_subscription_item(call: Call) -> Record:
    item = call.store.subscription_items.get(call.ids["item"])
    if item is None:
        raise no_such("subscription item", call.ids["item"], param="item")
    return item


@operation("POST /v1/subscription_items/{item}")
def update_subscription_item(call: Call) -> Record:
    item = get_subscription_item(call)
    change = {name: value for name, value in call.params.items() if name != "expand"}
    items = _update(call, item["subscription"], {**change, "id": item["id"]})
    return next(found for found in items if found["id"] == item["id"])


@operation("DELETE /v1/subscription_items/{item}")
def delete_subscription_item(call: Call) -> Record:
    item = get_subscription_item(call)
    _update(call, item["subscription"], {**call.params, "id": item["id"], "deleted": True})
    return {"id": item["id"], "object": "subscription_item", "deleted": True}


def _update(call: Call, subscription_id: str, change: dict[str, Any]) -> list[Record]:
    before = existing_subscription(call, subscription_id, param="subscription")
    subscription = existing_subscription(call, subscription_id, param="subscription")
    if subscription["status"] not in LIVE:
        raise wrong_state(f"You cannot change the items of a subscription that is {subscription['status']}.")
    behavior = change.get("proration_behavior", "create_prorations")
    bill = change_items(call, subscription, {"items": [change], "proration_behavior": behavior})
    put_subscription(call, subscription, before=before)
    if bill:
        bill_now(call, subscription, "subscription_update")
    items: list[Record] = subscription["items"]["data"]
    return items


def _change_item(call: Call, item: Record, wanted: dict[str, Any], path: str) -> None:
    if wanted.get("price") or wanted.get("price_data"):
        price = _recurring_price(call, wanted, path)
        item |= {"price": price, "plan": plan_of(price)}
    if "quantity" in wanted:
        item["quantity"] = wanted["quantity"]
    _describe(call, item, wanted, path)


def _recurring_price(call: Call, params: dict[str, Any], path: str) -> Record:
    price = chosen_price(call, params, path)
    if price["type"] != "recurring":
        raise refused(
            "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.",
            param=f"{path}[price]",
        )
    return price


def _describe(call: Call, item: Record, params: dict[str, Any], path: str) -> None:
    if "metadata" in params:
        item["metadata"] = merged_metadata(item["metadata"], params["metadata"])
    if "tax_rates" in params:
        item["tax_rates"] = existing_rates(call, blank_to_none(params["tax_rates"]) or [], f"{path}[tax_rates]")
    if "discounts" in params:
        item["discounts"] = redeem(call, blank_to_none(params["discounts"]), f"{path}[discounts]", subscription_item=item["id"])


def _prorate_difference(call: Call, subscription: Record, old: list[Record], new: list[Record]) -> None:
    """Only what changed, over the period that runs."""

    def worth(item: Record) -> tuple[str, str, int]:
        return item["id"], item["price"]["id"], item["quantity"] or 1

    same = {worth(item) for item in old} & {worth(item) for item in new}
    given_back = [item for item in old if worth(item) not in same]
    charged = [item for item in new if worth(item) not in same]
    running = {**subscription, "items": {**subscription["items"], "data": old}}
    prorate(call, running, given_back, charged)
