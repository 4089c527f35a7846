"""Who acts, and with which role: the value that services and the audit log take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from hub.audit import Actor

Role = Literal["viewer", "manager", "owner"]
Limit = Literal["connect", "portal"]

_RANK = {"viewer": 1, "manager": 2, "owner": 3}


def as_role(value: str) -> Role:
    """Raises ValueError for a word that is no role."""
    if value not in _RANK:
        raise ValueError(f"{value!r} is no role: use viewer, manager or owner")
    return cast(Role, value)


def covers(held: str, needed: str) -> bool:
    """Whether somebody with the role `held` may do what `needed` may."""
    return _RANK[held] >= _RANK[needed]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody acting in one tenant.

    user_id: our user, None for an API key, a CRM's user or a contact. limited_to: None for everything the role allows; else
    only the pages and routes that say so. return_url: where a limited session goes back to."""

    tenant_id: int
    role: Role
    actor: Actor
    via: Literal["session", "api_key"]
    user_id: int | None = None
    external_user: str | None = None
    contact_id: int | None = None
    limited_to: Limit | None = None
    return_url: str | None = None

    @property
    def actor_kind(self) -> str:
        return self.actor.kind

    @property
    def actor_id(self) -> str:
        return self.actor.id

    def may(self, role: Role) -> bool:
        return covers(self.role, role)
