"""The items of an invoice as rows of a form, without JavaScript: as they stand, as typed, and read as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from flask import request

from hub.crm import invoices
from hub.models import InvoiceLine
from hub.web import forms, writing

ROWS, MORE_ROWS = 3, 5
ITEM_FIELDS = ("description", "quantity", "price")
DESCRIPTION_CHARS = 500

Row = Mapping[str, str]


def empty_rows(count: int) -> list[Row]:
    return [{"description": "", "quantity": "1", "price": ""} for _ in range(count)]


def typed_rows() -> list[Row]:
    columns = [request.form.getlist(f"item_{name}")[: invoices.LINES_MAX] for name in ITEM_FIELDS]
    return [dict(zip(ITEM_FIELDS, (text.strip() for text in row), strict=True)) for row in zip(*columns, strict=False)]


def row_of(line: InvoiceLine, currency: str) -> Row:
    """A line as it stands in the form. Where no price each comes out even, it is one of the whole amount."""
    price = line.unit_amount if line.unit_amount is not None else _price_each(line)
    try:
        even = price is not None and writing.line_amount(price, line.quantity) == line.amount
    except writing.BadAmount:
        even = False
    quantity, price = (line.quantity, price) if even and price is not None else ("1", line.amount)
    # A field of one line holds no line break; what is shown must come back equal.
    description = " ".join(line.description.split())
    return {"description": description, "quantity": quantity, "price": writing.typed_amount(price, currency)}


def _price_each(line: InvoiceLine) -> int | None:
    try:
        price, rest = divmod(Decimal(line.amount), Decimal(line.quantity))
    except (InvalidOperation, ZeroDivisionError):
        return None
    return None if rest else int(price)


def read_lines(
    form: forms.Form, rows: Sequence[Row], currency: str, *, standing: Sequence[InvoiceLine] = ()
) -> list[invoices.NewLine]:
    """Rows without description and price are left out; errors are named item_0, item_1 and so on. A row that is as one of
    `standing` is that line, also where its numbers could not be typed."""
    kept = {tuple(row_of(line, currency).values()): line for line in standing}
    lines = []
    for position, row in enumerate(rows):
        line = kept.get(tuple(row.values()))
        if line is not None:
            lines.append(_same(line))
        elif row["description"] or row["price"]:
            try:
                lines.append(_read(row, currency))
            except writing.BadAmount as bad:
                form.errors[f"item_{position}"] = str(bad)
    if not lines and not form.errors:
        form.errors["item_0"] = "Write at least one item with its price."
    return lines


def same_lines(lines: Sequence[invoices.NewLine], standing: Sequence[InvoiceLine]) -> bool:
    return list(lines) == [_same(line) for line in standing]


def _same(line: InvoiceLine) -> invoices.NewLine:
    return invoices.NewLine(
        description=line.description, amount=line.amount, quantity=line.quantity, unit_amount=line.unit_amount
    )


def _read(row: Row, currency: str) -> invoices.NewLine:
    if not row["description"] or "\x00" in row["description"]:
        raise writing.BadAmount("Say what this item is.")
    unit_amount = writing.read_amount(row["price"], currency)
    quantity = row["quantity"] or "1"
    amount = writing.line_amount(unit_amount, quantity)
    return invoices.NewLine(
        description=row["description"][:DESCRIPTION_CHARS], amount=amount, quantity=quantity, unit_amount=unit_amount
    )
