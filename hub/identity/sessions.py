"""Signed-in browsers: start, recognise, switch tenant, end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import and_, delete, select, update
from sqlalchemy.orm import Session

from hub import clock, db
from hub.audit import Actor
from hub.identity.caller import Caller, Limit, Role, as_role
from hub.identity.tokens import fresh_token, token_hash
from hub.models import Membership, SignInSession, Tenant, User

IDLE_LIMIT = timedelta(hours=12)
ABSOLUTE_LIMIT = timedelta(days=7)
LIMITED_LIMIT = timedelta(hours=1)
SEEN_EVERY = timedelta(minutes=1)  # a write per request would cost more than the request


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """One browser's session as of this request. The role comes from the membership as it is now, so a removal works at once.

    tenant_id, tenant_name and role are None until a tenant was chosen, or when the membership has ended since."""

    token_hash: bytes
    user_id: int | None
    email: str | None
    name: str
    tenant_id: int | None
    tenant_name: str | None
    role: Role | None
    limited_to: Limit | None
    external_user: str | None
    contact_id: int | None
    return_url: str | None
    expires_at: datetime

    def caller(self) -> Caller | None:
        """None while no tenant is chosen."""
        if self.tenant_id is None or self.role is None:
            return None
        return Caller(
            tenant_id=self.tenant_id,
            role=self.role,
            actor=self.actor,
            via="session",
            user_id=self.user_id,
            external_user=self.external_user,
            contact_id=self.contact_id,
            limited_to=self.limited_to,
            return_url=self.return_url,
        )

    @property
    def actor(self) -> Actor:
        if self.contact_id is not None:
            return Actor("contact", str(self.contact_id))
        if self.user_id is not None:
            return Actor("user", str(self.user_id))
        return Actor("connect_session", self.external_user or "")


@dataclass(frozen=True, slots=True)
class TenantChoice:
    tenant_id: int
    name: str
    role: Role


def start(session: Session, user_id: int, *, replaces: bytes | None = None) -> str:
    """Begin a session and return its token for the cookie. A user of one tenant looks at that tenant at once.

    `replaces`: hash of the token that this browser held before, which ends here: a token never outlives a sign-in."""
    end(session, replaces)
    choices = choices_of(session, user_id)
    return _insert(
        session,
        SignInSession(user_id=user_id, tenant_id=choices[0].tenant_id if len(choices) == 1 else None),
        lives_for=ABSOLUTE_LIMIT,
    )


def start_limited(
    session: Session,
    *,
    tenant_id: int,
    limited_to: Limit,
    external_user: str | None,
    contact_id: int | None,
    return_url: str,
    replaces: bytes | None = None,
) -> str:
    """Begin a session that may only do what `limited_to` names, without a user of ours behind it."""
    end(session, replaces)
    row = SignInSession(
        tenant_id=tenant_id,
        role="manager" if limited_to == "connect" else "viewer",
        limited_to=limited_to,
        external_user=external_user,
        contact_id=contact_id,
        return_url=return_url,
    )
    return _insert(session, row, lives_for=LIMITED_LIMIT)


def resolve(token: str) -> SignedIn | None:
    """Who holds this token; None if it is unknown, idle for too long or over."""
    now = clock.now()
    with db.system_session() as session:
        found = session.execute(
            select(SignInSession, User, Tenant.name, Membership.role)
            .outerjoin(User, User.id == SignInSession.user_id)
            .outerjoin(
                Membership, and_(Membership.user_id == SignInSession.user_id, Membership.tenant_id == SignInSession.tenant_id)
            )
            .outerjoin(Tenant, Tenant.id == SignInSession.tenant_id)
            .where(
                SignInSession.token_hash == token_hash(token),
                SignInSession.expires_at > now,
                SignInSession.last_seen_at > now - IDLE_LIMIT,
            )
        ).one_or_none()
        if found is None:
            return None
        row, user, tenant_name, member_role = found
        if row.last_seen_at < now - SEEN_EVERY:
            row.last_seen_at = now
        role = member_role if row.user_id is not None else row.role
        return SignedIn(
            token_hash=row.token_hash,
            user_id=row.user_id,
            email=user.email if user else None,
            name=(user.name or user.email) if user else (row.external_user or ""),
            tenant_id=row.tenant_id if role else None,
            tenant_name=tenant_name if role else None,
            role=as_role(role) if role else None,
            limited_to=cast("Limit | None", row.limited_to),
            external_user=row.external_user,
            contact_id=row.contact_id,
            return_url=row.return_url,
            expires_at=row.expires_at,
        )


def choices_of(session: Session, user_id: int) -> list[TenantChoice]:
    """The tenants that a user may look at, by name."""
    rows = session.execute(
        select(Tenant.id, Tenant.name, Membership.role)
        .join(Membership, Membership.tenant_id == Tenant.id)
        .where(Membership.user_id == user_id)
        .order_by(Tenant.name, Tenant.id)
    )
    return [TenantChoice(tenant_id, name, as_role(role)) for tenant_id, name, role in rows]


def choose_tenant(session: Session, signed_in: SignedIn, tenant_id: int) -> bool:
    """Look at another tenant from now on; False if this user is no member of it."""
    if signed_in.user_id is None or not any(c.tenant_id == tenant_id for c in choices_of(session, signed_in.user_id)):
        return False
    session.execute(update(SignInSession).where(SignInSession.token_hash == signed_in.token_hash).values(tenant_id=tenant_id))
    return True


def end(session: Session, hashed_token: bytes | None) -> None:
    if hashed_token is not None:
        session.execute(delete(SignInSession).where(SignInSession.token_hash == hashed_token))


def end_all(session: Session, user_id: int) -> int:
    """Sign a user out everywhere; returns how many sessions ended."""
    ended = session.execute(delete(SignInSession).where(SignInSession.user_id == user_id).returning(SignInSession.token_hash))
    return len(ended.all())


def forget_expired(session: Session) -> None:
    """Drop sessions that are over, so that the table does not grow; called at each sign-in."""
    now = clock.now()
    session.execute(
        delete(SignInSession).where((SignInSession.expires_at < now) | (SignInSession.last_seen_at < now - IDLE_LIMIT))
    )


def _insert(session: Session, row: SignInSession, *, lives_for: timedelta) -> str:
    forget_expired(session)
    token, now = fresh_token(), clock.now()
    row.token_hash = token_hash(token)
    row.created_at = row.last_seen_at = now
    row.expires_at = now + lives_for
    session.add(row)
    return token
