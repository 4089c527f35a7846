"""Terminal checkouts: sent to a device at the counter, finished, cancelled or timed out there."""

import re
from collections.abc import Mapping
from typing import Any

from providers.sandbox.square import ids, orders, payment_sources, payments, times
from providers.sandbox.square.errors import ApiFailure, bad_request, invalid, not_found
from providers.sandbox.square.events import record_event
from providers.sandbox.square.locations import active_location
from providers.sandbox.square.money import amount_of, checked, money
from providers.sandbox.square.payment_sources import Source
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

OPEN = ("PENDING", "IN_PROGRESS", "CANCEL_REQUESTED")
DEFAULT_DEADLINE_SECONDS = 300
MOST_DEADLINE_SECONDS = 300
TEST_DEVICES = {
    "9fa747a2-25ff-48ee-b078-04381f7c828f": "paid",
    "22cd266c-6246-4c06-9983-67f0c26346b0": "paid, with a tip of 20 %",
    "841100b9-ee60-4537-9bcf-e30b2ba5e215": "canceled by the buyer",
    "0a956d49-619a-4530-8e5e-8eac603ffc5e": "timed out at once",
    "da40d603-c2ea-4a65-8cfd-f42e36dab0c7": "offline: stays PENDING until its deadline",
}
"""Devices of every sandbox seller, which act by themselves. Source: Square docs, devtools/sandbox/testing, Terminal API."""
PAID, TIPPED, BUYER_CANCELED, TIMED_OUT = list(TEST_DEVICES)[:4]
DEADLINE = re.compile(r"PT(?:(\d+)M)?(?:(\d+)S)?")


def find(seller: Seller, checkout_id: str) -> Record:
    known = seller.terminal_checkouts.get(checkout_id)
    if known is None:
        raise not_found("Checkout", checkout_id, "checkout_id")
    return known


def plain_id(device_id: str) -> str:
    """The Devices API writes device:…, checkouts take it with and without."""
    return device_id.removeprefix("device:")


def location_of_device(seller: Seller, device_id: str) -> str:
    """Raises 400 for a device that is not the seller's."""
    plain = plain_id(device_id)
    if plain in TEST_DEVICES:
        return seller.main_location_id
    known = seller.devices.get(plain)
    if known is None:
        raise invalid(
            "INVALID_VALUE", f"Device `{device_id}` is not paired with this seller.", "checkout.device_options.device_id"
        )
    return str(known["_location_id"])


def create(square: Square, seller: Seller, wanted: Mapping[str, Any], *, application_id: str) -> Record:
    device_id = wanted["device_options"]["device_id"]
    location = active_location(seller, location_of_device(seller, device_id))
    checked(wanted["amount_money"], location["currency"], "checkout.amount_money", positive=True)
    if wanted.get("order_id"):
        order = orders.find(seller, wanted["order_id"])
        if order["net_amount_due_money"]["amount"] != wanted["amount_money"]["amount"]:
            raise invalid("INVALID_VALUE", "The amount is not what the order asks for.", "checkout.amount_money")
    deadline = wanted.get("deadline_duration") or "PT5M"
    seconds = _seconds(deadline)
    moment = times.wire(square.now(), 3)
    given = {name: value for name, value in wanted.items() if value is not None}
    options = {"skip_receipt_screen": False, "collect_signature": False, "tip_settings": {"allow_tipping": False}}
    checkout: Record = {
        "id": ids.terminal_checkout(),
        **given,
        "device_options": {**options, **given["device_options"]},
        "deadline_duration": deadline,
        "status": "PENDING",
        "created_at": moment,
        "updated_at": moment,
        "app_id": application_id,
        "location_id": location["id"],
        "payment_type": wanted.get("payment_type") or "CARD_PRESENT",
        "payment_options": {"autocomplete": True, **(wanted.get("payment_options") or {})},
    }
    seller.terminal_checkouts.put(checkout, square.clock.timestamp())
    record_event(square, seller, "terminal.checkout.created", checkout)
    square.later(seconds, lambda: _time_out(square, seller, checkout["id"]))
    if plain_id(device_id) in (PAID, TIPPED, BUYER_CANCELED, TIMED_OUT):
        wait = square.settings.terminal_seconds
        square.later(wait, lambda: _by_itself(square, seller, checkout["id"], plain_id(device_id)))
    return checkout


def _seconds(text: str) -> float:
    match = DEADLINE.fullmatch(text)
    seconds = int(match[1] or 0) * 60 + int(match[2] or 0) if match else 0
    if not 10 <= seconds <= MOST_DEADLINE_SECONDS:
        raise invalid("INVALID_VALUE", "A deadline is a duration from 10 seconds to 5 minutes.", "checkout.deadline_duration")
    return float(seconds)


def _by_itself(square: Square, seller: Seller, checkout_id: str, device_id: str) -> None:
    checkout = find(seller, checkout_id)
    if checkout["status"] not in OPEN:
        return
    if device_id in (PAID, TIPPED):
        tip = amount_of(checkout["amount_money"]) // 5 if device_id == TIPPED else 0
        finish(square, seller, checkout, tip=tip)
    else:
        cancel(square, seller, checkout, "BUYER_CANCELED" if device_id == BUYER_CANCELED else "TIMED_OUT")


def _time_out(square: Square, seller: Seller, checkout_id: str) -> None:
    """Only while it is PENDING: what the buyer sees already goes on."""
    checkout = find(seller, checkout_id)
    if checkout["status"] == "PENDING":
        cancel(square, seller, checkout, "TIMED_OUT")


def save(square: Square, seller: Seller, checkout: Record) -> Record:
    changed = {**checkout, "updated_at": times.wire(square.now(), 3)}
    seller.terminal_checkouts.put(changed, square.clock.timestamp())
    record_event(square, seller, "terminal.checkout.updated", changed)
    return changed


def begin(square: Square, seller: Seller, checkout: Record) -> Record:
    """The device shows it to the buyer."""
    _require_open(checkout)
    return save(square, seller, {**checkout, "status": "IN_PROGRESS"})


def request_cancel(square: Square, seller: Seller, checkout: Record) -> Record:
    """Through the API: at once while the device has not begun, else when it hears of it."""
    _require_open(checkout)
    if checkout["status"] == "PENDING":
        return cancel(square, seller, checkout, "SELLER_CANCELED")
    changed = save(square, seller, {**checkout, "status": "CANCEL_REQUESTED"})
    square.later(square.settings.terminal_seconds, lambda: _heard(square, seller, checkout["id"]))
    return changed


def _heard(square: Square, seller: Seller, checkout_id: str) -> None:
    checkout = find(seller, checkout_id)
    if checkout["status"] == "CANCEL_REQUESTED":
        cancel(square, seller, checkout, "SELLER_CANCELED")


def cancel(square: Square, seller: Seller, checkout: Record, reason: str) -> Record:
    """reason: BUYER_CANCELED, SELLER_CANCELED or TIMED_OUT."""
    _require_open(checkout)
    return save(square, seller, {**checkout, "status": "CANCELED", "cancel_reason": reason})


def finish(square: Square, seller: Seller, checkout: Record, *, tip: int = 0, card: str | None = None) -> Record:
    """The buyer pays; a declined card leaves the checkout with the buyer, who may try another one."""
    _require_open(checkout)
    order = _order(square, seller, checkout)
    number = card or "4111111111111111"
    source = payment_sources.typed_card(square, number, f"11/{square.now().year % 100 + 2:02d}", "111", "94103")
    source = Source(source_type="CARD", card=source.card, entry_method="EMV", decline=source.decline)
    device = device_details(seller, checkout["device_options"]["device_id"])
    names = ("reference_id", "note", "customer_id", "app_fee_money", "team_member_id")
    fields = {**{name: checkout[name] for name in names if checkout.get(name)}, "device_details": device}
    status = "COMPLETED" if checkout["payment_options"].get("autocomplete", True) else "APPROVED"
    amount = amount_of(checkout["amount_money"])
    try:
        payment = payments.take(
            square, seller, source, amount=amount, tip=tip, order=order, product="TERMINAL_API", status=status, fields=fields
        )
    except ApiFailure:
        return save(square, seller, {**checkout, "status": "IN_PROGRESS"})
    done = {**checkout, "status": "COMPLETED", "payment_ids": [payment["id"]]}
    if tip:
        done["tip_money"] = money(tip, checkout["amount_money"]["currency"])
    return save(square, seller, done)


def _order(square: Square, seller: Seller, checkout: Record) -> Record:
    if checkout.get("order_id"):
        return orders.find(seller, checkout["order_id"])
    line = {"quantity": "1", "item_type": "CUSTOM_AMOUNT", "base_price_money": checkout["amount_money"]}
    wanted = {"location_id": checkout["location_id"], "line_items": [line], "customer_id": checkout.get("customer_id")}
    order = orders.build(square, seller, wanted, source="Terminal")
    seller.orders.put(order, square.clock.timestamp())
    return order


def device_details(seller: Seller, device_id: str) -> Record:
    plain = plain_id(device_id)
    known = seller.devices.get(plain)
    name = known["attributes"]["name"] if known else "Test Terminal"
    return {"device_id": f"device:{plain}", "device_installation_id": f"INST{plain[:8].upper()}", "device_name": name}


def _require_open(checkout: Record) -> None:
    if checkout["status"] not in OPEN:
        raise bad_request(f"The checkout is {checkout['status']} already.", "checkout_id")
