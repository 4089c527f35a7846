"""What all tables share: naming, column types, and the columns of durable work."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Identity, MetaData, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        int: BigInteger,
        str: Text,
        dict[str, Any]: JSONB,
        list[str]: JSONB,
    }


class TenantOwned:
    """`tenant_id` first in the primary key, so that volume tables can be distributed by tenant unchanged."""

    tenant_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-20)
    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True, sort_order=-19)


class Created:
    """When the row was made; the writer passes clock.now()."""

    created_at: Mapped[datetime] = mapped_column(sort_order=90)


class WorkRow:
    """Durable work: a row to be done at `due_at`, leased while somebody does it.

    done_at: finished, whatever the outcome. parked_at: given up until a person retries; `reason` says why in lay words.
    attempts counts definite failures only: an outage or a rate limit is waited out. waiting_since is the first moment of the
    present outage, None when there is none.
    """

    due_at: Mapped[datetime] = mapped_column(sort_order=80)
    lease_until: Mapped[datetime | None] = mapped_column(sort_order=81)
    attempts: Mapped[int] = mapped_column(server_default=text("0"), sort_order=82)
    waiting_since: Mapped[datetime | None] = mapped_column(sort_order=83)
    done_at: Mapped[datetime | None] = mapped_column(sort_order=84)
    parked_at: Mapped[datetime | None] = mapped_column(sort_order=85)
    reason: Mapped[str | None] = mapped_column(sort_order=86)
