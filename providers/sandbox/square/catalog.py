"""Catalog objects: upserted with temporary ids, nested and versioned; deleted ones stay as tombstones."""

import copy
from collections.abc import Iterator
from typing import Any

from providers.sandbox.square import ids, times
from providers.sandbox.square.errors import ApiFailure, bad_request, invalid, missing, not_found
from providers.sandbox.square.events import publish
from providers.sandbox.square.http import stale_version
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

NESTED = {
    "ITEM": ("item_data", "variations", "ITEM_VARIATION", "item_id"),
    "SUBSCRIPTION_PLAN": (
        "subscription_plan_data",
        "subscription_plan_variations",
        "SUBSCRIPTION_PLAN_VARIATION",
        "subscription_plan_id",
    ),
}
"""Parent type -> its data member, the list in it, the children's type, and the child's way back."""
PARENTS = {child: (parent, back) for parent, (_, _, child, back) in NESTED.items()}
NAMED = ("ITEM", "CATEGORY", "TAX", "DISCOUNT", "SUBSCRIPTION_PLAN", "SUBSCRIPTION_PLAN_VARIATION")


def data_name(kind: str) -> str:
    """Where an object of this type has its values: item_data."""
    return "item_option_value_data" if kind == "ITEM_OPTION_VAL" else f"{kind.lower()}_data"


def find(seller: Seller, object_id: str, kind: str | None = None) -> Record:
    """A living object, of this type if one is named. Raises NOT_FOUND."""
    known = seller.catalog.get(object_id)
    if known is None or known.get("is_deleted") or kind not in (None, known["type"]):
        raise not_found("Catalog object", object_id, "object_id")
    return known


def upsert(square: Square, seller: Seller, objects: list[Record]) -> tuple[list[Record], list[Record]]:
    """Store objects with their nested ones, all under one new version; returns them and the id mappings. All or nothing."""
    mapping: dict[str, str] = {}
    wanted = [copy.deepcopy(item) for item in objects]
    flat = [item for top in wanted for item in _with_nested(top)]
    for item in flat:
        if item["id"].startswith("#"):
            mapping.setdefault(item["id"], ids.catalog_object())
    flat = [_mapped(item, mapping) for item in flat]
    for item in flat:
        _check(square, seller, item)
    version, moment = next_version(square, seller)
    for item in flat:
        _put(square, seller, item, version, moment)
    _tell(square, seller, moment)
    stored = [find(seller, mapping.get(str(item["id"]), str(item["id"]))) for item in objects]
    return stored, [{"client_object_id": old, "object_id": new} for old, new in mapping.items()]


def delete(square: Square, seller: Seller, object_ids: list[str]) -> tuple[list[str], str]:
    """Delete objects and what is nested in them; returns all their ids and when."""
    gone: list[str] = []
    for object_id in object_ids:
        known = find(seller, object_id)
        gone += [item["id"] for item in _with_nested(known)]
    version, moment = next_version(square, seller)
    for object_id in dict.fromkeys(gone):
        buried = {**find(seller, object_id), "is_deleted": True, "version": version, "updated_at": moment}
        seller.catalog.put(buried, square.clock.timestamp())
        _refresh_parent(square, seller, buried, version, moment)
    _tell(square, seller, moment)
    return list(dict.fromkeys(gone)), moment


def _with_nested(item: Record) -> Iterator[Record]:
    """The object and the objects in it, each knowing its parent."""
    yield item
    nested = NESTED.get(item.get("type", ""))
    if nested is None:
        return
    data, name, kind, back = nested
    for child in (item.get(data) or {}).get(name) or []:
        if child["type"] != kind:
            raise bad_request(f"`{name}` can only contain objects of type {kind}.", f"object.{data}.{name}")
        child.setdefault(data_name(kind), {}).setdefault(back, item["id"])
        yield child


def _mapped(value: Any, mapping: dict[str, str]) -> Any:
    """Temporary ids replaced wherever they stand."""
    if isinstance(value, dict):
        return {name: _mapped(part, mapping) for name, part in value.items()}
    if isinstance(value, list):
        return [_mapped(part, mapping) for part in value]
    if isinstance(value, str) and value.startswith("#"):
        return mapping.get(value, value)
    return value


def _check(square: Square, seller: Seller, item: Record) -> None:
    kind, name = item["type"], data_name(item["type"])
    data = item.get(name)
    if data is None:
        raise missing(f"object.{name}")
    if kind in NAMED and not data.get("name"):
        raise missing(f"object.{name}.name")
    if kind in PARENTS and not data.get(PARENTS[kind][1]):
        raise missing(f"object.{name}.{PARENTS[kind][1]}")
    if kind == "SUBSCRIPTION_PLAN_VARIATION":
        _check_phases(data, seller.currency)
    price = data.get("price_money")
    if price is not None and price.get("currency") != seller.currency:
        raise invalid("INVALID_VALUE", f"Prices must be in {seller.currency}.", f"object.{name}.price_money.currency")
    known = seller.catalog.get(item["id"])
    if known is None:
        return
    if known["type"] != kind:
        raise bad_request("The type of a catalog object cannot be changed.", "object.type")
    if item.get("version") != known["version"]:
        raise stale_version(square, "catalog object", documented="VERSION_MISMATCH")


def _check_phases(data: Record, currency: str) -> None:
    """Phases get uids and ordinals; each has a price, fixed or relative to an order."""
    field = "object.subscription_plan_variation_data.phases"
    if not data.get("phases"):
        raise missing(field)
    for number, phase in enumerate(data["phases"]):
        phase.setdefault("uid", ids.catalog_object())
        phase.setdefault("ordinal", number)
        if phase.get("pricing") is None:
            if phase.get("recurring_price_money") is None:
                raise missing(f"{field}[{number}].pricing")
            phase["pricing"] = {"type": "STATIC", "price_money": phase["recurring_price_money"]}
        pricing = phase["pricing"]
        if pricing.get("type") != "RELATIVE":
            pricing.setdefault("type", "STATIC")
            price = pricing.setdefault("price_money", pricing.pop("price", None) or phase.get("recurring_price_money"))
            if price is None:
                raise missing(f"{field}[{number}].pricing.price_money")
            if price["currency"] != currency:
                raise invalid("INVALID_VALUE", f"Prices must be in {currency}.", f"{field}[{number}].pricing.price_money")
        if number < len(data["phases"]) - 1 and not phase.get("periods"):
            raise bad_request("Every phase but the last needs a number of periods.", f"{field}[{number}].periods")


def _put(square: Square, seller: Seller, item: Record, version: int, moment: str) -> None:
    nested = NESTED.get(item["type"])
    if nested is not None:
        data, name, _, _ = nested
        if name in item[data]:
            kept = {child["id"] for child in item[data].pop(name)}
            _bury_children(square, seller, item, kept, version, moment)
    stored = {"present_at_all_locations": True, **item, "version": version, "updated_at": moment, "is_deleted": False}
    if item["type"] == "ITEM_VARIATION":
        data = stored["item_variation_data"]
        priced = "FIXED_PRICING" if data.get("price_money") else "VARIABLE_PRICING"
        stored["item_variation_data"] = {"pricing_type": priced, "ordinal": 0, **data}
    known = seller.catalog.get(item["id"])
    if nested is not None and known is not None:
        children = (known.get(nested[0]) or {}).get(nested[1])
        if children:
            stored[nested[0]] = {**stored[nested[0]], nested[1]: children}
    seller.catalog.put(stored, square.clock.timestamp())
    _refresh_parent(square, seller, stored, version, moment)


def _bury_children(square: Square, seller: Seller, item: Record, kept: set[str], version: int, moment: str) -> None:
    """Nested objects that an update leaves out are deleted."""
    known = seller.catalog.get(item["id"])
    data, name, _, _ = NESTED[item["type"]]
    for child in ((known or {}).get(data) or {}).get(name) or []:
        if child["id"] not in kept:
            buried = {**find(seller, child["id"]), "is_deleted": True, "version": version, "updated_at": moment}
            seller.catalog.put(buried, square.clock.timestamp())
            _refresh_parent(square, seller, buried, version, moment)


def _refresh_parent(square: Square, seller: Seller, child: Record, version: int, moment: str) -> None:
    """A parent shows its living children whole, and moves with them."""
    if child["type"] not in PARENTS:
        return
    kind, back = PARENTS[child["type"]]
    parent = seller.catalog.get(child[data_name(child["type"])].get(back) or "")
    if parent is None or parent["type"] != kind or parent.get("is_deleted"):
        return
    data, name, _, _ = NESTED[kind]
    siblings = [sibling for sibling in parent[data].get(name) or [] if sibling["id"] != child["id"]]
    if not child.get("is_deleted"):
        siblings.append(child)
    seller.catalog.put(
        {**parent, data: {**parent[data], name: siblings}, "version": version, "updated_at": moment}, square.clock.timestamp()
    )


def next_version(square: Square, seller: Seller) -> tuple[int, str]:
    """The version and time of a change that is about to be stored."""
    seller.catalog_version = max(int(square.clock.timestamp() * 1000), seller.catalog_version + 1)
    return seller.catalog_version, times.wire(times.from_unix(seller.catalog_version / 1000), 3)


def latest_time(seller: Seller) -> str:
    return times.wire(times.from_unix(seller.catalog_version / 1000), 3)


def _tell(square: Square, seller: Seller, moment: str) -> None:
    data = {"type": "catalog_version", "object": {"catalog_version": {"updated_at": moment}}}
    publish(square, seller, "catalog.version.updated", data)


def line_from_catalog(seller: Seller, line: Record, field: str) -> Record:
    """An order line that names a variation, with name and price from the catalog where it has none itself."""
    object_id = line.get("catalog_object_id")
    if not object_id or not len(seller.catalog):
        return line
    try:
        variation = find(seller, object_id, "ITEM_VARIATION")
    except ApiFailure:
        raise not_found("Catalog object", object_id, f"{field}.catalog_object_id") from None
    data = variation["item_variation_data"]
    item = seller.catalog.get(data["item_id"]) or {}
    known: Record = {
        "name": (item.get("item_data") or {}).get("name"),
        "variation_name": data.get("name"),
        "base_price_money": data.get("price_money"),
        "catalog_version": variation["version"],
    }
    return {**line, **{name: value for name, value in known.items() if line.get(name) is None and value is not None}}
