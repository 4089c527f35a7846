"""Real deliveries of the twin, over HTTP, through the signed handler."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from providers.contract import OpenGate, Verb, WebhookRequest
from providers.errors import InvalidSignature
from providers.records import Customer, Effect, Endpoint, Event, Invoice, Payment
from tests.contract.scene import new_key
from tests.providers.square.harness import Harness
from webhooks.handler import SigningSecret

PATIENCE_SECONDS = 10


class Mailbox:
    """An endpoint of ours at the twin, and what came to it."""

    def __init__(self, square: Harness, url: str, arrived: queue.Queue[WebhookRequest]) -> None:
        self.square = square
        self.url = url
        self.arrived = arrived
        platform = square.provider.platform(gate=OpenGate())
        self.endpoint = platform.create(square.handler.wanted_endpoint(url), key=new_key())
        assert self.endpoint.secret is not None
        self.key = SigningSecret(value=self.endpoint.secret)

    def close(self) -> None:
        platform = self.square.provider.platform(gate=OpenGate())
        platform.perform(Verb.DELETE, Endpoint, self.endpoint.id, version=None, key=new_key())

    def next_request(self) -> WebhookRequest:
        return self.arrived.get(timeout=PATIENCE_SECONDS)

    def events_until(self, *types: str) -> dict[str, Event]:
        """Verified events by type, until each of these types has come."""
        found: dict[str, Event] = {}
        while not set(types) <= set(found):
            request = self.next_request()
            self.square.handler.verify(request, [self.key], url=self.url)
            for event in self.square.handler.events(request.body):
                if event.account_id == self.square.account_id:
                    found[event.event_type] = event
        return found


@contextmanager
def listening() -> Iterator[tuple[str, queue.Queue[WebhookRequest]]]:
    arrived: queue.Queue[WebhookRequest] = queue.Queue()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            arrived.put(WebhookRequest(body=body, headers=headers, received_at=datetime.now(UTC)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/webhooks/square", arrived
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def mailbox(square: Harness) -> Iterator[Mailbox]:
    with listening() as (url, arrived):
        mailbox = Mailbox(square, url, arrived)
        yield mailbox
        mailbox.close()


def test_delivery_of_a_changed_customer_is_verified_and_read(mailbox: Mailbox) -> None:
    [id] = mailbox.square.seed(Customer, 1)
    mailbox.square.edit(Customer, id)
    found = mailbox.events_until("customer.updated")["customer.updated"]
    assert (found.effect, found.kind, found.record_id) == (Effect.CHANGED, Customer, id)
    assert found.snapshot is not None
    read = mailbox.square.account().get(Customer, id)
    assert (found.snapshot.version, found.snapshot.changed_at) == (read.version, read.changed_at)


def test_delivery_checked_with_another_key_or_url_is_refused(mailbox: Mailbox) -> None:
    mailbox.square.sample_event()
    request = mailbox.next_request()
    mailbox.square.handler.verify(request, [mailbox.key], url=mailbox.url)
    with pytest.raises(InvalidSignature):
        mailbox.square.handler.verify(request, mailbox.square.secrets, url=mailbox.url)
    with pytest.raises(InvalidSignature):
        mailbox.square.handler.verify(request, [mailbox.key], url=mailbox.url.replace("127.0.0.1", "localhost"))


def test_merged_customers_point_to_the_survivor(mailbox: Mailbox) -> None:
    old = mailbox.square.seed(Customer, 2)
    survivor = mailbox.square.act("customers_merge", customer_ids=old)["customer"]["id"]
    found = mailbox.events_until("customer.created", "customer.deleted")
    assert (found["customer.created"].effect, found["customer.created"].record_id) == (Effect.CHANGED, survivor)
    gone = found["customer.deleted"]
    assert (gone.effect, gone.merged_into) == (Effect.MERGED, survivor)
    assert gone.record_id in old


def test_paid_invoice_comes_as_payment_and_as_partial_invoice(mailbox: Mailbox) -> None:
    [id] = mailbox.square.seed(Invoice, 1)
    paid = mailbox.square.act("invoice_pay", invoice_id=id)
    found = mailbox.events_until("invoice.payment_made", "payment.updated")
    made = found["invoice.payment_made"]
    assert (made.kind, made.record_id, made.partial) == (Invoice, id, True)
    assert isinstance(made.snapshot, Invoice)
    assert made.snapshot.due.minor_units == 0
    payment = found["payment.updated"]
    assert isinstance(payment.snapshot, Payment)
    assert (payment.record_id, payment.snapshot.order_id) == (paid["payment"]["id"], made.snapshot.order_id)


def test_seller_who_disconnects_is_told(mailbox: Mailbox) -> None:
    mailbox.square.revoke_at_provider()
    found = mailbox.events_until("oauth.authorization.revoked")["oauth.authorization.revoked"]
    assert (found.effect, found.account_id) == (Effect.DISCONNECTED, mailbox.square.account_id)
