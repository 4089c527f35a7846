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
    noon,
    number,
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
_ABSENT: Final = object()
DAYS_UNTIL_DUE: Final = 30  # where no due date is given: Stripe insists on one for invoices that are sent


def invoice(raw: Json, as_of: datetime) -> Invoice:
    """An invoice as received, with the lines that are in it. Stripe has no status for partly paid: it is derived."""
    get = raw.get
    currency = (get("currency") or NO_CURRENCY).upper()
    zero = Money(0, currency)
    paid: int = get("amount_paid") or 0
    remaining: int = get("amount_remaining") or 0
    deleted = get("deleted") is True
    total: int = get("total") or 0
    whole = Money(total, currency)
    status = STATUSES.of(get("status"), as_of)
    if status is InvoiceStatus.OPEN and paid > 0 and remaining > 0:
        status = InvoiceStatus.PARTIALLY_PAID
    elif status is InvoiceStatus.VOID or deleted:
        status, remaining = InvoiceStatus.VOID, 0
    created, due, lines, metadata, customer = get("created"), get("due_date"), get("lines"), get("metadata"), get("customer")
    raw.pop("confirmation_secret", None)  # opens the payer's page: for that browser only
    return Invoice(
        id=raw["id"],
        created_at=None if created is None else datetime.fromtimestamp(created, UTC),
        as_of=as_of,
        raw=raw,
        customer_id=customer if customer.__class__ is str else identifier(customer),
        number=get("number"),
        status=status,
        lines=tuple([line(item, currency, zero) for item in lines.get("data") or ()]) if lines else (),
        total=whole,
        paid=Money(paid, currency) if paid else zero,
        due=whole if remaining == total else Money(remaining, currency),
        tax=_sum(raw, "total_taxes", zero, "total_tax_amounts"),
        discount=_sum(raw, "total_discount_amounts", zero),
        subscription_id=_subscription_id(get("parent"), raw),
        due_on=None if due is None else datetime.fromtimestamp(due, UTC).date(),
        description=get("description") or "",
        pay_url=get("hosted_invoice_url"),
        reference=metadata.get(REFERENCE) or None if metadata else None,
        deleted=deleted,
        unfinished=bool(metadata and metadata.get(UNFINISHED)),
    )


def lines_complete(raw: Json) -> bool:
    """Whether all lines are in the invoice: Stripe puts in only the first ten."""
    lines = raw.get("lines")
    return lines is not None and not lines.get("has_more")


def line(raw: Json, currency: str, zero: Money | None = None) -> Line:
    """The price of one stands under `pricing`; before basil under `price`. `zero`: nothing, in this currency."""
    get = raw.get
    quantity = get("quantity_decimal")
    if quantity is None:
        quantity = get("quantity")
    pricing = get("pricing") or get("price")
    unit = number(pricing.get("unit_amount_decimal")) if pricing else None
    amount = Money(get("amount") or 0, currency)
    zero = zero or Money(0, currency)
    return Line(
        description=get("description") or "",
        amount=amount,
        quantity="1" if quantity is None or quantity == 1 or quantity == "1" else plain_decimal(str(quantity)),
        unit_amount=None if unit is None else amount if unit == amount.minor_units else Money(unit, currency),
        tax=_sum(raw, "taxes", zero, "tax_amounts"),
        discount=_sum(raw, "discount_amounts", zero),
    )


def _sum(raw: Json, name: str, zero: Money, old_name: str | None = None) -> Money | None:
    """Of a list of {"amount": ...} under its name of today or of before basil; None where neither is there at all."""
    parts = raw.get(name, _ABSENT)
    if parts is _ABSENT and old_name is not None:
        parts = raw.get(old_name, _ABSENT)
    if not parts:
        return zero
    if parts is _ABSENT:
        return None
    return Money(sum([part.get("amount") or 0 for part in parts]), zero.currency)


def _subscription_id(parent: Json | None, raw: Json) -> str | None:
    """Since basil the invoice's parent tells it; before, the invoice itself."""
    if parent is None:
        return identifier(raw.get("subscription"))
    details = parent.get("subscription_details")
    return identifier(details.get("subscription")) if details else None


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
