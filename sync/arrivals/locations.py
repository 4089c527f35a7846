"""Locations: where a merchant takes money; the provider's word alone."""

from __future__ import annotations

from typing import Any

from hub import rowset
from providers.records import Location
from sync.arrivals.arrival import Arrivals

_COLUMNS = {
    "name": "text",
    "currency": "text",
    "country": "text",
    "timezone": "text",
    "active": "boolean",
    "is_main": "boolean",
}


def fields(record: Location) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _COLUMNS}


def absorb_page(page: Arrivals) -> None:
    names = ", ".join(_COLUMNS)
    updates = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)
    found = rowset.run(
        page.session,
        f"INSERT INTO locations (tenant_id, integration_id, external_id, {names}, created_at)"
        f" SELECT %(tenant_id)s, %(integration_id)s, external_id, {names}, %(now)s FROM {{rows}} r ORDER BY external_id"
        f" ON CONFLICT (tenant_id, integration_id, external_id) DO UPDATE SET {updates} RETURNING external_id, id",
        {"external_id": "text", **_COLUMNS},
        [{"external_id": item.id, **item.fields} for item in page.items],
        tenant_id=page.tenant_id,
        integration_id=page.integration_id,
        now=page.now,
    )
    ids = dict(map(tuple, found))
    for item in page.items:
        item.local_id = ids[item.id]
