"""API keys: made once, shown once, kept as a hash, revocable at once."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub import audit, clock, db
from hub.identity.caller import Caller, Role, as_role
from hub.identity.tokens import token_hash
from hub.models import ApiKey

PREFIX_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
PREFIX_CHARS = 10
KEY_SHAPE = re.compile(rf"ph_([{PREFIX_ALPHABET}]{{{PREFIX_CHARS}}})_[A-Za-z0-9_-]{{40,60}}")
USED_EVERY = timedelta(minutes=1)  # last_used_at is for people; a write per request would not be


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. `secret` is the whole key and is never to be had again."""

    row: ApiKey
    secret: str

    def __repr__(self) -> str:
        return f"NewKey({self.row.prefix})"


def create(session: Session, tenant_id: int, actor: audit.Actor, *, name: str, role: Role) -> NewKey:
    """Make a key, in the tenant's session."""
    prefix = "".join(secrets.choice(PREFIX_ALPHABET) for _ in range(PREFIX_CHARS))
    secret = f"ph_{prefix}_{secrets.token_urlsafe(32)}"
    row = ApiKey(tenant_id=tenant_id, name=name, prefix=prefix, key_hash=token_hash(secret), role=role, created_at=clock.now())
    session.add(row)
    session.flush()
    audit.record(session, tenant_id, actor, "api_key.created", "api_key", row.id, name=name, role=role, prefix=prefix)
    return NewKey(row, secret)


def revoke(session: Session, tenant_id: int, actor: audit.Actor, key_id: int) -> ApiKey | None:
    """End a key at once; None if the tenant has no such key. Revoking twice changes nothing."""
    row = session.scalar(select(ApiKey).where(ApiKey.tenant_id == tenant_id, ApiKey.id == key_id).with_for_update())
    if row is None:
        return None
    if row.revoked_at is None:
        row.revoked_at = clock.now()
        audit.record(session, tenant_id, actor, "api_key.revoked", "api_key", row.id, name=row.name, prefix=row.prefix)
    return row


def resolve(presented: str) -> Caller | None:
    """Who calls with this key; None if it is unknown, altered or revoked."""
    shape = KEY_SHAPE.fullmatch(presented)
    if shape is None:
        return None
    now = clock.now()
    with db.system_session() as session:
        row = session.scalar(select(ApiKey).where(ApiKey.prefix == shape.group(1)))
        if row is None or not hmac.compare_digest(row.key_hash, token_hash(presented)) or row.revoked_at is not None:
            return None
        if row.last_used_at is None or row.last_used_at < now - USED_EVERY:
            session.execute(update(ApiKey).where(ApiKey.id == row.id).values(last_used_at=now))
        return Caller(tenant_id=row.tenant_id, role=as_role(row.role), actor=audit.Actor("api_key", str(row.id)), via="api_key")
