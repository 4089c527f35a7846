"""The calls for payments: reading them with fee and invoice, taking money with a saved method."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from providers.errors import CursorExpired
from providers.records import Draft, Page, Payment, PaymentDraft, Window
from providers.stripe.connection import Answer
from providers.stripe.mapping.payment import bare_charge, payment, was_tried
from providers.stripe.mapping.values import Json, identifier
from providers.stripe.resources.base import Resource, created_parameters, next_cursor
from providers.stripe.resources.taking import InvoicePaying, charge

CHARGES: Final = "/v1/charges"
INVOICE_PAYMENTS: Final = "/v1/invoice_payments"
INTENT_EXPAND: Final = ("latest_charge", "latest_charge.balance_transaction")
CHARGE_EXPAND: Final = ("balance_transaction",)
LINK_SLACK_SECONDS: Final = 300
"""A payment's link to its invoice is made with it, or (attach_payment) right after. A payment attached later than this is
listed without its invoice; the event invoice_payment.paid and a single get know better."""

Links = Mapping[str, tuple[str, ...]]


class Payments(Resource[Payment]):
    path = "/v1/payment_intents"

    def page(
        self, *, created: Window | None, cursor: str | None, open_only: bool = False, parent_id: str | None = None
    ) -> Page[Payment]:
        """First the PaymentIntents that somebody has tried to pay, then charges without an intent; the cursor is "stage:last id".

        A page may be empty and yet not the last."""
        stage, _, after = (cursor or "intents:").partition(":")
        if stage == "intents":
            return self._intents(created, after)
        if stage == "charges":
            return self._bare_charges(created, after)
        raise CursorExpired("The list of payments must be read again from its beginning.")

    def _intents(self, created: Window | None, after: str) -> Page[Payment]:
        answer = self.read_page(self.path, created_parameters(created), after, INTENT_EXPAND)
        tried = [raw for raw in answer.body["data"] if was_tried(raw)]
        links = self._links(tried)
        records = tuple([payment(raw, answer.as_of, links.get(raw["id"], ())) for raw in tried])
        last = next_cursor(answer)
        return Page(records=records, next_cursor="charges:" if last is None else f"intents:{last}")

    def _bare_charges(self, created: Window | None, after: str) -> Page[Payment]:
        answer = self.read_page(CHARGES, created_parameters(created), after, CHARGE_EXPAND)
        bare = [raw for raw in answer.body["data"] if raw.get("payment_intent") is None]
        links = self._links(bare)
        records = tuple([bare_charge(raw, answer.as_of, links.get(raw["id"], ())) for raw in bare])
        last = next_cursor(answer)
        return Page(records=records, next_cursor=None if last is None else f"charges:{last}")

    def _links(self, paying: list[Json]) -> Links:
        """Invoice ids by intent or charge, from the links made in the same span of time: one read for a page, as a rule."""
        if not paying:
            return {}
        moments = [raw["created"] for raw in paying]
        span: list[tuple[str, str | int]] = [
            ("created[gte]", min(moments) - LINK_SLACK_SECONDS),
            ("created[lte]", max(moments) + LINK_SLACK_SECONDS),
        ]
        found: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
        cursor: str | None = None
        while True:
            answer = self.read_page(INVOICE_PAYMENTS, span, cursor)
            _collect(answer, found)
            cursor = next_cursor(answer)
            if cursor is None:
                return found

    def get(self, id: str) -> Payment:
        """By PaymentIntent, or by charge; a charge that has an intent answers with that."""
        if not id.startswith("pi_"):
            answer = self.read_one(CHARGES, id, CHARGE_EXPAND)
            intent_id = identifier(answer.body.get("payment_intent"))
            if intent_id is None:
                return bare_charge(answer.body, answer.as_of, self._links([answer.body]).get(id, ()))
            id = intent_id
        answer = self.read_one(self.path, id, INTENT_EXPAND)
        return payment(answer.body, answer.as_of, self._links_of(id))

    def _links_of(self, intent_id: str) -> tuple[str, ...]:
        only: list[tuple[str, str | int]] = [("payment[type]", "payment_intent"), ("payment[payment_intent]", intent_id)]
        found: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
        _collect(self.read_page(INVOICE_PAYMENTS, only, None), found)
        return found[intent_id]

    def is_real(self, raw: Json) -> bool:
        return was_tried(raw)

    def create(self, draft: Draft[Payment], *, key: str) -> Payment:
        """Take the money with a saved payment method while the payer is away; on an invoice all that is due, or a part of it."""
        assert isinstance(draft, PaymentDraft)
        if draft.invoice_id is None:
            answer = charge(self.connection, draft, key)
            return payment(answer.body, answer.as_of)
        return self.get(InvoicePaying(self.connection, draft, draft.invoice_id, key).pay())


def _collect(answer: Answer, found: defaultdict[str, tuple[str, ...]]) -> None:
    for link in answer.body["data"]:
        paying = link.get("payment") or {}
        payer = identifier(paying.get("payment_intent")) or identifier(paying.get("charge"))
        invoice_id = identifier(link.get("invoice"))
        if payer and invoice_id and link.get("status") != "canceled" and invoice_id not in found[payer]:
            found[payer] += (invoice_id,)
