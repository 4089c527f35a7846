"""Payments and refunds of one seller, in-person sales included."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from providers.contract import Verb
from providers.errors import Rejected, Unsupported
from providers.records import Draft, Page, Payment, PaymentDraft, Refund, RefundDraft, Window
from providers.square.cursor import Place
from providers.square.errors import Intent
from providers.square.mapping.known_fields import watch
from providers.square.mapping.payment import payment, refund
from providers.square.mapping.values import money_json, stamp, stamp_up
from providers.square.resources.locations import Locations
from providers.square.resources.windows import LIST_LAG
from providers.square.wire import Wire, checked_id

PAGE_SIZE = "100"
# Without begin_time Square shows one year only; it has no payments older than this.
BEGINNING = "2009-01-01T00:00:00Z"
NOTE_MAX_CHARS = 500
REASON_MAX_CHARS = 192


class Payments:
    def __init__(self, wire: Wire, locations: Locations) -> None:
        self._wire = wire
        self._locations = locations

    def list(
        self, *, created: Window | None, changed_since: datetime | None, cursor: str | None, open_only: bool
    ) -> Page[Payment]:
        """Location by location: without one, ListPayments shows the main location only. Oldest first, so that what moves while we
        read comes again instead of slipping through."""
        location_ids = self._locations.ids()
        place = Place.unpacked(cursor)
        if place.location_id is None:
            if not location_ids:
                return Page(records=())
            place = Place(location_ids[0])
        params = {**_window(created, changed_since), "location_id": place.location_id or ""}
        if place.square_cursor:
            params["cursor"] = place.square_cursor
        answer = self._wire.read("GET", "/v2/payments", params=params)
        found = answer.data.get("payments") or ()
        watch("payment", found, at=answer.as_of)
        records = tuple([payment(raw, as_of=answer.as_of) for raw in found])
        return Page(records=records, next_cursor=place.after(answer.data.get("cursor"), location_ids))

    def get(self, id: str) -> Payment:
        answer = self._wire.read("GET", f"/v2/payments/{checked_id(id)}")
        return payment(answer.data["payment"], as_of=answer.as_of)

    def create(self, draft: Draft[Any], *, key: str) -> Payment:
        """Square takes money for a sale of its own, never for an invoice: an invoice is paid on its own page only (Square docs:
        invoices-api/pay-refund-invoices). Raises Declined, ActionRequired."""
        if not isinstance(draft, PaymentDraft):
            raise Unsupported(f"Square cannot take a payment from {type(draft).__name__}")
        if draft.invoice_id is not None:
            raise Rejected(
                "Square does not let anyone but the customer pay a Square invoice: share the invoice's pay link instead.",
                code="invoice_not_payable_by_api",
                field="invoice_id",
            )
        where = self._locations.known(draft.location_id)
        if where.currency != draft.amount.currency:
            raise wrong_currency(draft.amount.currency, where.currency)
        optional = {
            "customer_id": draft.customer_id,
            "reference_id": draft.reference,
            "note": (draft.description or "")[:NOTE_MAX_CHARS],
        }
        fields: dict[str, Any] = {name: value for name, value in optional.items() if value}
        answer = self._wire.write(
            Intent.CREATE,
            lambda sdk: sdk.payments.create,
            source_id=draft.source,
            idempotency_key=key,
            amount_money=money_json(draft.amount),
            location_id=where.id,
            **fields,
        )
        return payment(answer.data["payment"], as_of=answer.as_of)

    def update(self, id: str, draft: Draft[Any], *, version: str | None, key: str) -> Payment:
        raise Unsupported("Square payments are not changed by the hub")

    def perform(self, verb: Verb, id: str, *, version: str | None, key: str) -> Payment:
        raise Unsupported(f"Square payments have no {verb} here")

    def find_by_reference(self, reference: str) -> Payment | None:
        """Among the newest hundred payments of each location. Lists lag by seconds; CreatePayment is keyed: repeat it instead."""
        for location_id in self._locations.ids():
            params = {"begin_time": BEGINNING, "sort_order": "DESC", "limit": PAGE_SIZE, "location_id": location_id}
            answer = self._wire.read("GET", "/v2/payments", params=params)
            for raw in answer.data.get("payments") or ():
                if raw.get("reference_id") == reference:
                    return payment(raw, as_of=answer.as_of)
        return None


class Refunds:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
        self, *, created: Window | None, changed_since: datetime | None, cursor: str | None, open_only: bool
    ) -> Page[Refund]:
        """Of all locations: ListPaymentRefunds, unlike ListPayments, leaves none out."""
        place = Place.unpacked(cursor)
        params = _window(created, changed_since)
        if place.square_cursor:
            params["cursor"] = place.square_cursor
        answer = self._wire.read("GET", "/v2/refunds", params=params)
        found = answer.data.get("refunds") or ()
        watch("refund", found, at=answer.as_of)
        records = tuple([refund(raw, as_of=answer.as_of) for raw in found])
        return Page(records=records, next_cursor=place.after(answer.data.get("cursor"), []))

    def get(self, id: str) -> Refund:
        answer = self._wire.read("GET", f"/v2/refunds/{checked_id(id)}")
        return refund(answer.data["refund"], as_of=answer.as_of)

    def create(self, draft: Draft[Any], *, key: str) -> Refund:
        """Mostly PENDING at first. A repeated key answers with the refund as it is now."""
        if not isinstance(draft, RefundDraft):
            raise Unsupported(f"Square cannot refund from {type(draft).__name__}")
        fields: dict[str, Any] = {"reason": draft.reason[:REASON_MAX_CHARS]} if draft.reason else {}
        answer = self._wire.write(
            Intent.CREATE,
            lambda sdk: sdk.refunds.refund_payment,
            idempotency_key=key,
            amount_money=money_json(draft.amount),
            payment_id=draft.payment_id,
            **fields,
        )
        return refund(answer.data["refund"], as_of=answer.as_of)

    def update(self, id: str, draft: Draft[Any], *, version: str | None, key: str) -> Refund:
        raise Unsupported("Square refunds cannot be changed")

    def perform(self, verb: Verb, id: str, *, version: str | None, key: str) -> Refund:
        raise Unsupported(f"Square refunds have no {verb}")


def wrong_currency(asked: str, of_location: str) -> Rejected:
    return Rejected(
        f"This Square location works in {of_location}, not in {asked}: choose another location or currency.",
        code="currency_mismatch",
        field="currency",
    )


def _window(created: Window | None, changed_since: datetime | None) -> dict[str, str]:
    """Times are always explicit: Square's default is one year of created_at, whatever else is asked."""
    params = {"begin_time": BEGINNING if created is None else stamp(created.since), "sort_order": "ASC", "limit": PAGE_SIZE}
    if created is not None and created.until is not None:
        params["end_time"] = stamp_up(created.until)
    if changed_since is None:
        return {**params, "sort_field": "CREATED_AT"}
    return {**params, "updated_at_begin_time": stamp(changed_since - LIST_LAG), "sort_field": "UPDATED_AT"}
