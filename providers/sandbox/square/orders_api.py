"""The Orders API: create, read, calculate, and sparse updates by version."""

import copy
import re
from collections.abc import Mapping
from typing import Any

from providers.sandbox.square import ids, invoices, orders, times
from providers.sandbox.square.errors import bad_request, invalid, missing
from providers.sandbox.square.http import Answer, Call, Routes, check_version
from providers.sandbox.square.order_totals import priced
from providers.sandbox.square.shelf import Record

LISTS_BY_UID = ("line_items", "taxes", "discounts", "service_charges")
KEY_MAX_CHARS = 192

routes = Routes()


@routes.on("POST", "/v2/orders", scopes=("ORDERS_WRITE",), body="CreateOrderRequest")
def create_order(call: Call) -> Answer:
    def make() -> str:
        if call.body.get("order") is None:
            raise missing("order")
        order = orders.build(call.square, call.seller, call.body["order"], source=call.caller.application.name)
        return str(orders.add(call.square, call.seller, order)["id"])

    return call.once("CreateOrder", make, lambda made: {"order": orders.find(call.seller, made)}, key_max_chars=KEY_MAX_CHARS)


@routes.on("GET", "/v2/orders/<order_id>", scopes=("ORDERS_READ",))
def get_order(call: Call, order_id: str) -> Answer:
    return {"order": orders.find(call.seller, order_id)}


@routes.on("POST", "/v2/orders/batch-retrieve", scopes=("ORDERS_READ",), body="BatchRetrieveOrdersRequest")
def batch_retrieve(call: Call) -> Answer:
    wanted = call.body["order_ids"]
    if len(wanted) > 100:
        raise invalid("ARRAY_LENGTH_TOO_LONG", "At most 100 orders per call.", "order_ids")
    location_id = call.body.get("location_id")
    found = [order for order_id in wanted if (order := call.seller.orders.get(order_id)) is not None]
    found = [order for order in found if location_id in (None, order["location_id"])]
    return {"orders": found} if found else {}


@routes.on("POST", "/v2/orders/calculate", body="CalculateOrderRequest")
def calculate(call: Call) -> Answer:
    order = orders.build(call.square, call.seller, call.body["order"], source=None)
    return {"order": {name: value for name, value in order.items() if name not in ("id", "created_at", "updated_at")}}


@routes.on("PUT", "/v2/orders/<order_id>", scopes=("ORDERS_WRITE",), body="UpdateOrderRequest")
def update_order(call: Call, order_id: str) -> Answer:
    def make() -> str:
        order = orders.find(call.seller, order_id)
        changes = call.body.get("order") or {}
        if "version" not in order:
            raise bad_request("Orders that were not created through the API cannot be updated.")
        check_version(call.square, "order", order["version"], changes.get("version"), documented="CONFLICT")
        invoices.check_order_open(call.seller, order_id)
        if order["state"] in ("COMPLETED", "CANCELED"):
            raise bad_request(f"An order in state {order['state']} cannot be updated.", "order.state")
        clears = call.headers.get("X-Clear-Null", "").lower() == "true"
        merged = _merged(order, changes, clears=clears)
        _clear(merged, call.body.get("fields_to_clear") or [])
        orders.check_parts(merged)
        if changes.get("state") == "COMPLETED" and merged["net_amount_due_money"]["amount"]:
            raise bad_request("The order is not paid.", "order.state")
        if merged["state"] in ("COMPLETED", "CANCELED"):
            merged["closed_at"] = times.wire(call.square.now(), 3)
        orders.save(call.square, call.seller, priced(merged, order["total_money"]["currency"]))
        invoices.order_changed(call.square, call.seller, order_id)
        return order_id

    return call.once(
        f"UpdateOrder {order_id}", make, lambda made: {"order": orders.find(call.seller, made)}, key_max_chars=KEY_MAX_CHARS
    )


def _merged(order: Record, changes: Mapping[str, Any], *, clears: bool) -> Record:
    """Sparse: lists are merged by uid; null clears only with the header X-Clear-Null."""
    merged = copy.deepcopy(order)
    for name, value in changes.items():
        if name in ("version", "location_id"):
            continue
        if value is None:
            if clears:
                merged.pop(name, None)
        elif name in LISTS_BY_UID:
            merged[name] = _merged_list(merged.get(name) or [], value)
        elif isinstance(value, dict):
            merged[name] = {**merged.get(name, {}), **value}
        else:
            merged[name] = value
    return merged


def _merged_list(known: list[Record], changes: list[Record]) -> list[Record]:
    by_uid = {item["uid"]: item for item in known}
    for change in changes:
        uid = change.get("uid") or ids.uid()
        by_uid[uid] = {**by_uid.get(uid, {}), **change, "uid": uid}
    return list(by_uid.values())


def _clear(order: Record, paths: list[str]) -> None:
    """Dot paths, with list entries by uid: discounts, line_items[uid], line_items[uid].note."""
    for path in paths:
        match = re.fullmatch(r"(\w+)(?:\[([^\]]+)\])?(?:\.(\w+))?", path)
        if match is None:
            raise invalid("INVALID_VALUE", f"`{path}` is not a field that can be cleared.", "fields_to_clear")
        name, uid, part = match.groups()
        if uid is None:
            target = order.get(name) if part else order
            if isinstance(target, dict):
                target.pop(part or name, None)
        elif part is None:
            order[name] = [item for item in order.get(name) or [] if item["uid"] != uid]
        else:
            for item in order.get(name) or []:
                if item["uid"] == uid:
                    item.pop(part, None)
