"""Customers become clients: linked by our own reference, else by an unambiguous address, else new."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson

from hub import rowset
from hub.crm import absorb, keys
from providers.records import Customer
from sync import merge
from sync.arrivals import conflicts
from sync.arrivals.arrival import Arrival, Arrivals, Fields

REFERENCE = re.compile(r"payhub:client:(\d{1,18})")
MERGED_FIELDS = (*absorb.CLIENT_TEXTS, "address")


def fields(record: Customer) -> dict[str, Any]:
    address = record.address
    return {
        "given_name": record.given_name,
        "family_name": record.family_name,
        "company_name": record.company_name,
        "email": record.email,
        "phone": record.phone,
        "address": {
            "line1": address.line1,
            "line2": address.line2,
            "city": address.city,
            "region": address.region,
            "postal_code": address.postal_code,
            "country": address.country,
        },
        "display_name": record.display_name,
        "reference": record.reference,
    }


def absorb_page(page: Arrivals) -> None:
    """Link or create a client per customer, merge what changed, and give waiting invoices and payments their client."""
    unlinked = [item for item in page.items if item.local_id is None]
    linked = [item for item in page.items if item.local_id is not None]
    _link_by_reference(page, unlinked)
    _link_by_email(page, [item for item in unlinked if item.local_id is None])
    linked += [item for item in unlinked if item.local_id is not None]
    _create(page, [item for item in unlinked if item.local_id is None])
    _merge(page, linked)
    _give_clients(page)


def _free(page: Arrivals, condition: str, **parameters: Any) -> list[tuple[int, str | None]]:
    """Clients not yet linked to a live customer of this integration: (id, email_key)."""
    found = rowset.execute(
        page.session,
        f"SELECT c.id, c.email_key FROM clients c WHERE {condition} AND NOT EXISTS ("
        " SELECT FROM integration_data r WHERE r.tenant_id = c.tenant_id AND r.data_type = 'customer' AND r.local_id = c.id"
        " AND r.integration_id = %(integration_id)s AND r.deleted_at IS NULL)",
        integration_id=page.integration_id,
        **parameters,
    )
    return [(id, email_key) for id, email_key in found]


def _link_by_reference(page: Arrivals, items: Sequence[Arrival]) -> None:
    named: dict[int, Arrival] = {}
    for item in items:
        match = REFERENCE.fullmatch(item.fields["reference"] or "")
        if match:
            named.setdefault(int(match[1]), item)
    if named:
        for client_id, _ in _free(page, "c.id = ANY(%(ids)s)", ids=list(named)):
            named[client_id].local_id = client_id


def _link_by_email(page: Arrivals, items: Sequence[Arrival]) -> None:
    by_key: dict[str, Arrival] = {}
    for item in items:
        key = keys.email_key(item.fields["email"])
        if key:
            by_key.setdefault(key, item)
    if not by_key:
        return
    found = _free(page, "c.email_key = ANY(%(keys)s) AND c.archived_at IS NULL", keys=list(by_key))
    candidates = Counter(key for _, key in found)
    taken = {item.local_id for item in page.items}
    for client_id, key in found:
        if key is not None and candidates[key] == 1 and client_id not in taken:
            by_key[key].local_id = client_id


def _create(page: Arrivals, items: Sequence[Arrival]) -> None:
    rows = [
        {
            **{name: item.fields[name] for name in MERGED_FIELDS},
            "display_name": item.fields["display_name"] or absorb.display_name(item.fields),
            "provenance": _provenance(page, MERGED_FIELDS),
        }
        for item in items
    ]
    for item, id in zip(items, absorb.create_clients(page.session, page.tenant_id, rows, now=page.now), strict=True):
        item.local_id = id


def _merge(page: Arrivals, items: Sequence[Arrival]) -> None:
    if not items:
        return
    ours = _lock(page, [item.local_id for item in items if item.local_id is not None])
    updates, disputes = [], []
    for item in items:
        client_id = item.local_id
        if client_id is None or client_id not in ours:
            continue
        theirs = {name: item.fields[name] for name in MERGED_FIELDS}
        merged = merge.merge(item.agreed(ours[client_id]), ours[client_id], theirs)
        disputes += [conflicts.Dispute("client", client_id, item.id, name, found) for name, found in merged.conflicts.items()]
        if merged.take:
            after = {**ours[client_id], **merged.take}
            updates.append(
                {
                    "id": client_id,
                    **merged.take,
                    "display_name": _display_name(item.fields, after),
                    "provenance": _provenance(page, tuple(merged.take)),
                }
            )
    absorb.update_clients(page.session, updates, now=page.now)
    conflicts.record(page, disputes)
    revived = [item.local_id for item in items if item.stored is not None and item.stored.deleted_at is not None]
    if revived:
        rowset.execute(page.session, "UPDATE clients SET archived_at = NULL WHERE id = ANY(%(ids)s)", ids=revived)


def _lock(page: Arrivals, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The clients' merged fields, by id; locked in id order, for several integrations may share a client."""
    found = rowset.execute(
        page.session,
        "SELECT id, given_name, family_name, company_name, email, phone, address FROM clients WHERE id = ANY(%(ids)s)"
        " ORDER BY id FOR UPDATE",
        ids=sorted(ids),
    )
    blank = dict.fromkeys(absorb.ADDRESS_PARTS, "")
    return {
        id: dict(zip(absorb.CLIENT_TEXTS, texts, strict=True))
        | {"address": {part: (address or {}).get(part) or "" for part in blank}}
        for id, *texts, address in found
    }


def _display_name(theirs: Fields, after: dict[str, Any]) -> str:
    same_person = all(after[name] == theirs[name] for name in ("given_name", "family_name", "company_name"))
    return (theirs["display_name"] if same_person else "") or absorb.display_name(after)


def _provenance(page: Arrivals, names: Sequence[str]) -> str:
    by = {"by": f"integration:{page.integration_id}", "at": page.now}
    return orjson.dumps(dict.fromkeys(names, by)).decode()


def _give_clients(page: Arrivals) -> None:
    """Invoices and payments that came before their customer."""
    waiting = page.awaited("customer")
    if not waiting:
        return
    client_of = {item.id: item.local_id for item in page.items}
    for table, data_type in (("invoices", "invoice"), ("payments", "payment")):
        rows = [{"external_id": who, "client_id": client_of[wanted]} for found, who, wanted in waiting if found == data_type]
        if not rows:
            continue
        changed = rowset.run(
            page.session,
            f"UPDATE {table} t SET client_id = r.client_id, updated_at = %(now)s FROM {{rows}} r, integration_data d"
            " WHERE d.integration_id = %(integration_id)s AND d.data_type = %(data_type)s AND d.external_id = r.external_id"
            " AND d.tenant_id = t.tenant_id AND t.id = d.local_id AND t.client_id IS NULL RETURNING t.id",
            {"external_id": "text", "client_id": "bigint"},
            rows,
            now=page.now,
            integration_id=page.integration_id,
            data_type=data_type,
        )
        ids = page.touched.invoice_ids if table == "invoices" else page.touched.payment_ids
        ids.update(row[0] for row in changed)


def remove(page: Arrivals, client_ids: Sequence[int]) -> None:
    """Customers that are gone at the provider: a client who lives in no other account is archived; nothing is deleted."""
    rowset.execute(
        page.session,
        "UPDATE clients c SET archived_at = %(now)s, updated_at = %(now)s, revision = revision + 1"
        " WHERE c.id = ANY(%(ids)s) AND c.archived_at IS NULL AND NOT EXISTS ("
        " SELECT FROM integration_data r WHERE r.tenant_id = c.tenant_id AND r.data_type = 'customer'"
        " AND r.local_id = c.id AND r.deleted_at IS NULL)",
        ids=sorted(client_ids),
        now=page.now,
    )
