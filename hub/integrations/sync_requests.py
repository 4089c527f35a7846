"""Ask for a sync: a row, and a wake; the engine above this package does it."""

from __future__ import annotations

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub import clock, queue
from hub.models import SyncRun


def request_sync(
    session: Session,
    tenant_id: int,
    integration_id: int,
    *,
    kind: str,
    requested_by: str,
    scope: str = "all",
    full: bool = False,
) -> int:
    """The id of the sync run that will do it: a new one, or the unfinished one of the same scope, woken again.

    The database decides the race: one unfinished run per integration and scope."""
    now = clock.now()
    session.execute(
        insert(SyncRun)
        .values(
            tenant_id=tenant_id,
            integration_id=integration_id,
            kind=kind,
            scope=scope,
            full=full,
            requested_by=requested_by,
            created_at=now,
            due_at=now,
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "integration_id", "scope"], index_where=text("done_at is null"))
    )
    run = session.scalars(
        select(SyncRun).where(SyncRun.integration_id == integration_id, SyncRun.scope == scope, SyncRun.done_at.is_(None))
    ).one()
    if kind == "manual":
        # A person asks: what was given up or waits is tried now.
        run.parked_at = None
        run.due_at = min(run.due_at, now)
        run.full = run.full or full
    queue.wake_after_commit(session, "sync_run", tenant_id, run.id)
    return run.id
