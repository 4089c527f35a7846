"""Coupons and the discounts that they give: /v1/coupons, and the `discounts` of invoices, subscriptions and sessions."""

import json
from collections.abc import Mapping
from typing import Any

from dateutil.relativedelta import relativedelta

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.errors import ApiError, no_such, refused
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.params import blank_to_none, merged_metadata
from providers.sandbox.stripe.store import Record


def existing_coupon(call: Call, coupon_id: str, *, param: str = "coupon") -> Record:
    coupon = call.store.coupons.get(coupon_id)
    if coupon is None:
        raise no_such("coupon", coupon_id, param=param)
    return coupon


def redeem(call: Call, wanted: Any, path: str = "discounts", **owner: str | None) -> list[str]:
    """Discount ids for the `discounts` of a request. owner: customer, invoice, subscription … that the discount belongs to."""
    return [_redeemed(call, choice, f"{path}[{index}]", owner) for index, choice in enumerate(wanted or [])]


def add_months(call: Call, unix: int, months: int) -> int:
    return int((call.world.clock.moment(unix) + relativedelta(months=months)).timestamp())


@operation("POST /v1/coupons")
def create_coupon(call: Call) -> Record:
    params = call.params
    if (params.get("percent_off") is None) == (params.get("amount_off") is None):
        raise refused("You must pass either `percent_off` or `amount_off`, and not both.", param="percent_off")
    if params.get("amount_off") is not None and not params.get("currency"):
        raise refused("You must pass `currency` when passing `amount_off`.", code="parameter_missing", param="currency")
    duration = params.get("duration", "once")
    if (duration == "repeating") != (params.get("duration_in_months") is not None):
        raise refused("You must pass `duration_in_months` if and only if duration is repeating.", param="duration_in_months")
    coupon_id = params.get("id") or new_id("", length=8)
    if coupon_id in call.store.coupons:
        raise ApiError(400, "Coupon already exists.", code="resource_already_exists")
    percent = json.loads(params["percent_off"]) if params.get("percent_off") is not None else None
    if percent is not None and not 0 < percent <= 100:
        raise refused("Invalid percent_off: must be more than 0 and at most 100.", param="percent_off")
    coupon: Record = {
        "id": coupon_id,
        "object": "coupon",
        "amount_off": params.get("amount_off"),
        "created": call.now,
        "currency": params["currency"].lower() if params.get("amount_off") is not None else None,
        "duration": duration,
        "duration_in_months": params.get("duration_in_months"),
        "livemode": call.livemode,
        "max_redemptions": params.get("max_redemptions"),
        "metadata": merged_metadata({}, params.get("metadata")),
        "name": blank_to_none(params.get("name")),
        "percent_off": percent,
        "redeem_by": params.get("redeem_by"),
        "times_redeemed": 0,
        "valid": True,
    }
    call.store.coupons.put(coupon)
    emit(call, "coupon.created", coupon)
    return coupon


@operation("GET /v1/coupons")
def list_coupons(call: Call) -> bytes:
    return list_answer(call, call.store.coupons)


@operation("GET /v1/coupons/{coupon}")
def get_coupon(call: Call) -> Record:
    return existing_coupon(call, call.ids["coupon"])


@operation("POST /v1/coupons/{coupon}")
def update_coupon(call: Call) -> Record:
    before, coupon = get_coupon(call), get_coupon(call)
    if "name" in call.params:
        coupon["name"] = blank_to_none(call.params["name"])
    if "metadata" in call.params:
        coupon["metadata"] = merged_metadata(coupon["metadata"], call.params["metadata"])
    call.store.coupons.put(coupon)
    emit(call, "coupon.updated", coupon, before=before)
    return coupon


@operation("DELETE /v1/coupons/{coupon}")
def delete_coupon(call: Call) -> Record:
    """Discounts that were given already stay."""
    coupon = get_coupon(call)
    call.store.coupons.remove(coupon["id"])
    emit(call, "coupon.deleted", coupon)
    return {"id": coupon["id"], "object": "coupon", "deleted": True}


@operation("DELETE /v1/customers/{customer}/discount")
def delete_customer_discount(call: Call) -> Record:
    """Coupons are given to invoices and subscriptions here, never to a customer."""
    raise no_such("discount", call.ids["customer"], param="customer")


def _redeemed(call: Call, choice: Mapping[str, Any], path: str, owner: Mapping[str, str | None]) -> str:
    if choice.get("discount"):
        known = call.store.discounts.get(choice["discount"])
        if known is None:
            raise no_such("discount", choice["discount"], param=f"{path}[discount]")
        return str(known["id"])
    if not choice.get("coupon"):
        raise refused("The twin knows discounts by coupon only.", param=path)
    coupon = existing_coupon(call, choice["coupon"], param=f"{path}[coupon]")
    expired = coupon["redeem_by"] is not None and coupon["redeem_by"] < call.now
    used_up = coupon["max_redemptions"] is not None and coupon["times_redeemed"] >= coupon["max_redemptions"]
    if expired or used_up:
        raise ApiError(400, f"Coupon expired: {coupon['id']}", code="coupon_expired", param=f"{path}[coupon]")
    coupon["times_redeemed"] += 1
    coupon["valid"] = coupon["max_redemptions"] is None or coupon["times_redeemed"] < coupon["max_redemptions"]
    call.store.coupons.put(coupon)
    months = coupon["duration_in_months"]
    discount: Record = {
        "id": new_id("di_1", length=23),
        "object": "discount",
        "checkout_session": None,
        "customer": None,
        "customer_account": None,
        "end": add_months(call, call.now, months) if months else None,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "source": {"coupon": coupon["id"], "type": "coupon"},
        "start": call.now,
        "subscription": None,
        "subscription_item": None,
    } | dict(owner)
    call.store.discounts.put(discount)
    call.store.coupon_of_discount[discount["id"]] = coupon
    return str(discount["id"])
