"""Conflict rows: both values of a field that both sides changed, until somebody decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub import rowset
from sync.arrivals.arrival import Arrivals
from sync.merge import Disagreement


@dataclass(frozen=True, slots=True)
class Dispute:
    kind: str
    local_id: int
    external_id: str
    field: str
    found: Disagreement


def record(page: Arrivals, disputes: Sequence[Dispute]) -> None:
    """One open row per field; a newer disagreement of the same field replaces the values of the open one."""
    if not disputes:
        return
    rows = [
        {
            "kind": dispute.kind,
            "local_id": dispute.local_id,
            "external_id": dispute.external_id,
            "field": dispute.field,
            "base": {"value": dispute.found.base},
            "ours": {"value": dispute.found.ours},
            "theirs": {"value": dispute.found.theirs, "kept": dispute.found.kept},
        }
        for dispute in disputes
    ]
    rowset.run(
        page.session,
        "INSERT INTO conflicts (tenant_id, integration_id, kind, local_id, external_id, field, base, ours, theirs, created_at)"
        " SELECT %(tenant_id)s, %(integration_id)s, kind, local_id, external_id, field, base, ours, theirs, %(now)s FROM {rows} r"
        " ON CONFLICT (tenant_id, integration_id, kind, local_id, field) WHERE resolved_at IS NULL"
        " DO UPDATE SET ours = excluded.ours, theirs = excluded.theirs",
        {
            "kind": "text",
            "local_id": "bigint",
            "external_id": "text",
            "field": "text",
            "base": "jsonb",
            "ours": "jsonb",
            "theirs": "jsonb",
        },
        rows,
        tenant_id=page.tenant_id,
        integration_id=page.integration_id,
        now=page.now,
    )
