"""Mail: composed with what it tells, sent by a worker over real SMTP."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from apiflask import APIFlask

from hub import clock, db, queue
from hub.config import Settings
from hub.messages import compose, mailbox, sendgrid, work
from hub.models import Message, Tenant
from hub.vault import Secret
from providers.errors import Rejected, Transient
from tests.hub.apps import Business, boot, settings_for
from tests.whole_run.planted import SMTP_PASSWORD

USER, PASSWORD = "hub", "pass:w@rd/%"


class PostOffice:
    """Keeps what it takes; `answers` are given first, one per mail."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answers: list[str] = []
        self.logins: list[tuple[bytes, bytes]] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if address.startswith("unknown@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answers:
            return self.answers.pop(0)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)


@pytest.fixture
def post_office() -> PostOffice:
    return PostOffice()


@pytest.fixture
def smtp_port(post_office: PostOffice) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    server = Controller(
        post_office,
        hostname="127.0.0.1",
        port=port,
        authenticator=post_office.authenticate,
        auth_require_tls=False,
        auth_required=True,
    )
    server.start()
    yield port
    server.stop()


@pytest.fixture
def settings(tmp_path: Path, smtp_port: int) -> Settings:
    return settings_for(tmp_path, SMTP_URL=f"smtp://{USER}:pass%3Aw%40rd%2F%25@127.0.0.1:{smtp_port}")


@pytest.fixture(autouse=True)
def _worker(app: APIFlask) -> None:
    queue.register({"send_message": work.send})


def write(recipient: str = "ada@example.com", *, key: str | None = None, one_time: bool = False) -> int | None:
    with db.system_session() as session:
        subject = "Your invoice\r\nBcc: all@example.com"
        return compose(session, None, "test", recipient, subject, "Grüße,\nHub", key or secrets.token_hex(8), one_time)


def row(message_id: int | None) -> Message:
    assert message_id is not None
    with db.system_session() as session:
        return session.get_one(Message, message_id)


def test_committed_message_is_sent_with_login_and_one_line_subject(post_office: PostOffice) -> None:
    message_id = write()
    queue.run_pending()
    (mail,) = post_office.mails
    assert mail["To"] == "ada@example.com"
    assert mail["Subject"] == "Your invoice Bcc: all@example.com"
    assert mail["Bcc"] is None
    assert mail["From"] == "Payhub <no-reply@127.0.0.1>"
    assert mail.get_content().splitlines() == ["Grüße,", "Hub"]
    assert post_office.logins == [(USER.encode(), PASSWORD.encode())]
    sent = row(message_id)
    assert (sent.sent_via, sent.done_at is not None, sent.body) == ("smtp", True, "Grüße,\nHub")


def test_rolled_back_message_is_never_sent(post_office: PostOffice) -> None:
    def write_and_fail() -> None:
        with db.system_session() as session:
            compose(session, None, "test", "ada@example.com", "s", "b", "rolled-back")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    queue.run_pending()
    assert post_office.mails == []


def test_same_dedupe_key_is_one_mail(post_office: PostOffice) -> None:
    key = secrets.token_hex(8)
    assert write(key=key) is not None
    assert write(key=key) is None
    queue.run_pending()
    assert len(post_office.mails) == 1


def test_sent_message_is_not_sent_again(post_office: PostOffice) -> None:
    message_id = write()
    queue.run_pending()
    work.send(0, cast(int, message_id))
    assert len(post_office.mails) == 1


def test_delivered_one_time_link_is_forgotten(post_office: PostOffice) -> None:
    message_id = write(one_time=True)
    queue.run_pending()
    assert "Grüße" in post_office.mails[0].get_content()
    assert row(message_id).body is None


def test_tenants_sender_is_used(post_office: PostOffice, business: Business) -> None:
    with db.tenant_session(business.tenant_id) as session:
        tenant = session.get_one(Tenant, business.tenant_id)
        tenant.sender_name, tenant.sender_email = "Acme, Plumbing", "billing@acme.example.com"
    with db.tenant_session(business.tenant_id) as session:
        compose(session, business.tenant_id, "test", "ada@example.com", "s", "b", secrets.token_hex(8))
    queue.run_pending()
    assert post_office.mails[0]["From"] == '"Acme, Plumbing" <billing@acme.example.com>'


def test_busy_server_is_tried_again_later_with_the_same_message_id(post_office: PostOffice) -> None:
    post_office.answers = ["451 try later"]
    message_id = write()
    queue.run_pending()
    waiting = row(message_id)
    assert (waiting.done_at, waiting.parked_at, waiting.attempts) == (None, None, 0)
    assert waiting.due_at > clock.now()
    clock.advance(timedelta(minutes=5))
    work.send(0, waiting.id)
    assert row(message_id).done_at is not None
    first = post_office.mails[0]["Message-ID"]
    assert first.endswith("@127.0.0.1>")


def test_refusing_server_parks_the_message_with_its_reason(post_office: PostOffice) -> None:
    message_id = write("unknown@example.com")
    queue.run_pending()
    parked = row(message_id)
    assert parked.parked_at is not None
    assert parked.reason is not None
    assert "550" in parked.reason


def test_wrong_password_waits_and_tells_no_password(
    app: APIFlask, tmp_path: Path, smtp_port: int, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    boot(settings_for(tmp_path, SMTP_URL=f"smtp://hub:{SMTP_PASSWORD}@127.0.0.1:{smtp_port}"), database_url)
    message_id = write()
    queue.run_pending()
    waiting = row(message_id)
    assert waiting.done_at is None
    assert waiting.parked_at is None
    assert waiting.reason is not None
    assert "SMTP_URL" in waiting.reason
    assert SMTP_PASSWORD not in waiting.reason + caplog.text


def test_unreachable_server_loses_nothing(app: APIFlask, tmp_path: Path, database_url: str) -> None:
    boot(settings_for(tmp_path, SMTP_URL=f"smtp://hub:{SMTP_PASSWORD}@127.0.0.1:1"), database_url)
    message_id = write()
    queue.run_pending()
    waiting = row(message_id)
    assert (waiting.done_at, waiting.parked_at, waiting.attempts) == (None, None, 0)


def test_link_that_expired_before_it_could_be_sent_is_not_sent(post_office: PostOffice) -> None:
    message_id = write(one_time=True)
    clock.advance(timedelta(minutes=16))
    queue.run_pending()
    assert post_office.mails == []
    assert row(message_id).parked_at is not None


def test_without_a_server_the_development_mailbox_keeps_it(app: APIFlask, tmp_path: Path, database_url: str) -> None:
    boot(settings_for(tmp_path), database_url)
    message_id = write(one_time=True)
    queue.run_pending()
    kept = mailbox(1)[0]
    assert (kept.id, kept.sent_via, kept.body) == (message_id, "mailbox", "Grüße,\nHub")


def test_production_has_no_mailbox_and_says_what_is_missing(app: APIFlask, tmp_path: Path, database_url: str) -> None:
    production = Settings.from_env(
        {
            "PAYHUB_ENV": "production",
            "PAYHUB_BASE_URL": "https://hub.example",
            "PAYHUB_DATA_DIR": str(tmp_path),
            "PAYHUB_SECRET_KEY": "s" * 48,
            "PAYHUB_ENCRYPTION_KEYS": f"k1:{'A' * 43}=",
            "DATABASE_URL": database_url,
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "PAYHUB_OIDC_ISSUER": "https://id.example.com",
            "PAYHUB_OIDC_CLIENT_ID": "payhub",
            "PAYHUB_OIDC_CLIENT_SECRET": "c" * 32,
        }
    )
    boot(production, database_url)
    with pytest.raises(PermissionError):
        mailbox()
    message_id = write()
    queue.run_pending()
    reason = row(message_id).reason
    assert reason is not None
    assert "SMTP_URL" in reason


@pytest.mark.parametrize("address", ["", "nobody", "a@b\r\nBcc: c@d", "a b@example.com", "a@b,c@d", "<a@b>"])
def test_what_is_no_address_is_refused_at_once(app: APIFlask, address: str) -> None:
    with pytest.raises(ValueError, match="no mail address"):
        write(address)


@pytest.mark.parametrize(
    ("status", "fault"), [(202, None), (400, Rejected), (401, Transient), (429, Transient), (503, Transient)]
)
def test_sendgrid_answers_mean_sent_later_or_never(status: int, fault: type[Exception] | None) -> None:
    seen: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append((self.headers["Authorization"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Hub <hub@example.com>", "ada@example.com", "Hello"
    mail.set_content("text")
    try:
        if fault is None:
            sendgrid.deliver(Secret("SG-test"), mail, url=f"http://127.0.0.1:{server.server_port}/")
        else:
            with pytest.raises(fault):
                sendgrid.deliver(Secret("SG-test"), mail, url=f"http://127.0.0.1:{server.server_port}/")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert seen[0][0] == "Bearer SG-test"
    assert b'"ada@example.com"' in seen[0][1]
