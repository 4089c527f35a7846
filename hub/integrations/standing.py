"""The provider ended our access: the integration waits for a person, and its owner is told once."""

from __future__ import annotations

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import audit, db, messages, process
from hub.integrations.integration import IntegrationNotFound, locked
from hub.models import Integration, Membership, Tenant, User

log = structlog.get_logger(__name__)


def mark_reconnect(tenant_id: int, integration_id: int, reason: str) -> None:
    """The provider ended our access: all work stops until a person reconnects. Nothing if it is disconnected already."""
    with db.tenant_session(tenant_id) as session:
        try:
            mark_row(session, locked(session, integration_id), reason)
        except IntegrationNotFound:
            return


def mark_row(session: Session, row: Integration, reason: str) -> None:
    """The same, in the caller's tenant session, where the row is locked."""
    if row.status == "active":
        row.status, row.status_reason = "reconnect", reason
        row.next_sync_at = row.refresh_due_at = None
        audit.record(session, row.tenant_id, audit.SYSTEM, "integration.needs_reconnect", "integration", row.id, reason=reason)
        _tell_owner(session, row, reason)


def _tell_owner(session: Session, row: Integration, reason: str) -> None:
    """One mail for each grant that ends, however often its end is noticed."""
    recipient = _owner_address(session, row.tenant_id)
    if recipient is None:
        log.warning("owner_not_told", tenant_id=row.tenant_id, integration_id=row.id)
        return
    provider = process.providers().get(row.provider)
    title = provider.title if provider is not None else row.provider
    body = (
        f"The connection to {row.name} at {title} has ended.\n\n{reason}\n\n"
        "Nothing is lost: what waits goes on as soon as you reconnect the account. Until then nothing is synced.\n\n"
        f"Reconnect it here: {process.settings().base_url}/integrations/{row.id}\n"
    )
    dedupe_key = f"reconnect:{row.tenant_id}:{row.id}:{row.credentials_revision}"
    try:
        messages.compose(
            session, row.tenant_id, "reconnect", recipient, f"Reconnect {row.name} at {title}", body, dedupe_key=dedupe_key
        )
    except ValueError:
        log.warning("owner_not_told", tenant_id=row.tenant_id, integration_id=row.id, because="the address cannot be one")


def _owner_address(session: Session, tenant_id: int) -> str | None:
    """The address in the tenant's settings, else that of its first owner; None where there is neither."""
    in_settings = session.scalar(select(Tenant.owner_email).where(Tenant.id == tenant_id))
    if in_settings:
        return in_settings
    owners = select(User.email).join(Membership, Membership.user_id == User.id).where(Membership.role == "owner")
    return session.scalar(owners.order_by(User.id).limit(1))
