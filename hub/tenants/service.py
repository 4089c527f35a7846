"""Reading and changing a tenant's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import audit
from hub.models import Tenant

# What a tenant may change; the rest (next_invoice_seq, revision) moves by itself.
SETTINGS = (
    "name",
    "logo_url",
    "timezone",
    "currency",
    "sender_name",
    "sender_email",
    "owner_phone",
    "owner_email",
    "support_email",
    "support_phone",
    "notices",
    "return_origins",
    "invoice_number_pattern",
)


class Outdated(Exception):
    """Somebody else changed the settings since the caller read them: read them again, and write anew."""


def read(session: Session, tenant_id: int) -> Tenant:
    return session.scalars(select(Tenant).where(Tenant.id == tenant_id)).one()


def change(
    session: Session, tenant_id: int, actor: audit.Actor, changes: Mapping[str, Any], *, revision: int | None = None
) -> Tenant:
    """Set what `changes` names, already validated; raises Outdated if `revision` is given and not the present one.

    The audit log tells which settings changed, from what and to what."""
    tenant = session.scalars(select(Tenant).where(Tenant.id == tenant_id).with_for_update()).one()
    if revision is not None and tenant.revision != revision:
        raise Outdated
    before = {name: getattr(tenant, name) for name in changes if getattr(tenant, name) != changes[name]}
    unknown = set(changes) - set(SETTINGS)
    if unknown:
        raise ValueError(f"no settings: {sorted(unknown)}")
    if not before:
        return tenant
    for name in before:
        setattr(tenant, name, changes[name])
    tenant.revision += 1
    after = {name: changes[name] for name in before}
    audit.record(session, tenant_id, actor, "tenant.changed", "tenant", tenant_id, before=before, after=after)
    session.flush()
    return tenant
