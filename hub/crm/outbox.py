"""The outbox: edits of ours that a provider is to learn, written with the edit itself."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub import clock, db, queue
from hub.audit import Actor
from hub.models import Change, Integration, RemoteRecord
from providers.contract import Verb

POLL_SECONDS = 0.05


def add_change(
    session: Session,
    *,
    tenant_id: int,
    integration_id: int,
    kind: str,
    local_id: int,
    verb: str,
    revision: int,
    actor: Actor,
    draft: dict[str, Any] | None = None,
) -> Change:
    """Write a Change in the edit's own transaction; a worker is woken once that has committed.

    kind: client, invoice or payment; draft: only what the local row does not say by itself (a payment's source)."""
    now = clock.now()
    if verb == Verb.UPDATE:
        _supersede(session, integration_id, kind, local_id)
    change = Change(
        tenant_id=tenant_id,
        integration_id=integration_id,
        kind=kind,
        local_id=local_id,
        verb=verb,
        revision=revision,
        draft=draft or {},
        requested_by=f"{actor.kind}:{actor.id}",
        created_at=now,
        due_at=now,
    )
    session.add(change)
    session.flush()
    queue.wake_after_commit(session, "push_changes", tenant_id, integration_id)
    return change


def _supersede(session: Session, integration_id: int, kind: str, local_id: int) -> None:
    """A newer edit carries everything that a parked one would have: the parked one stands in its way no more."""
    session.execute(
        update(Change)
        .where(
            Change.integration_id == integration_id,
            Change.kind == kind,
            Change.local_id == local_id,
            Change.verb == Verb.UPDATE,
            Change.parked_at.is_not(None),
            Change.done_at.is_(None),
        )
        .values(done_at=clock.now(), outcome="superseded")
    )


def linked_integrations(session: Session, data_type: str, local_id: int) -> list[int]:
    """The live integrations that hold a copy of the local record."""
    return list(
        session.scalars(
            select(RemoteRecord.integration_id)
            .join(
                Integration,
                (Integration.tenant_id == RemoteRecord.tenant_id) & (Integration.id == RemoteRecord.integration_id),
            )
            .where(
                RemoteRecord.data_type == data_type,
                RemoteRecord.local_id == local_id,
                RemoteRecord.deleted_at.is_(None),
                Integration.status != "disconnected",
            )
            .order_by(RemoteRecord.integration_id)
            .distinct()
        )
    )


def active_integrations(session: Session) -> list[Integration]:
    """The tenant's live connections."""
    return list(session.scalars(select(Integration).where(Integration.status == "active").order_by(Integration.id)))


def wait(tenant_id: int, change_id: int, *, seconds: float) -> Change:
    """The change once it is done or parked, or as it is when `seconds` have passed. Holds no connection meanwhile.

    A record's changes go out in turn: where an older one of the same record is parked, that one is the answer."""
    until = clock.monotonic() + seconds
    while True:
        queue.run_pending()
        with db.tenant_session(tenant_id) as session:
            change = session.scalars(select(Change).where(Change.id == change_id)).one()
            change = _parked_before(session, change) or change
        if change.done_at or change.parked_at or clock.monotonic() >= until:
            return change
        clock.sleep(POLL_SECONDS)


def _parked_before(session: Session, change: Change) -> Change | None:
    same_record = (
        Change.integration_id == change.integration_id,
        Change.kind == change.kind,
        Change.local_id == change.local_id,
        Change.id < change.id,
    )
    waiting = select(Change).where(*same_record, Change.parked_at.is_not(None), Change.done_at.is_(None))
    return session.scalars(waiting.order_by(Change.id).limit(1)).one_or_none()
