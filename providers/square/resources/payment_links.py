"""Payment links of one seller, each with its order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from providers.contract import Verb
from providers.errors import RecordNotFound, Rejected, Unsupported
from providers.records import Draft, Line, LinkStatus, Page, PaymentLink, PaymentLinkDraft, Window
from providers.square.cursor import Place
from providers.square.errors import Intent
from providers.square.mapping.invoice import order_content
from providers.square.mapping.known_fields import watch
from providers.square.mapping.link import payment_link
from providers.square.resources.locations import Locations
from providers.square.resources.orders import orders_by_id
from providers.square.resources.payments import wrong_currency
from providers.square.resources.windows import created_within
from providers.square.wire import Wire, checked_id

LINKS = "/v2/online-checkout/payment-links"
PAGE_SIZE = "100"


class PaymentLinks:
    def __init__(self, wire: Wire, locations: Locations) -> None:
        self._wire = wire
        self._locations = locations

    def list(
        self, *, created: Window | None, changed_since: datetime | None, cursor: str | None, open_only: bool
    ) -> Page[PaymentLink]:
        """All: a link does not change when it is paid, its order does, so `changed_since` cannot narrow."""
        place = Place.unpacked(cursor)
        params = {"limit": PAGE_SIZE}
        if place.square_cursor:
            params["cursor"] = place.square_cursor
        answer = self._wire.read("GET", LINKS, params=params)
        found: Sequence[dict[str, Any]] = answer.data.get("payment_links") or []
        watch("payment_link", found, at=answer.as_of)
        if created is not None:
            found = [raw for raw in found if created_within(raw, created)]
        orders = orders_by_id(self._wire, [raw["order_id"] for raw in found if raw.get("order_id")])
        records = tuple([payment_link(raw, orders.get(raw.get("order_id") or ""), as_of=answer.as_of) for raw in found])
        return Page(records=records, next_cursor=place.after(answer.data.get("cursor"), []))

    def get(self, id: str) -> PaymentLink:
        answer = self._wire.read("GET", f"{LINKS}/{checked_id(id)}")
        raw = answer.data["payment_link"]
        order: dict[str, Any] | None = None
        if raw.get("order_id"):
            try:
                order = self._wire.read("GET", f"/v2/orders/{checked_id(raw['order_id'])}").data.get("order")
            except RecordNotFound:
                order = None
        return payment_link(raw, order, as_of=answer.as_of)

    def create(self, draft: Draft[Any], *, key: str) -> PaymentLink:
        """Over an order of our own lines, which Square makes along with the link."""
        wanted = _link_draft(draft)
        where = self._locations.known(wanted.location_id)
        if wanted.amount.currency != where.currency:
            raise wrong_currency(wanted.amount.currency, where.currency)
        lines = wanted.lines or (Line(description=wanted.description, amount=wanted.amount),)
        order: dict[str, Any] = {"location_id": where.id, **order_content(lines)}
        if wanted.customer_id:
            order["customer_id"] = wanted.customer_id
        if wanted.reference:
            order["reference_id"] = wanted.reference
        fields: dict[str, Any] = {"order": order, "description": wanted.description[:4096]}
        if wanted.return_url:
            fields["checkout_options"] = {"redirect_url": wanted.return_url}
        if wanted.payer_email:
            fields["pre_populated_data"] = {"buyer_email": wanted.payer_email}
        answer = self._wire.write(Intent.CREATE, lambda sdk: sdk.checkout.payment_links.create, idempotency_key=key, **fields)
        raw = answer.data["payment_link"]
        related = (answer.data.get("related_resources") or {}).get("orders") or ()
        made = next((one for one in related if one.get("id") == raw.get("order_id")), None)
        return payment_link(raw, made, as_of=answer.as_of) if made is not None else self.get(raw["id"])

    def update(self, id: str, draft: Draft[Any], *, version: str | None, key: str) -> PaymentLink:
        raise Unsupported("Square payment links are not changed by the hub: take one back and make another")

    def perform(self, verb: Verb, id: str, *, version: str | None, key: str) -> PaymentLink:
        """CANCEL deletes the link, and Square cancels its order. Of a paid one Square would delete the link and keep the money,
        which is nobody's wish, so we look first."""
        if verb is not Verb.CANCEL:
            raise Unsupported(f"Square cannot {verb} a payment link")
        current = self.get(id)
        if current.status in (LinkStatus.PAID, LinkStatus.PENDING):
            raise Rejected("This link has been paid already: refund the payment instead.", code="link_paid")
        answer = self._wire.write(Intent.UNKEYED, lambda sdk: sdk.checkout.payment_links.delete, current.id)
        return replace(current, status=LinkStatus.CANCELED, url=None, as_of=answer.as_of)


def _link_draft(draft: Draft[Any]) -> PaymentLinkDraft:
    """Refused here are what Square does not have and what it would take without a word."""
    if not isinstance(draft, PaymentLinkDraft):
        raise Unsupported(f"Square cannot write a payment link from {type(draft).__name__}")
    if draft.style != "link":
        raise Rejected("Square has links to send, and no checkout within a page.", code="style_unsupported", field="style")
    if draft.expires_at is not None:
        raise Rejected("A Square link does not expire: take it back instead.", code="no_expiry", field="expires_at")
    if draft.amount.minor_units <= 0:
        raise Rejected("The amount must be more than nothing.", code="amount_invalid", field="amount")
    if draft.lines and sum(line.amount.minor_units for line in draft.lines) != draft.amount.minor_units:
        raise Rejected("The lines do not add up to the amount of the link.", code="lines_differ", field="lines")
    if any(line.amount.currency != draft.amount.currency for line in draft.lines):
        raise Rejected("A line is in another currency than the link.", code="currency_mismatch", field="lines")
    return draft
