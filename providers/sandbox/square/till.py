"""What happens in the shop: sales at the till, answers at the terminal, goods on the shelf."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from providers.sandbox.core.twin import ControlError
from providers.sandbox.square import (
    catalog,
    inventory,
    locations,
    orders,
    payment_sources,
    payments,
    terminal,
    terminal_api,
    times,
)
from providers.sandbox.square.events import order_event
from providers.sandbox.square.money import amount_of, money
from providers.sandbox.square.payment_sources import Source
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

Body = Mapping[str, Any]
GOOD_CARD = "4111111111111111"
ENTRY_METHODS = ("EMV", "CONTACTLESS", "SWIPED", "KEYED")


def pos_sale(square: Square, seller: Seller, body: Body) -> Record:
    """An order without version at the till, paid by card or in cash; no order.created is sent for it.

    hours_ago: taken offline then and arriving now, with the old created_at. variation_id, quantity: goods of the catalog."""
    location = locations.active_location(seller, body.get("location_id"))
    currency = location["currency"]
    wanted = {"location_id": location["id"], "line_items": [_line(body, currency)], "customer_id": body.get("customer_id")}
    order = orders.build(square, seller, wanted, source="Point of Sale", version=None)
    amount, tip = amount_of(order["total_money"]), int(body.get("tip", 0))
    taken_at = times.wire(square.now() - timedelta(hours=float(body.get("hours_ago", 0))), 3)
    order["created_at"] = taken_at
    seller.orders.put(order, square.clock.timestamp())
    order_event(square, seller, "order.updated", order)
    fields: Record = {"customer_id": body.get("customer_id"), "buyer_email_address": body.get("email"), "note": body.get("note")}
    fields |= {"created_at": taken_at, "device_details": _device(seller, body)}
    if body.get("method") == "cash":
        source = Source(source_type="CASH")
        fields["cash_details"] = {"buyer_supplied_money": money(amount + tip, currency), "change_back_money": money(0, currency)}
    else:
        source = _card(square, body)
    payment = payments.take(square, seller, source, amount=amount, tip=tip, order=order, product="SQUARE_POS", fields=fields)
    inventory.sold(square, seller, order)
    return {"payment": payment, "order": orders.find(seller, order["id"])}


def _line(body: Body, currency: str) -> Record:
    if body.get("variation_id"):
        return {"quantity": str(body.get("quantity", "1")), "catalog_object_id": body["variation_id"]}
    price = money(int(body["amount"]), currency)
    return {"quantity": "1", "name": body.get("item", "Sale"), "base_price_money": price}


def _device(seller: Seller, body: Body) -> Record:
    if body.get("device_id") in seller.devices or str(body.get("device_id", "")).startswith("device:"):
        return terminal.device_details(seller, body["device_id"])
    name = body.get("device_name", "Front counter")
    return {
        "device_id": body.get("device_id", "DEVICE0000000001"),
        "device_installation_id": "INSTALL000000001",
        "device_name": name,
    }


def _card(square: Square, body: Body) -> Source:
    entry = body.get("entry_method", "EMV")
    if entry not in ENTRY_METHODS:
        raise ControlError(f"entry_method must be one of {', '.join(ENTRY_METHODS)}")
    card = payment_sources.card_record(str(body.get("card", GOOD_CARD)), 11, square.now().year + 2)
    return Source(source_type="CARD", card=card, entry_method=entry)


def terminal_begin(square: Square, seller: Seller, body: Body) -> Record:
    return {"checkout": terminal.begin(square, seller, terminal.find(seller, body["checkout_id"]))}


def terminal_pay(square: Square, seller: Seller, body: Body) -> Record:
    checkout = terminal.find(seller, body["checkout_id"])
    return {"checkout": terminal.finish(square, seller, checkout, tip=int(body.get("tip", 0)), card=body.get("card"))}


def terminal_cancel(square: Square, seller: Seller, body: Body) -> Record:
    reason = body.get("reason", "BUYER_CANCELED")
    if reason not in ("BUYER_CANCELED", "SELLER_CANCELED", "TIMED_OUT"):
        raise ControlError("reason must be BUYER_CANCELED, SELLER_CANCELED or TIMED_OUT")
    return {"checkout": terminal.cancel(square, seller, terminal.find(seller, body["checkout_id"]), reason)}


def device_pair(square: Square, seller: Seller, body: Body) -> Record:
    """With a code of the Devices API, or just so."""
    code = next((code for code in seller.device_codes.values() if code["code"] == body.get("code")), None)
    if body.get("code") and code is None:
        raise ControlError("there is no such device code")
    place = code["location_id"] if code else locations.location_of(seller, body.get("location_id"))["id"]
    device = terminal_api.pair(square, seller, place, body.get("name") or (code or {}).get("name") or "Terminal")
    if code:
        moment = times.wire(square.now(), 3)
        paired = {
            "status": "PAIRED",
            "device_id": terminal.plain_id(device["id"]),
            "paired_at": moment,
            "status_changed_at": moment,
        }
        seller.device_codes[code["id"]] = {**code, **paired}
    return {"device": device}


def catalog_item(square: Square, seller: Seller, body: Body) -> Record:
    """An item with one variation: name, price, sku, stock at the location."""
    location = locations.location_of(seller, body.get("location_id"))
    price = money(int(body["price"]), location["currency"])
    data = {"name": body.get("variation", "Regular"), "price_money": price, "sku": body.get("sku"), "track_inventory": True}
    variation = {
        "type": "ITEM_VARIATION",
        "id": "#variation",
        "item_variation_data": {name: value for name, value in data.items() if value is not None},
    }
    item = {"type": "ITEM", "id": "#item", "item_data": {"name": body["name"], "variations": [variation]}}
    stored, _ = catalog.upsert(square, seller, [item])
    variation_id = stored[0]["item_data"]["variations"][0]["id"]
    answer: Record = {"item": stored[0], "variation_id": variation_id}
    if body.get("stock") is not None:
        answer |= stock_set(
            square, seller, {"variation_id": variation_id, "location_id": location["id"], "quantity": body["stock"]}
        )
    return answer


def stock_set(square: Square, seller: Seller, body: Body) -> Record:
    """A physical count: variation_id, quantity, location_id, state."""
    count = {
        "catalog_object_id": body["variation_id"],
        "location_id": locations.location_of(seller, body.get("location_id"))["id"],
        "state": body.get("state", "IN_STOCK"),
        "quantity": str(body["quantity"]),
        "occurred_at": times.wire(square.now(), 3),
    }
    return inventory.apply(square, seller, [{"type": "PHYSICAL_COUNT", "physical_count": count}])


ACTIONS: dict[str, tuple[Callable[[Square, Seller, Body], Record], str]] = {
    "pos_sale": (
        pos_sale,
        "amount or variation_id and quantity; tip, location_id, customer_id, email, method card or cash, card, entry_method, "
        "device_id, device_name, hours_ago",
    ),
    "terminal_begin": (terminal_begin, "checkout_id: IN_PROGRESS on the device"),
    "terminal_pay": (terminal_pay, "checkout_id, tip, card: the buyer pays; a declined card leaves it open"),
    "terminal_cancel": (terminal_cancel, "checkout_id, reason BUYER_CANCELED, SELLER_CANCELED or TIMED_OUT"),
    "device_pair": (device_pair, "location_id, name, code: a terminal of this seller"),
    "catalog_item": (catalog_item, "name, price, variation, sku, stock, location_id: an item with one variation"),
    "stock_set": (stock_set, "variation_id, quantity, location_id, state: a physical count"),
}
