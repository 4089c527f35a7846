"""Cards on file: tokens and what is shown of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from providers.contract import Verb
from providers.errors import Rejected, Unsupported
from providers.records import Draft, Page, PaymentMethod, PaymentMethodDraft, Window
from providers.square.cursor import Place
from providers.square.errors import Intent
from providers.square.mapping.known_fields import watch
from providers.square.mapping.location import card
from providers.square.resources.windows import created_within
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
        found = answer.data.get("cards") or []
        watch("card", found, at=answer.as_of)
        if created is not None:
            found = [raw for raw in found if created_within(raw, created)]
        records = tuple([card(raw, as_of=answer.as_of) for raw in found])
        return Page(records=records, next_cursor=place.after(answer.data.get("cursor"), []))

    def get(self, id: str) -> PaymentMethod:
        answer = self._wire.read("GET", f"/v2/cards/{checked_id(id)}")
        return card(answer.data["card"], as_of=answer.as_of)

    def create(self, draft: Draft[Any], *, key: str) -> PaymentMethod:
        """From a token of Square's card form, or a payment whose card the payer let us keep."""
        if not isinstance(draft, PaymentMethodDraft):
            raise Unsupported(f"Square cannot save a card from {type(draft).__name__}")
        kept = {"customer_id": draft.customer_id} | ({"reference_id": draft.reference} if draft.reference else {})
        answer = self._wire.write(
            Intent.CREATE, lambda sdk: sdk.cards.create, idempotency_key=key, source_id=draft.source, card=kept
        )
        return card(answer.data["card"], as_of=answer.as_of)

    def update(self, id: str, draft: Draft[Any], *, version: str | None, key: str) -> PaymentMethod:
        raise Unsupported("Square cards on file are not changed by the hub")

    def perform(self, verb: Verb, id: str, *, version: str | None, key: str) -> PaymentMethod:
        """DELETE disables the card: Square keeps it, and nobody can charge it again."""
        if verb is not Verb.DELETE:
            raise Unsupported(f"Square cannot {verb} a card on file")
        current = self.get(id)
        if not current.enabled:
            raise Rejected("This card has been removed already.", code="card_disabled")
        answer = self._wire.write(Intent.UNKEYED, lambda sdk: sdk.cards.disable, current.id)
        return card(answer.data["card"], as_of=answer.as_of)
