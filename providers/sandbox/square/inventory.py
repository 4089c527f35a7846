"""Inventory: counts per variation, location and state, moved by physical counts and adjustments."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from providers.sandbox.square import catalog, ids, times
from providers.sandbox.square.errors import bad_request, invalid, missing
from providers.sandbox.square.events import publish
from providers.sandbox.square.http import Answer, Call, Routes
from providers.sandbox.square.locations import location_of
from providers.sandbox.square.pagination import page_limit, page_of
from providers.sandbox.square.shapes import enum_values
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

KEY_MAX_CHARS = 128
UNCOUNTED = ("NONE", "SOLD", "WASTE")
"""States that goods come from or go to without being counted there."""

routes = Routes()


def apply(square: Square, seller: Seller, changes: list[Record], *, ignore_unchanged: bool = True) -> Record:
    """Checked changes, all or none; answers the counts and changes made and tells inventory.count.updated once."""
    checked = [_checked(seller, change, number) for number, change in enumerate(changes)]
    moment = times.wire(square.now(), 3)
    touched: dict[tuple[str, str, str], Record] = {}
    kept: list[Record] = []
    for kind, part in checked:
        made = _counted(seller, part) if kind == "PHYSICAL_COUNT" else _adjusted(seller, part)
        made = {key: quantity for key, quantity in made.items() if not ignore_unchanged or _quantity(seller, key) != quantity}
        for key, quantity in made.items():
            touched[key] = seller.inventory[key] = _count(key, quantity, moment)
        if made or not ignore_unchanged:
            name = "physical_count" if kind == "PHYSICAL_COUNT" else "adjustment"
            kept.append({"type": kind, name: {"id": ids.catalog_object(), **part, "created_at": moment}})
    seller.inventory_changes += [(times.sort_key(moment), change) for change in kept]
    if touched:
        _tell(square, seller, list(touched.values()))
    return {name: records for name, records in (("counts", list(touched.values())), ("changes", kept)) if records}


def _checked(seller: Seller, change: Mapping[str, Any], number: int) -> tuple[str, Record]:
    kind = change.get("type")
    name = {"PHYSICAL_COUNT": "physical_count", "ADJUSTMENT": "adjustment"}.get(str(kind))
    if name is None:
        raise bad_request("A change is a PHYSICAL_COUNT or an ADJUSTMENT.", f"changes[{number}].type")
    field = f"changes[{number}].{name}"
    part: Record = {key: value for key, value in (change.get(name) or {}).items() if value is not None}
    places = ("from_location_id", "to_location_id", "location_id")
    place = next((part[key] for key in places if part.get(key)), None)
    for key in ("catalog_object_id", "quantity", "occurred_at", *(("state",) if kind == "PHYSICAL_COUNT" else ())):
        if not part.get(key):
            raise missing(f"{field}.{key}")
    if place is None:
        raise missing(f"{field}.location_id")
    location_of(seller, place, f"{field}.location_id")
    catalog.find(seller, part["catalog_object_id"], "ITEM_VARIATION")
    times.parse(part["occurred_at"], f"{field}.occurred_at")
    part["catalog_object_type"] = "ITEM_VARIATION"
    part["quantity"] = _text(_number(part["quantity"], f"{field}.quantity"))
    if kind == "PHYSICAL_COUNT":
        return "PHYSICAL_COUNT", part
    if not part.get("from_state") or not part.get("to_state"):
        raise missing(f"{field}.from_state")
    part.pop("location_id", None)
    return "ADJUSTMENT", {"from_location_id": place, "to_location_id": place, **part}


def _number(text: Any, field: str) -> Decimal:
    try:
        value = Decimal(str(text))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0 or -int(value.as_tuple().exponent) > 5:
        raise invalid("INVALID_VALUE", "A quantity is a decimal number with at most five places, not negative.", field)
    return value


def _text(value: Decimal) -> str:
    return format(value.normalize(), "f") if value else "0"


def _quantity(seller: Seller, key: tuple[str, str, str]) -> str | None:
    known = seller.inventory.get(key)
    return known["quantity"] if known else None


def _counted(seller: Seller, part: Record) -> dict[tuple[str, str, str], str]:
    return {(part["catalog_object_id"], part["location_id"], part["state"]): part["quantity"]}


def _adjusted(seller: Seller, part: Record) -> dict[tuple[str, str, str], str]:
    """Goods leave one state and enter another; stock may become negative, as sales are never refused for it."""
    made: dict[tuple[str, str, str], str] = {}
    for state, place, sign in ((part["from_state"], "from_location_id", -1), (part["to_state"], "to_location_id", 1)):
        if state in UNCOUNTED:
            continue
        key = (part["catalog_object_id"], part[place], state)
        before = Decimal(made.get(key) or _quantity(seller, key) or "0")
        made[key] = _text(before + sign * Decimal(part["quantity"]))
    return made


def _count(key: tuple[str, str, str], quantity: str, moment: str) -> Record:
    return {
        "catalog_object_id": key[0],
        "catalog_object_type": "ITEM_VARIATION",
        "state": key[2],
        "location_id": key[1],
        "quantity": quantity,
        "calculated_at": moment,
    }


def _tell(square: Square, seller: Seller, counts: list[Record]) -> None:
    data = {"type": "inventory_counts", "id": ids.event(), "object": {"inventory_counts": counts}}
    publish(square, seller, "inventory.count.updated", data)


def sold(square: Square, seller: Seller, order: Record) -> None:
    """A sale takes counted goods out of stock."""
    changes = []
    for line in order.get("line_items") or []:
        object_id = line.get("catalog_object_id")
        if object_id and (object_id, order["location_id"], "IN_STOCK") in seller.inventory:
            states = {"from_state": "IN_STOCK", "to_state": "SOLD"}
            part = {"catalog_object_id": object_id, "location_id": order["location_id"], "quantity": line["quantity"], **states}
            changes.append({"type": "ADJUSTMENT", "adjustment": {**part, "occurred_at": times.wire(square.now(), 3)}})
    if changes:
        apply(square, seller, changes)


def change_batch(call: Call) -> Answer:
    def make() -> str:
        if not call.body["idempotency_key"]:
            raise missing("idempotency_key")
        changes = call.body.get("changes") or []
        if not 1 <= len(changes) <= 100:
            raise bad_request("Between 1 and 100 changes per call.", "changes")
        ignore = call.body.get("ignore_unchanged_counts") is not False
        batch_id = ids.event()
        call.seller.inventory_batches[batch_id] = apply(call.square, call.seller, changes, ignore_unchanged=ignore)
        return batch_id

    return call.once("BatchChangeInventory", make, lambda made: call.seller.inventory_batches[made], key_max_chars=KEY_MAX_CHARS)


def retrieve_counts(call: Call) -> Answer:
    body = call.body
    return _counts_page(
        call,
        set(body.get("catalog_object_ids") or []),
        set(body.get("location_ids") or []),
        set(body.get("states") or []),
        updated_after=body.get("updated_after"),
        limit=page_limit(body.get("limit"), default=100, most=1000),
        cursor=body.get("cursor"),
    )


def _counts_page(
    call: Call,
    object_ids: set[str],
    location_ids: set[str],
    states: set[str],
    *,
    updated_after: str | None = None,
    limit: int = 100,
    cursor: str | None,
) -> Answer:
    if unknown := states - enum_values("InventoryState"):
        raise invalid("INVALID_ENUM_VALUE", f"`{min(unknown)}` is not a valid enum value for `states`.", "states")
    after = times.parse_key(updated_after, "updated_after") or ""
    found = [
        ("|".join(key), count)
        for key, count in call.seller.inventory.items()
        if _in(key[0], object_ids)
        and _in(key[1], location_ids)
        and _in(key[2], states)
        and times.sort_key(count["calculated_at"]) > after
    ]
    query = ["counts", sorted(object_ids), sorted(location_ids), sorted(states), updated_after]
    return page_of(call, found, "counts", limit=limit, query=query, cursor=cursor)


def _in(value: str, wanted: Iterable[str]) -> bool:
    return not wanted or value in wanted


def retrieve_changes(call: Call) -> Answer:
    body = call.body
    after = times.parse_key(body.get("updated_after"), "updated_after") or ""
    before = times.parse_key(body.get("updated_before"), "updated_before") or "9999"
    kinds, object_ids, location_ids = (set(body.get(name) or []) for name in ("types", "catalog_object_ids", "location_ids"))
    found = []
    for number, (moment, change) in enumerate(call.seller.inventory_changes):
        part = change.get("physical_count") or change["adjustment"]
        wanted = (
            (change["type"], kinds),
            (part["catalog_object_id"], object_ids),
            (part.get("location_id") or part["from_location_id"], location_ids),
        )
        if after < moment < before and all(_in(value, values) for value, values in wanted):
            found.append((f"{moment}|{number:09d}", change))
    query = ["changes", sorted(kinds), sorted(object_ids), sorted(location_ids), body.get("updated_after")]
    limit = page_limit(body.get("limit"), default=100, most=1000)
    return page_of(call, found, "changes", limit=limit, query=query, cursor=body.get("cursor"))


for path in ("/v2/inventory/changes/batch-create", "/v2/inventory/batch-change"):
    routes.on("POST", path, scopes=("INVENTORY_WRITE",), body="BatchChangeInventoryRequest")(change_batch)
for path in ("/v2/inventory/counts/batch-retrieve", "/v2/inventory/batch-retrieve-counts"):
    routes.on("POST", path, scopes=("INVENTORY_READ",), body="BatchRetrieveInventoryCountsRequest")(retrieve_counts)
for path in ("/v2/inventory/changes/batch-retrieve", "/v2/inventory/batch-retrieve-changes"):
    routes.on("POST", path, scopes=("INVENTORY_READ",), body="BatchRetrieveInventoryChangesRequest")(retrieve_changes)


@routes.on("GET", "/v2/inventory/<object_id>", scopes=("INVENTORY_READ",), query=("location_ids", "cursor"))
def get_counts(call: Call, object_id: str) -> Answer:
    catalog.find(call.seller, object_id)
    location_ids = {part for part in call.query.get("location_ids", "").split(",") if part}
    return _counts_page(call, {object_id}, location_ids, set(), cursor=call.query.get("cursor"))
