"""The wire itself: what each request carries, what is not followed or repeated, what an odd answer means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest

from providers.contract import Account, Credentials
from providers.errors import OutcomeUnknown, Rejected, Transient
from providers.records import Customer, CustomerDraft, InvoiceDraft
from providers.stripe.connection import path_template
from providers.stripe.provider import StripeProvider
from providers.stripe.settings import API_VERSION
from tests.contract.gates import WatchingGate
from tests.providers.stripe import samples

KEY = "ph1abcdefghijklmnopqrstuvwxyz"


@dataclass
class Answering:
    """One local server that gives the answer it was told to."""

    status: int = 200
    body: bytes = field(default_factory=lambda: orjson.dumps(samples.customer()))
    date: str | None = "Sat, 21 Nov 2026 09:00:00 GMT"
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    base: str = ""
    before: list[tuple[int, bytes]] = field(default_factory=list)
    """Answers to the first requests, before `status` and `body`."""


@pytest.fixture
def answering() -> Iterator[Answering]:
    told = Answering()

    class Stripe(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            told.seen.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            status, content = told.before.pop(0) if told.before else (told.status, told.body)
            self.send_response_only(status)
            if told.date is not None:
                self.send_header("Date", told.date)
            for name, value in {"Content-Length": str(len(content)), **told.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Stripe)
    told.base = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()


def account(answering: Answering, gate: WatchingGate | None = None, *, own_key: str | None = None) -> Account:
    provider = StripeProvider.from_env(
        {
            "STRIPE_CLIENT_ID": "ca_1",
            "STRIPE_SECRET_KEY": "sk_test_platform",
            "STRIPE_API_BASE": f"{answering.base}/",
            "STRIPE_CONNECT_BASE": answering.base,
        }
    )
    credentials = Credentials(account_id="acct_1", access_token=own_key, kind="key" if own_key else "oauth")
    return provider.account(credentials, gate=gate or WatchingGate())


def test_a_read_and_a_write_carry_version_account_and_the_platforms_key(answering: Answering) -> None:
    acting = account(answering)
    acting.get(Customer, "cus_1")
    acting.create(CustomerDraft(email="a@example.com"), key=KEY)
    acting.create(CustomerDraft(email="a@example.com"), key=KEY)
    for _, _, headers, _ in answering.seen:
        assert headers["stripe-version"] == API_VERSION
        assert headers["stripe-account"] == "acct_1"
        assert headers["authorization"] == "Bearer sk_test_platform"
        assert "x-stripe-client-telemetry" not in headers
    assert [headers.get("idempotency-key") for _, _, headers, _ in answering.seen] == [None, KEY, KEY]
    assert answering.seen[1][3] == b"email=a@example.com" or answering.seen[1][3] == b"email=a%40example.com"


def test_a_pasted_key_acts_alone(answering: Answering) -> None:
    acting = account(answering, own_key="rk_test_own")
    acting.get(Customer, "cus_1")
    acting.create(CustomerDraft(email="a@example.com"), key=KEY)
    for _, _, headers, _ in answering.seen:
        assert headers["authorization"] == "Bearer rk_test_own"
        assert "stripe-account" not in headers


def test_a_record_is_as_of_the_answers_date(answering: Answering) -> None:
    acting = account(answering)
    for record in (acting.get(Customer, "cus_1"), acting.create(CustomerDraft(email="x"), key=KEY)):
        assert record.as_of == datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
        assert record.raw == samples.customer()


def test_an_answer_without_a_date_cannot_be_placed_in_time(answering: Answering) -> None:
    answering.date = None
    with pytest.raises(Transient):
        account(answering).get(Customer, "cus_1")
    with pytest.raises(OutcomeUnknown):
        account(answering).create(CustomerDraft(email="x"), key=KEY)


@pytest.mark.parametrize("status", [500, 502, 503])
@pytest.mark.parametrize("body", [b"<html>Bad Gateway</html>", b"", b'{"error": {"type": "api_error"}}', b'{"id": "cus_1"'])
def test_a_fault_of_the_server_is_met_once_and_never_repeated(answering: Answering, status: int, body: bytes) -> None:
    answering.status, answering.body = status, body
    answering.headers = {"Stripe-Should-Retry": "true"}
    gate = WatchingGate()
    with pytest.raises(Transient):
        account(answering, gate).get(Customer, "cus_1")
    with pytest.raises(OutcomeUnknown):
        account(answering, gate).create(CustomerDraft(email="x"), key=KEY)
    assert len(answering.seen) == gate.begun == 2


@pytest.mark.parametrize("body", [b'{"id": "cus_1"', b"[]", b"{}", b"<html></html>", b"", b"\xff\xfe"])
def test_a_success_that_cannot_be_read_is_transient_or_unknown(answering: Answering, body: bytes) -> None:
    answering.body = body
    with pytest.raises(Transient):
        account(answering).get(Customer, "cus_1")
    with pytest.raises(OutcomeUnknown):
        account(answering).create(CustomerDraft(email="x"), key=KEY)


def test_a_redirect_is_not_followed(answering: Answering) -> None:
    answering.status, answering.headers = 302, {"Location": f"{answering.base}/elsewhere"}
    with pytest.raises(Transient):
        account(answering).get(Customer, "cus_1")
    with pytest.raises(OutcomeUnknown):
        account(answering).create(CustomerDraft(email="x"), key=KEY)
    assert [path for _, path, _, _ in answering.seen] == ["/v1/customers/cus_1", "/v1/customers"]


def test_a_host_that_is_not_there_is_transient_for_reads_and_writes(answering: Answering) -> None:
    nowhere = Answering(base="http://127.0.0.1:1")
    with pytest.raises(Transient):
        account(nowhere).get(Customer, "cus_1")
    with pytest.raises(Transient):
        account(nowhere).create(CustomerDraft(email="x"), key=KEY)


PAST = orjson.dumps({"error": {"type": "invalid_request_error", "param": "due_date", "message": "must be in the future"}})


def test_an_invoice_due_today_is_due_at_its_last_second_once_noon_has_passed(answering: Answering) -> None:
    answering.before, answering.body = [(400, PAST)], orjson.dumps(samples.invoice())
    draft = InvoiceDraft(customer_id="cus_1", currency="USD", due_on=date(2026, 11, 21))
    account(answering).create(draft, key=KEY)
    moments = [int(dict(parse_qsl(body.decode()))["due_date"]) for *_, body in answering.seen]
    assert [datetime.fromtimestamp(moment, UTC).isoformat() for moment in moments] == [
        "2026-11-21T12:00:00+00:00",
        "2026-11-21T23:59:59+00:00",
    ]
    assert [headers["idempotency-key"] for _, _, headers, _ in answering.seen] == [KEY, f"{KEY}.d"]


def test_a_due_day_that_is_over_is_rejected_in_plain_words(answering: Answering) -> None:
    answering.status, answering.body = 400, PAST
    acting, over = account(answering), date(2020, 1, 1)
    with pytest.raises(Rejected) as not_made:
        acting.create(InvoiceDraft(customer_id="cus_1", currency="USD", due_on=over), key=KEY)
    with pytest.raises(Rejected) as not_changed:
        acting.update("in_1", InvoiceDraft(due_on=over), version=None, key=KEY)
    for rejected in (not_made.value, not_changed.value):
        assert (rejected.code, rejected.field) == ("due_date_in_the_past", "due_on")


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/v1/account", "/v1/account"),
        ("/v1/customers", "/v1/customers"),
        ("/v1/customers/cus_1", "/v1/customers/{id}"),
        ("/v1/invoices/in_1/lines", "/v1/invoices/{id}/lines"),
        ("/v1/invoices/in_1/lines/il_1", "/v1/invoices/{id}/lines/{id}"),
        ("/v1/checkout/sessions/cs_1/expire", "/v1/checkout/sessions/{id}/expire"),
        ("/oauth/token", "/oauth/token"),
    ],
)
def test_a_path_is_counted_under_its_template(path: str, template: str) -> None:
    assert path_template(path) == template
