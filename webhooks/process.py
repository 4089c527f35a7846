"""Process received events: newest fact per record, one read where a snapshot cannot be trusted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog
from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from hub import clock, db, drift_report, process
from hub.integrations import service
from hub.models import Integration, RemoteRecord, WebhookEvent
from hub.work import claim, settle_done, settle_error
from providers.contract import Provider
from providers.errors import CredentialsExpired, IntegrationRevoked, RecordNotFound
from providers.records import Effect, Event, Record
from sync import pull
from sync.kinds import KINDS
from webhooks.handler import WebhookHandler
from webhooks.receive import receivers

BATCH_ROWS = 200
SAME_SECOND = timedelta(seconds=1)  # providers stamp events to the second: within one, order is not known

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """An integration as its events find it."""

    account_id: str
    connected_at: datetime
    config: dict[str, Any]


def process_integration(tenant_id: int, integration_id: int) -> None:
    """Drain the integration's due events, batch by batch; each batch is leased, so several workers may do this."""
    while batch := _claim_batch(tenant_id, integration_id):
        _process_batch(tenant_id, integration_id, batch)
    drift_report.keep()


def _claim_batch(tenant_id: int, integration_id: int) -> list[WebhookEvent]:
    with db.tenant_session(tenant_id) as session:
        return claim(session, WebhookEvent, WebhookEvent.integration_id == integration_id, limit=BATCH_ROWS, lease_seconds=120)


def _process_batch(tenant_id: int, integration_id: int, rows: Sequence[WebhookEvent]) -> None:
    standing = _standing(tenant_id, integration_id)
    if standing is None:
        _settle(tenant_id, rows, "integration_disconnected")
        return
    groups: dict[tuple[type[Record] | None, str | None, bool], list[tuple[WebhookEvent, Event]]] = defaultdict(list)
    for row in rows:
        try:
            event = _parse(row, standing.account_id)
        except Exception as error:
            _fail(tenant_id, [row], error)
            continue
        groups[(event.kind, event.record_id, event.effect is Effect.DISCONNECTED)].append((row, event))
    for received in groups.values():
        concerned = [row for row, _ in received]
        try:
            outcome = _outcome_of(tenant_id, integration_id, standing, [event for _, event in received])
        except Exception as error:
            _fail(tenant_id, concerned, error)
        else:
            _settle(tenant_id, concerned, outcome)


def _standing(tenant_id: int, integration_id: int) -> Standing | None:
    """None: disconnected, nothing is processed any more."""
    with db.tenant_session(tenant_id) as session:
        row = session.scalars(select(Integration).where(Integration.id == integration_id)).one_or_none()
        if row is None or row.status == "disconnected":
            return None
        return Standing(row.account_id, row.connected_at, row.config)


def _outcome_of(tenant_id: int, integration_id: int, standing: Standing, events: Sequence[Event]) -> str:
    """What became of the events of one record (or of those that end the connection)."""
    kind, record_id = events[0].kind, events[0].record_id
    if events[0].effect is Effect.DISCONNECTED:
        return _end(tenant_id, integration_id, events, standing.connected_at)
    if kind is None or kind not in KINDS or record_id is None or all(event.effect is Effect.OTHER for event in events):
        return "ignored"
    if not KINDS[kind].is_on(standing.config):
        return "switched_off"
    return _apply(tenant_id, integration_id, kind, record_id, events)


def _parse(row: WebhookEvent, account_id: str) -> Event:
    handler = _handler(row.provider)
    for event in handler.events(orjson.dumps(row.body), own_account_id=account_id):
        return event
    raise ValueError("the stored body holds no event")


def _handler(provider: str) -> WebhookHandler:
    receiver = receivers.get(provider)
    if receiver is None:
        raise LookupError(f"{provider} is not configured")
    return receiver.handler


def _end(tenant_id: int, integration_id: int, events: Sequence[Event], connected_at: datetime) -> str:
    """The account left us; but the news may be older than a reconnect, or tell of our own disconnect before it: both carry
    whole seconds only, so the account itself is asked."""
    if max(event.created_at for event in events) < connected_at - SAME_SECOND:
        return "stale"
    try:
        _, account = service.open_account(tenant_id, integration_id)
        account.describe()
    except (IntegrationRevoked, CredentialsExpired):
        provider = _provider_of(tenant_id, integration_id)
        title = provider.title if provider else "the provider"
        reason = f"Access was ended on {title}'s side. Reconnect to go on; all data is kept."
        service.mark_reconnect(tenant_id, integration_id, reason)
        return "applied"
    return "stale"


def _provider_of(tenant_id: int, integration_id: int) -> Provider | None:
    with db.tenant_session(tenant_id) as session:
        return process.providers().get(service.get(session, integration_id).provider)


def _apply(tenant_id: int, integration_id: int, kind: type[Record], record_id: str, events: Sequence[Event]) -> str:
    newest = max(events, key=lambda event: event.created_at)
    ending = [event for event in events if event.effect in (Effect.DELETED, Effect.MERGED)]
    if ending:
        return _remove(tenant_id, integration_id, kind, record_id, ending)
    as_of = _known_as_of(tenant_id, integration_id, kind, record_id)
    if as_of is not None and newest.created_at < as_of - SAME_SECOND:
        return "stale"
    rivals = [event for event in events if newest.created_at - event.created_at < SAME_SECOND]
    snapshot = newest.snapshot
    certain = (
        snapshot is not None
        and not newest.partial
        and len(rivals) == 1
        and (as_of is None or newest.created_at >= as_of + SAME_SECOND)
    )
    if certain and snapshot is not None:
        counts = pull.apply(tenant_id, integration_id, kind, [snapshot])
        if not counts.tied:
            return _outcome(counts, snapshot.id)
    return _read(tenant_id, integration_id, kind, record_id)


def _read(tenant_id: int, integration_id: int, kind: type[Record], record_id: str) -> str:
    """One read settles ties, partial payloads and same-second events: the provider's word of now."""
    try:
        record = service.call(tenant_id, integration_id, lambda account: account.get(kind, record_id))
    except RecordNotFound:
        return str(pull.tombstone(tenant_id, integration_id, kind, record_id, as_of=clock.now()))
    if getattr(record, "deleted", False):
        return str(pull.tombstone(tenant_id, integration_id, kind, record_id, as_of=record.as_of))
    return _outcome(pull.apply(tenant_id, integration_id, kind, [record], on_tie="take"), record.id)


def _remove(tenant_id: int, integration_id: int, kind: type[Record], record_id: str, events: Sequence[Event]) -> str:
    last = max(events, key=lambda event: event.created_at)
    merged = next((event for event in events if event.effect is Effect.MERGED and event.merged_into), None)
    if merged is not None and merged.merged_into is not None:
        survivor = merged.merged_into
        if _known_as_of(tenant_id, integration_id, kind, survivor) is None:
            _read(tenant_id, integration_id, kind, survivor)
        return str(pull.merged(tenant_id, integration_id, kind, record_id, into=survivor, as_of=last.created_at))
    return str(pull.tombstone(tenant_id, integration_id, kind, record_id, as_of=last.created_at))


def _known_as_of(tenant_id: int, integration_id: int, kind: type[Record], record_id: str) -> datetime | None:
    with db.tenant_session(tenant_id) as session:
        return session.scalar(
            select(RemoteRecord.as_of).where(
                RemoteRecord.integration_id == integration_id,
                RemoteRecord.data_type == KINDS[kind].data_type,
                RemoteRecord.external_id == record_id,
            )
        )


def _outcome(counts: pull.ApplyCounts, external_id: str) -> str:
    found = counts.outcomes.get(external_id, "unchanged")
    return "applied" if found in ("created", "updated") else found


def _settle(tenant_id: int, rows: Sequence[WebhookEvent], outcome: str) -> None:
    with db.tenant_session(tenant_id) as session:
        for row in _load(session, rows):
            settle_done(row)
            row.outcome = outcome


def _fail(tenant_id: int, rows: Sequence[WebhookEvent], error: Exception) -> None:
    """The failure is written on each event's row; the others go on."""
    with db.tenant_session(tenant_id) as session:
        for row in _load(session, rows):
            verdict = settle_error(row, error)
            log.warning(
                "event_failed", event_id=row.event_id, event_type=row.event_type, parked=verdict.park, error=type(error).__name__
            )


def _load(session: Session, rows: Sequence[WebhookEvent]) -> list[WebhookEvent]:
    found = []
    for row in rows:
        one = session.scalars(
            select(WebhookEvent)
            .where(and_(WebhookEvent.received_at == row.received_at, WebhookEvent.id == row.id))
            .with_for_update()
        ).one_or_none()
        if one is not None and one.done_at is None:
            found.append(one)
    return found
