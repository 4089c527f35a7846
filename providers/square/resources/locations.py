"""Locations: read once per account object, because nearly every other call needs them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from providers.errors import RecordNotFound
from providers.records import Location, Page, Window
from providers.square.mapping.known_fields import watch
from providers.square.mapping.location import location
from providers.square.wire import Answer, Wire, checked_id


class Locations:
    """`list` and `get` ask Square; `ids` and `known` answer from the last reading."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._merchant: dict[str, Any] | None = None
        self._known: dict[str, Location] | None = None

    def merchant(self, *, fresh: bool = False) -> dict[str, Any]:
        """The seller: id, business_name, country, currency, main_location_id. `fresh` asks Square again."""
        if self._merchant is None or fresh:
            self._merchant = self._wire.read("GET", "/v2/merchants/me").data.get("merchant") or {}
        return self._merchant

    def list(
        self, *, created: Window | None, changed_since: datetime | None, cursor: str | None, open_only: bool
    ) -> Page[Location]:
        """Always all of them, in one page, the inactive ones too: Square neither pages nor filters, and keeps no change time."""
        return Page(records=tuple(self._read().values()))

    def get(self, id: str) -> Location:
        answer = self._wire.read("GET", f"/v2/locations/{checked_id(id)}")
        return self._record(answer, answer.data["location"])

    def ids(self) -> Sequence[str]:
        """Sorted, the inactive ones too: their invoices and payments still count."""
        return sorted(self._known if self._known is not None else self._read())

    def known(self, id: str | None) -> Location:
        """The location of that id, the main one for None. Raises RecordNotFound."""
        wanted = id or self.merchant().get("main_location_id") or ""
        found = (self._known or {}).get(wanted) or self._read().get(wanted)
        if found is None:
            raise RecordNotFound("Square has no such location on this account.")
        return found

    def _read(self) -> dict[str, Location]:
        answer = self._wire.read("GET", "/v2/locations")
        found = answer.data.get("locations") or ()
        watch("location", found, at=answer.as_of)
        self._known = {raw["id"]: self._record(answer, raw) for raw in found}
        return self._known

    def _record(self, answer: Answer, raw: dict[str, Any]) -> Location:
        return location(raw, as_of=answer.as_of, main_id=self.merchant().get("main_location_id"))
