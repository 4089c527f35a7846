"""Sending: the work handler of one message."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import urlsplit

import structlog
from sqlalchemy.orm import Session

from hub import clock, db, process, work
from hub.messages import sendgrid, smtp
from hub.models import Message, Tenant
from providers.errors import Rejected

ONE_TIME_LIFE = timedelta(minutes=15)  # the life of a sign-in link: later its mail only puzzles

log = structlog.get_logger(__name__)


def send(tenant_id: int, message_id: int) -> None:
    """Send one message that is due; nothing if it is done, parked, or another worker has it. Tenant 0: the hub's own mail."""
    with db.system_session() as session:
        claimed = work.claim(session, Message, Message.id == message_id)
        if not claimed:
            return
        sender = _sender(session, claimed[0])
    message = claimed[0]
    try:
        sent_via = _deliver(message, sender)
    except Exception as error:
        with db.system_session() as session:
            verdict = work.settle_error(session.get_one(Message, message_id), error)
        log.warning(
            "message_not_sent", message_id=message_id, tenant_id=tenant_id, parked=verdict.park, error=type(error).__name__
        )
        return
    with db.system_session() as session:
        row = session.get_one(Message, message_id)
        work.settle_done(row)
        row.sent_at = clock.now()
        row.sent_via = sent_via
        if row.one_time and sent_via != "mailbox":
            row.body = None
    log.info("message_sent", message_id=message_id, tenant_id=tenant_id, via=sent_via)


def _deliver(message: Message, sender: Address) -> str:
    """Returns by which way it went."""
    settings = process.settings()
    if message.one_time and message.created_at < clock.now() - ONE_TIME_LIFE:
        raise Rejected("The link in this mail has expired before it could be sent. Ask for a new one.")
    if settings.smtp_url is not None:
        smtp.deliver(settings.smtp_url, _mail(message, sender))
        return "smtp"
    if settings.sendgrid_api_key is not None:
        sendgrid.deliver(settings.sendgrid_api_key, _mail(message, sender))
        return "sendgrid"
    if settings.production:
        raise Rejected("No mail server is set up: set SMTP_URL or SENDGRID_API_KEY, then press retry.")
    return "mailbox"


def _mail(message: Message, sender: Address) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = message.recipient
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(clock.now())
    # The same id at each try, so that a mail that was taken though we were told otherwise is shown once.
    digest = hashlib.sha256(message.dedupe_key.encode()).hexdigest()[:32]
    mail["Message-ID"] = f"<{digest}@{sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.body or "")
    return mail


def _sender(session: Session, message: Message) -> Address:
    host = urlsplit(process.settings().base_url).hostname or "localhost"
    ours = Address("Payhub", "no-reply", host)
    tenant = session.get(Tenant, message.tenant_id) if message.tenant_id is not None else None
    if tenant is None:
        return ours
    name = tenant.sender_name or tenant.name
    if not tenant.sender_email:
        return Address(name, ours.username, ours.domain)
    return Address(name, addr_spec=tenant.sender_email)
