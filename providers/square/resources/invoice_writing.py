"""Writing an invoice: first its order, then the invoice itself, each step under its own key."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from providers.contract import Verb
from providers.errors import ProviderError, Rejected, Unsupported, VersionConflict
from providers.records import Draft, Invoice, InvoiceDraft, InvoiceStatus, Location, Money
from providers.square.errors import NO_EMAIL, Intent
from providers.square.mapping.invoice import invoice, order_content
from providers.square.mapping.values import moment
from providers.square.resources.invoice_parts import check_parts, due_changes, part_changes, payment_requests, same_parts
from providers.square.resources.locations import Locations
from providers.square.resources.payments import wrong_currency
from providers.square.wire import Wire, checked_id

CHANGEABLE = frozenset(["DRAFT", "SCHEDULED", "UNPAID", "PARTIALLY_PAID"])
NOT_CANCELABLE = frozenset(["DRAFT", "PAID", "REFUNDED", "CANCELED", "FAILED"])


class InvoiceWriting:
    """`get` reads an invoice with its order, as Invoices does."""

    def __init__(self, wire: Wire, locations: Locations, get: Callable[[str], Invoice]) -> None:
        self._wire = wire
        self._locations = locations
        self._get = get

    def create(self, draft: Draft[Any], *, key: str) -> Invoice:
        """A draft invoice over a new open order. Without `due_on` it is due on the day of its creation at the location.

        An order whose invoice Square refuses is canceled again, so that none is left behind."""
        wanted = _invoice_draft(draft)
        where = self._locations.known(wanted.location_id)
        _check_lines(wanted, where)
        order: dict[str, Any] = {"location_id": where.id, "state": "OPEN", **order_content(wanted.lines or ())}
        if wanted.customer_id:
            order["customer_id"] = wanted.customer_id
        if wanted.reference:
            order["reference_id"] = wanted.reference
        made = self._wire.write(Intent.CREATE, lambda sdk: sdk.orders.create, order=order, idempotency_key=f"{key}.o")
        raw_order = made.data["order"]
        body = {
            "location_id": where.id,
            "order_id": raw_order["id"],
            "delivery_method": "EMAIL" if wanted.deliver else "SHARE_MANUALLY",
            "accepted_payment_methods": {"card": True},
            "payment_requests": payment_requests(wanted, _first_day(where, raw_order, made.as_of)),
            **{name: value for name, value in _invoice_fields(wanted).items() if value is not None},
        }
        try:
            answer = self._wire.write(Intent.CREATE, lambda sdk: sdk.invoices.create, invoice=body, idempotency_key=f"{key}.i")
        except Rejected as refusal:
            # A reused key means that the order belongs to an invoice made before.
            if refusal.code != "IDEMPOTENCY_KEY_REUSED":
                self._cancel_order(raw_order, key)
            raise
        return invoice(answer.data["invoice"], raw_order, as_of=answer.as_of)

    def update(self, id: str, draft: Draft[Any], *, version: str | None, key: str) -> Invoice:
        """New lines only while it is a draft: the order of a published invoice stays as it is (cancel and make a new one)."""
        current = self._at(id, version)
        wanted = _without_repetition(_invoice_draft(draft), current)
        status = _status(current)
        if status not in CHANGEABLE:
            raise Rejected(f"Square does not change an invoice that is {_said(status)}.", code="invoice_not_changeable")
        if wanted.lines is not None and status != "DRAFT":
            raise Rejected(
                "The lines of a published Square invoice cannot be changed: cancel it and make a new one.",
                code="invoice_published",
            )
        if wanted.lines is not None or wanted.reference:
            self._replace_order(current, wanted, key)
            # Square may count a changed order as a new version of its invoice.
            current = self._get(id)
        body = _invoice_fields(wanted)
        if wanted.lines is not None:
            # An update of the invoice itself has Square compute its payment requests anew from the changed order.
            body["delivery_method"] = current.raw["invoice"].get("delivery_method") or "SHARE_MANUALLY"
        if wanted.deliver and current.raw["invoice"].get("delivery_method") != "EMAIL":
            body["delivery_method"] = "EMAIL"
        if wanted.instalments is not None:
            body["payment_requests"] = part_changes(current, wanted)
        elif wanted.due_on is not None:
            body["payment_requests"] = due_changes(current, wanted.due_on)
        if not body:
            return current
        return self._change(current, body, key)

    def perform(self, verb: Verb, id: str, *, version: str | None, key: str) -> Invoice:
        if verb is Verb.PUBLISH:
            return self._publish(id, version=version, key=key)
        if verb is Verb.SEND:
            return self._send(self._at(id, version), key)
        if verb is Verb.VOID:
            return self._cancel(self._at(id, version))
        if verb is Verb.DELETE:
            return self._delete(self._at(id, version))
        raise Unsupported(f"Square cannot {verb} an invoice")

    def _publish(self, id: str, *, version: str | None, key: str) -> Invoice:
        """The buyer can pay from now on; Square mails it if its delivery is EMAIL. The same key again gives the same answer."""
        number = int(version if version is not None else self._get(id).version or 0)
        checked = checked_id(id)
        self._wire.write(Intent.KEYED, lambda sdk: sdk.invoices.publish, checked, version=number, idempotency_key=f"{key}.p")
        return self._get(id)

    def _send(self, current: Invoice, key: str) -> Invoice:
        """Square mails an invoice when it is published with delivery EMAIL, and has no second sending: one that was mailed
        stays as it is, and one that was shared by link is switched to EMAIL, which has Square take over from there."""
        raw = current.raw["invoice"]
        status = _status(current)
        if status not in CHANGEABLE:
            raise Rejected(f"Square does not send an invoice that is {_said(status)}.", code="invoice_not_sendable")
        if current.customer_id is None:
            raise Rejected("Square sends an invoice only to a customer: choose one first.", code="invoice_without_customer")
        if not raw["primary_recipient"].get("email_address"):
            self._check_email(current.customer_id)
        if raw.get("delivery_method") != "EMAIL":
            current = self._change(current, {"delivery_method": "EMAIL"}, key)
        if status == "DRAFT":
            current = self._publish(current.id, version=current.version, key=key)
        return current

    def _check_email(self, customer_id: str) -> None:
        """Square would say so only after the invoice is switched to EMAIL, and then no longer publishes it without."""
        answer = self._wire.read("GET", f"/v2/customers/{checked_id(customer_id)}")
        if not answer.data["customer"].get("email_address"):
            raise Rejected(NO_EMAIL, code="customer_without_email", field="email")

    def _cancel(self, current: Invoice) -> Invoice:
        """Of a published invoice; its order is canceled with it."""
        status, number = _status(current), int(current.version or 0)
        if status in NOT_CANCELABLE:
            hint = " Delete the draft instead." if status == "DRAFT" else ""
            raise Rejected(f"Square does not cancel an invoice that is {_said(status)}.{hint}", code="invoice_not_cancelable")
        answer = self._wire.write(Intent.UNKEYED, lambda sdk: sdk.invoices.cancel, current.id, version=number)
        return invoice(answer.data["invoice"], current.raw["order"], as_of=answer.as_of)

    def _delete(self, current: Invoice) -> Invoice:
        """Of a draft; its order is canceled with it."""
        status, number = _status(current), int(current.version or 0)
        if status != "DRAFT":
            raise Rejected(f"Square deletes drafts only; this invoice is {_said(status)}.", code="invoice_not_deletable")
        answer = self._wire.write(Intent.UNKEYED, lambda sdk: sdk.invoices.delete, current.id, version=number)
        nothing = Money(0, current.total.currency)
        return replace(current, status=InvoiceStatus.VOID, due=nothing, as_of=answer.as_of, deleted=True)

    def _at(self, id: str, version: str | None) -> Invoice:
        """The invoice now. Raises VersionConflict where it is not at `version`; None takes it as it is."""
        current = self._get(id)
        if version is not None and version != current.version:
            raise VersionConflict("The invoice was changed at Square meanwhile.")
        return current

    def _change(self, current: Invoice, body: dict[str, Any], key: str) -> Invoice:
        sent = {**body, "version": int(current.version or 0)}
        step = f"{key}.u{current.version}"
        answer = self._wire.write(Intent.KEYED, lambda sdk: sdk.invoices.update, current.id, invoice=sent, idempotency_key=step)
        return invoice(answer.data["invoice"], current.raw["order"], as_of=answer.as_of)

    def _replace_order(self, current: Invoice, wanted: InvoiceDraft, key: str) -> None:
        """New lines instead of the old in one request: the old ones are cleared by their uids, the new come without."""
        order = current.raw["order"]
        if order is None or order.get("version") is None:
            raise Rejected("Square does not let us change this invoice's order.", code="order_not_changeable")
        where = self._locations.known(order["location_id"])
        sent: dict[str, Any] = {"location_id": where.id, "version": order["version"]}
        cleared: list[str] = []
        if wanted.lines is not None:
            _check_lines(wanted, where)
            sent |= order_content(wanted.lines)
            for name in ("line_items", "discounts"):
                cleared += [f"{name}[{part['uid']}]" for part in order.get(name) or () if part.get("uid")]
        if wanted.reference:
            sent["reference_id"] = wanted.reference
        self._wire.write(
            Intent.KEYED,
            lambda sdk: sdk.orders.update,
            order["id"],
            order=sent,
            fields_to_clear=cleared,
            # The version is part of the key: repeated after a lost answer, this replaces the lines once more.
            idempotency_key=f"{key}.o{order['version']}",
        )

    def _cancel_order(self, order: dict[str, Any], key: str) -> None:
        sent = {"location_id": order["location_id"], "version": order.get("version"), "state": "CANCELED"}
        # The refusal of the invoice is what the caller must hear; an order left open bothers nobody.
        with suppress(ProviderError):
            self._wire.write(Intent.KEYED, lambda sdk: sdk.orders.update, order["id"], order=sent, idempotency_key=f"{key}.x")


def _invoice_draft(draft: Draft[Any]) -> InvoiceDraft:
    if not isinstance(draft, InvoiceDraft):
        raise Unsupported(f"Square cannot write an invoice from {type(draft).__name__}")
    return draft


def _without_repetition(draft: InvoiceDraft, current: Invoice) -> InvoiceDraft:
    """Only what differs: Square refuses some fields of a published invoice even where nothing changes in them."""
    lines = draft.lines
    if lines is not None and [(line.description, line.amount) for line in lines] == [
        (line.description, line.amount) for line in current.lines
    ]:
        lines = None
    return replace(
        draft,
        lines=lines,
        customer_id=None if draft.customer_id == current.customer_id else draft.customer_id,
        number=None if draft.number == current.number else draft.number,
        due_on=None if draft.due_on == current.due_on else draft.due_on,
        instalments=None if draft.instalments is not None and same_parts(draft, current) else draft.instalments,
        description=None if draft.description == current.description else draft.description,
        reference=None if draft.reference == current.reference else draft.reference,
    )


def _invoice_fields(draft: InvoiceDraft) -> dict[str, Any]:
    """What create and update share; an empty text clears."""
    fields: dict[str, Any] = {}
    if draft.customer_id:
        fields["primary_recipient"] = {"customer_id": draft.customer_id}
    if draft.number:
        fields["invoice_number"] = draft.number
    if draft.description is not None:
        fields["description"] = draft.description or None
    return fields


def _check_lines(draft: InvoiceDraft, where: Location) -> None:
    """Square would refuse these too, but only after the order is made."""
    if not draft.lines:
        raise Rejected("An invoice needs at least one line.", code="no_lines", field="lines")
    currencies = {line.amount.currency for line in draft.lines} | ({draft.currency} if draft.currency else set())
    for currency in sorted(currencies):
        if currency != where.currency:
            raise wrong_currency(currency, where.currency)
    if sum(line.amount.minor_units for line in draft.lines) < 0:
        raise Rejected("The discounts are more than the invoice.", code="negative_total", field="lines")
    check_parts(draft)
    if not where.active:
        raise Rejected(f"The Square location {where.name} is not active.", code="location_inactive", field="location_id")


def _first_day(where: Location, order: dict[str, Any], as_of: datetime) -> date:
    """The order's day of creation at its location: the same when the create is repeated under its key the day after."""
    made_at = moment(order.get("created_at")) or as_of
    try:
        return made_at.astimezone(ZoneInfo(where.timezone)).date()
    except (ZoneInfoNotFoundError, ValueError):
        return made_at.date()


def _status(current: Invoice) -> str:
    return str(current.raw["invoice"].get("status") or "")


def _said(status: str) -> str:
    return status.lower().replace("_", " ") or "in an unknown state"
