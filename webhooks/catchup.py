"""Missed events: what the provider's feed knows and we were not told goes into the same inbox."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from hub import clock, db
from hub.integrations import service
from hub.models import Cursor, WebhookEvent
from providers.contract import Credentials, Provider
from providers.errors import CursorExpired, Unsupported
from webhooks import inbox
from webhooks.process import process_integration

OVERLAP = timedelta(minutes=5)  # events appear in the feed late and out of order
FEED_PART = "events"
PAGES_MAX = 10_000  # a feed that never ends is a fault, not work

log = structlog.get_logger(__name__)


def catch_up(tenant_id: int, integration_id: int) -> int:
    """Read the feed since the last time minus an overlap and process what was new; returns how many events were missed.

    The first time only the mark is set: the initial sync reads everything anyway. Raises ProviderError."""
    started = clock.now()
    mark = _mark(tenant_id, integration_id)
    if mark is None:
        _move(tenant_id, integration_id, started)
        return 0
    provider, credentials = service.credentials_of(tenant_id, integration_id)
    try:
        missed = _read(provider, tenant_id, integration_id, credentials, since=mark - OVERLAP)
    except Unsupported:
        missed = 0
    _move(tenant_id, integration_id, started)
    missed += _release(tenant_id, integration_id)
    if missed:
        log.info("events_caught_up", tenant_id=tenant_id, integration_id=integration_id, missed=missed)
        process_integration(tenant_id, integration_id)
    return missed


def _read(provider: Provider, tenant_id: int, integration_id: int, credentials: Credentials, *, since: datetime) -> int:
    gate = service.gate_for(provider, tenant_id, integration_id)
    cursor: str | None = None
    missed = 0
    for _ in range(PAGES_MAX):
        try:
            page = provider.missed_events(credentials, since=since, cursor=cursor, gate=gate)
        except CursorExpired:
            cursor = None
            continue
        # An application's feed holds every account's events; each integration takes its own.
        events = [event for event in page.events if event.account_id in (None, credentials.account_id)]
        missed += inbox.store(provider.name, events, via="feed")
        cursor = page.next_cursor
        if cursor is None:
            return missed
    return missed


def _release(tenant_id: int, integration_id: int) -> int:
    """What came while webhooks were switched off was only stored: a run is when it is processed."""
    with db.tenant_session(tenant_id) as session:
        kept = session.scalars(
            update(WebhookEvent)
            .where(WebhookEvent.integration_id == integration_id, WebhookEvent.outcome == "switched_off")
            .values(done_at=None, outcome=None, due_at=clock.now())
            .returning(WebhookEvent.id)
        ).all()
    return len(kept)


def _mark(tenant_id: int, integration_id: int) -> datetime | None:
    with db.tenant_session(tenant_id) as session:
        return session.scalar(
            select(Cursor.high_water).where(
                Cursor.integration_id == integration_id, Cursor.data_type == "event", Cursor.part == FEED_PART
            )
        )


def _move(tenant_id: int, integration_id: int, high_water: datetime) -> None:
    values = {"tenant_id": tenant_id, "integration_id": integration_id, "data_type": "event", "part": FEED_PART}
    with db.tenant_session(tenant_id) as session:
        session.execute(
            insert(Cursor)
            .values(**values, high_water=high_water, done_at=high_water)
            .on_conflict_do_update(index_elements=list(values), set_={"high_water": high_water, "done_at": high_water})
        )
