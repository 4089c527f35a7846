"""What the seller sells, and how much of it is left: read only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from providers.errors import RecordNotFound
from providers.records import CatalogItem, InventoryCount, Page, Window
from providers.square.cursor import Place
from providers.square.mapping.counter import catalog_item, inventory_count
from providers.square.mapping.known_fields import watch
from providers.square.mapping.values import stamp
from providers.square.resources.windows import LIST_LAG
from providers.square.wire import Wire, checked_id

PAGE_SIZE = 100
COUNTS_PAGE_SIZE = 1000


class Catalog:
    """One record per variation: that is what has a price, a stock and a place on an order."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
        self, *, created: Window | None, changed_since: datetime | None, cursor: str | None, open_only: bool
    ) -> Page[CatalogItem]:
        """Items bring their variations along. What changed since is asked for by either, because a variation can change without
        its item; deleted ones are told then, too. `created` is not known for older objects and narrows nothing."""
        place = Place.unpacked(cursor)
        body: dict[str, Any] = {"object_types": ["ITEM"], "limit": PAGE_SIZE}
        if changed_since is not None:
            since = {"begin_time": stamp(changed_since - LIST_LAG), "include_deleted_objects": True}
            body = {**body, **since, "object_types": ["ITEM", "ITEM_VARIATION"], "include_related_objects": True}
        if place.square_cursor:
            body["cursor"] = place.square_cursor
        answer = self._wire.read("POST", "/v2/catalog/search", body=body)
        found, related = answer.data.get("objects") or [], answer.data.get("related_objects") or []
        watch("catalog_object", found, at=answer.as_of)
        return Page(records=_items(found, related, answer.as_of), next_cursor=place.after(answer.data.get("cursor"), []))

    def get(self, id: str) -> CatalogItem:
        answer = self._wire.read("GET", f"/v2/catalog/object/{checked_id(id)}", params={"include_related_objects": "true"})
        found = answer.data.get("object") or {}
        if found.get("type") != "ITEM_VARIATION":
            raise RecordNotFound("Square has no such thing for sale.")
        return _items([found], answer.data.get("related_objects") or [], answer.as_of)[0]


def _items(found: Iterable[Mapping[str, Any]], related: Iterable[Mapping[str, Any]], as_of: datetime) -> tuple[CatalogItem, ...]:
    """Each variation once, with its item wherever that is told."""
    found = [*found]
    items = {thing["id"]: thing for thing in [*related, *found] if thing.get("type") == "ITEM"}
    records: dict[str, CatalogItem] = {}
    for thing in found:
        if thing.get("type") == "ITEM":
            for variation in (thing.get("item_data") or {}).get("variations") or ():
                records[variation["id"]] = catalog_item(variation, thing, as_of=as_of)
        elif thing.get("type") == "ITEM_VARIATION" and thing["id"] not in records:
            item_id = (thing.get("item_variation_data") or {}).get("item_id") or ""
            records[thing["id"]] = catalog_item(thing, items.get(item_id), as_of=as_of)
    return tuple(records.values())


class Inventory:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
        self, *, created: Window | None, changed_since: datetime | None, cursor: str | None, open_only: bool
    ) -> Page[InventoryCount]:
        """Of every variation at every location in every state that Square tracks."""
        place = Place.unpacked(cursor)
        body: dict[str, Any] = {"limit": COUNTS_PAGE_SIZE}
        if changed_since is not None:
            body["updated_after"] = stamp(changed_since - LIST_LAG)
        if place.square_cursor:
            body["cursor"] = place.square_cursor
        answer = self._wire.read("POST", "/v2/inventory/counts/batch-retrieve", body=body)
        found = answer.data.get("counts") or []
        watch("inventory_count", found, at=answer.as_of)
        records = tuple([inventory_count(raw, as_of=answer.as_of) for raw in found])
        return Page(records=records, next_cursor=place.after(answer.data.get("cursor"), []))
