"""The fake provider for the conformance suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from providers.contract import Account, Gate, OpenGate, WebhookRequest
from providers.fake.mapping import KINDS
from providers.fake.provider import FakeProvider
from providers.fake.world import FakeWorld, Merchant
from providers.records import Record
from tests.contract.faults import Fault
from tests.contract.harness import grant_for
from webhooks.fake import FakeHandler
from webhooks.handler import SigningSecret


class Harness:
    name: ClassVar[str] = "fake"
    speaks_http: ClassVar[bool] = False
    device_id: ClassVar[str] = "fake_reader_1"
    url: ClassVar[str] = "https://hub.example/api/webhooks/fake"

    def __init__(self) -> None:
        self._ahead = timedelta()
        self.world = FakeWorld(now=self._now)
        self.provider = FakeProvider(self.world)
        self.account_id = self.world.create_account()
        self.merchant = Merchant(self.world, self.account_id)
        self.handler = FakeHandler()
        self.secrets = [SigningSecret(value=value) for value in self.world.signing_secrets]
        self.credentials = self.provider.exchange(self.new_callback("first"), grant_for(self.provider, "first"))

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def account(self, gate: Gate | None = None) -> Account:
        return self.provider.account(self.credentials, gate=gate or OpenGate())

    def seed(self, kind: type[Record], n: int) -> list[str]:
        acts: dict[str, Callable[[], str]] = {
            "customer": self.merchant.add_customer,
            "invoice": lambda: self.merchant.add_invoice(self.merchant.add_customer()),
            "payment": self.merchant.add_payment,
            "refund": lambda: self.merchant.refund(self.merchant.add_payment(), 100),
            "payment_method": lambda: self.merchant.add_payment_method(self.merchant.add_customer()),
            "location": lambda: self.merchant.add_location("Second shop"),
            "subscription": lambda: self.merchant.add_subscription(self.merchant.add_customer()),
            "dispute": lambda: self.merchant.add_dispute(self.merchant.add_payment()),
            "payout": lambda: self.merchant.add_payout(self.merchant.add_payment(), self.merchant.add_payment(1_000)),
            "catalog_item": self.merchant.add_catalog_item,
            "inventory_count": lambda: self.merchant.count(self.merchant.add_catalog_item()),
        }
        return [acts[KINDS[kind][0]]() for _ in range(n)]

    def new_card_source(self) -> str:
        return "fake_card_ok"

    def evidence_of(self, dispute_id: str) -> str:
        return str(self.world.books(self.account_id).shelves["dispute"].get(dispute_id)["evidence"])

    def pay_link(self, link_id: str) -> None:
        self.merchant.pay_link(link_id)

    def sign(self, event_body: bytes, *, secret: str | None = None, timestamp_offset_seconds: int = 0) -> WebhookRequest:
        received_at = self._now()
        signed_at = received_at + timedelta(seconds=timestamp_offset_seconds)
        headers = self.world.sign(event_body, secret=self.secrets[0].value if secret is None else secret, at=signed_at)
        return WebhookRequest(body=event_body, headers=headers, received_at=received_at)

    def sample_event(self) -> bytes:
        self.merchant.edit("customer", self.merchant.add_customer(), family_name="Byron")
        return self.world.event_bodies(self.account_id)[-1]

    def fail_next(self, fault: Fault) -> None:
        self.world.fail_next(fault.value)

    def requests(self) -> int:
        return self.world.requests_seen

    def new_callback(self, state: str) -> dict[str, str]:
        page = self.provider.authorization_url(grant_for(self.provider, state))
        return self.world.consent(page, self.account_id)

    def revoke_at_provider(self) -> None:
        self.world.disconnect(self.account_id)

    def delete(self, kind: type[Record], id: str) -> None:
        self.merchant.delete(KINDS[kind][0], id)

    def edit(self, kind: type[Record], id: str) -> None:
        changes = {"customer": {"family_name": "Byron"}, "invoice": {"description": "Changed by the merchant"}}
        self.merchant.edit(KINDS[kind][0], id, **changes[KINDS[kind][0]])

    def expire_cursors(self) -> None:
        self._ahead += timedelta(minutes=6)

    def close(self) -> None:
        return


@contextmanager
def build() -> Iterator[Harness]:
    yield Harness()
