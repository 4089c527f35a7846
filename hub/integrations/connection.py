"""Connecting: an account becomes the tenant's integration, or comes back to the one it was."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub import audit, clock, db, queue
from hub.integrations import sealed
from hub.integrations.integration import alone
from hub.integrations.tokens import next_refresh
from hub.models import AccountRoute, Change, Integration, SyncRun, WebhookEvent
from providers.contract import Credentials, Profile, Provider

log = structlog.get_logger(__name__)


class AccountHeldElsewhere(Exception):
    """The provider account is connected by another tenant, and an account is held by one tenant at a time."""


def save(
    tenant_id: int, provider: Provider, credentials: Credentials, profile: Profile, *, actor: audit.Actor
) -> tuple[int, bool]:
    """Store a fresh connection; (integration id, whether it is new). The same account again keeps its row and history.

    Raises AccountHeldElsewhere. One transaction; the database decides who holds the account."""
    now = clock.now()
    with db.system_session() as session:
        alone(session, provider.name, credentials.account_id)
        route = _take_route(session, tenant_id, provider, credentials)
        row = _upsert(session, tenant_id, provider, credentials, profile, now)
        is_new = row.connected_at == now and row.credentials_revision == 0
        route.integration_id = row.id
        sealed.store_credentials(session, row, credentials)
        row.refresh_lease_until = None
        row.refresh_due_at = next_refresh(provider, credentials, row, now)
        released = _release_quarantine(session, row)
        _resume_waiting_work(session, row, now)
        action = "integration.connected" if is_new else "integration.reconnected"
        audit.record(session, tenant_id, actor, action, "integration", row.id, provider=provider.name, account_id=row.account_id)
        integration_id = row.id
        if released:
            queue.wake_after_commit(session, "process_events", tenant_id, integration_id)
        queue.wake_after_commit(session, "plan_integration", tenant_id, integration_id)
        queue.wake_after_commit(session, "ensure_endpoints", tenant_id, integration_id)
    log.info("integration_saved", tenant_id=tenant_id, integration_id=integration_id, provider=provider.name, new=is_new)
    return integration_id, is_new


def _take_route(session: Session, tenant_id: int, provider: Provider, credentials: Credentials) -> AccountRoute:
    where = {"provider": provider.name, "account_id": credentials.account_id, "live": credentials.live}
    session.execute(
        insert(AccountRoute)
        .values(**where, tenant_id=tenant_id, integration_id=0, created_at=clock.now())
        .on_conflict_do_nothing()
    )
    route = session.scalars(select(AccountRoute).filter_by(**where)).one()
    if route.tenant_id != tenant_id:
        raise AccountHeldElsewhere("This account is already connected by another business on this system.")
    return route


def _upsert(
    session: Session, tenant_id: int, provider: Provider, credentials: Credentials, profile: Profile, now: datetime
) -> Integration:
    found = session.scalars(
        select(Integration)
        .where(
            Integration.tenant_id == tenant_id,
            Integration.provider == provider.name,
            Integration.account_id == credentials.account_id,
            Integration.live == credentials.live,
        )
        .with_for_update()
    ).one_or_none()
    row = found or Integration(
        tenant_id=tenant_id,
        provider=provider.name,
        account_id=credentials.account_id,
        live=credentials.live,
        name=provider.title,
        created_at=now,
        credentials_revision=0,
    )
    row.name = profile.name or provider.title
    row.country, row.currency = profile.country, profile.currency
    row.status, row.status_reason = "active", None
    row.connected_at, row.disconnected_at = now, None
    row.next_sync_at = now
    if found is None:
        session.add(row)
        session.flush()
    return row


def _release_quarantine(session: Session, row: Integration) -> int:
    """Events that came before the account was known belong to it now."""
    result = session.execute(
        update(WebhookEvent)
        .where(
            WebhookEvent.tenant_id.is_(None),
            WebhookEvent.provider == row.provider,
            WebhookEvent.account_id == row.account_id,
            WebhookEvent.live == row.live,
        )
        .values(tenant_id=row.tenant_id, integration_id=row.id, due_at=clock.now(), done_at=None, outcome=None)
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def _resume_waiting_work(session: Session, row: Integration, now: datetime) -> None:
    """What waited for the reconnect goes on now, also the events that found the account disconnected."""
    session.execute(
        update(WebhookEvent)
        .where(
            WebhookEvent.tenant_id == row.tenant_id,
            WebhookEvent.integration_id == row.id,
            WebhookEvent.outcome == "integration_disconnected",
        )
        .values(done_at=None, outcome=None)
    )
    for model in (Change, SyncRun, WebhookEvent):
        session.execute(
            update(model)
            .where(
                model.tenant_id == row.tenant_id,
                model.integration_id == row.id,
                model.done_at.is_(None),
                model.parked_at.is_(None),
            )
            .values(due_at=now, waiting_since=None)
        )
