"""HTTP: start a sync, see how it goes."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from apiflask.fields import Boolean, Dict, String
from flask import jsonify
from sqlalchemy import select

from hub import audit, clock, db
from hub.http import Integer, PageQuery, Problem, Schema, current, idempotent, page_schema, paged, require
from hub.integrations import service
from hub.integrations.sync_requests import request_sync
from hub.models import SyncRun

BASE = "/api/integrations/payments/<int:integration_id>"
PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.2

blueprint = APIBlueprint("sync", __name__, tag="Sync")


class SyncIn(Schema):
    full = Boolean(load_default=False, metadata={"description": "Read everything anew, not only what changed."})


class SyncStartedOut(Schema):
    sync_run_id = Integer(required=True)


class InvoicesSyncedOut(Schema):
    synced = Integer(required=True, metadata={"description": "Invoices that were looked at."})
    updated = Integer(required=True, metadata={"description": "Of these, new or changed."})
    errors = Integer(required=True)


class SyncRunOut(Schema):
    id = Integer(required=True)
    integration_id = Integer(required=True)
    kind = String(required=True, metadata={"description": "initial, hourly or manual"})
    scope = String(required=True, metadata={"description": "all, or one kind of record"})
    full = Boolean(required=True)
    requested_by = String(required=True)
    outcome = String(required=True, allow_none=True, metadata={"description": "completed, failed, canceled; null until then"})
    reason = String(required=True, allow_none=True)
    counts = Dict(required=True, metadata={"description": "Per kind: seen, created, updated, errors"})
    progress = Dict(required=True, metadata={"description": "Per kind: done, expected (null while unknown), finished"})
    created_at = String(required=True)
    started_at = String(required=True, allow_none=True)
    due_at = String(required=True)
    done_at = String(required=True, allow_none=True)


@blueprint.post(f"{BASE}/sync")
@require("manager")
@idempotent
@blueprint.input(SyncIn, arg_name="body")
@blueprint.output(SyncStartedOut, status_code=202)
def start(integration_id: int, body: dict[str, Any]) -> dict[str, int]:
    """Start a sync; the one that goes on already, if any."""
    return {"sync_run_id": _request(integration_id, scope="all", full=body["full"])}


@blueprint.post(f"{BASE}/sync-invoices")
@require("manager")
@idempotent
@blueprint.output(InvoicesSyncedOut)
@blueprint.doc(responses={202: "It takes longer than 20 s: {sync_run_id}, whose progress the sync-runs route shows."})
def sync_invoices(integration_id: int) -> Any:
    """Sync the invoices and answer what came of it; what takes longer than 20 s answers 202 with the run's id."""
    run_id = _request(integration_id, scope="invoice", full=False)
    until = clock.monotonic() + PATIENCE_SECONDS
    while clock.monotonic() < until:
        row = _load(integration_id, run_id)
        if row.done_at is not None:
            if row.outcome != "completed":
                raise Problem(502, "sync_failed", row.reason or "The sync was ended. Look at the integration's page.")
            counts = row.counts.get("invoice") or dict.fromkeys(("seen", "created", "updated", "errors"), 0)
            return {"synced": counts["seen"], "updated": counts["created"] + counts["updated"], "errors": counts["errors"]}
        clock.sleep(LOOK_SECONDS)
    response = jsonify(sync_run_id=run_id)
    response.status_code = 202
    return response


@blueprint.get(f"{BASE}/sync-runs")
@require("viewer", limited="connect")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(page_schema(SyncRunOut))
def list_runs(integration_id: int, query: dict[str, Any]) -> dict[str, Any]:
    """The integration's sync runs, newest first."""
    with db.tenant_session(current().tenant_id) as session:
        _must_exist(session, integration_id)
        statement = select(SyncRun).where(SyncRun.integration_id == integration_id)
        return paged(session, statement, order=(SyncRun.id.desc(),), item=shown, **query)


@blueprint.get(f"{BASE}/sync-runs/<int:sync_run_id>")
@require("viewer", limited="connect")
@blueprint.output(SyncRunOut)
def show_run(integration_id: int, sync_run_id: int) -> dict[str, Any]:
    """One run: its progress while it goes on, its counts."""
    return shown(_load(integration_id, sync_run_id))


def shown(row: SyncRun) -> dict[str, Any]:
    """A run as the API shows it."""
    return {
        "id": row.id,
        "integration_id": row.integration_id,
        "kind": row.kind,
        "scope": row.scope,
        "full": row.full,
        "requested_by": row.requested_by,
        "outcome": row.outcome,
        "reason": row.reason,
        "counts": row.counts,
        "progress": row.progress,
        "created_at": row.created_at.isoformat(),
        "started_at": row.started_at.isoformat() if row.started_at else None,
        "due_at": row.due_at.isoformat(),
        "done_at": row.done_at.isoformat() if row.done_at else None,
    }


def _request(integration_id: int, *, scope: str, full: bool) -> int:
    caller = current()
    with db.tenant_session(caller.tenant_id) as session:
        integration = _must_exist(session, integration_id)
        if integration.status != "active":
            raise Problem(409, "not_connected", "This account is not connected any more. Reconnect it, then sync.")
        asked_by = f"{caller.actor_kind}:{caller.actor_id}"
        run_id = request_sync(
            session, caller.tenant_id, integration_id, kind="manual", requested_by=asked_by, scope=scope, full=full
        )
        audit.record(
            session, caller.tenant_id, caller.actor, "sync.requested", "integration", integration_id, scope=scope, full=full
        )
    return run_id


def _must_exist(session: Any, integration_id: int) -> Any:
    try:
        return service.get(session, integration_id)
    except service.IntegrationNotFound as missing:
        raise Problem(404, "integration_not_found", str(missing)) from missing


def _load(integration_id: int, sync_run_id: int) -> SyncRun:
    with db.tenant_session(current().tenant_id) as session:
        row = session.scalars(
            select(SyncRun).where(SyncRun.id == sync_run_id, SyncRun.integration_id == integration_id)
        ).one_or_none()
    if row is None:
        raise Problem(404, "sync_run_not_found", "There is no such sync run.")
    return row
