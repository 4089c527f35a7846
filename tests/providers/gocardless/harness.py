"""GoCardless for the conformance suite: the twin over real HTTP, one organisation."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import orjson

from providers.contract import Account, Gate, OpenGate, Provider, WebhookRequest
from providers.gocardless.provider import GoCardlessProvider
from providers.records import Customer, Payment, PaymentMethod, Record, Refund
from tests.contract.faults import TWIN_RULES, Fault
from tests.contract.harness import REDIRECT_URI, grant_for
from tests.providers.gocardless.twin import Twin, running_twin
from webhooks.gocardless import GoCardlessHandler
from webhooks.handler import SigningSecret, WebhookHandler

SETTLE_TRIES, SETTLE_SECONDS = 80, 0.05
SEEDED: dict[type[Record], str] = {Customer: "customers", Payment: "payments", PaymentMethod: "mandates"}


class Harness:
    name: str = "gocardless"
    speaks_http: bool = True
    url: str = "https://hub.example/api/webhooks/gocardless"
    device_id: str = ""
    provider: Provider
    handler: WebhookHandler
    secrets: Sequence[SigningSecret]

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self._faults = 0
        self.provider = GoCardlessProvider.from_env(twin.environment())
        self.handler = GoCardlessHandler.from_env(twin.environment())
        self.secrets = [SigningSecret(value=secrets.token_urlsafe(16)), SigningSecret(value=secrets.token_urlsafe(16))]
        self.account_id: str = twin.control("POST", "accounts", {"name": "Corner Shop"})["id"]
        self.credentials = self.provider.exchange(self.new_callback("first"), grant_for(self.provider, "first"))

    def account(self, gate: Gate | None = None) -> Account:
        return self.provider.account(self.credentials, gate=gate or OpenGate())

    def seed(self, kind: type[Record], n: int) -> list[str]:
        if kind is Refund:
            raise NotImplementedError("refunds are made through the API")
        name = SEEDED[kind]
        found: list[str] = self.twin.control("POST", "seed", {"account_id": self.account_id, name: n})[f"{name}_ids"]
        return found

    def sign(self, event_body: bytes, *, secret: str | None = None, timestamp_offset_seconds: int = 0) -> WebhookRequest:
        key = secret if secret is not None else self.secrets[0].value
        headers = {"webhook-signature": hmac.digest(key.encode(), event_body, hashlib.sha256).hex()}
        return WebhookRequest(
            body=event_body, headers={**headers, "content-type": "application/json"}, received_at=datetime.now(UTC)
        )

    def sample_event(self) -> bytes:
        """As delivered: in an envelope, with the organisation among the links."""
        [payment_id] = self.seed(Payment, 1)
        self.act("payment_charge_back", id=payment_id)
        headers = {"Authorization": f"Bearer {self.credentials.access_token}", "GoCardless-Version": "2015-07-06"}
        [event] = self.twin.http.get("/events", params={"payment": payment_id}, headers=headers).json()["events"]
        event["links"]["organisation"] = self.account_id
        return orjson.dumps({"events": [event], "meta": {"webhook_id": f"WB{secrets.token_hex(6)}"}})

    def retyped(self, event_body: bytes, event_type: str) -> bytes:
        delivery = orjson.loads(event_body)
        resource, _, action = event_type.partition(".")
        delivery["events"][0] |= {"resource_type": resource, "action": action}
        return orjson.dumps(delivery)

    def collect(self, payment_id: str) -> None:
        self.act("payment_confirm", id=payment_id)

    def pay_link(self, link_id: str) -> None:
        self.act("link_pay", id=link_id)

    def fail_next(self, fault: Fault) -> None:
        self._faults += 1
        self.twin.control("POST", "faults", TWIN_RULES[fault])

    def requests(self) -> int:
        """The twin notes a request when it has done with it, so wait for the faulty one."""
        for _ in range(SETTLE_TRIES):
            seen = self.twin.control("GET", "requests")["requests"]
            if sum(entry["fault"] is not None for entry in seen) >= self._faults:
                return len(seen)
            time.sleep(SETTLE_SECONDS)
        raise AssertionError("a fault was asked for and hit no request")

    def new_callback(self, state: str) -> dict[str, str]:
        url = self.provider.authorization_url(grant_for(self.provider, state))
        return dict(self.twin.consent(url, self.account_id).params)

    def revoke_at_provider(self) -> None:
        self.act("revoke")

    def delete(self, kind: type[Record], id: str) -> None:
        assert kind is Customer
        self.act("customer_remove", id=id)

    def edit(self, kind: type[Record], id: str) -> None:
        assert kind is Customer
        self.act("customer_edit", id=id, given_name=f"Ada {secrets.token_hex(3)}")

    def expire_cursors(self) -> None:
        """They do not expire: a cursor is the place of a record."""

    def new_card_source(self) -> str:
        raise NotImplementedError("GoCardless takes no cards")

    def evidence_of(self, dispute_id: str) -> str:
        raise NotImplementedError("GoCardless has no disputes")

    def close(self) -> None:
        self.twin.http.close()

    def act(self, action: str, **fields: Any) -> dict[str, Any]:
        return self.twin.control("POST", "act", {"account_id": self.account_id, "action": action, **fields})


@contextmanager
def build() -> Iterator[Harness]:
    with running_twin(redirect_uris=REDIRECT_URI) as twin:
        yield Harness(twin)
