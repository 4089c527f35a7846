"""Payouts of one seller, and what is in them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from providers.contract import Verb
from providers.errors import Unsupported
from providers.records import Draft, Page, Payout, PayoutEntry, Window
from providers.square.cursor import Place
from providers.square.mapping.known_fields import watch
from providers.square.mapping.payout import payout, payout_entry
from providers.square.mapping.values import stamp, stamp_up
from providers.square.resources.locations import Locations
from providers.square.resources.payments import BEGINNING, PAGE_SIZE
from providers.square.wire import Wire, checked_id

# A payout's status changes for days after it was made, and ListPayouts knows only when it was made.
CHANGES_FOR = timedelta(days=14)


class Payouts:
    def __init__(self, wire: Wire, locations: Locations) -> None:
        self._wire = wire
        self._locations = locations

    def list(
        self, *, created: Window | None, changed_since: datetime | None, cursor: str | None, open_only: bool
    ) -> Page[Payout]:
        """Location by location, the inactive ones too: without one, ListPayouts shows the main location only."""
        location_ids = self._locations.ids()
        place = Place.unpacked(cursor)
        if place.location_id is None:
            if not location_ids:
                return Page(records=())
            place = Place(location_ids[0])
        params = {**_window(created, changed_since), "location_id": place.location_id or ""}
        if place.square_cursor:
            params["cursor"] = place.square_cursor
        answer = self._wire.read("GET", "/v2/payouts", params=params)
        found = answer.data.get("payouts") or []
        watch("payout", found, at=answer.as_of)
        records = tuple([payout(raw, as_of=answer.as_of) for raw in found])
        return Page(records=records, next_cursor=place.after(answer.data.get("cursor"), location_ids))

    def get(self, id: str) -> Payout:
        answer = self._wire.read("GET", f"/v2/payouts/{checked_id(id)}")
        return payout(answer.data["payout"], as_of=answer.as_of)

    def create(self, draft: Draft[Any], *, key: str) -> Payout:
        raise Unsupported("Square makes payouts by itself")

    def perform(self, verb: Verb, id: str, *, version: str | None, key: str) -> Payout:
        raise Unsupported(f"Square cannot {verb} a payout")


class PayoutEntries:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
        self,
        *,
        created: Window | None,
        changed_since: datetime | None,
        cursor: str | None,
        open_only: bool,
        parent_id: str,
    ) -> Page[PayoutEntry]:
        place = Place.unpacked(cursor)
        params = {"sort_order": "ASC", "limit": PAGE_SIZE}
        if place.square_cursor:
            params["cursor"] = place.square_cursor
        answer = self._wire.read("GET", f"/v2/payouts/{checked_id(parent_id)}/payout-entries", params=params)
        found = answer.data.get("payout_entries") or []
        watch("payout_entry", found, at=answer.as_of)
        records = tuple([payout_entry(raw, as_of=answer.as_of) for raw in found])
        return Page(records=records, next_cursor=place.after(answer.data.get("cursor"), []))


def _window(created: Window | None, changed_since: datetime | None) -> dict[str, str]:
    """Always explicit: Square's default is one year."""
    begins = [created.since] if created is not None else []
    if changed_since is not None:
        begins.append(changed_since - CHANGES_FOR)
    params = {"begin_time": stamp(max(begins)) if begins else BEGINNING, "sort_order": "ASC", "limit": PAGE_SIZE}
    if created is not None and created.until is not None:
        params["end_time"] = stamp_up(created.until)
    return params
