"""Delivery over SMTP."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from hub.vault import Secret
from providers.errors import Rejected, Transient

TIMEOUT_SECONDS = 20
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def deliver(smtp_url: Secret, mail: EmailMessage) -> None:
    """Hand one mail to the server of `smtp://user:password@host:587` (STARTTLS where offered) or `smtps://…`.

    Raises Transient where trying later helps, Rejected where the server refuses this mail for good."""
    try:
        with _signed_in(smtp_url) as server:
            server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        code, _ = next(iter(error.recipients.values()))
        raise _by_code(code, "The mail server does not take this recipient") from error
    except (smtplib.SMTPException, OSError) as error:
        raise _told(error) from error


def greet(smtp_url: Secret) -> None:
    """Sign in at the server and leave again. Raises as `deliver` does."""
    try:
        with _signed_in(smtp_url) as server:
            server.noop()
    except (smtplib.SMTPException, OSError) as error:
        raise _told(error) from error


def _signed_in(smtp_url: Secret) -> smtplib.SMTP:
    url = urlsplit(smtp_url.reveal())
    server = _connect(url.scheme, url.hostname or "localhost", url.port)
    try:
        if url.username:
            if url.scheme == "smtp" and not _encrypted(server) and url.hostname not in LOOPBACK:
                raise Transient("The mail server offers no encryption, and its password is not sent in clear. Use smtps://.")
            server.login(unquote(url.username), unquote(url.password or ""))
    except Exception:
        server.close()
        raise
    return server


def _told(error: smtplib.SMTPException | OSError) -> Transient | Rejected:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Transient("The mail server refuses the user or password of SMTP_URL")
    if isinstance(error, smtplib.SMTPResponseException):
        return _by_code(error.smtp_code, "The mail server refused the message")
    return Transient(f"The mail server cannot be reached ({type(error).__name__})")


def _connect(scheme: str, host: str, port: int | None) -> smtplib.SMTP:
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
    server = smtplib.SMTP(host, port or 587, timeout=TIMEOUT_SECONDS)
    try:
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            server.ehlo()
    except Exception:
        server.close()
        raise
    return server


def _encrypted(server: smtplib.SMTP) -> bool:
    return isinstance(server.sock, ssl.SSLSocket)


def _by_code(code: int, detail: str) -> Transient | Rejected:
    # RFC 5321 4.2.1: 4xx may succeed later, 5xx never will.
    return Rejected(f"{detail} (code {code})", code=str(code)) if code >= 500 else Transient(f"{detail} for now (code {code})")
