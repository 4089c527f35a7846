"""What an administrator does from the command line: tenants, users, API keys."""

from __future__ import annotations

import re
from zoneinfo import available_timezones

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub import audit, clock, db
from hub.identity import api_keys, members
from hub.identity.caller import Role
from hub.models import Membership, Tenant

ADMINISTRATOR = audit.Actor("administrator")
CURRENCY_SHAPE = re.compile(r"[A-Z]{3}")


def create_tenant(name: str, *, currency: str = "USD", timezone: str = "UTC", return_origins: list[str] | None = None) -> int:
    """A new tenant's id. Raises ValueError, in words, for a name, currency or time zone that cannot be used."""
    if not name.strip():
        raise ValueError("a tenant needs a name")
    if not CURRENCY_SHAPE.fullmatch(currency):
        raise ValueError(f"{currency!r} is no currency: three capital letters, like USD")
    if timezone not in available_timezones():
        raise ValueError(f"{timezone!r} is no time zone: an IANA name, like Europe/Berlin")
    with db.system_session() as session:
        tenant = Tenant(
            name=name, currency=currency, timezone=timezone, return_origins=return_origins or [], created_at=clock.now()
        )
        session.add(tenant)
        session.flush()
        audit.record(session, tenant.id, ADMINISTRATOR, "tenant.created", "tenant", tenant.id)
        return tenant.id


def create_user(email: str, *, tenant_id: int, role: Role, name: str = "") -> int:
    """The user with this address as a member of the tenant; an existing membership gets the role. Raises ValueError."""
    with db.system_session() as session:
        user = members.ensure_user(session, email, name)
        _check_tenant(session, tenant_id)
        session.execute(
            insert(Membership)
            .values(tenant_id=tenant_id, user_id=user.id, role=role, created_at=clock.now())
            .on_conflict_do_update(index_elements=["tenant_id", "user_id"], set_={"role": role})
        )
        audit.record(session, tenant_id, ADMINISTRATOR, "member.added", "user", user.id, role=role)
        return user.id


def create_api_key(tenant_id: int, *, role: Role, name: str = "") -> str:
    """A new API key in clear: it is shown this once, only its hash is kept. Raises ValueError."""
    with db.tenant_session(tenant_id) as session:
        _check_tenant(session, tenant_id)
        return api_keys.create(session, tenant_id, ADMINISTRATOR, name=name, role=role).secret


def check_tenant(tenant_id: int) -> None:
    """Raises ValueError, in words, where there is none of this number."""
    with db.system_session() as session:
        _check_tenant(session, tenant_id)


def _check_tenant(session: Session, tenant_id: int) -> None:
    if session.scalar(select(Tenant.id).where(Tenant.id == tenant_id)) is None:
        raise ValueError(f"there is no tenant {tenant_id}")
