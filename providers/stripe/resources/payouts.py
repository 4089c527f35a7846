"""The calls for payouts and what is in them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from providers.records import Page, Payout, PayoutEntry, Window
from providers.stripe.mapping.payout import entry, is_payout_itself, payout
from providers.stripe.mapping.values import Json
from providers.stripe.resources.base import Resource, next_cursor

_SOURCE: Final = ("source",)


class Payouts(Resource[Payout]):
    path = "/v1/payouts"
    expand = ("balance_transaction",)

    def record(self, raw: Json, as_of: datetime) -> Payout:
        return payout(raw, as_of)


class PayoutEntries(Resource[PayoutEntry]):
    path = "/v1/balance_transactions"

    def page(
        self, *, created: Window | None, cursor: str | None, open_only: bool = False, parent_id: str | None = None
    ) -> Page[PayoutEntry]:
        """Of one payout, whatever their age. Stripe tells the entries of automatic payouts only, and refuses others; they are all
        there once the payout `is_complete`. Their nets add up to the payout's amount."""
        payout_id = parent_id or ""
        answer = self.read_page(self.path, [("payout", payout_id)], cursor, _SOURCE)
        entries = [entry(raw, answer.as_of, payout_id) for raw in answer.body["data"] if not is_payout_itself(raw, payout_id)]
        return Page(records=tuple(entries), next_cursor=next_cursor(answer))
