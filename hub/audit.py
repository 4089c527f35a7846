"""Who did what: one row for everything that changes an integration, money or settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy.orm import Session

from hub import clock
from hub.models import AuditEntry
from hub.redaction import redact_fields


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. kind: user, api_key, connect_session, contact, system, provider, administrator and cli (commands); id as text,
    empty where the kind says all."""

    kind: str
    id: str = ""


SYSTEM = Actor("system")


def record(
    session: Session,
    tenant_id: int,
    actor: Actor,
    action: str,
    subject_kind: str,
    subject_id: object,
    *,
    request_id: str | None = None,
    **details: Any,
) -> None:
    """Write the entry in the caller's transaction: it stands exactly when what it tells of stands. `details` are plain JSON
    values; what looks like a secret is masked. request_id None: that of the web request or job going on, if there is one."""
    ongoing = structlog.contextvars.get_contextvars().get("request_id")
    session.add(
        AuditEntry(
            tenant_id=tenant_id,
            at=clock.now(),
            actor_kind=actor.kind,
            actor_id=actor.id,
            action=action,
            subject_kind=subject_kind,
            subject_id=str(subject_id),
            details=redact_fields(details),
            request_id=request_id or (ongoing if isinstance(ongoing, str) else None),
        )
    )
