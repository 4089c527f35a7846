"""Checkouts on the seller's Square Terminals."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from providers.contract import Verb
from providers.errors import Rejected, Unsupported
from providers.records import Draft, Page, TerminalCheckout, TerminalCheckoutDraft, TerminalStatus, Window
from providers.square.cursor import Place
from providers.square.errors import Intent
from providers.square.mapping.counter import checkout_json, terminal_checkout
from providers.square.mapping.known_fields import watch
from providers.square.mapping.values import stamp, stamp_up
from providers.square.resources.payments import BEGINNING
from providers.square.resources.windows import changed_after
from providers.square.wire import Wire, checked_id

PAGE_SIZE = 100
OVER = frozenset([TerminalStatus.COMPLETED, TerminalStatus.CANCELED])


class TerminalCheckouts:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
        self, *, created: Window | None, changed_since: datetime | None, cursor: str | None, open_only: bool
    ) -> Page[TerminalCheckout]:
        """Of the last 30 days, which is as long as Square keeps them; without a beginning it would show one day."""
        place = Place.unpacked(cursor)
        times = {"start_at": BEGINNING if created is None else stamp(created.since)}
        if created is not None and created.until is not None:
            times["end_at"] = stamp_up(created.until)
        body: dict[str, Any] = {
            "query": {"filter": {"created_at": times}, "sort": {"sort_order": "ASC"}},
            "limit": PAGE_SIZE,
        }
        if place.square_cursor:
            body["cursor"] = place.square_cursor
        answer = self._wire.read("POST", "/v2/terminals/checkouts/search", body=body)
        found = answer.data.get("checkouts") or []
        watch("terminal_checkout", found, at=answer.as_of)
        if changed_since is not None:
            found = [raw for raw in found if changed_after(raw, changed_since)]
        records = tuple([terminal_checkout(raw, as_of=answer.as_of) for raw in found])
        return Page(records=records, next_cursor=place.after(answer.data.get("cursor"), []))

    def get(self, id: str) -> TerminalCheckout:
        answer = self._wire.read("GET", f"/v2/terminals/checkouts/{checked_id(id)}")
        return terminal_checkout(answer.data["checkout"], as_of=answer.as_of)

    def create(self, draft: Draft[Any], *, key: str) -> TerminalCheckout:
        """The device shows it at once; Square cancels it by itself after five minutes without a payer."""
        if not isinstance(draft, TerminalCheckoutDraft):
            raise Unsupported(f"Square cannot make a terminal checkout from {type(draft).__name__}")
        answer = self._wire.write(
            Intent.CREATE, lambda sdk: sdk.terminal.checkouts.create, idempotency_key=key, checkout=checkout_json(draft)
        )
        return terminal_checkout(answer.data["checkout"], as_of=answer.as_of)

    def update(self, id: str, draft: Draft[Any], *, version: str | None, key: str) -> TerminalCheckout:
        raise Unsupported("A terminal checkout cannot be changed")

    def perform(self, verb: Verb, id: str, *, version: str | None, key: str) -> TerminalCheckout:
        if verb is not Verb.CANCEL:
            raise Unsupported(f"Square cannot {verb} a terminal checkout")
        current = self.get(id)
        if current.status in OVER:
            raise Rejected(f"This checkout is {current.status} already.", code="checkout_over")
        answer = self._wire.write(Intent.UNKEYED, lambda sdk: sdk.terminal.checkouts.cancel, current.id)
        return terminal_checkout(answer.data["checkout"], as_of=answer.as_of)
