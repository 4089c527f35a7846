"""Orders: created OPEN or DRAFT, updated by version, completed by payment."""

import copy
import re
from collections.abc import Mapping
from typing import Any

from providers.sandbox.square import ids, times
from providers.sandbox.square.catalog import line_from_catalog
from providers.sandbox.square.errors import bad_request, invalid, missing, not_found
from providers.sandbox.square.events import order_event
from providers.sandbox.square.locations import active_location
from providers.sandbox.square.money import amount_of, money
from providers.sandbox.square.order_totals import priced, with_due
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

METADATA_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")


def build(square: Square, seller: Seller, wanted: Mapping[str, Any], *, source: str | None, version: int | None = 1) -> Record:
    """A new order, priced. version None: made at the till, so without version and never to be updated through the API."""
    location = active_location(seller, wanted.get("location_id"), "order.location_id")
    check_parts(wanted)
    lines = [line_from_catalog(seller, line, f"order.line_items[{at}]") for at, line in enumerate(wanted.get("line_items") or [])]
    wanted = {**wanted, "line_items": lines} if lines else wanted
    moment = times.wire(square.now(), 3)
    order: Record = {name: copy.deepcopy(value) for name, value in wanted.items() if value is not None and name != "version"}
    order = {
        "id": ids.order(),
        **order,
        "location_id": location["id"],
        "state": order.get("state") or "OPEN",
        "created_at": moment,
        "updated_at": moment,
    }
    if order["state"] not in ("OPEN", "DRAFT"):
        raise bad_request("A new order can only be OPEN or DRAFT.", "order.state")
    if version is not None:
        order["version"] = version
    if source is not None:
        order.setdefault("source", {"name": source})
    return priced(order, location["currency"])


def add(square: Square, seller: Seller, order: Record) -> Record:
    seller.orders.put(order, square.clock.timestamp())
    order_event(square, seller, "order.created", order)
    return order


def find(seller: Seller, order_id: str) -> Record:
    order = seller.orders.get(order_id)
    if order is None:
        raise not_found("Order", order_id, "order_id")
    return order


def save(square: Square, seller: Seller, order: Record) -> Record:
    """Store a changed order: next version, new updated_at, amounts due, order.updated."""
    currency = order["total_money"]["currency"]
    changed = with_due({**order, "updated_at": times.wire(square.now(), 3)}, currency)
    if "version" in order:
        changed["version"] = order["version"] + 1
    seller.orders.put(changed, square.clock.timestamp())
    order_event(square, seller, "order.updated", changed)
    return changed


def add_tender(square: Square, seller: Seller, order_id: str, payment: Record, *, complete: bool) -> Record:
    """Put a completed payment on its order. complete: the order is done with it, if nothing stays due."""
    order = find(seller, order_id)
    currency = order["total_money"]["currency"]
    tip = amount_of(payment.get("tip_money"))
    tender = tender_of(payment)
    tenders = [*(order.get("tenders") or []), tender]
    changed = {**order, "tenders": tenders}
    changed["total_tip_money"] = money(amount_of(order["total_tip_money"]) + tip, currency)
    changed["total_money"] = money(amount_of(order["total_money"]) + tip, currency)
    changed = with_due(changed, currency)
    if complete and changed["net_amount_due_money"]["amount"] == 0 and order["state"] == "OPEN":
        changed |= {"state": "COMPLETED", "closed_at": times.wire(square.now(), 3)}
    seller.order_payments.setdefault(order_id, []).append(payment["id"])
    return save(square, seller, changed)


def tender_of(payment: Record) -> Record:
    kinds = {"CARD": "CARD", "CASH": "CASH", "BANK_ACCOUNT": "BANK_ACCOUNT", "EXTERNAL": "OTHER"}
    tender: Record = {
        "id": payment["id"],
        "location_id": payment["location_id"],
        "transaction_id": payment["order_id"],
        "created_at": payment["created_at"],
        "amount_money": payment["total_money"],
        "type": kinds.get(payment["source_type"], "OTHER"),
        "payment_id": payment["id"],
    }
    if payment.get("tip_money"):
        tender["tip_money"] = payment["tip_money"]
    if payment.get("customer_id"):
        tender["customer_id"] = payment["customer_id"]
    if payment["source_type"] == "CARD":
        details = payment["card_details"]
        tender["card_details"] = {name: details[name] for name in ("status", "card", "entry_method")}
    if payment["source_type"] == "CASH":
        cash = payment["cash_details"]
        tender["cash_details"] = {
            "buyer_tendered_money": cash["buyer_supplied_money"],
            "change_back_money": cash["change_back_money"],
        }
    return tender


def cancel(square: Square, seller: Seller, order_id: str) -> None:
    """Cancel an order that nobody paid; a paid one stays as it is."""
    order = find(seller, order_id)
    if order["state"] in ("OPEN", "DRAFT") and not order.get("tenders"):
        save(square, seller, {**order, "state": "CANCELED", "closed_at": times.wire(square.now(), 3)})


def check_parts(wanted: Mapping[str, Any]) -> None:
    metadata = wanted.get("metadata") or {}
    if len(metadata) > 10:
        raise invalid("TOO_MANY_MAP_ENTRIES", "An order has at most 10 metadata entries.", "order.metadata")
    for key, value in metadata.items():
        if not METADATA_KEY.fullmatch(key):
            raise invalid(
                "MAP_KEY_LENGTH_TOO_LONG" if len(key) > 60 else "VALUE_REGEX_MISMATCH", "Bad metadata key.", "order.metadata"
            )
        if len(str(value)) > 255:
            raise invalid("VALUE_TOO_LONG", "A metadata value has at most 255 characters.", f"order.metadata.{key}")
    for index, line in enumerate(wanted.get("line_items") or []):
        if line.get("catalog_object_id") is None and not line.get("name") and line.get("item_type") != "CUSTOM_AMOUNT":
            raise missing(f"order.line_items[{index}].name")
