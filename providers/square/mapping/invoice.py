"""Square invoices: the invoice object for schedule and status, its order for the lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from providers.records import Instalment, InstalmentKind, Invoice, InvoiceStatus, Line, Money
from providers.square.mapping.values import NO_CURRENCY, day, moment, money, money_json, version_text, word

STATUSES = {
    "DRAFT": InvoiceStatus.DRAFT,
    "SCHEDULED": InvoiceStatus.SCHEDULED,
    "UNPAID": InvoiceStatus.OPEN,
    "PARTIALLY_PAID": InvoiceStatus.PARTIALLY_PAID,
    "PAYMENT_PENDING": InvoiceStatus.PENDING,
    "PAID": InvoiceStatus.PAID,
    "PARTIALLY_REFUNDED": InvoiceStatus.PARTIALLY_REFUNDED,
    "REFUNDED": InvoiceStatus.REFUNDED,
    "CANCELED": InvoiceStatus.VOID,
    "FAILED": InvoiceStatus.FAILED,
}
INSTALMENTS = {
    "DEPOSIT": InstalmentKind.DEPOSIT,
    "INSTALLMENT": InstalmentKind.INSTALMENT,
    "BALANCE": InstalmentKind.BALANCE,
}
# Whatever is not surely settled or unsent counts as still to be paid, words we do not know included.
NOT_OPEN = frozenset(["DRAFT", "PAID", "PARTIALLY_REFUNDED", "REFUNDED", "CANCELED", "FAILED"])


def invoice(raw: Mapping[str, Any], order: Mapping[str, Any] | None, *, as_of: datetime) -> Invoice:
    """`order` None: unknown (an event brings the invoice alone); then there are no lines, no tax and discount, and no reference.

    An invoice has no total: it is the sum of its payment requests, which equals the order's total. What was paid may include tips
    and so exceed the total; then nothing is due, nor is it on a canceled invoice."""
    get = raw.get
    requests = get("payment_requests") or ()
    total, paid = _amounts(raw, requests, order)
    status = word(STATUSES, get("status"), InvoiceStatus.UNKNOWN, noun="invoice", path="status", at=as_of)
    recipient = get("primary_recipient")
    return Invoice(
        id=raw["id"],
        version=version_text(get("version")),
        changed_at=moment(get("updated_at")),
        created_at=moment(get("created_at")),
        as_of=as_of,
        customer_id=recipient.get("customer_id") if recipient else None,
        location_id=get("location_id"),
        order_id=get("order_id"),
        number=get("invoice_number"),
        status=status,
        lines=lines(order) if order else (),
        total=total,
        paid=paid,
        due=Money(0 if status is InvoiceStatus.VOID else max(total.minor_units - paid.minor_units, 0), total.currency),
        tax=money(order.get("total_tax_money")) if order else None,
        discount=money(order.get("total_discount_money")) if order else None,
        instalments=_instalments(requests, total.currency, as_of),
        subscription_id=get("subscription_id"),
        due_on=_due_on(requests),
        description=get("description") or "",
        pay_url=get("public_url"),
        reference=order.get("reference_id") if order else None,
        raw={"invoice": raw, "order": order},
    )


def _amounts(
    raw: Mapping[str, Any], requests: Iterable[Mapping[str, Any]], order: Mapping[str, Any] | None
) -> tuple[Money, Money]:
    currency: str | None = None
    total = paid = 0
    for request in requests:
        computed = money(request.get("computed_amount_money"))
        completed = money(request.get("total_completed_amount_money"))
        if computed is not None:
            currency = computed.currency
            total += computed.minor_units
        if completed is not None:
            currency = currency or completed.currency
            paid += completed.minor_units
    ordered = money(order.get("total_money")) if order else None
    if ordered is not None and (currency is None or total == 0):
        currency, total = ordered.currency, ordered.minor_units
    if currency is None:
        asked = money(raw.get("next_payment_amount_money"))
        currency, total = (asked.currency, asked.minor_units) if asked is not None else (NO_CURRENCY, 0)
    return Money(total, currency), Money(paid, currency)


def _instalments(requests: Iterable[Mapping[str, Any]], currency: str, as_of: datetime) -> tuple[Instalment, ...]:
    """Square's payment requests; a single BALANCE is no parts. What was paid of one may include a tip, which is left out."""
    parts = []
    for request in requests:
        kind = word(
            INSTALMENTS, request.get("request_type"), InstalmentKind.UNKNOWN, noun="invoice", path="request_type", at=as_of
        )
        nothing = Money(0, currency)
        amount = money(request.get("computed_amount_money")) or money(request.get("fixed_amount_requested_money")) or nothing
        paid = money(request.get("total_completed_amount_money")) or Money(0, amount.currency)
        due_on = day(request.get("due_date"))
        capped = amount if paid.currency == amount.currency and amount < paid else paid
        parts.append(Instalment(kind=kind, amount=amount, due_on=due_on, paid=capped))
    return () if len(parts) == 1 and parts[0].kind is InstalmentKind.BALANCE else tuple(parts)


def _due_on(requests: Iterable[Mapping[str, Any]]) -> date | None:
    """The day of the last part, in the invoice's time zone."""
    days = [due for request in requests if (due := day(request.get("due_date"))) is not None]
    return max(days) if days else None


def lines(order: Mapping[str, Any]) -> tuple[Line, ...]:
    """Items at their price before discounts, then service charges, then discounts as negative lines."""
    found: list[Line] = []
    for item in order.get("line_items") or ():
        unit, quantity = money(item.get("base_price_money")), item.get("quantity") or "1"
        amount = money(item.get("gross_sales_money")) or money(item.get("total_money")) or _times(unit, quantity)
        if amount is not None:
            text = item.get("name") or item.get("variation_name") or item.get("note") or ""
            tax, discount = money(item.get("total_tax_money")), money(item.get("total_discount_money"))
            found.append(Line(description=text, amount=amount, quantity=quantity, unit_amount=unit, tax=tax, discount=discount))
    for charge in order.get("service_charges") or ():
        amount = money(charge.get("applied_money")) or money(charge.get("amount_money"))
        if amount is not None:
            found.append(Line(description=charge.get("name") or "", amount=amount, unit_amount=amount))
    for discount in order.get("discounts") or ():
        amount = money(discount.get("applied_money")) or money(discount.get("amount_money"))
        if amount is not None:
            found.append(Line(description=discount.get("name") or "", amount=-amount, unit_amount=-amount))
    return tuple(found)


def _times(unit: Money | None, quantity: str) -> Money | None:
    if unit is None:
        return None
    try:
        return Money(int((Decimal(unit.minor_units) * Decimal(quantity)).to_integral_value()), unit.currency)
    except InvalidOperation:
        return unit


def request_json(part: Instalment, due_on: date) -> dict[str, Any]:
    """A payment request; BALANCE takes no amount, it is what is left."""
    kind = next(word for word, kind in INSTALMENTS.items() if kind is part.kind)
    asked = {} if part.kind is InstalmentKind.BALANCE else {"fixed_amount_requested_money": money_json(part.amount)}
    return {"request_type": kind, "due_date": due_on.isoformat(), **asked}


def order_content(lines: Iterable[Line]) -> dict[str, list[dict[str, Any]]]:
    """`line_items` and `discounts` of an order. Square has no negative items: a negative line becomes a discount."""
    items: list[dict[str, Any]] = []
    discounts: list[dict[str, Any]] = []
    for line in lines:
        named = {"name": line.description[:512]} if line.description else {}
        if line.amount.minor_units < 0:
            discounts.append(
                {"name": line.description[:255] or "Discount", "amount_money": money_json(-line.amount), "scope": "ORDER"}
            )
        elif line.unit_amount is not None and _times(line.unit_amount, line.quantity) == line.amount:
            items.append({**named, "quantity": line.quantity, "base_price_money": money_json(line.unit_amount)})
        else:
            items.append({**named, "quantity": "1", "base_price_money": money_json(line.amount)})
    return {"line_items": items} | ({"discounts": discounts} if discounts else {})
