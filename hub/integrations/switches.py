"""What of an integration is synced, as the tenant chose it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub import audit, clock, db, queue
from hub.integrations.integration import locked

CONFIG_SWITCHES = ("auto_sync", "sync_invoices", "sync_payments", "webhook_enabled")
HISTORY_DAYS_RANGE = range(1, 3651)


class WrongConfig(ValueError):
    """A configuration value cannot be used; the text says which and why."""


def configure(tenant_id: int, integration_id: int, changes: Mapping[str, Any], *, actor: audit.Actor) -> dict[str, Any]:
    """Change switches; the whole configuration comes back. Raises WrongConfig, IntegrationNotFound."""
    for name, value in changes.items():
        if name in CONFIG_SWITCHES:
            if not isinstance(value, bool):
                raise WrongConfig(f"{name} must be true or false")
        elif name == "history_days":
            if type(value) is not int or value not in HISTORY_DAYS_RANGE:
                raise WrongConfig("history_days must be a whole number from 1 to 3650")
        else:
            raise WrongConfig(f"there is no setting named {name[:40]}")
    with db.tenant_session(tenant_id) as session:
        row = locked(session, integration_id)
        row.config = {**row.config, **changes}
        row.revision += 1
        if row.status == "active":
            row.next_sync_at = (row.next_sync_at or clock.now()) if row.config["auto_sync"] else None
        audit.record(session, tenant_id, actor, "integration.configured", "integration", row.id, changes=dict(changes))
        if changes.get("webhook_enabled"):
            queue.wake_after_commit(session, "process_events", tenant_id, integration_id)
        return dict(row.config)
