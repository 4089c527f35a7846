"""Cards on file, to be shown and chosen; they are saved on Square's pages."""

from __future__ import annotations

from datetime import datetime

from providers.records import Page, PaymentMethod, Window
from providers.square.cursor import Place
from providers.square.mapping.location import card
from providers.square.wire import Wire, checked_id


class Cards:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
        self, *, created: Window | None, changed_since: datetime | None, cursor: str | None, open_only: bool
    ) -> Page[PaymentMethod]:
        """All, the disabled ones too, 25 a page: ListCards knows no times."""
        place = Place.unpacked(cursor)
        params = {"include_disabled": "true", "sort_order": "ASC"}
        if place.square_cursor:
            params["cursor"] = place.square_cursor
        answer = self._wire.read("GET", "/v2/cards", params=params)
        records = tuple([card(raw, as_of=answer.as_of) for raw in answer.data.get("cards") or ()])
        return Page(records=records, next_cursor=place.after(answer.data.get("cursor"), []))

    def get(self, id: str) -> PaymentMethod:
        answer = self._wire.read("GET", f"/v2/cards/{checked_id(id)}")
        return card(answer.data["card"], as_of=answer.as_of)
