"""Tenants, their people, and every way to prove who is calling."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import Base, Created, TenantOwned

ROLES = ("owner", "manager", "viewer")


class Tenant(Base, Created):
    """A CRM customer of ours and its settings. `notices` maps a notice to the addresses that get it.

    invoice_number_pattern: text with {year} and {seq} (or {seq:05}); next_invoice_seq only grows, numbers are never reused.
    return_origins: origins ("https://crm.example") to which a browser may be sent back.
    """

    __tablename__ = "tenants"
    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True)
    name: Mapped[str]
    logo_url: Mapped[str] = mapped_column(server_default="")
    timezone: Mapped[str] = mapped_column(server_default="UTC")
    currency: Mapped[str] = mapped_column(server_default="USD")
    sender_name: Mapped[str] = mapped_column(server_default="")
    sender_email: Mapped[str] = mapped_column(server_default="")
    owner_phone: Mapped[str] = mapped_column(server_default="")
    owner_email: Mapped[str] = mapped_column(server_default="")
    support_email: Mapped[str] = mapped_column(server_default="")
    support_phone: Mapped[str] = mapped_column(server_default="")
    notices: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    return_origins: Mapped[list[str]] = mapped_column(server_default=text("'[]'::jsonb"))
    invoice_number_pattern: Mapped[str] = mapped_column(server_default="INV-{year}-{seq:05}")
    next_invoice_seq: Mapped[int] = mapped_column(server_default=text("1"))
    revision: Mapped[int] = mapped_column(server_default=text("1"))


class User(Base, Created):
    """A person who signs in; may belong to several tenants. `email` is kept in lower case."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(server_default="")
    oidc_issuer: Mapped[str | None]
    oidc_subject: Mapped[str | None]
    __table_args__ = (UniqueConstraint("oidc_issuer", "oidc_subject"),)


class Membership(Base, Created):
    __tablename__ = "memberships"
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str]
    __table_args__ = (CheckConstraint("role in ('owner', 'manager', 'viewer')", name="role"), Index(None, "user_id"))


class SignInLink(Base, Created):
    """An emailed one-time link; only the token's SHA-256 is kept."""

    __tablename__ = "sign_in_links"
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    next_path: Mapped[str] = mapped_column(server_default="/")
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SignInSession(Base, Created):
    """A signed-in browser. `tenant_id` is the tenant being looked at; None until one is chosen. `limited_to`: None for a
    full session, else what a connect session allows ("connect")."""

    __tablename__ = "sessions"
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    tenant_id: Mapped[int | None] = mapped_column(ForeignKey("tenants.id"))
    contact_id: Mapped[int | None]
    role: Mapped[str | None]
    limited_to: Mapped[str | None]
    return_url: Mapped[str | None]
    external_user: Mapped[str | None]
    expires_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class ConnectSession(Base, Created):
    """A short-lived link by which a CRM's user reaches the connect page (or a contact the portal) without a second login."""

    __tablename__ = "connect_sessions"
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    external_user: Mapped[str | None]
    contact_id: Mapped[int | None]
    return_url: Mapped[str]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class OAuthAttempt(Base, Created):
    """One attempt of one browser to connect. `state_hash` and `cookie_hash` are SHA-256; `sealed_verifier` is the PKCE
    verifier, None without PKCE. cookie_hash is None until the hub's own start URL was opened in the browser."""

    __tablename__ = "oauth_attempts"
    state_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    start_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    cookie_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed_state: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_verifier: Mapped[bytes | None] = mapped_column(LargeBinary)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    user_id: Mapped[int | None]
    external_user: Mapped[str | None]
    provider: Mapped[str]
    live: Mapped[bool]
    return_url: Mapped[str]
    reconnect_integration_id: Mapped[int | None]
    expires_at: Mapped[datetime]


class ApiKey(Base, Created):
    """`prefix` is shown to people; only the SHA-256 of the whole key is kept."""

    __tablename__ = "api_keys"
    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    name: Mapped[str] = mapped_column(server_default="")
    prefix: Mapped[str] = mapped_column(unique=True)
    key_hash: Mapped[bytes] = mapped_column(LargeBinary)
    role: Mapped[str]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    __table_args__ = (CheckConstraint("role in ('owner', 'manager', 'viewer')", name="role"), Index(None, "tenant_id"))


class IdempotencyKey(Base, Created):
    """The first answer to a POST, replayed for the same key. `status` is None while the first request is still running."""

    __tablename__ = "idempotency_keys"
    tenant_id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int | None]
    body: Mapped[dict[str, Any] | None]
    locked_until: Mapped[datetime | None]


class AuditEntry(TenantOwned, Base):
    """Who did what to an integration, to money, or to the settings. actor_kind: user, api_key, contact, system, provider,
    administrator and cli (commands)."""

    __tablename__ = "audit_log"
    at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[str] = mapped_column(server_default="")
    action: Mapped[str]
    subject_kind: Mapped[str] = mapped_column(server_default="")
    subject_id: Mapped[str] = mapped_column(server_default="")
    details: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    request_id: Mapped[str | None]
    __table_args__ = (Index(None, "tenant_id", "at"),)
