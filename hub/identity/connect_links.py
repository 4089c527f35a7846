"""Connect sessions: a short-lived link by which a CRM's user reaches the connect page without a second login."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from hub import clock, db
from hub.identity import sessions
from hub.identity.caller import Limit
from hub.identity.tokens import fresh_token, token_hash
from hub.models import ConnectSession, Tenant

LINK_LIFE = timedelta(minutes=10)
LINK_PATH = "/connect"
LANDING_PATHS: dict[Limit, str] = {"connect": "/integrations", "portal": "/portal"}


def issue(
    session: Session, tenant_id: int, *, external_user: str | None, contact_id: int | None, return_url: str
) -> tuple[str, datetime]:
    """Make a link's token, in the tenant's session: (token, when it expires). The caller has checked `return_url`."""
    now = clock.now()
    session.execute(delete(ConnectSession).where(ConnectSession.tenant_id == tenant_id, ConnectSession.expires_at < now))
    token = fresh_token()
    row = ConnectSession(
        token_hash=token_hash(token),
        tenant_id=tenant_id,
        external_user=external_user,
        contact_id=contact_id,
        return_url=return_url,
        created_at=now,
        expires_at=now + LINK_LIFE,
    )
    session.add(row)
    return token, row.expires_at


def take(token: str, *, replaces: bytes | None) -> tuple[str, str] | None:
    """Use the link up: (token of a limited session, path to go to); None if it is unknown, used or expired."""
    now = clock.now()
    with db.system_session() as session:
        row = session.scalars(
            update(ConnectSession)
            .where(
                ConnectSession.token_hash == token_hash(token),
                ConnectSession.used_at.is_(None),
                ConnectSession.expires_at > now,
            )
            .values(used_at=now)
            .returning(ConnectSession)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        if row is None:
            return None
        limit: Limit = "portal" if row.contact_id is not None else "connect"
        session_token = sessions.start_limited(
            session,
            tenant_id=row.tenant_id,
            limited_to=limit,
            external_user=row.external_user,
            contact_id=row.contact_id,
            return_url=row.return_url,
            replaces=replaces,
        )
        return session_token, LANDING_PATHS[limit]


def return_origins(session: Session, tenant_id: int) -> list[str]:
    return session.scalars(select(Tenant.return_origins).where(Tenant.id == tenant_id)).one()
