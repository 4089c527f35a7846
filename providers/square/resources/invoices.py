"""Reading the invoices of one seller, each with its order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from providers.contract import Verb
from providers.errors import RecordNotFound
from providers.records import Draft, Invoice, Page, Window
from providers.square.cursor import Place
from providers.square.mapping.invoice import NOT_OPEN, invoice
from providers.square.mapping.known_fields import watch
from providers.square.mapping.values import moment, stamp
from providers.square.resources.invoice_writing import InvoiceWriting
from providers.square.resources.locations import Locations
from providers.square.resources.orders import orders_by_id
from providers.square.resources.windows import created_within
from providers.square.wire import Wire, checked_id

PAGE_SIZE = 200  # SearchInvoices' most
ORDER_ENTRIES_PAGE_SIZE = 1000
SEARCH_LAG = timedelta(minutes=2)


class Invoices:
    def __init__(self, wire: Wire, locations: Locations) -> None:
        self._wire = wire
        self._locations = locations
        self._writing = InvoiceWriting(wire, locations, self.get)
        self._moved: tuple[str, datetime, frozenset[str]] | None = None

    def list(
        self, *, created: Window | None, changed_since: datetime | None, cursor: str | None, open_only: bool
    ) -> Page[Invoice]:
        """SearchInvoices takes exactly one location and no time or status, so we walk the locations and choose here; orders are
        read for the chosen ones only.

        Sorted by INVOICE_SORT_DATE ascending, to the end: publishing moves an invoice towards the end, where it is met again;
        descending with an early stop could step over one that is published meanwhile."""
        location_ids = self._locations.ids()
        place = Place.unpacked(cursor)
        if place.location_id is None:
            if not location_ids:
                return Page(records=())
            place = Place(location_ids[0])
        data, as_of = self._search(place, "ASC")
        found: Sequence[dict[str, Any]] = data.get("invoices") or ()
        watch("invoice", found, at=as_of)
        if created is not None:
            found = [raw for raw in found if created_within(raw, created)]
        if open_only:
            found = [raw for raw in found if raw.get("status") not in NOT_OPEN]
        if changed_since is not None and found:
            found = self._changed(found, place.location_id or "", changed_since - SEARCH_LAG)
        return Page(records=self._with_orders(found, as_of), next_cursor=place.after(data.get("cursor"), location_ids))

    def get(self, id: str) -> Invoice:
        answer = self._wire.read("GET", f"/v2/invoices/{checked_id(id)}")
        raw = answer.data["invoice"]
        order: dict[str, Any] | None = None
        if raw.get("order_id"):
            try:
                order = self._wire.read("GET", f"/v2/orders/{checked_id(raw['order_id'])}").data.get("order")
            except RecordNotFound:
                order = None
        return invoice(raw, order, as_of=answer.as_of)

    def create(self, draft: Draft[Any], *, key: str) -> Invoice:
        return self._writing.create(draft, key=key)

    def update(self, id: str, draft: Draft[Any], *, version: str | None, key: str) -> Invoice:
        return self._writing.update(id, draft, version=version, key=key)

    def perform(self, verb: Verb, id: str, *, version: str | None, key: str) -> Invoice:
        return self._writing.perform(verb, id, version=version, key=key)

    def find_by_reference(self, reference: str) -> Invoice | None:
        """Among the newest two hundred invoices of each location: our reference is on the order, and Square searches orders by no
        such field. These lists may lag by seconds; CreateOrder and CreateInvoice are keyed, so an unclear create is repeated."""
        for location_id in self._locations.ids():
            data, as_of = self._search(Place(location_id), "DESC")
            for record in self._with_orders(data.get("invoices") or [], as_of):
                if record.reference == reference:
                    return record
        return None

    def _search(self, place: Place, order: str) -> tuple[dict[str, Any], datetime]:
        body: dict[str, Any] = {
            "query": {
                "filter": {"location_ids": [place.location_id]},
                "sort": {"field": "INVOICE_SORT_DATE", "order": order},
            },
            "limit": PAGE_SIZE,
        }
        if place.square_cursor:
            body["cursor"] = place.square_cursor
        answer = self._wire.read("POST", "/v2/invoices/search", body=body)
        return answer.data, answer.as_of

    def _changed(self, found: Sequence[dict[str, Any]], location_id: str, since: datetime) -> Sequence[dict[str, Any]]:
        """Those whose invoice moved since then by its own `updated_at`, or whose order did: either can move without the other."""
        moved = self._moved_orders(location_id, since)
        return [raw for raw in found if raw.get("order_id") in moved or (moment(raw.get("updated_at")) or since) >= since]

    def _moved_orders(self, location_id: str, since: datetime) -> frozenset[str]:
        """Ids of the location's orders updated since then; read once per location."""
        if self._moved is not None and self._moved[:2] == (location_id, since):
            return self._moved[2]
        query = {
            "filter": {"date_time_filter": {"updated_at": {"start_at": stamp(since)}}},
            "sort": {"sort_field": "UPDATED_AT", "sort_order": "ASC"},
        }
        body: dict[str, Any] = {
            "location_ids": [location_id],
            "query": query,
            "limit": ORDER_ENTRIES_PAGE_SIZE,
            "return_entries": True,
        }
        ids: set[str] = set()
        while True:
            data = self._wire.read("POST", "/v2/orders/search", body=body).data
            ids.update(entry["order_id"] for entry in data.get("order_entries") or ())
            if not data.get("cursor"):
                break
            body = {**body, "cursor": data["cursor"]}
        self._moved = (location_id, since, frozenset(ids))
        return self._moved[2]

    def _with_orders(self, found: Sequence[dict[str, Any]], as_of: datetime) -> tuple[Invoice, ...]:
        ids = [raw["order_id"] for raw in found if raw.get("order_id")]
        orders = orders_by_id(self._wire, ids)
        return tuple([invoice(raw, orders.get(raw.get("order_id") or ""), as_of=as_of) for raw in found])
