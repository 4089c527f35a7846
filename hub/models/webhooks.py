"""Webhook registrations at the providers, and the inbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Identity, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import Base, Created, WorkRow


class Endpoint(Base, Created):
    """A webhook registration. tenant_id and integration_id are None for the platform's own endpoint.

    sealed_secret: the signing secret, sealed by data_key_id; sealed_old_secret stays accepted until old_secret_until.
    token: the last part of an integration's own route. error: what is wrong with it now, None when all is well.
    """

    __tablename__ = "webhooks"
    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True)
    tenant_id: Mapped[int | None]
    integration_id: Mapped[int | None]
    provider: Mapped[str]
    live: Mapped[bool]
    external_id: Mapped[str | None]
    token: Mapped[str | None] = mapped_column(unique=True)
    url: Mapped[str]
    events: Mapped[list[str]] = mapped_column(server_default=text("'[]'::jsonb"))
    api_version: Mapped[str | None]
    data_key_id: Mapped[int | None]
    sealed_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed_old_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    old_secret_until: Mapped[datetime | None]
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    error: Mapped[str | None]
    checked_at: Mapped[datetime | None]
    last_delivery_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("provider", "live", "integration_id", postgresql_nulls_not_distinct=True),
        Index(None, "tenant_id", "integration_id"),
    )


class WebhookEventId(Base):
    """Every event ever received: the uniqueness that outlives the inbox's partitions."""

    __tablename__ = "webhook_event_ids"
    provider: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    received_at: Mapped[datetime]


class WebhookEvent(WorkRow, Base):
    """One received event (the inbox), partitioned by received_at. tenant_id is None in quarantine (unknown account).

    account_id is "" where the event names none. via: webhook, feed. outcome: applied, unchanged, stale, ignored, quarantined;
    None while undone. body: the verified event as received.
    """

    __tablename__ = "webhook_events"
    received_at: Mapped[datetime] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True)
    tenant_id: Mapped[int | None]
    integration_id: Mapped[int | None]
    provider: Mapped[str]
    account_id: Mapped[str]
    live: Mapped[bool]
    event_id: Mapped[str]
    event_type: Mapped[str]
    effect: Mapped[str]
    data_type: Mapped[str | None]
    record_id: Mapped[str | None]
    happened_at: Mapped[datetime]
    via: Mapped[str] = mapped_column(server_default="webhook")
    outcome: Mapped[str | None]
    body: Mapped[dict[str, Any]]
    __table_args__ = (
        Index(
            "ix_webhook_events_due",
            "tenant_id",
            "integration_id",
            "due_at",
            postgresql_where=text("done_at is null and parked_at is null"),
        ),
        Index("ix_webhook_events_event", "provider", "account_id", "event_id"),
        Index("ix_webhook_events_quarantine", "provider", "account_id", postgresql_where=text("tenant_id is null")),
        {"postgresql_partition_by": "RANGE (received_at)"},
    )
