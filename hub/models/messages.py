"""Mail (and later SMS) to be sent, and the development mailbox."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import Base, Created, WorkRow


class Message(Created, WorkRow, Base):
    """tenant_id is None for sign-in mail, which belongs to no tenant. body is cleared after delivery where it held a one-time
    link (`one_time`); the development mailbox keeps it. dedupe_key makes a message be sent once."""

    __tablename__ = "messages"
    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True)
    tenant_id: Mapped[int | None]
    channel: Mapped[str] = mapped_column(server_default="email")
    kind: Mapped[str]
    recipient: Mapped[str]
    subject: Mapped[str] = mapped_column(server_default="")
    body: Mapped[str | None]
    one_time: Mapped[bool] = mapped_column(server_default=text("false"))
    dedupe_key: Mapped[str] = mapped_column(unique=True)
    sent_at: Mapped[datetime | None]
    sent_via: Mapped[str | None]
    __table_args__ = (
        Index("ix_messages_due", "due_at", postgresql_where=text("done_at is null and parked_at is null")),
        Index(None, "tenant_id", "id"),
    )
