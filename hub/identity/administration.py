"""What an administrator does from the command line: tenants, users, API keys."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert

from hub import audit, clock, db
from hub.identity import api_keys, members
from hub.identity.caller import Role
from hub.models import Membership, Tenant

ADMINISTRATOR = audit.Actor("administrator")


def create_tenant(name: str, *, currency: str = "USD", timezone: str = "UTC", return_origins: list[str] | None = None) -> int:
    """A new tenant's id."""
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
        session.execute(
            insert(Membership)
            .values(tenant_id=tenant_id, user_id=user.id, role=role, created_at=clock.now())
            .on_conflict_do_update(index_elements=["tenant_id", "user_id"], set_={"role": role})
        )
        audit.record(session, tenant_id, ADMINISTRATOR, "member.added", "user", user.id, role=role)
        return user.id


def create_api_key(tenant_id: int, *, role: Role, name: str = "") -> str:
    """A new API key in clear: it is shown this once, only its hash is kept."""
    with db.tenant_session(tenant_id) as session:
        return api_keys.create(session, tenant_id, ADMINISTRATOR, name=name, role=role).secret
