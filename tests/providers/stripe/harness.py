"""Stripe for the conformance suite: the twin over real HTTP, one connected account, real deliveries."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from providers.contract import Account, Gate, OpenGate, Provider, WebhookRequest
from providers.records import (
    Customer,
    Dispute,
    Endpoint,
    EndpointDraft,
    Invoice,
    Payment,
    PaymentLink,
    PaymentMethod,
    Payout,
    PayoutEntry,
    Record,
    Refund,
)
from providers.stripe.provider import StripeProvider
from tests.contract.faults import TWIN_RULES, Fault
from tests.contract.harness import REDIRECT_URI, grant_for
from tests.providers.stripe.twin import Twin, running_twin
from webhooks.handler import SigningSecret, WebhookHandler
from webhooks.stripe import StripeHandler

PLATFORM = "acct_1SandboxPlatform01"
DELIVERY_SECONDS = 20
AVAILABLE_AT_ONCE = "4000000000000077"


class Deliveries:
    """A local listener that keeps what the twin delivers, headers and all."""

    def __init__(self) -> None:
        received: Queue[WebhookRequest] = Queue()

        class Listener(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                received.put(WebhookRequest(body=body, headers=headers, received_at=datetime.now(UTC)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                return

        self.received = received
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/api/webhooks/stripe"
        Thread(target=lambda: self._server.serve_forever(poll_interval=0.01), daemon=True).start()

    def next_about(self, record_id: str, event_type: str) -> WebhookRequest:
        while True:
            request = self.received.get(timeout=DELIVERY_SECONDS)
            event = orjson.loads(request.body)
            if event["type"] == event_type and event["data"]["object"]["id"] == record_id:
                return request

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Harness:
    name: str = "stripe"
    speaks_http: bool = True
    device_id: str = ""
    """Stripe's terminals are none of the kinds it declares here."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self.provider: Provider = StripeProvider.from_env(twin.environment())
        self.handler: WebhookHandler = StripeHandler()
        twin.control("POST", "settings", {"redirect_uris": [REDIRECT_URI]})
        made = twin.control("POST", "accounts", {"name": "Corner Shop"})
        self.account_id: str = made["account_id"]
        self.own_key: str = made["keys"]["test"]["sk"]
        self.credentials = self.provider.exchange(self.new_callback("first"), grant_for(self.provider, "first"))
        self.deliveries = Deliveries()
        self.url = self.deliveries.url
        self.secrets: Sequence[SigningSecret] = self._register()

    def _register(self) -> list[SigningSecret]:
        """An endpoint whose secret has been rolled: for a day both sign."""
        wanted = EndpointDraft(url=self.url, event_types=frozenset(["customer.updated"]))
        endpoint = self.provider.platform(gate=OpenGate()).create(wanted, key="ph1harness")
        rolled = self.twin.act(PLATFORM, "roll_webhook_secret", endpoint_id=endpoint.id)
        return [SigningSecret(value=rolled["secret"]), SigningSecret(value=endpoint.secret or "")]

    def account(self, gate: Gate | None = None) -> Account:
        return self.provider.account(self.credentials, gate=gate or OpenGate())

    def act(self, action: str, **body: Any) -> dict[str, Any]:
        return self.twin.act(self.account_id, action, **body)

    def seed(self, kind: type[Record], n: int) -> list[str]:
        customer_id: str = self._customer() if kind in (Invoice, PaymentMethod) else ""
        makers: dict[type[Record], Callable[[], str]] = {
            Customer: self._customer,
            Invoice: lambda: str(self.act("create_invoice", customer_id=customer_id, amount=5000)["id"]),
            Payment: self._payment,
            Refund: lambda: str(self.act("refund", payment_intent=self._payment(), amount=500)["id"]),
            PaymentMethod: lambda: str(self.act("save_card", customer_id=customer_id)["id"]),
            Dispute: lambda: str(self.act("dispute", payment_intent=self._payment())["id"]),
            Payout: self._payout,
            PayoutEntry: lambda: self._entries_of(self._payout())[0],
            Endpoint: self._endpoint,
        }
        return [makers[kind]() for _ in range(n)]

    def _customer(self) -> str:
        return str(self.act("create_customer", name="Ada Lovelace", email="ada@example.com")["id"])

    def _payment(self, card: str = "4242424242424242", amount: int = 4200) -> str:
        return str(self.act("take_payment", amount=amount, card=card)["id"])

    def _payout(self) -> str:
        """Of a payment whose money is there at once, and of whatever else is; paid and reconciled, some days later."""
        self._payment(card=AVAILABLE_AT_ONCE, amount=250_000)
        with self.days_later():
            payout_id = str(self.act("pay_out")["payouts"][0]["id"])
            self.wait(3 * 86_400)
        return payout_id

    @contextmanager
    def days_later(self) -> Iterator[None]:
        """A visit to the future and back, so that signatures are made in the present. What falls due there has happened."""
        self.wait(5)
        yield
        now = datetime.now(UTC).isoformat()
        self.twin.control("POST", "clock", {"now": now})

    def wait(self, seconds: int) -> None:
        self.twin.control("POST", "clock", {"advance_seconds": seconds, "settle_seconds": DELIVERY_SECONDS})

    def _entries_of(self, payout_id: str) -> list[str]:
        return [entry.id for entry in self.account().list(PayoutEntry, parent_id=payout_id).records]

    def new_card_source(self) -> str:
        """As Stripe.js makes it: a payment method that belongs to nobody yet."""
        made = self.twin.http.post(
            "/v1/payment_methods",
            data={"type": "card", "card[token]": "tok_visa"},
            headers={"Authorization": f"Bearer {self.own_key}"},
        )
        assert made.status_code == 200, made.text
        return str(made.json()["id"])

    def evidence_of(self, dispute_id: str) -> str:
        answer = self.twin.http.get(f"/v1/disputes/{dispute_id}", headers={"Authorization": f"Bearer {self.own_key}"})
        return str(answer.json()["evidence"])

    def pay_link(self, link_id: str) -> None:
        """Through the twin's pages, as a payer's browser does."""
        url = self.account().get(PaymentLink, link_id).url
        assert url is not None
        self.check_out(self.twin.http.get(url).headers["location"])

    def check_out(self, page: str, card: str = "4242424242424242") -> None:
        """Fill in a hosted checkout's page."""
        form = {"email": "ada@example.com", "name": "Ada Lovelace", "number": card, "expiry": "12/34", "cvc": "123"}
        answer = self.twin.http.post(page, data=form)
        assert answer.status_code < 400, answer.text

    def _endpoint(self) -> str:
        wanted = EndpointDraft(url=f"{self.url}/more", event_types=frozenset(["customer.created"]), active=False)
        return self.provider.platform(gate=OpenGate()).create(wanted, key=f"ph1seed{len(self.twin.requests())}").id

    def sign(self, event_body: bytes, *, secret: str | None = None, timestamp_offset_seconds: int = 0) -> WebhookRequest:
        received_at = datetime.now(UTC)
        signed_at = int((received_at + timedelta(seconds=timestamp_offset_seconds)).timestamp())
        message = str(signed_at).encode() + b"." + event_body
        signature = hmac.new((self.secrets[0].value if secret is None else secret).encode(), message, hashlib.sha256).hexdigest()
        header = f"t={signed_at},v1={signature}"
        return WebhookRequest(body=event_body, headers={"stripe-signature": header}, received_at=received_at)

    def sample_event(self) -> bytes:
        return self.real_delivery().body

    def real_delivery(self) -> WebhookRequest:
        """What the twin sent, signed by itself, about a customer that has just been renamed."""
        customer_id = self._customer()
        self.edit(Customer, customer_id)
        return self.deliveries.next_about(customer_id, "customer.updated")

    def fail_next(self, fault: Fault) -> None:
        self.twin.control("POST", "faults", dict(TWIN_RULES[fault]))

    def requests(self) -> int:
        return len(self.twin.requests())

    def new_callback(self, state: str) -> dict[str, str]:
        page = self.provider.authorization_url(grant_for(self.provider, state))
        answer = self.twin.http.post(page, data={"decision": "allow", "account": self.account_id})
        assert answer.status_code == 302, answer.text
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    def revoke_at_provider(self) -> None:
        self.act("disconnect")

    def delete(self, kind: type[Record], id: str) -> None:
        self.act("delete_customer" if kind is Customer else "delete_invoice", **{f"{kind.__name__.lower()}_id": id})

    def edit(self, kind: type[Record], id: str) -> None:
        if kind is Customer:
            self.act("rename_customer", customer_id=id, name="Ada Byron")
        else:
            self.act("update_invoice", invoice_id=id, description="Changed by the merchant")

    def expire_cursors(self) -> None:
        """Stripe's cursors are ids: they do not expire."""

    def close(self) -> None:
        self.deliveries.close()


@contextmanager
def build() -> Iterator[Harness]:
    with running_twin() as twin:
        harness = Harness(twin)
        try:
            yield harness
        finally:
            harness.close()
