"""The provider ended our access: the integration waits for a person."""

from __future__ import annotations

from sqlalchemy.orm import Session

from hub import audit, db
from hub.integrations.integration import IntegrationNotFound, locked
from hub.models import Integration


def mark_reconnect(tenant_id: int, integration_id: int, reason: str) -> None:
    """The provider ended our access: all work stops until a person reconnects. Nothing if it is disconnected already."""
    with db.tenant_session(tenant_id) as session:
        try:
            mark_row(session, locked(session, integration_id), reason)
        except IntegrationNotFound:
            return


def mark_row(session: Session, row: Integration, reason: str) -> None:
    if row.status == "active":
        row.status, row.status_reason = "reconnect", reason
        row.next_sync_at = row.refresh_due_at = None
        audit.record(session, row.tenant_id, audit.SYSTEM, "integration.needs_reconnect", "integration", row.id, reason=reason)
