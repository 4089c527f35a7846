"""Stripe's test mode for the conformance suite: the platform's own test account, entered by its key."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
import orjson
import pytest

from providers.contract import OpenGate, WebhookRequest
from providers.records import Customer, Dispute, Endpoint, EndpointDraft, Invoice, Payment, PaymentMethod, Record, Refund
from providers.stripe.provider import StripeProvider
from providers.stripe.settings import API_VERSION
from tests.live.common import SandboxHarness, good
from tests.live.environment import missing, upstream
from tests.live.relay import Relay, relayed
from webhooks.stripe import StripeHandler

PATIENCE_SECONDS, PAUSE_SECONDS = 60, 2


class Harness(SandboxHarness):
    name: ClassVar[str] = "stripe"

    def __init__(self, relay: Relay, base_url: str) -> None:
        super().__init__(relay)
        key = os.environ["LIVE_STRIPE_SECRET_KEY"].strip()
        env = {
            "STRIPE_CLIENT_ID": os.environ["LIVE_STRIPE_CLIENT_ID"],
            "STRIPE_SECRET_KEY": key,
            "STRIPE_API_BASE": relay.url,
            "STRIPE_CONNECT_BASE": relay.url,
        }
        self.provider = StripeProvider.from_env(env)
        self.handler = StripeHandler.from_env(env)
        self.credentials = self.provider.credentials_from_key(key)
        headers = {"Authorization": f"Bearer {key}", "Stripe-Version": API_VERSION}
        self.api = httpx.Client(base_url=base_url, headers=headers, timeout=60)
        self.makers = {
            Customer: self._customer,
            Invoice: self._invoice,
            Payment: self._payment,
            Refund: lambda: self._make("refunds", payment_intent=self._payment(), amount=500)["id"],
            PaymentMethod: self._card,
            Dispute: self._dispute,
            Endpoint: self._endpoint,
        }

    def sign(self, event_body: bytes, *, secret: str | None = None, timestamp_offset_seconds: int = 0) -> WebhookRequest:
        received_at = datetime.now(UTC)
        signed_at = int((received_at + timedelta(seconds=timestamp_offset_seconds)).timestamp())
        key = self.secrets[0].value if secret is None else secret
        signature = hmac.new(key.encode(), str(signed_at).encode() + b"." + event_body, hashlib.sha256).hexdigest()
        headers = {"stripe-signature": f"t={signed_at},v1={signature}"}
        return WebhookRequest(body=event_body, headers=headers, received_at=received_at)

    def sample_event(self) -> bytes:
        customer_id = self._customer()
        self.edit(Customer, customer_id)
        for _ in range(PATIENCE_SECONDS // PAUSE_SECONDS):
            found = good(self.api.get("/v1/events", params={"type": "customer.updated", "limit": 20}))
            for event in found["data"]:
                if event["data"]["object"]["id"] == customer_id:
                    # As a platform's endpoint would hear it; the account's own events name no account.
                    return orjson.dumps({**event, "account": self.credentials.account_id})
            time.sleep(PAUSE_SECONDS)
        raise AssertionError("the events feed told of no change of the customer")

    def new_card_source(self) -> str:
        return str(self._make("payment_methods", **{"type": "card", "card[token]": "tok_visa"})["id"])

    def evidence_of(self, dispute_id: str) -> str:
        return str(good(self.api.get(f"/v1/disputes/{dispute_id}"))["evidence"])

    def delete(self, kind: type[Record], id: str) -> None:
        good(self.api.delete(f"/v1/{'customers' if kind is Customer else 'invoices'}/{id}"))

    def edit(self, kind: type[Record], id: str) -> None:
        assert kind is Customer
        self._make(f"customers/{id}", name=f"Ada {secrets.token_hex(3)}")

    def expire_cursors(self) -> None:
        """Stripe's cursors are ids: they do not expire."""

    def _make(self, path: str, **fields: Any) -> dict[str, Any]:
        return good(self.api.post(f"/v1/{path}", data={name: str(value) for name, value in fields.items()}))

    def _customer(self) -> str:
        return str(self._make("customers", name="Ada Lovelace", email="ada@example.com")["id"])

    def _invoice(self) -> str:
        customer_id = self._customer()
        invoice = self._make("invoices", customer=customer_id, collection_method="send_invoice", days_until_due=30)
        self._make("invoiceitems", customer=customer_id, invoice=invoice["id"], amount=5_000, currency="usd")
        self._make(f"invoices/{invoice['id']}/finalize", auto_advance="false")
        return str(invoice["id"])

    def _payment(self, card: str = "pm_card_visa") -> str:
        asked = {"amount": 4_200, "currency": "usd", "payment_method": card, "confirm": "true"}
        no_redirect = {"automatic_payment_methods[enabled]": "true", "automatic_payment_methods[allow_redirects]": "never"}
        return str(self._make("payment_intents", **asked, **no_redirect)["id"])

    def _card(self) -> str:
        return str(self._make(f"payment_methods/{self.new_card_source()}/attach", customer=self._customer())["id"])

    def _dispute(self) -> str:
        payment_id = self._payment("pm_card_createDispute")
        for _ in range(PATIENCE_SECONDS // PAUSE_SECONDS):
            found = good(self.api.get("/v1/disputes", params={"payment_intent": payment_id}))["data"]
            if found:
                return str(found[0]["id"])
            time.sleep(PAUSE_SECONDS)
        pytest.skip("The sandbox did not dispute the payment in time.")

    def _endpoint(self) -> str:
        wanted = EndpointDraft(url=f"{self.url}/{secrets.token_hex(4)}", event_types=frozenset(["customer.created"]))
        return self.provider.platform(gate=OpenGate()).create(wanted, key=f"ph1live{secrets.token_hex(8)}").id


@contextmanager
def build() -> Iterator[Harness]:
    sentence = missing("stripe", os.environ)
    if sentence is not None:
        pytest.skip(sentence)
    base_url = upstream("stripe", os.environ)
    with relayed(base_url) as relay:
        harness = Harness(relay, base_url)
        try:
            yield harness
        finally:
            harness.close()
