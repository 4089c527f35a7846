"""HTTP: transactions, the payments as recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from apiflask import APIBlueprint
from apiflask.fields import Date, List, Nested, String
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import db
from hub.http import Integer, PageQuery, QueryInteger, Schema, Text, current, not_found, page_schema, paged, require
from hub.models import Allocation, Client, Invoice, Payment, Refund

blueprint = APIBlueprint("transactions", __name__, tag="Transactions")


class AllocationOut(Schema):
    invoice_id = Integer(required=True)
    number = String(required=True)
    amount = Integer(required=True)


class RefundOut(Schema):
    id = Integer(required=True)
    external_id = String(required=True, allow_none=True)
    amount = Integer(required=True)
    status = String(required=True)
    reason = String(required=True)
    created_at = String(required=True)


class TransactionOut(Schema):
    """net is amount less fee, None while the fee is not known or is in another (settlement) currency."""

    id = Integer(required=True)
    external_id = String(required=True, allow_none=True)
    integration_id = Integer(required=True, allow_none=True)
    client_id = Integer(required=True, allow_none=True)
    payer = String(required=True)
    status = String(required=True)
    currency = String(required=True)
    amount = Integer(required=True)
    tip = Integer(required=True)
    fee = Integer(required=True, allow_none=True)
    fee_currency = String(required=True, allow_none=True)
    net = Integer(required=True, allow_none=True)
    refunded = Integer(required=True)
    method = String(required=True)
    card_brand = String(required=True, allow_none=True)
    card_last4 = String(required=True, allow_none=True)
    location_id = String(required=True, allow_none=True)
    receipt_url = String(required=True, allow_none=True)
    failure = String(required=True, allow_none=True)
    invoices = List(Nested(AllocationOut), required=True)
    refunds = List(Nested(RefundOut), required=True)
    paid_at = String(required=True, allow_none=True)
    created_at = String(required=True)


class TransactionQuery(PageQuery):
    client_id = QueryInteger(load_default=None)
    invoice_id = QueryInteger(load_default=None)
    integration_id = QueryInteger(load_default=None)
    status = Text(load_default=None, max_chars=30)
    since = Date(load_default=None, metadata={"description": "From this day on, UTC"})
    until = Date(load_default=None, metadata={"description": "Before this day, UTC"})


@blueprint.get("/api/transactions")
@require("viewer")
@blueprint.input(TransactionQuery, location="query", arg_name="query")
@blueprint.output(page_schema(TransactionOut))
def list_transactions(query: dict[str, Any]) -> dict[str, Any]:
    """Payments with fees, invoices and refunds, newest first."""
    wanted = select(Payment)
    for column in ("client_id", "integration_id", "status"):
        if query[column] is not None:
            wanted = wanted.where(getattr(Payment, column) == query[column])
    if query["invoice_id"] is not None:
        paying = select(Allocation.payment_id).where(Allocation.invoice_id == query["invoice_id"])
        wanted = wanted.where(Payment.id.in_(paying))
    if query["since"] is not None:
        wanted = wanted.where(Payment.created_at >= _begin_of(query["since"]))
    if query["until"] is not None:
        wanted = wanted.where(Payment.created_at < _begin_of(query["until"]))
    with db.tenant_session(current().tenant_id) as session:
        order = (Payment.created_at.desc(), Payment.id.desc())
        page = paged(session, wanted, order=order, limit=query["limit"], cursor=query["cursor"])
        page["data"] = transactions_shown(session, page["data"])
    return page


def _begin_of(day: date) -> datetime:
    """In UTC: the database would take its own time zone's midnight."""
    return datetime.combine(day, time(), UTC)


@blueprint.get("/api/transactions/<int:payment_id>")
@require("viewer")
@blueprint.output(TransactionOut)
def show_transaction(payment_id: int) -> Mapping[str, Any]:
    """One payment."""
    with db.tenant_session(current().tenant_id) as session:
        payment = session.scalars(select(Payment).where(Payment.id == payment_id)).one_or_none()
        if payment is None:
            raise not_found("transaction")
        return transactions_shown(session, [payment])[0]


def transactions_shown(session: Session, rows: Sequence[Payment]) -> list[dict[str, Any]]:
    """Payments as API and pages show them."""
    ids = [row.id for row in rows]
    allocations: dict[int, list[dict[str, Any]]] = {payment_id: [] for payment_id in ids}
    found = session.execute(
        select(Allocation.payment_id, Allocation.invoice_id, Invoice.number, Allocation.amount)
        .join(Invoice, Invoice.id == Allocation.invoice_id)
        .where(Allocation.payment_id.in_(ids))
        .order_by(Allocation.id)
    )
    for payment_id, invoice_id, number, amount in found:
        allocations[payment_id].append({"invoice_id": invoice_id, "number": number, "amount": amount})
    refunds: dict[int, list[Refund]] = {payment_id: [] for payment_id in ids}
    for refund in session.scalars(select(Refund).where(Refund.payment_id.in_(ids)).order_by(Refund.id)):
        refunds[refund.payment_id or 0].append(refund)
    names: dict[int, str] = {}
    client_ids = {row.client_id for row in rows if row.client_id is not None}
    for client_id, name in session.execute(select(Client.id, Client.display_name).where(Client.id.in_(client_ids))):
        names[client_id] = name
    return [_shown(row, names, allocations[row.id], refunds[row.id]) for row in rows]


def _shown(
    row: Payment, names: Mapping[int, str], allocations: list[dict[str, Any]], refunds: Sequence[Refund]
) -> dict[str, Any]:
    same_currency = row.fee is not None and row.fee_currency == row.currency
    return {
        "id": row.id,
        "external_id": row.external_id,
        "integration_id": row.integration_id,
        "client_id": row.client_id,
        "payer": names.get(row.client_id or 0) or row.payer_name or row.payer_email,
        "status": row.status,
        "currency": row.currency,
        "amount": row.amount,
        "tip": row.tip,
        "fee": row.fee,
        "fee_currency": row.fee_currency,
        "net": row.amount - (row.fee or 0) if same_currency else None,
        "refunded": sum(refund.amount for refund in refunds if refund.status == "succeeded"),
        "method": row.method,
        "card_brand": row.card_brand,
        "card_last4": row.card_last4,
        "location_id": row.location_id,
        "receipt_url": row.receipt_url,
        "failure": row.failure,
        "invoices": allocations,
        "refunds": [
            {
                "id": refund.id,
                "external_id": refund.external_id,
                "amount": refund.amount,
                "status": refund.status,
                "reason": refund.reason,
                "created_at": refund.created_at.isoformat(),
            }
            for refund in refunds
        ],
        "paid_at": row.paid_at.isoformat() if row.paid_at else None,
        "created_at": row.created_at.isoformat(),
    }
