"""The inbox: one durable row per event, whoever delivered it and however often."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
from prometheus_client import Counter
from sqlalchemy import func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub import clock, db, queue
from hub.models import AccountRoute, Integration, WebhookEvent, WebhookEventId
from hub.redaction import as_kept
from providers.records import Effect, Event

RECEIVED = Counter(
    "payhub_webhook_events_total", "Events received, by how they came and what became of them", ["provider", "via", "what"]
)
DATA_TYPES_LONGEST = 40


def store(provider: str, events: Sequence[Event], *, via: str = "webhook") -> int:
    """Put events into the inbox; returns how many were new. Durable when this returns.

    A known event id is dropped by the database. An event of an unknown account is quarantined (tenant_id is null): it is never
    guessed whose it is, and goes to the account's tenant if that connects later. Events of an account that was disconnected here
    are dropped, ids and all: a reconnect reads the feed, and must find them new there."""
    if not events:
        return 0
    events = [_storable(event) for event in events]
    now = clock.now()
    with db.system_session() as session:
        routes = _routes(session, provider, events)
        kept = _without_disconnected(session, provider, events, routes)
        fresh = _claim_ids(session, provider, kept) if kept else []
        enabled = _webhook_enabled(session, routes)
        woken: set[tuple[int, int]] = set()
        rows: list[dict[str, Any]] = []
        for event in fresh:
            route = routes.get((event.account_id or "", event.live))
            ignored = route is not None and via == "webhook" and not enabled.get(route, True)
            rows.append(
                {
                    "received_at": now,
                    "tenant_id": route[0] if route else None,
                    "integration_id": route[1] if route else None,
                    "provider": provider,
                    "account_id": event.account_id or "",
                    "live": event.live,
                    "event_id": event_id(event),
                    "event_type": event.event_type,
                    "effect": event.effect.value,
                    "data_type": event.kind.__name__.lower()[:DATA_TYPES_LONGEST] if event.kind else None,
                    "record_id": event.record_id,
                    "happened_at": event.created_at,
                    "via": via,
                    "due_at": now,
                    "outcome": "quarantined" if route is None else ("switched_off" if ignored else None),
                    "done_at": now if ignored else None,
                    "body": orjson.loads(as_kept(orjson.dumps(dict(event.raw)))),
                }
            )
            if route and not ignored:
                woken.add(route)
        if rows:
            session.execute(insert(WebhookEvent), rows)
        if woken and via == "webhook":
            session.execute(
                update(Integration)
                .where(tuple_(Integration.tenant_id, Integration.id).in_(sorted(woken)))
                .values(last_event_at=now)
            )
        for tenant_id, integration_id in sorted(woken):
            queue.wake_after_commit(session, "process_events", tenant_id, integration_id)
    RECEIVED.labels(provider, via, "new").inc(len(fresh))
    RECEIVED.labels(provider, via, "duplicate").inc(len(kept) - len(fresh))
    RECEIVED.labels(provider, via, "disconnected").inc(len(events) - len(kept))
    return len(fresh)


def _storable(event: Event) -> Event:
    """Without NUL characters, which PostgreSQL refuses: no reason to lose an event."""
    names = (event.id, event.event_type, event.account_id, event.record_id)
    if not any(name and "\x00" in name for name in names):
        return event
    identifier, event_type, account_id, record_id = (name.replace("\x00", "") if name else name for name in names)
    return replace(event, id=identifier or "", event_type=event_type or "", account_id=account_id, record_id=record_id)


def event_id(event: Event) -> str:
    """The provider's id; for the few events without one (Stripe's invoice.upcoming previews) a hash of their content."""
    if event.id:
        return event.id
    return "sha256:" + hashlib.sha256(orjson.dumps(event.raw, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _claim_ids(session: Session, provider: str, events: Sequence[Event]) -> list[Event]:
    by_key = {(event.account_id or "", event_id(event)): event for event in events}
    now = clock.now()
    values = [
        {"provider": provider, "account_id": account, "event_id": identifier, "received_at": now}
        for account, identifier in sorted(by_key)  # one order for all writers: no deadlock
    ]
    claimed = session.execute(
        insert(WebhookEventId)
        .values(values)
        .on_conflict_do_nothing()
        .returning(WebhookEventId.account_id, WebhookEventId.event_id)
    ).all()
    return [by_key[(account, identifier)] for account, identifier in claimed]


def _without_disconnected(
    session: Session, provider: str, events: Sequence[Event], routes: dict[tuple[str, bool], tuple[int, int]]
) -> list[Event]:
    homeless = {event.account_id for event in events if (event.account_id or "", event.live) not in routes}
    if not homeless:
        return list(events)
    left = {
        (account_id, live)
        for account_id, live in session.execute(
            select(Integration.account_id, Integration.live).where(
                Integration.provider == provider, Integration.status == "disconnected", Integration.account_id.in_(homeless)
            )
        )
    } - set(routes)
    return [event for event in events if (event.account_id or "", event.live) not in left]


def _routes(session: Session, provider: str, events: Sequence[Event]) -> dict[tuple[str, bool], tuple[int, int]]:
    accounts = {event.account_id for event in events if event.account_id}
    if not accounts:
        return {}
    found = session.scalars(select(AccountRoute).where(AccountRoute.provider == provider, AccountRoute.account_id.in_(accounts)))
    return {(route.account_id, route.live): (route.tenant_id, route.integration_id) for route in found}


def _webhook_enabled(session: Session, routes: dict[tuple[str, bool], tuple[int, int]]) -> dict[tuple[int, int], bool]:
    keys = sorted(set(routes.values()))
    if not keys:
        return {}
    rows = session.execute(
        select(Integration.tenant_id, Integration.id, Integration.config["webhook_enabled"].as_boolean()).where(
            tuple_(Integration.tenant_id, Integration.id).in_(keys)
        )
    )
    return {(tenant_id, integration_id): enabled is not False for tenant_id, integration_id, enabled in rows}


def quarantined(session: Session) -> int:
    """Events whose account nobody holds."""
    return session.scalar(select(func.count()).select_from(WebhookEvent).where(WebhookEvent.tenant_id.is_(None))) or 0


def replay(session: Session, *where: Any) -> list[tuple[int, int]]:
    """Make parked or finished events due again; the (tenant, integration) pairs to wake."""
    rows = session.execute(
        update(WebhookEvent)
        .where(WebhookEvent.tenant_id.is_not(None), *where)
        .values(done_at=None, parked_at=None, lease_until=None, attempts=0, reason=None, outcome=None, due_at=clock.now())
        .returning(WebhookEvent.tenant_id, WebhookEvent.integration_id)
    ).all()
    pairs = sorted({(owner, home) for owner, home in rows if owner is not None and home is not None})
    for tenant_id, integration_id in pairs:
        queue.wake_after_commit(session, "process_events", tenant_id, integration_id)
    return pairs


def open_effects() -> frozenset[str]:
    """Effects that lead to work."""
    return frozenset(effect.value for effect in Effect if effect is not Effect.OTHER)
