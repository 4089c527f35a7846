"""Clients and invoices as a provider tells them, written set-based; the caller has merged and chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from hub import rowset
from hub.crm import keys, numbering

Row = Mapping[str, Any]

CLIENT_TEXTS = ("given_name", "family_name", "company_name", "email", "phone")
ADDRESS_PARTS = ("line1", "line2", "city", "region", "postal_code", "country")

_CLIENT_COLUMNS = {
    "given_name": "text",
    "family_name": "text",
    "company_name": "text",
    "display_name": "text",
    "email": "text",
    "phone": "text",
    "address": "jsonb",
    "email_key": "text",
    "phone_key": "text",
    "provenance": "jsonb",
}
_INVOICE_COLUMNS = {
    "client_id": "bigint",
    "location_id": "text",
    "status": "text",
    "currency": "text",
    "total": "bigint",
    "description": "text",
    "due_on": "date",
    "issued_at": "timestamptz",
    "provider_number": "text",
    "pay_url": "text",
    "provenance": "jsonb",
}


def display_name(fields: Mapping[str, Any]) -> str:
    """How a client is called in lists."""
    person = f"{fields.get('given_name') or ''} {fields.get('family_name') or ''}".strip()
    return person or fields.get("company_name") or fields.get("email") or ""


def create_clients(session: Session, tenant_id: int, rows: Sequence[Row], *, now: datetime) -> list[int]:
    """Insert clients; their ids in the order of `rows`. rows: the fields of a client, address as an object."""
    if not rows:
        return []
    columns = ", ".join(_CLIENT_COLUMNS)
    found = rowset.run(
        session,
        f"INSERT INTO clients (tenant_id, {columns}, created_at, updated_at)"
        f" SELECT %(tenant_id)s, {columns}, %(now)s, %(now)s FROM {{rows}} r ORDER BY ord RETURNING id",
        _CLIENT_COLUMNS,
        [_with_keys(row) for row in rows],
        tenant_id=tenant_id,
        now=now,
    )
    return sorted(row[0] for row in found)  # identities are given in the order of the SELECT; RETURNING promises no order


def update_clients(session: Session, rows: Sequence[Row], *, now: datetime) -> None:
    """Write the fields that each row names and leave the others; rows: {"id", "provenance", field: value, ...}."""
    if not rows:
        return
    texts = ", ".join(f"{name} = coalesce(r.{name}, c.{name})" for name in (*CLIENT_TEXTS, "display_name", "address"))
    rowset.run(
        session,
        f"UPDATE clients c SET {texts}, provenance = c.provenance || r.provenance, revision = c.revision + 1,"
        " updated_at = %(now)s,"
        " email_key = CASE WHEN r.email IS NULL THEN c.email_key ELSE r.email_key END,"
        " phone_key = CASE WHEN r.phone IS NULL THEN c.phone_key ELSE r.phone_key END"
        " FROM {rows} r WHERE c.id = r.id",
        {"id": "bigint", **_CLIENT_COLUMNS},
        [_with_keys(row) for row in rows],
        now=now,
    )


def create_invoices(session: Session, tenant_id: int, integration_id: int, rows: Sequence[Row], *, now: datetime) -> list[int]:
    """Insert invoices with their lines; ids in the order of `rows`. rows: an invoice's fields and "lines", "created_at";
    each gets the provider's number as ours where it is free."""
    if not rows:
        return []
    numbers = numbering.assign(session, tenant_id, [row.get("provider_number") for row in rows])
    columns = ", ".join(_INVOICE_COLUMNS)
    found = rowset.run(
        session,
        f"INSERT INTO invoices (tenant_id, integration_id, number, {columns}, created_at, updated_at)"
        f" SELECT %(tenant_id)s, %(integration_id)s, number, {columns}, created_at, %(now)s FROM {{rows}} r"
        " ORDER BY ord RETURNING id",
        {"number": "text", "created_at": "timestamptz", **_INVOICE_COLUMNS},
        [{**row, "number": number} for row, number in zip(rows, numbers, strict=True)],
        tenant_id=tenant_id,
        integration_id=integration_id,
        now=now,
    )
    ids = sorted(row[0] for row in found)
    write_lines(session, tenant_id, [(id, row["lines"]) for id, row in zip(ids, rows, strict=True)])
    return ids


def update_invoices(session: Session, tenant_id: int, rows: Sequence[Row], *, now: datetime) -> None:
    """Write whole invoices by "id" as merged; "lines" None: they stay. A first issue date and a known client are kept, a
    deletion is lifted."""
    if not rows:
        return
    kept = {"client_id", "issued_at", "provenance"}
    plain = ", ".join(f"{name} = r.{name}" for name in _INVOICE_COLUMNS if name not in kept)
    rowset.run(
        session,
        f"UPDATE invoices i SET {plain}, client_id = coalesce(r.client_id, i.client_id),"
        " issued_at = coalesce(i.issued_at, r.issued_at), provenance = i.provenance || r.provenance,"
        " integration_id = coalesce(i.integration_id, r.integration_id), deleted_at = NULL,"
        " revision = i.revision + 1, updated_at = %(now)s"
        " FROM {rows} r WHERE i.id = r.id",
        {"id": "bigint", "integration_id": "bigint", **_INVOICE_COLUMNS},
        rows,
        now=now,
    )
    changed = [(row["id"], row["lines"]) for row in rows if row.get("lines") is not None]
    if changed:
        rowset.execute(session, "DELETE FROM invoice_lines WHERE invoice_id = ANY(%(ids)s)", ids=sorted(id for id, _ in changed))
        write_lines(session, tenant_id, changed)


def write_lines(session: Session, tenant_id: int, invoices: Sequence[tuple[int, Sequence[Row]]]) -> None:
    """Insert lines, first position 1, for invoices that have none."""
    rows = [
        {"invoice_id": invoice_id, "position": position, **line}
        for invoice_id, lines in invoices
        for position, line in enumerate(lines, start=1)
    ]
    if rows:
        columns = {
            "invoice_id": "bigint",
            "position": "bigint",
            "description": "text",
            "quantity": "text",
            "unit_amount": "bigint",
            "amount": "bigint",
        }
        names = ", ".join(columns)
        rowset.run(
            session,
            f"INSERT INTO invoice_lines (tenant_id, {names}) SELECT %(tenant_id)s, {names} FROM {{rows}} r",
            columns,
            rows,
            tenant_id=tenant_id,
        )


def _with_keys(row: Row) -> dict[str, Any]:
    country = (row.get("address") or {}).get("country") or ""
    known = dict(row)
    if row.get("email") is not None:
        known["email_key"] = keys.email_key(row["email"])
    if row.get("phone") is not None:
        known["phone_key"] = keys.phone_key(row["phone"], country)
    return known
