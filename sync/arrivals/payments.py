"""Payments and refunds: the provider's word alone; they find their client, invoices and payment, whichever came first."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hub import rowset
from hub.ledger import absorb
from providers.records import Payment, Refund
from sync.arrivals.arrival import Arrival, Arrivals


def payment_fields(record: Payment) -> dict[str, Any]:
    return {
        "amount": record.amount.minor_units,
        "currency": record.amount.currency,
        "tip": record.tip.minor_units if record.tip is not None else 0,
        "status": record.status.value,
        "fee": record.fee.minor_units if record.fee is not None else None,
        "fee_currency": record.fee.currency if record.fee is not None else None,
        "method": record.method,
        "card_brand": record.card_brand,
        "card_last4": record.card_last4,
        "location_id": record.location_id,
        "device": record.device,
        "payer_name": record.payer_name,
        "payer_email": record.payer_email,
        "receipt_url": record.receipt_url,
        "failure": record.failure,
        "customer_id": record.customer_id,
        "invoice_ids": list(record.invoice_ids),
        "order_id": record.order_id,
    }


def refund_fields(record: Refund) -> dict[str, Any]:
    return {
        "payment_id": record.payment_id,
        "amount": record.amount.minor_units,
        "currency": record.amount.currency,
        "status": record.status.value,
        "reason": record.reason,
        "failure": record.failure,
    }


def absorb_payments(page: Arrivals) -> None:
    customers = {item.id: item.fields["customer_id"] for item in page.items if item.fields["customer_id"]}
    clients = page.local_ids("customer", customers.values())
    invoices = _invoices(page)
    client_of_invoice = _clients_of(page, [invoice_id for ids in invoices.values() for invoice_id in ids])
    rows = []
    for item in page.items:
        theirs = item.fields
        created_at = item.record.created_at or item.record.as_of
        payer = clients.get(theirs["customer_id"])
        if payer is None:
            payer = next((client_of_invoice[id] for id in invoices[item.id] if id in client_of_invoice), None)
        succeeded = theirs["status"] == "succeeded"
        rows.append(
            {
                **theirs,
                "external_id": item.id,
                "group_key": item.group_key,
                "client_id": payer,
                "paid_at": created_at if succeeded else None,
                "created_at": created_at,
            }
        )
    ids = absorb.upsert_payments(page.session, page.tenant_id, page.integration_id, rows, now=page.now)
    for item in page.items:
        item.local_id = ids[item.id]
    pairs = [(ids[who], invoice_id) for who, found in invoices.items() for invoice_id in found]
    absorb.name_invoices(page.session, page.tenant_id, pairs, now=page.now)
    page.miss("payment", [(who, "customer", customer) for who, customer in customers.items() if customer not in clients])
    _link_refunds(page, ids)
    page.touched.payment_ids.update(ids.values())


def _invoices(page: Arrivals) -> dict[str, list[int]]:
    """Our invoices that each payment pays: named by id, or of the same order. What is not known yet is remembered."""
    named = {(item.id, wanted) for item in page.items for wanted in item.fields["invoice_ids"]}
    known = page.local_ids("invoice", [wanted for _, wanted in named])
    page.miss("payment", [(who, "invoice", wanted) for who, wanted in named if wanted not in known])
    found: dict[str, list[int]] = defaultdict(list)
    for who, wanted in sorted(named):
        if wanted in known:
            found[who].append(known[wanted])
    by_group: dict[str, list[Arrival]] = defaultdict(list)
    for item in page.items:
        if item.group_key:
            by_group[item.group_key].append(item)
    if by_group:
        rows = rowset.execute(
            page.session,
            "SELECT group_key, local_id FROM integration_data WHERE integration_id = %(integration_id)s"
            " AND data_type = 'invoice' AND group_key = ANY(%(keys)s) AND local_id IS NOT NULL",
            integration_id=page.integration_id,
            keys=list(by_group),
        )
        for group_key, invoice_id in rows:
            for item in by_group[group_key]:
                if invoice_id not in found[item.id]:
                    found[item.id].append(invoice_id)
    return found


def _clients_of(page: Arrivals, invoice_ids: list[int]) -> dict[int, int]:
    if not invoice_ids:
        return {}
    found = rowset.execute(
        page.session,
        "SELECT id, client_id FROM invoices WHERE id = ANY(%(ids)s) AND client_id IS NOT NULL",
        ids=sorted(set(invoice_ids)),
    )
    return dict(map(tuple, found))


def _link_refunds(page: Arrivals, payment_ids: dict[str, int]) -> None:
    """Refunds that came before their payment."""
    waiting = [wanted for data_type, _, wanted in page.awaited("payment") if data_type == "refund"]
    if waiting:
        rowset.run(
            page.session,
            "UPDATE refunds f SET payment_id = r.payment_id, updated_at = %(now)s FROM {rows} r"
            " WHERE f.integration_id = %(integration_id)s AND f.payment_external_id = r.external_id AND f.payment_id IS NULL",
            {"external_id": "text", "payment_id": "bigint"},
            [{"external_id": wanted, "payment_id": payment_ids[wanted]} for wanted in set(waiting)],
            integration_id=page.integration_id,
            now=page.now,
        )


def absorb_refunds(page: Arrivals) -> None:
    named = {item.id: item.fields["payment_id"] for item in page.items if item.fields["payment_id"]}
    payments = page.local_ids("payment", named.values())
    page.miss("refund", [(who, "payment", wanted) for who, wanted in named.items() if wanted not in payments])
    rows = []
    for item in page.items:
        created_at = item.record.created_at or item.record.as_of
        rows.append(
            {
                **item.fields,
                "external_id": item.id,
                "payment_id": payments.get(item.fields["payment_id"]),
                "payment_external_id": item.fields["payment_id"],
                "refunded_at": created_at if item.fields["status"] == "succeeded" else None,
                "created_at": created_at,
            }
        )
    ids = absorb.upsert_refunds(page.session, page.tenant_id, page.integration_id, rows, now=page.now)
    for item in page.items:
        item.local_id = ids[item.id]
    page.touched.payment_ids.update(payments.values())
