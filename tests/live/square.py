"""Square's sandbox for the conformance suite."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar

import httpx
import orjson
import pytest

from providers.contract import Credentials, WebhookRequest
from providers.records import (
    CatalogItem,
    Customer,
    Dispute,
    Endpoint,
    Invoice,
    Location,
    Payment,
    PaymentMethod,
    Record,
    Refund,
)
from providers.square.provider import SquareProvider
from providers.square.settings import API_VERSION
from tests.live.common import SandboxHarness, good
from tests.live.environment import missing, upstream
from tests.live.relay import Relay, relayed
from webhooks.square import SIGNATURE_HEADER, SquareHandler

CARD = "cnon:card-nonce-ok"
DISPUTED_AMOUNT = 8_803  # Square docs, devtools/sandbox/payments: amounts from 88.01 on are disputed by themselves
PATIENCE_SECONDS, PAUSE_SECONDS = 90, 2


class Harness(SandboxHarness):
    name: ClassVar[str] = "square"
    device_id: str = "da40d603-c2ea-4a65-8cfd-f42e36dab0c7"  # the sandbox's reader that is offline

    def __init__(self, relay: Relay, base_url: str) -> None:
        super().__init__(relay)
        env = {
            "SQUARE_ENVIRONMENT": "sandbox",
            "SQUARE_BASE_URL": relay.url,
            "SQUARE_APPLICATION_ID": os.environ["LIVE_SQUARE_APPLICATION_ID"],
            "SQUARE_APPLICATION_SECRET": os.environ["LIVE_SQUARE_APPLICATION_SECRET"],
            "SQUARE_ACCESS_TOKEN": os.environ["LIVE_SQUARE_ACCESS_TOKEN"],
        }
        self.provider = SquareProvider.from_env(env)
        self.handler = SquareHandler.from_env(env)
        known = Credentials(account_id="", refresh_token=os.environ["LIVE_SQUARE_REFRESH_TOKEN"])
        self.credentials = self.provider.refresh(known)
        headers = {"Authorization": f"Bearer {self.credentials.access_token}", "Square-Version": API_VERSION}
        self.api = httpx.Client(base_url=base_url, headers=headers, timeout=60)
        self._owner = {"Authorization": f"Bearer {env['SQUARE_ACCESS_TOKEN']}"}
        good(self.api.put("/v2/events/enable", headers=self._owner))
        place = good(self.api.get("/v2/locations/main"))["location"]
        self._place, self._currency = place["id"], place["currency"]
        # Counting stock would take INVENTORY_WRITE, which the hub does not ask for.
        self.makers = {
            Customer: self._customer,
            Invoice: self._invoice,
            Payment: self._payment,
            Refund: self._refund,
            PaymentMethod: self._card,
            Location: lambda: self._make("locations", location={"name": f"Stand {secrets.token_hex(6)}"})["location"]["id"],
            Endpoint: self._endpoint,
            Dispute: self._dispute,
            CatalogItem: self._item,
        }

    def sign(self, event_body: bytes, *, secret: str | None = None, timestamp_offset_seconds: int = 0) -> WebhookRequest:
        key = secret if secret is not None else self.secrets[0].value
        signature = base64.b64encode(hmac.digest(key.encode(), self.url.encode() + event_body, hashlib.sha256)).decode()
        headers = {SIGNATURE_HEADER: signature, "content-type": "application/json"}
        return WebhookRequest(body=event_body, headers=headers, received_at=datetime.now(UTC))

    def sample_event(self) -> bytes:
        customer_id = self._customer()
        self.edit(Customer, customer_id)
        query = {"filter": {"event_types": ["customer.updated"]}, "sort": {"field": "DEFAULT", "order": "DESC"}}
        for _ in range(PATIENCE_SECONDS // PAUSE_SECONDS):
            found = good(self.api.post("/v2/events", json={"query": query, "limit": 50}, headers=self._owner))
            for event in found.get("events", []):
                if event["data"]["id"] == customer_id:
                    return orjson.dumps(event)
            time.sleep(PAUSE_SECONDS)
        raise AssertionError("the events feed told of no change of the customer")

    def new_card_source(self) -> str:
        return CARD

    def evidence_of(self, dispute_id: str) -> str:
        found = good(self.api.get(f"/v2/disputes/{dispute_id}/evidence")).get("evidence", [])
        return "\n".join(item.get("evidence_text", "") for item in found)

    def delete(self, kind: type[Record], id: str) -> None:
        good(self.api.delete(f"/v2/{'customers' if kind is Customer else 'invoices'}/{id}"))

    def edit(self, kind: type[Record], id: str) -> None:
        assert kind is Customer
        good(self.api.put(f"/v2/customers/{id}", json={"given_name": f"Ada {secrets.token_hex(3)}"}))

    def _make(self, path: str, **body: Any) -> dict[str, Any]:
        return good(self.api.post(f"/v2/{path}", json=body))

    def _keyed(self, path: str, **body: Any) -> dict[str, Any]:
        return self._make(path, idempotency_key=secrets.token_hex(16), **body)

    def _money(self, amount: int) -> dict[str, Any]:
        return {"amount": amount, "currency": self._currency}

    def _customer(self) -> str:
        return str(self._make("customers", given_name="Ada", email_address="ada@example.com")["customer"]["id"])

    def _invoice(self) -> str:
        item = {"name": "Work", "quantity": "1", "base_price_money": self._money(12_500)}
        order = self._make("orders", order={"location_id": self._place, "line_items": [item]})["order"]
        wanted = {
            "location_id": self._place,
            "order_id": order["id"],
            "primary_recipient": {"customer_id": self._customer()},
            "delivery_method": "SHARE_MANUALLY",
            "accepted_payment_methods": {"card": True},
            "payment_requests": [{"request_type": "BALANCE", "due_date": "2035-06-30"}],
        }
        made = self._make("invoices", invoice=wanted)["invoice"]
        self._make(f"invoices/{made['id']}/publish", version=made["version"])
        return str(made["id"])

    def _payment(self, amount: int = 4_200) -> str:
        made = self._keyed("payments", source_id=CARD, amount_money=self._money(amount), location_id=self._place)
        return str(made["payment"]["id"])

    def _refund(self) -> str:
        return str(self._keyed("refunds", payment_id=self._payment(), amount_money=self._money(400))["refund"]["id"])

    def _card(self) -> str:
        return str(self._keyed("cards", source_id=CARD, card={"customer_id": self._customer()})["card"]["id"])

    def _endpoint(self) -> str:
        address = f"{self.url}/{secrets.token_hex(4)}"
        wanted = {"name": "Seeded", "event_types": ["customer.created"], "notification_url": address}
        answer = self.api.post("/v2/webhooks/subscriptions", json={"subscription": wanted}, headers=self._owner)
        return str(good(answer)["subscription"]["id"])

    def _dispute(self) -> str:
        payment_id = self._payment(DISPUTED_AMOUNT)
        for _ in range(PATIENCE_SECONDS // PAUSE_SECONDS):
            for dispute in good(self.api.get("/v2/disputes")).get("disputes", []):
                if dispute["disputed_payment"]["payment_id"] == payment_id:
                    return str(dispute["id"])
            time.sleep(PAUSE_SECONDS)
        pytest.skip("The sandbox did not dispute the payment in time.")

    def _item(self) -> str:
        data = {"name": "Regular", "pricing_type": "FIXED_PRICING", "price_money": self._money(2_500)}
        variation = {"type": "ITEM_VARIATION", "id": "#variation", "item_variation_data": data}
        item = {"type": "ITEM", "id": "#item", "item_data": {"name": "Tap", "variations": [variation]}}
        return str(self._keyed("catalog/object", object=item)["catalog_object"]["item_data"]["variations"][0]["id"])


@contextmanager
def build() -> Iterator[Harness]:
    sentence = missing("square", os.environ)
    if sentence is not None:
        pytest.skip(sentence)
    base_url = upstream("square", os.environ)
    with relayed(base_url) as relay:
        harness = Harness(relay, base_url)
        try:
            yield harness
        finally:
            harness.close()
