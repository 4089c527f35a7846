"""What is due: integrations become sync runs, tokens are refreshed, and work whose wake was lost is woken."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from hub import clock, db, queue, rowset, work
from hub.integrations.gate import read_counter
from hub.integrations.sync_requests import request_sync
from hub.models import Change, Endpoint, Integration, Message, SyncRun, WebhookEvent

EVERY = timedelta(hours=1)
JITTER = timedelta(minutes=6)
BATCH_ROWS = 200
REFRESH_AGAIN = timedelta(minutes=30)  # if the woken refresh is lost
ENDPOINT_AGAIN = timedelta(hours=1)
ENDPOINT_LOOK = timedelta(days=1)
READS_STORED_EVERY_SECONDS = 10.0

log = structlog.get_logger(__name__)
_jitter = random.SystemRandom()


class _Ticked:
    partitions_on: date | None = None
    reads_stored_at: float | None = None


def tick() -> int:
    """Do what is due now; how much that was. Several schedulers may tick at once."""
    _ensure_partitions()
    _store_reads()
    return plan_runs() + plan_refreshes() + plan_endpoints() + sweep()


def plan_runs() -> int:
    """A sync run for every integration whose time has come; the next is due an hour later, jittered."""
    now = clock.now()
    with db.system_session() as session:
        due = session.scalars(
            select(Integration)
            .where(Integration.next_sync_at <= now, Integration.status == "active")
            .order_by(Integration.next_sync_at)
            .limit(BATCH_ROWS)
            .with_for_update(skip_locked=True)
        ).all()
        for integration in due:
            _plan(session, integration, now)
    return len(due)


def plan_integration(tenant_id: int, integration_id: int) -> None:
    """`plan_runs` for one integration, at once: it has just been connected. Nothing if it is not due."""
    now = clock.now()
    with db.tenant_session(tenant_id) as session:
        integration = session.scalars(
            select(Integration)
            .where(Integration.id == integration_id, Integration.next_sync_at <= now, Integration.status == "active")
            .with_for_update(skip_locked=True)
        ).one_or_none()
        if integration is not None:
            _plan(session, integration, now)


def _plan(session: Session, integration: Integration, now: datetime) -> None:
    kind = "initial" if integration.last_sync_at is None else "hourly"
    request_sync(session, integration.tenant_id, integration.id, kind=kind, requested_by="schedule")
    wants_more = bool(integration.config.get("auto_sync", True))
    integration.next_sync_at = now + EVERY + JITTER * (_jitter.random() * 2 - 1) if wants_more else None


def plan_refreshes() -> int:
    """Wake the refresh of every token whose time has come; if that is lost, again half an hour later."""
    now = clock.now()
    with db.system_session() as session:
        due = session.scalars(
            select(Integration)
            .where(Integration.refresh_due_at <= now, Integration.status == "active")
            .order_by(Integration.refresh_due_at)
            .limit(BATCH_ROWS)
            .with_for_update(skip_locked=True)
        ).all()
        for integration in due:
            # Not moved far: a token that is not refreshed in time ends.
            integration.refresh_due_at = now + REFRESH_AGAIN
            queue.wake_after_commit(session, "refresh_credentials", integration.tenant_id, integration.id)
    return len(due)


def plan_endpoints() -> int:
    """Wake the repair of webhook endpoints: hourly of those that are wrong, daily of all, for a provider may switch one off."""
    now = clock.now()
    with db.system_session() as session:
        due = session.scalars(
            select(Endpoint)
            .where(
                Endpoint.active,
                or_(
                    Endpoint.error.is_not(None) & (Endpoint.checked_at <= now - ENDPOINT_AGAIN),
                    Endpoint.checked_at <= now - ENDPOINT_LOOK,
                ),
            )
            .order_by(Endpoint.checked_at)
            .limit(BATCH_ROWS)
            .with_for_update(skip_locked=True)
        ).all()
        for endpoint in due:
            endpoint.checked_at = now
            row_id = endpoint.integration_id if endpoint.integration_id is not None else endpoint.id
            queue.wake_after_commit(session, "ensure_endpoints", endpoint.tenant_id or 0, row_id)
    return len(due)


def sweep() -> int:
    """Wake the handlers of all due work. Redis may have lost a wake, or the work waited for its time."""
    now = clock.now()
    wakes: list[tuple[str, int, int]] = []
    with db.system_session() as session:
        for name, model in (("push_changes", Change), ("process_events", WebhookEvent)):
            wakes += [(name, *found) for found in _due_per_integration(session, model, work.is_due(model, now))]
        runs = select(SyncRun.tenant_id, SyncRun.id).where(work.is_due(SyncRun, now)).order_by(SyncRun.due_at).limit(BATCH_ROWS)
        wakes += [("sync_run", tenant_id, run_id) for tenant_id, run_id in session.execute(runs)]
        tenant = func.coalesce(Message.tenant_id, 0)
        messages = select(tenant, Message.id).where(work.is_due(Message, now)).order_by(Message.due_at).limit(BATCH_ROWS)
        wakes += [("send_message", tenant_id, message_id) for tenant_id, message_id in session.execute(messages)]
    for name, tenant_id, row_id in wakes:
        queue.wake(name, tenant_id, row_id)
    return len(wakes)


def _due_per_integration(session: Session, model: Any, due: ColumnElement[bool]) -> list[tuple[int, int]]:
    found = session.execute(
        select(model.tenant_id, model.integration_id)
        .where(due, model.tenant_id.is_not(None), model.integration_id.is_not(None))
        .distinct()
        .limit(BATCH_ROWS)
    )
    return [(tenant_id, integration_id) for tenant_id, integration_id in found]


def _ensure_partitions() -> None:
    """The inbox has its months before their events come; looked at once a day by each scheduler."""
    today = clock.now().date()
    if _Ticked.partitions_on == today:
        return
    with db.system_session() as session:
        rowset.execute(session, "SELECT payhub_ensure_inbox_partitions(%(today)s)", today=today)
    _Ticked.partitions_on = today


def _store_reads() -> None:
    """What the workers have read of providers that count it goes into the database."""
    now = clock.monotonic()
    if _Ticked.reads_stored_at is None or now - _Ticked.reads_stored_at >= READS_STORED_EVERY_SECONDS:
        read_counter().hand_over()
        _Ticked.reads_stored_at = now
