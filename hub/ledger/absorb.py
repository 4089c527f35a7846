"""Payments, refunds and allocations as a provider tells them, written set-based."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from hub import rowset

Row = Mapping[str, Any]

_PAYMENT_COLUMNS = {
    "group_key": "text",
    "client_id": "bigint",
    "status": "text",
    "amount": "bigint",
    "tip": "bigint",
    "currency": "text",
    "fee": "bigint",
    "fee_currency": "text",
    "method": "text",
    "card_brand": "text",
    "card_last4": "text",
    "location_id": "text",
    "device": "text",
    "payer_name": "text",
    "payer_email": "text",
    "receipt_url": "text",
    "failure": "text",
    "paid_at": "timestamptz",
}
_REFUND_COLUMNS = {
    "payment_id": "bigint",
    "payment_external_id": "text",
    "status": "text",
    "amount": "bigint",
    "currency": "text",
    "reason": "text",
    "failure": "text",
    "refunded_at": "timestamptz",
}
# What a later word of the provider may leave out is not forgotten: who paid, when it succeeded, which payment it gives back.
_KEPT = frozenset(["client_id", "paid_at", "fee", "fee_currency", "payment_id", "payment_external_id", "refunded_at"])


def upsert_payments(
    session: Session, tenant_id: int, integration_id: int, rows: Sequence[Row], *, now: datetime
) -> dict[str, int]:
    """Write payments by "external_id"; external id -> our id."""
    return _upsert(session, "payments", _PAYMENT_COLUMNS, tenant_id, integration_id, rows, now)


def upsert_refunds(
    session: Session, tenant_id: int, integration_id: int, rows: Sequence[Row], *, now: datetime
) -> dict[str, int]:
    """Write refunds by "external_id"; external id -> our id."""
    return _upsert(session, "refunds", _REFUND_COLUMNS, tenant_id, integration_id, rows, now)


def name_invoices(session: Session, tenant_id: int, pairs: Sequence[tuple[int, int]], *, now: datetime) -> None:
    """Record that these payments pay these invoices: (payment id, invoice id). How much of each is for `settle` to derive."""
    rows = [{"payment_id": payment_id, "invoice_id": invoice_id} for payment_id, invoice_id in pairs]
    if rows:
        rowset.run(
            session,
            "INSERT INTO allocations (tenant_id, payment_id, invoice_id, amount, currency, created_at)"
            " SELECT %(tenant_id)s, r.payment_id, r.invoice_id, 0, p.currency, %(now)s"
            " FROM {rows} r JOIN payments p ON p.tenant_id = %(tenant_id)s AND p.id = r.payment_id"
            " ON CONFLICT (tenant_id, payment_id, invoice_id) DO NOTHING",
            {"payment_id": "bigint", "invoice_id": "bigint"},
            rows,
            tenant_id=tenant_id,
            now=now,
        )


def _upsert(
    session: Session,
    table: str,
    columns: Mapping[str, str],
    tenant_id: int,
    integration_id: int,
    rows: Sequence[Row],
    now: datetime,
) -> dict[str, int]:
    if not rows:
        return {}
    names = ", ".join(columns)
    updates = ", ".join(
        f"{name} = coalesce(excluded.{name}, t.{name})" if name in _KEPT else f"{name} = excluded.{name}" for name in columns
    )
    found = rowset.run(
        session,
        f"INSERT INTO {table} AS t (tenant_id, integration_id, external_id, {names}, created_at, updated_at)"
        f" SELECT %(tenant_id)s, %(integration_id)s, external_id, {names}, created_at, %(now)s FROM {{rows}} r"
        " ORDER BY external_id ON CONFLICT (tenant_id, integration_id, external_id)"
        f" DO UPDATE SET {updates}, updated_at = excluded.updated_at RETURNING external_id, id",
        {"external_id": "text", "created_at": "timestamptz", **columns},
        rows,
        tenant_id=tenant_id,
        integration_id=integration_id,
        now=now,
    )
    return dict(map(tuple, found))
