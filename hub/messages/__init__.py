"""Mail: composed in the transaction of what it tells, sent by a worker."""

from hub.messages.service import compose, mailbox

__all__ = ["compose", "mailbox"]
