"""A tenant's connections to provider accounts, their data keys and locations."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Identity, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import Base, Created, TenantOwned

DEFAULT_CONFIG = '{"auto_sync": true, "sync_invoices": true, "sync_payments": true, "webhook_enabled": true, "history_days": 90}'


class Integration(TenantOwned, Created, Base):
    """Tenant and provider account. status: active, reconnect (a person must connect again), disconnected.

    credentials_revision grows with each stored credential: the compare-and-set of concurrent refreshes. next_sync_at is None
    while nothing is to be planned (disconnected, or auto_sync off). refresh_lease_until: until then one worker is asking for
    fresh tokens, and the others wait for its answer.
    """

    __tablename__ = "integrations"
    type: Mapped[str] = mapped_column(server_default="payments")
    provider: Mapped[str]
    name: Mapped[str]
    account_id: Mapped[str]
    live: Mapped[bool]
    credentials_kind: Mapped[str] = mapped_column(server_default="oauth")
    status: Mapped[str] = mapped_column(server_default="active")
    status_reason: Mapped[str | None]
    country: Mapped[str] = mapped_column(server_default="")
    currency: Mapped[str] = mapped_column(server_default="")
    scopes: Mapped[list[str]] = mapped_column(server_default=text("'[]'::jsonb"))
    config: Mapped[dict[str, Any]] = mapped_column(server_default=text(f"'{DEFAULT_CONFIG}'::jsonb"))
    data_key_id: Mapped[int | None]
    sealed_credentials: Mapped[bytes | None] = mapped_column(LargeBinary)
    credentials_revision: Mapped[int] = mapped_column(server_default=text("0"))
    credentials_expire_at: Mapped[datetime | None]
    credentials_refreshed_at: Mapped[datetime | None]
    refresh_due_at: Mapped[datetime | None]
    refresh_lease_until: Mapped[datetime | None]
    connected_at: Mapped[datetime]
    disconnected_at: Mapped[datetime | None]
    last_sync_at: Mapped[datetime | None]
    last_event_at: Mapped[datetime | None]
    next_sync_at: Mapped[datetime | None]
    revision: Mapped[int] = mapped_column(server_default=text("1"))
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        CheckConstraint("status in ('active', 'reconnect', 'disconnected')", name="status"),
        UniqueConstraint("tenant_id", "provider", "account_id", "live"),
        Index("ix_integrations_due", "next_sync_at", postgresql_where=text("next_sync_at is not null")),
        Index("ix_integrations_refresh_due", "refresh_due_at", postgresql_where=text("refresh_due_at is not null")),
    )


class AccountRoute(Base, Created):
    """Which tenant holds a provider account: an account is held by one tenant at a time, and its events go there."""

    __tablename__ = "account_routes"
    provider: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(primary_key=True)
    live: Mapped[bool] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    integration_id: Mapped[int]


class DataKey(Base, Created):
    """A wrapped data key. tenant_id and integration_id are None for the platform's own secrets. `wrapped` is None once
    shredded: what it sealed is unreadable for ever."""

    __tablename__ = "data_keys"
    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True)
    tenant_id: Mapped[int | None]
    integration_id: Mapped[int | None]
    key_id: Mapped[str | None]
    wrapped: Mapped[bytes | None] = mapped_column(LargeBinary)
    shredded_at: Mapped[datetime | None]
    __table_args__ = (Index(None, "tenant_id", "integration_id"),)


class Location(TenantOwned, Created, Base):
    """`active` as the provider says; locations are never deleted there."""

    __tablename__ = "locations"
    integration_id: Mapped[int]
    external_id: Mapped[str]
    name: Mapped[str]
    currency: Mapped[str] = mapped_column(server_default="")
    country: Mapped[str] = mapped_column(server_default="")
    timezone: Mapped[str] = mapped_column(server_default="")
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    is_main: Mapped[bool] = mapped_column(server_default=text("false"))
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "integration_id"], ["integrations.tenant_id", "integrations.id"]),
        UniqueConstraint("tenant_id", "integration_id", "external_id"),
    )


class ProviderReads(Base):
    """How many reads an integration made on one day (UTC); approximate, for what is granted (Provider.read_allowance)."""

    __tablename__ = "provider_reads"
    tenant_id: Mapped[int] = mapped_column(primary_key=True)
    integration_id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    reads: Mapped[int]
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "integration_id"], ["integrations.tenant_id", "integrations.id"]),)


class DisconnectReceipt(TenantOwned, Base):
    """What one disconnect did; never changed, but that the provider's part is added once it is known (told_at).

    destroyed_keys: the ids of the shredded data keys. changes_held and events_held wait for a reconnect. kept: live provider
    objects that stay, per data_type. revocation: revoked, unreachable (the provider could not be told), by_owner (a pasted key:
    only its owner can end it) or none (there was nothing to revoke with); None while the provider is being told.
    """

    __tablename__ = "disconnect_receipts"
    integration_id: Mapped[int]
    provider: Mapped[str]
    account_id: Mapped[str]
    live: Mapped[bool]
    disconnected_at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[str] = mapped_column(server_default="")
    destroyed_keys: Mapped[list[str]] = mapped_column(server_default=text("'[]'::jsonb"))
    sync_runs_stopped: Mapped[int]
    changes_held: Mapped[int]
    events_held: Mapped[int]
    kept: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    told_at: Mapped[datetime | None]
    revocation: Mapped[str | None]
    endpoints_removed: Mapped[int | None]
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "integration_id"], ["integrations.tenant_id", "integrations.id"]),
        CheckConstraint("revocation in ('revoked', 'unreachable', 'by_owner', 'none')", name="revocation"),
        Index(None, "tenant_id", "integration_id", "id"),
    )

    @property
    def revoked_at_provider(self) -> bool:
        return self.revocation == "revoked"

    @property
    def key_destroyed(self) -> bool:
        """A disconnect commits with its key destroyed, or not at all."""
        return True
