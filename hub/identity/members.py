"""Users and their roles in tenants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub import audit, clock, db
from hub.identity.caller import Role
from hub.messages.service import ADDRESS_SHAPE
from hub.models import Membership, SignInSession, User


class LastOwner(Exception):
    """A business would be left without an owner. Make somebody else an owner first."""


class AlreadyMember(Exception):
    """This person belongs to the business already. Change the role instead."""


@dataclass(frozen=True, slots=True)
class Member:
    user_id: int
    email: str
    name: str
    role: str
    since: datetime


def ensure_user(session: Session, email: str, name: str = "") -> User:
    """The user with this address, made if there is none, in the system's session. Raises ValueError for no address."""
    address = email.strip().lower()
    if not ADDRESS_SHAPE.fullmatch(address):
        raise ValueError("this is no mail address")
    session.execute(
        insert(User)
        .values(email=address, name=name.strip(), created_at=clock.now())
        .on_conflict_do_nothing(index_elements=["email"])
    )
    return session.scalars(select(User).where(User.email == address)).one()


def add(tenant_id: int, actor: audit.Actor, *, email: str, name: str, role: Role) -> int:
    """Make a person a member; returns the user's id. Raises AlreadyMember, ValueError for no address."""
    with db.system_session() as session:
        user = ensure_user(session, email, name)
        added = session.execute(
            insert(Membership)
            .values(tenant_id=tenant_id, user_id=user.id, role=role, created_at=clock.now())
            .on_conflict_do_nothing()
            .returning(Membership.user_id)
        ).scalar_one_or_none()
        if added is None:
            raise AlreadyMember
        audit.record(session, tenant_id, actor, "member.added", "user", user.id, role=role)
        return user.id


def listed(session: Session, tenant_id: int) -> list[Member]:
    """A tenant's members by address, in the tenant's session."""
    return [member(row) for row in session.execute(wanted(tenant_id).order_by(User.email))]


def wanted(tenant_id: int) -> Select[int, str, str, str, datetime]:
    """The tenant's members, in no order; `member` makes each of its rows one."""
    return (
        select(User.id, User.email, User.name, Membership.role, Membership.created_at)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.tenant_id == tenant_id)
    )


def member(row: Sequence[Any]) -> Member:
    return Member(*row[:5])


def set_role(session: Session, tenant_id: int, actor: audit.Actor, user_id: int, role: Role) -> bool:
    """False if there is no such member. Raises LastOwner."""
    membership = _locked(session, tenant_id, user_id)
    if membership is None:
        return False
    if membership.role == "owner" and role != "owner":
        _check_other_owner(session, tenant_id, user_id)
    audit.record(session, tenant_id, actor, "member.role_changed", "user", user_id, before=membership.role, after=role)
    membership.role = role
    return True


def remove(tenant_id: int, actor: audit.Actor, user_id: int) -> bool:
    """End a membership, at once also for browsers that are signed in. False if there is no such member. Raises LastOwner."""
    with db.system_session() as session:
        membership = _locked(session, tenant_id, user_id)
        if membership is None:
            return False
        if membership.role == "owner":
            _check_other_owner(session, tenant_id, user_id)
        session.execute(delete(Membership).where(Membership.tenant_id == tenant_id, Membership.user_id == user_id))
        session.execute(
            update(SignInSession)
            .where(SignInSession.user_id == user_id, SignInSession.tenant_id == tenant_id)
            .values(tenant_id=None)
        )
        audit.record(session, tenant_id, actor, "member.removed", "user", user_id, role=membership.role)
        return True


def _locked(session: Session, tenant_id: int, user_id: int) -> Membership | None:
    """The membership, with the tenant's owners locked: two owners who remove each other at once must not both succeed."""
    owners = select(Membership).where(Membership.tenant_id == tenant_id, Membership.role == "owner")
    session.scalars(owners.order_by(Membership.user_id).with_for_update()).all()
    return session.scalar(
        select(Membership).where(Membership.tenant_id == tenant_id, Membership.user_id == user_id).with_for_update()
    )


def _check_other_owner(session: Session, tenant_id: int, user_id: int) -> None:
    others = session.scalar(
        select(func.count())
        .select_from(Membership)
        .where(Membership.tenant_id == tenant_id, Membership.role == "owner", Membership.user_id != user_id)
    )
    if not others:
        raise LastOwner
