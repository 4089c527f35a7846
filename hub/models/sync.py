"""Rounds of synchronisation, where they stand, what is to be written out, and what two sides disagree on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import Base, Created, TenantOwned, WorkRow


class SyncRun(TenantOwned, Created, WorkRow, Base):
    """One round of one integration. kind: initial, hourly, manual. scope: "all" or a data_type ("invoice").

    counts: per data_type {"seen", "created", "updated", "errors"}; progress: per data_type {"done", "expected", "finished"}
    (expected None while unknown). outcome: completed, failed, canceled; None while it goes on.
    """

    __tablename__ = "sync_runs"
    integration_id: Mapped[int]
    kind: Mapped[str]
    scope: Mapped[str] = mapped_column(server_default="all")
    full: Mapped[bool] = mapped_column(server_default=text("false"))
    requested_by: Mapped[str] = mapped_column(server_default="system")
    started_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    counts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    progress: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "integration_id"], ["integrations.tenant_id", "integrations.id"]),
        Index("ix_sync_runs_due", "due_at", postgresql_where=text("done_at is null and parked_at is null")),
        Index(None, "tenant_id", "integration_id", "id"),
        Index(
            "uq_sync_runs_unfinished",
            "tenant_id",
            "integration_id",
            "scope",
            unique=True,
            postgresql_where=text("done_at is null"),
        ),
    )


class Cursor(Base):
    """Where the reading of one kind stands. part: "window:2026-08", "open", "events", "location:L1" or "" for the whole.

    high_water: everything up to this moment is known. cursor: the provider's, opaque, short-lived; None at the beginning.
    """

    __tablename__ = "cursors"
    tenant_id: Mapped[int] = mapped_column(primary_key=True)
    integration_id: Mapped[int] = mapped_column(primary_key=True)
    data_type: Mapped[str] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    cursor: Mapped[str | None]
    high_water: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    sync_run_id: Mapped[int | None]
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "integration_id"], ["integrations.tenant_id", "integrations.id"]),)


class Change(TenantOwned, Created, WorkRow, Base):
    """One outbound edit to be made at one integration (the outbox).

    kind: client, invoice, payment, refund. verb: a providers.contract.Verb. draft: the fields to write, as the mapping of kind
    names them. attempt: part of the idempotency key; grows after OutcomeUnknown was settled as "not there". first_sent_at:
    when the key was first used (a key older than 23 hours is looked up, not sent again). result: what came back, for callers
    that wait.
    """

    __tablename__ = "changes"
    integration_id: Mapped[int]
    kind: Mapped[str]
    local_id: Mapped[int]
    verb: Mapped[str]
    revision: Mapped[int]
    draft: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    attempt: Mapped[int] = mapped_column(server_default=text("1"))
    first_sent_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    result: Mapped[dict[str, Any] | None]
    requested_by: Mapped[str] = mapped_column(server_default="system")
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "integration_id"], ["integrations.tenant_id", "integrations.id"]),
        Index("ix_changes_due", "due_at", postgresql_where=text("done_at is null and parked_at is null")),
        Index(
            "ix_changes_record",
            "tenant_id",
            "integration_id",
            "kind",
            "local_id",
            "id",
            postgresql_where=text("done_at is null"),
        ),
        Index(None, "tenant_id", "id"),
    )


class Conflict(TenantOwned, Created, Base):
    """Both sides changed one field of one record: both values, until a person or a rule decides. resolution: ours, theirs."""

    __tablename__ = "conflicts"
    integration_id: Mapped[int]
    kind: Mapped[str]
    local_id: Mapped[int]
    external_id: Mapped[str]
    field: Mapped[str]
    base: Mapped[dict[str, Any] | None]
    ours: Mapped[dict[str, Any]]
    theirs: Mapped[dict[str, Any]]
    resolved_at: Mapped[datetime | None]
    resolution: Mapped[str | None]
    resolved_by: Mapped[str | None]
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "integration_id"], ["integrations.tenant_id", "integrations.id"]),
        Index(
            "uq_conflicts_open",
            "tenant_id",
            "integration_id",
            "kind",
            "local_id",
            "field",
            unique=True,
            postgresql_where=text("resolved_at is null"),
        ),
    )
