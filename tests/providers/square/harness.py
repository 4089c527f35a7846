"""Square for the conformance suite: the twin over real HTTP, one seller with two locations."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from providers.contract import Account, Gate, OpenGate, Provider, WebhookRequest
from providers.records import (
    CatalogItem,
    Customer,
    Dispute,
    Endpoint,
    InventoryCount,
    Invoice,
    Location,
    Payment,
    PaymentMethod,
    Payout,
    Record,
    Refund,
)
from providers.square.provider import SquareProvider
from tests.contract.faults import TWIN_RULES, Fault
from tests.contract.harness import REDIRECT_URI, grant_for
from tests.providers.square.twin import Twin, running_twin
from webhooks.handler import SigningSecret, WebhookHandler
from webhooks.square import SIGNATURE_HEADER, SquareHandler

CURSOR_LIFE = timedelta(minutes=5)
SETTLE_TRIES, SETTLE_SECONDS = 80, 0.05


class Harness:
    name: str = "square"
    speaks_http: bool = True
    url: str = "https://hub.example/api/webhooks/square"
    device_id: str = "da40d603-c2ea-4a65-8cfd-f42e36dab0c7"  # Square's test device that is offline: nobody pays by itself
    provider: Provider
    handler: WebhookHandler
    secrets: Sequence[SigningSecret]

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self.provider = SquareProvider.from_env(twin.environment())
        self._faults = 0
        self.handler = SquareHandler.from_env(twin.environment())
        self.secrets = [SigningSecret(value=secrets.token_urlsafe(16)), SigningSecret(value=secrets.token_urlsafe(16))]
        made = twin.control("POST", "accounts", {"name": "Corner Shop", "locations": [{"name": "Main"}, {"name": "Market"}]})
        self.account_id: str = made["merchant_id"]
        self.own_token: str = made["access_token"]
        twin.api(twin.ready["access_token"], "PUT", "/v2/events/enable")
        self.credentials = self.provider.exchange(self.new_callback("first"), grant_for(self.provider, "first"))

    def account(self, gate: Gate | None = None) -> Account:
        return self.provider.account(self.credentials, gate=gate or OpenGate())

    def seed(self, kind: type[Record], n: int) -> list[str]:
        if kind in (Customer, Payment):
            name = "customers" if kind is Customer else "payments"
            return self._seed(**{name: n})[f"{name.removesuffix('s')}_ids"]
        if kind is Invoice:
            return self._seed(customers=1, invoices=n, paid_share=0)["invoice_ids"]
        makers: dict[type[Record], Callable[[], str]] = {
            Refund: self._refund,
            Location: lambda: str(self.act("location_create", name=f"Stand {secrets.token_hex(4)}")["location"]["id"]),
            PaymentMethod: self._card,
            Endpoint: self._endpoint,
            Dispute: lambda: str(self.act("dispute_open", payment_id=self._sale())["dispute"]["id"]),
            Payout: self._payout,
            CatalogItem: lambda: str(self.act("catalog_item", name="Tap", price=2_500, sku="TAP-1")["variation_id"]),
            InventoryCount: self._count,
        }
        return [makers[kind]() for _ in range(n)]

    def sign(self, event_body: bytes, *, secret: str | None = None, timestamp_offset_seconds: int = 0) -> WebhookRequest:
        key = secret if secret is not None else self.secrets[0].value
        signature = base64.b64encode(hmac.digest(key.encode(), self.url.encode() + event_body, hashlib.sha256)).decode()
        headers = {SIGNATURE_HEADER: signature, "content-type": "application/json", "square-environment": "Sandbox"}
        return WebhookRequest(body=event_body, headers=headers, received_at=datetime.now(UTC))

    def sample_event(self) -> bytes:
        [customer_id] = self.seed(Customer, 1)
        self.edit(Customer, customer_id)
        query = {"filter": {"event_types": ["customer.updated"]}, "sort": {"field": "DEFAULT", "order": "DESC"}}
        found = self.twin.api(self.twin.ready["access_token"], "POST", "/v2/events", {"query": query, "limit": 10})
        return next(orjson.dumps(event) for event in found["events"] if event["data"]["id"] == customer_id)

    def fail_next(self, fault: Fault) -> None:
        self._faults += 1
        self.twin.control("POST", "faults", TWIN_RULES[fault])

    def requests(self) -> int:
        """The twin notes a request when it has done with it: after the connection is gone, or after our time-out. So wait for
        the faulty one."""
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
        if kind is Customer:
            self.act("customer_delete", customer_id=id)
        elif kind is Invoice:
            self.twin.api(self.own_token, "DELETE", f"/v2/invoices/{id}")
        else:
            raise NotImplementedError(kind.__name__)

    def edit(self, kind: type[Record], id: str) -> None:
        if kind is Customer:
            self.act("customer_update", customer_id=id, given_name=f"Ada {secrets.token_hex(3)}")
        elif kind is Invoice:
            self.act("invoice_update", invoice_id=id, description=f"Changed {secrets.token_hex(3)}")
        elif kind is Location:
            self.act("location_update", location_id=id, name=f"Stand {secrets.token_hex(3)}")
        elif kind is Payment:
            self.act("payment_refund", payment_id=id, amount=1)
        else:
            raise NotImplementedError(kind.__name__)

    def expire_cursors(self) -> None:
        self.twin.control("POST", "clock", {"advance_seconds": CURSOR_LIFE.total_seconds() + 60})

    def close(self) -> None:
        self.twin.close()

    def act(self, action: str, **fields: Any) -> dict[str, Any]:
        return self.twin.act(self.account_id, action, **fields)

    def new_card_source(self) -> str:
        return "cnon:card-nonce-ok"

    def evidence_of(self, dispute_id: str) -> str:
        found = self.twin.api(self.own_token, "GET", f"/v2/disputes/{dispute_id}/evidence").get("evidence", [])
        return "\n".join(item.get("evidence_text", "") for item in found)

    def pay_link(self, link_id: str) -> None:
        self.act("link_pay", link_id=link_id)

    def _sale(self) -> str:
        return str(self.act("pos_sale", amount=1_000)["payment"]["id"])

    def _payout(self) -> str:
        """A sale is on the balance once its fee is known."""
        payment_id = self._sale()
        for _ in range(SETTLE_TRIES):
            if self.twin.api(self.own_token, "GET", f"/v2/payments/{payment_id}")["payment"].get("processing_fee"):
                return str(self.act("payout_send")["payout"]["id"])
            time.sleep(SETTLE_SECONDS)
        raise AssertionError("no fee came")

    def _count(self) -> str:
        made = self.act("catalog_item", name="Tap", price=2_500, stock="12")
        [location] = [place for place in self.account().list(Location).records if place.is_main]
        return f"{made['variation_id']}:{location.id}:in_stock"

    def _seed(self, **counts: int) -> dict[str, list[str]]:
        return self.twin.control("POST", "seed", {"account_id": self.account_id, **counts})

    def _refund(self) -> str:
        return str(self.act("payment_refund", payment_id=self._sale(), amount=400)["refund"]["id"])

    def _card(self) -> str:
        [customer_id] = self.seed(Customer, 1)
        body = {
            "idempotency_key": secrets.token_hex(16),
            "source_id": "cnon:card-nonce-ok",
            "card": {"customer_id": customer_id},
        }
        return str(self.twin.api(self.own_token, "POST", "/v2/cards", body)["card"]["id"])

    def _endpoint(self) -> str:
        wanted = {"name": "Seeded", "event_types": ["customer.created"], "notification_url": f"{self.url}/{secrets.token_hex(4)}"}
        body = {"idempotency_key": secrets.token_hex(16), "subscription": wanted}
        return str(
            self.twin.api(self.twin.ready["access_token"], "POST", "/v2/webhooks/subscriptions", body)["subscription"]["id"]
        )


@contextmanager
def build() -> Iterator[Harness]:
    with running_twin(redirect_uris=REDIRECT_URI, fee_delay_seconds="0.1") as twin:
        yield Harness(twin)
