"""Invoices: linked by our own reference, else new; money and status are the provider's, texts are merged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

import orjson

from hub import rowset
from hub.crm import absorb
from hub.ledger import absorb as money
from hub.ledger.settle import NOT_ISSUED
from providers.records import Invoice
from sync import merge
from sync.arrivals import conflicts
from sync.arrivals.arrival import Arrival, Arrivals

REFERENCE = re.compile(r"payhub:invoice:(\d{1,18})")
MERGED_FIELDS = ("currency", "total", "lines", "due_on", "description")
PROVIDER_WINS = frozenset(["currency", "total", "lines"])


def fields(record: Invoice) -> dict[str, Any]:
    return {
        "status": record.status.value,
        "currency": record.total.currency,
        "total": record.total.minor_units,
        "paid": record.paid.minor_units,
        "due": record.due.minor_units,
        "lines": [
            {
                "description": line.description,
                "quantity": line.quantity,
                "unit_amount": line.unit_amount.minor_units if line.unit_amount is not None else None,
                "amount": line.amount.minor_units,
            }
            for line in record.lines
        ],
        "due_on": record.due_on.isoformat() if record.due_on else None,
        "description": record.description,
        "provider_number": record.number,
        "pay_url": record.pay_url,
        "customer_id": record.customer_id,
        "location_id": record.location_id,
    }


def absorb_page(page: Arrivals) -> None:
    """Link, create or merge; then tie payments that came before their invoice."""
    _link_by_reference(page, [item for item in page.items if item.local_id is None])
    known = [item for item in page.items if item.local_id is not None]
    new = [item for item in page.items if item.local_id is None]
    clients = _clients(page)
    _create(page, new, clients)
    _merge(page, known, clients)
    page.touched.invoice_ids.update(item.local_id for item in page.items if item.local_id is not None)
    _tie_payments(page)


def _link_by_reference(page: Arrivals, items: Sequence[Arrival]) -> None:
    named: dict[int, Arrival] = {}
    for item in items:
        match = REFERENCE.fullmatch(getattr(item.record, "reference", None) or "")
        if match:
            named.setdefault(int(match[1]), item)
    if not named:
        return
    # An invoice has one home: only one that is not linked yet, and that is at home here or nowhere.
    found = rowset.execute(
        page.session,
        "SELECT i.id FROM invoices i WHERE i.id = ANY(%(ids)s)"
        " AND (i.integration_id IS NULL OR i.integration_id = %(integration_id)s) AND NOT EXISTS ("
        " SELECT FROM integration_data r WHERE r.tenant_id = i.tenant_id AND r.data_type = 'invoice' AND r.local_id = i.id"
        " AND r.deleted_at IS NULL)",
        ids=list(named),
        integration_id=page.integration_id,
    )
    for (invoice_id,) in found:
        named[invoice_id].local_id = invoice_id


def _clients(page: Arrivals) -> dict[str, int]:
    """Clients by customer id; what is not known yet is remembered as missing."""
    wanted = {item.id: item.fields["customer_id"] for item in page.items if item.fields["customer_id"]}
    clients = page.local_ids("customer", wanted.values())
    page.miss("invoice", [(who, "customer", customer) for who, customer in wanted.items() if customer not in clients])
    return clients


def _row(page: Arrivals, item: Arrival, clients: dict[str, int]) -> dict[str, Any]:
    theirs = item.fields
    created_at = item.record.created_at or item.record.as_of
    return {
        "client_id": clients.get(theirs["customer_id"]),
        "integration_id": page.integration_id,
        "location_id": theirs["location_id"],
        "status": theirs["status"],
        "currency": theirs["currency"],
        "total": theirs["total"],
        "description": theirs["description"],
        "due_on": _date(theirs["due_on"]),
        "issued_at": created_at if theirs["status"] not in NOT_ISSUED else None,
        "provider_number": theirs["provider_number"],
        "pay_url": theirs["pay_url"],
        "lines": theirs["lines"],
        "created_at": created_at,
        "provenance": "{}",
    }


def _create(page: Arrivals, items: Sequence[Arrival], clients: dict[str, int]) -> None:
    rows = [_row(page, item, clients) for item in items]
    made = absorb.create_invoices(page.session, page.tenant_id, page.integration_id, rows, now=page.now)
    for item, id in zip(items, made, strict=True):
        item.local_id = id


def _merge(page: Arrivals, items: Sequence[Arrival], clients: dict[str, int]) -> None:
    if not items:
        return
    ours = _lock(page, [item.local_id for item in items if item.local_id is not None])
    updates, disputes = [], []
    for item in items:
        invoice_id = item.local_id
        if invoice_id is None or invoice_id not in ours:
            continue
        local = ours[invoice_id]
        theirs = {name: item.fields[name] for name in MERGED_FIELDS}
        merged = merge.merge(item.agreed(local), local, theirs, theirs_wins=PROVIDER_WINS)
        disputes += [conflicts.Dispute("invoice", invoice_id, item.id, name, found) for name, found in merged.conflicts.items()]
        after = {**local, **merged.take}
        by = {"by": f"integration:{page.integration_id}", "at": page.now}
        updates.append(
            {
                **_row(page, item, clients),
                **{name: after[name] for name in ("currency", "total", "description")},
                "id": invoice_id,
                "due_on": _date(after["due_on"]),
                "lines": merged.take.get("lines"),
                "provenance": orjson.dumps(dict.fromkeys(merged.take, by)).decode(),
            }
        )
    absorb.update_invoices(page.session, page.tenant_id, updates, now=page.now)
    conflicts.record(page, disputes)


def _lock(page: Arrivals, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The invoices' merged fields, by id; locked in id order."""
    wanted = sorted(ids)
    found = rowset.execute(
        page.session,
        "SELECT id, currency, total, due_on, description FROM invoices WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE",
        ids=wanted,
    )
    ours: dict[int, dict[str, Any]] = {
        id: {
            "currency": currency,
            "total": total,
            "due_on": due_on.isoformat() if due_on else None,
            "description": description,
            "lines": [],
        }
        for id, currency, total, due_on, description in found
    }
    lines = rowset.execute(
        page.session,
        "SELECT invoice_id, description, quantity, unit_amount, amount FROM invoice_lines WHERE invoice_id = ANY(%(ids)s)"
        " ORDER BY invoice_id, position",
        ids=wanted,
    )
    for invoice_id, description, quantity, unit_amount, amount in lines:
        line = {"description": description, "quantity": quantity, "unit_amount": unit_amount, "amount": amount}
        ours[invoice_id]["lines"].append(line)
    return ours


def _tie_payments(page: Arrivals) -> None:
    """Payments that named these invoices before they came, and those of the same order."""
    invoice_of = {item.id: item.local_id for item in page.items if item.local_id is not None}
    waiting = [(who, wanted) for data_type, who, wanted in page.awaited("invoice") if data_type == "payment"]
    payments = page.local_ids("payment", [who for who, _ in waiting])
    pairs = [(payments[who], invoice_of[wanted]) for who, wanted in waiting if who in payments]
    by_group = {item.group_key: item.local_id for item in page.items if item.group_key and item.local_id is not None}
    if by_group:
        found = rowset.execute(
            page.session,
            "SELECT id, group_key FROM payments WHERE integration_id = %(integration_id)s AND group_key = ANY(%(keys)s)",
            integration_id=page.integration_id,
            keys=list(by_group),
        )
        pairs += [(payment_id, by_group[key]) for payment_id, key in found]
    money.name_invoices(page.session, page.tenant_id, pairs, now=page.now)
    page.touched.payment_ids.update(payment_id for payment_id, _ in pairs)


def remove(page: Arrivals, invoice_ids: Sequence[int]) -> None:
    """Invoices that are gone at the provider: hidden here, and what they posted is reversed."""
    rowset.execute(
        page.session,
        "UPDATE invoices SET deleted_at = %(now)s, updated_at = %(now)s, revision = revision + 1"
        " WHERE id = ANY(%(ids)s) AND deleted_at IS NULL",
        ids=sorted(invoice_ids),
        now=page.now,
    )
    page.touched.invoice_ids.update(invoice_ids)


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
