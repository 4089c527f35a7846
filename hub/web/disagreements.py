"""Where both sides changed one field of one record: both values in words, and which of them stands now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from hub.models import Client, Conflict, Invoice
from hub.web import writing

SHOWN = 50
FIELDS = {
    "given_name": "Given name",
    "family_name": "Family name",
    "company_name": "Company",
    "email": "Email",
    "phone": "Phone",
    "address": "Address",
    "currency": "Currency",
    "total": "Total",
    "lines": "Items",
    "due_on": "Due",
    "description": "Message to the client",
}
ADDRESS_PARTS = ("line1", "line2", "postal_code", "city", "region", "country")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """what: the record's name; page: its page. ours, theirs: the values as text, lines apart; kept: "ours" or "theirs"."""

    what: str
    page: str
    field: str
    ours: str
    theirs: str
    kept: str
    integration_id: int
    since: datetime


def disagreements_of(session: Session, wanted: ColumnElement[bool]) -> list[Disagreement]:
    """The open ones that `wanted` names, newest first."""
    rows = session.scalars(
        select(Conflict).where(wanted, Conflict.resolved_at.is_(None)).order_by(Conflict.id.desc()).limit(SHOWN)
    ).all()
    names, currencies = _about(session, rows)
    return [
        Disagreement(
            what=names.get((row.kind, row.local_id), f"{row.kind} {row.local_id}"),
            page=f"/{row.kind}s/{row.local_id}",
            field=FIELDS.get(row.field, row.field.replace("_", " ").capitalize()),
            ours=_said(row.field, row.ours.get("value"), currencies.get(row.local_id, "")),
            theirs=_said(row.field, row.theirs.get("value"), currencies.get(row.local_id, "")),
            kept=str(row.theirs.get("kept", "ours")),
            integration_id=row.integration_id,
            since=row.created_at,
        )
        for row in rows
    ]


def _about(session: Session, rows: Sequence[Conflict]) -> tuple[dict[tuple[str, int], str], dict[int, str]]:
    """Names of the records, and the invoices' currencies."""
    ids = {kind: {row.local_id for row in rows if row.kind == kind} for kind in ("client", "invoice")}
    names, currencies = {}, {}
    for client_id, name in session.execute(select(Client.id, Client.display_name).where(Client.id.in_(ids["client"]))):
        names["client", client_id] = name
    found = select(Invoice.id, Invoice.number, Invoice.currency).where(Invoice.id.in_(ids["invoice"]))
    for invoice_id, number, currency in session.execute(found):
        names["invoice", invoice_id] = f"Invoice {number}"
        currencies[invoice_id] = currency
    return names, currencies


def _said(field: str, value: Any, currency: str) -> str:
    """A value as the merge keeps it, for people; its lines apart."""
    if field == "total" and isinstance(value, int) and currency:
        return writing.money(value, currency)
    if field == "due_on" and value:
        return writing.day(str(value))
    if field == "lines" and isinstance(value, list):
        return "\n".join(_line(line, currency) for line in value) or "(empty)"
    if field == "address" and isinstance(value, dict):
        return ", ".join(str(value[part]) for part in ADDRESS_PARTS if value.get(part)) or "(empty)"
    return str(value) if value not in (None, "") else "(empty)"


def _line(line: dict[str, Any], currency: str) -> str:
    times = "" if line.get("quantity") in (None, "1") else f"{line['quantity']} × "
    return f"{times}{line.get('description') or 'Item'}: {writing.money(line.get('amount'), currency)}"
