"""Invoices and their lines, both ways."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from stripe.params import InvoiceAddLinesParamsLine, InvoiceCreateParams, InvoiceItemCreateParams, InvoiceUpdateParams

from providers.records import Invoice, InvoiceDraft, InvoiceStatus, Line, Money
from providers.stripe.mapping.values import (
    NO_CURRENCY,
    REFERENCE,
    UNFINISHED,
    Json,
    Words,
    identifier,
    metadata_of,
    moment,
    noon,
    number,
    reference_of,
    without_secrets,
)

STATUSES: Final = Words(
    "invoice",
    "status",
    {
        "draft": InvoiceStatus.DRAFT,
        "open": InvoiceStatus.OPEN,
        "paid": InvoiceStatus.PAID,
        "void": InvoiceStatus.VOID,
        "uncollectible": InvoiceStatus.UNCOLLECTIBLE,
    },
    InvoiceStatus.UNKNOWN,
)
DAYS_UNTIL_DUE: Final = 30  # where no due date is given: Stripe insists on one for invoices that are sent


def invoice(raw: Json, as_of: datetime) -> Invoice:
    """An invoice as received, with the lines that are in it. Stripe has no status for partly paid: it is derived."""
    currency = (raw.get("currency") or NO_CURRENCY).upper()
    paid: int = raw.get("amount_paid") or 0
    remaining: int = raw.get("amount_remaining") or 0
    deleted = raw.get("deleted") is True
    status = STATUSES.of(raw.get("status"), as_of)
    if status is InvoiceStatus.OPEN and paid > 0 and remaining > 0:
        status = InvoiceStatus.PARTIALLY_PAID
    elif status is InvoiceStatus.VOID or deleted:
        status, remaining = InvoiceStatus.VOID, 0
    due = raw.get("due_date")
    lines = raw.get("lines")
    return Invoice(
        id=raw["id"],
        created_at=moment(raw.get("created")),
        as_of=as_of,
        raw=without_secrets(raw),
        customer_id=identifier(raw.get("customer")),
        number=raw.get("number"),
        status=status,
        lines=tuple([line(item, currency) for item in lines.get("data") or ()]) if lines else (),
        total=Money(raw.get("total") or 0, currency),
        paid=Money(paid, currency),
        due=Money(remaining, currency),
        tax=_sum(raw, "total_taxes", "total_tax_amounts", currency),
        discount=_sum(raw, "total_discount_amounts", "total_discount_amounts", currency),
        subscription_id=_subscription_id(raw),
        due_on=datetime.fromtimestamp(due, UTC).date() if due is not None else None,
        description=raw.get("description") or "",
        pay_url=raw.get("hosted_invoice_url"),
        reference=reference_of(raw),
        deleted=deleted,
        unfinished=bool(metadata_of(raw).get(UNFINISHED)),
    )


def lines_complete(raw: Json) -> bool:
    """Whether all lines are in the invoice: Stripe puts in only the first ten."""
    lines = raw.get("lines")
    return lines is not None and not lines.get("has_more")


def line(raw: Json, currency: str) -> Line:
    """The price of one stands under `pricing`; before basil under `price`."""
    quantity = raw.get("quantity_decimal")
    if quantity is None:
        quantity = raw.get("quantity")
    pricing = raw.get("pricing") or raw.get("price")
    unit = number(pricing.get("unit_amount_decimal")) if pricing else None
    return Line(
        description=raw.get("description") or "",
        amount=Money(raw.get("amount") or 0, currency),
        quantity="1" if quantity is None or quantity == 1 or quantity == "1" else plain_decimal(str(quantity)),
        unit_amount=None if unit is None else Money(unit, currency),
        tax=_sum(raw, "taxes", "tax_amounts", currency),
        discount=_sum(raw, "discount_amounts", "discount_amounts", currency),
    )


def _sum(raw: Json, name: str, old_name: str, currency: str) -> Money | None:
    """Of a list of {"amount": ...} under its name of today or of before basil; None where neither is there at all."""
    parts = raw.get(name) or raw.get(old_name)
    if parts:
        return Money(sum([part.get("amount") or 0 for part in parts]), currency)
    return Money(0, currency) if name in raw or old_name in raw else None


def _subscription_id(raw: Json) -> str | None:
    parent = raw.get("parent")
    if parent is None:
        return identifier(raw.get("subscription"))
    return identifier((parent.get("subscription_details") or {}).get("subscription"))


def plain_decimal(text: str) -> str:
    """1.500 is 1.5, 10 is 10; what is no number is kept as it is."""
    try:
        return format(Decimal(text).normalize(), "f")
    except InvalidOperation:
        return text


def is_priced(line: Line) -> bool:
    """Whether Stripe can hold quantity and unit amount as they are: their product must be the line's amount."""
    if line.unit_amount is None or plain_decimal(line.quantity) == "1":
        return False
    return Decimal(line.quantity) * line.unit_amount.minor_units == line.amount.minor_units


def same_line(ours: Line, theirs: Line) -> bool:
    if (ours.description, ours.amount) != (theirs.description, theirs.amount):
        return False
    return not is_priced(ours) or plain_decimal(ours.quantity) == plain_decimal(theirs.quantity)


def plain_line(line: Line) -> InvoiceAddLinesParamsLine:
    return {"description": line.description, "amount": line.amount.minor_units}


def item_parameters(line: Line, invoice_id: str, customer_id: str) -> InvoiceItemCreateParams:
    """One line as an invoice item: the only form that takes a quantity without adding a product to the catalogue."""
    parameters: InvoiceItemCreateParams = {
        "customer": customer_id,
        "invoice": invoice_id,
        "currency": line.amount.currency.lower(),
        "description": line.description,
    }
    if is_priced(line) and line.unit_amount is not None:
        parameters["unit_amount_decimal"] = Decimal(line.unit_amount.minor_units)
        quantity = Decimal(line.quantity)
        if quantity == quantity.to_integral_value():
            parameters["quantity"] = int(quantity)
        else:
            parameters["quantity_decimal"] = quantity
    else:
        parameters["amount"] = line.amount.minor_units
    return parameters


def create_parameters(draft: InvoiceDraft, customer_id: str, currency: str) -> InvoiceCreateParams:
    """A draft that stays one until published: nothing is finalised, charged or picked up by itself."""
    parameters: InvoiceCreateParams = {
        "customer": customer_id,
        "currency": currency.lower(),
        "collection_method": "send_invoice",
        "auto_advance": False,
        "pending_invoice_items_behavior": "exclude",
    }
    if draft.due_on is not None:
        parameters["due_date"] = noon(draft.due_on)
    else:
        parameters["days_until_due"] = DAYS_UNTIL_DUE
    if draft.number:
        parameters["number"] = draft.number
    if draft.description:
        parameters["description"] = draft.description
    metadata = {REFERENCE: draft.reference} if draft.reference else {}
    if draft.lines:
        metadata[UNFINISHED] = "1"
    if metadata:
        parameters["metadata"] = metadata
    return parameters


def update_parameters(draft: InvoiceDraft) -> InvoiceUpdateParams:
    parameters: InvoiceUpdateParams = {}
    if draft.due_on is not None:
        parameters["due_date"] = noon(draft.due_on)
    if draft.number is not None:
        parameters["number"] = draft.number
    if draft.description is not None:
        parameters["description"] = draft.description
    if draft.reference is not None:
        parameters["metadata"] = {REFERENCE: draft.reference}
    return parameters
