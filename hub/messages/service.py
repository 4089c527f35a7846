"""Composing a message, and the mailbox of development."""

from __future__ import annotations

import re

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub import clock, db, process, queue
from hub.models import Message

# No list of what an address may be: only what would break a header or could never be delivered is refused.
ADDRESS_SHAPE = re.compile(r"[^\s@<>,;:\"\\\x00-\x1f]{1,64}@[^\s@<>,;:\"\\\x00-\x1f]{1,190}")


def compose(
    session: Session,
    tenant_id: int | None,
    kind: str,
    recipient: str,
    subject: str,
    body: str,
    dedupe_key: str,
    one_time: bool = False,
) -> int | None:
    """Put a mail in the transaction of what it tells, and wake its sending after the commit. Returns the message's id.

    None: a message with this dedupe_key exists already, and nothing was added. tenant_id None is for the hub's own mail and
    needs the system's session. one_time: the body holds a one-time link and is cleared once delivered. Raises ValueError for
    an address that cannot be one."""
    if not ADDRESS_SHAPE.fullmatch(recipient):
        raise ValueError("this is no mail address")
    now = clock.now()
    message_id = session.execute(
        insert(Message)
        .values(
            tenant_id=tenant_id,
            kind=kind,
            recipient=recipient,
            subject=" ".join(subject.split()),
            body=body,
            dedupe_key=dedupe_key,
            one_time=one_time,
            due_at=now,
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["dedupe_key"])
        .returning(Message.id)
    ).scalar_one_or_none()
    if message_id is not None:
        queue.wake_after_commit(session, "send_message", tenant_id or 0, message_id)
    return message_id


def mailbox(limit: int = 50) -> list[Message]:
    """The newest messages of all tenants, with their one-time links. Raises PermissionError in production."""
    if process.settings().production:
        raise PermissionError("production has no development mailbox")
    with db.system_session() as session:
        return list(session.scalars(select(Message).order_by(Message.id.desc()).limit(limit)))
