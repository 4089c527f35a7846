"""Our row for one provider object."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import Base


class RemoteRecord(Base):
    """What the provider last said of one object, and what both sides last agreed on.

    data_type: customer, invoice, payment, refund, location, ... as_of: when the provider said so. fingerprint: hash of the
    mapped fields, to tell a change from an echo. base: the mapped fields at the last agreement; None before the first.
    local_id: the row of clients, invoices, payments, refunds or locations it belongs to; None while unlinked. group_key joins
    objects that the provider joins (Square: order id). deleted_at: a tombstone, which only a newer fact lifts; merged_into:
    the surviving object's id.
    """

    __tablename__ = "integration_data"
    tenant_id: Mapped[int] = mapped_column(primary_key=True)
    integration_id: Mapped[int] = mapped_column(primary_key=True)
    data_type: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True)
    data: Mapped[dict[str, Any]]
    version: Mapped[str | None]
    changed_at: Mapped[datetime | None]
    provider_created_at: Mapped[datetime | None]
    as_of: Mapped[datetime]
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    base: Mapped[dict[str, Any] | None]
    local_id: Mapped[int | None]
    group_key: Mapped[str | None]
    deleted_at: Mapped[datetime | None]
    merged_into: Mapped[str | None]
    first_seen_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "integration_id"], ["integrations.tenant_id", "integrations.id"]),
        Index("ix_integration_data_local", "tenant_id", "data_type", "local_id", postgresql_where=text("local_id is not null")),
        Index(
            "ix_integration_data_group",
            "tenant_id",
            "integration_id",
            "group_key",
            postgresql_where=text("group_key is not null"),
        ),
    )


class MissingReference(Base):
    """One provider object names another one that we do not have: linked when it comes, or fetched (reference closure).

    wanted_type, wanted_id: the object that is missing; data_type, external_id: who names it. looked_at: when it was last asked
    for in vain; None before."""

    __tablename__ = "missing_references"
    tenant_id: Mapped[int] = mapped_column(primary_key=True)
    integration_id: Mapped[int] = mapped_column(primary_key=True)
    wanted_type: Mapped[str] = mapped_column(primary_key=True)
    wanted_id: Mapped[str] = mapped_column(primary_key=True)
    data_type: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    looked_at: Mapped[datetime | None]
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "integration_id"], ["integrations.tenant_id", "integrations.id"]),)


class ProviderDrift(Base):
    """One name that a provider sent and we do not know: a field (`word` empty), or a word of a known field. Never a value.

    Belongs to the whole hub: what a provider changes, it changes for all tenants."""

    __tablename__ = "provider_drift"
    provider: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]
