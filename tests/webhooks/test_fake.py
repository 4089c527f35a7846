"""The fake provider's signed deliveries, beyond what the contract suite asks of every handler."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from providers.contract import WebhookRequest
from providers.errors import InvalidSignature
from providers.fake.world import FakeWorld, Merchant
from providers.records import Effect
from webhooks.fake import EVENT_TYPES, FakeHandler
from webhooks.handler import SigningSecret

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "https://hub.example/api/webhooks/fake"


def delivery(body: bytes, *, secret: str = "ours", at: datetime = NOW, header: tuple[str, str] | None = None) -> WebhookRequest:
    headers = FakeWorld().sign(body, secret=secret, at=at) | dict([header] if header else [])
    return WebhookRequest(body=body, headers=headers, received_at=NOW)


def accepted(request: WebhookRequest, *secrets: str) -> SigningSecret:
    return FakeHandler().verify(request, [SigningSecret(value=secret) for secret in secrets or ("ours",)], url=URL)


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_time_at_the_very_edge_is_accepted(seconds: int) -> None:
    assert accepted(delivery(b"{}", at=NOW + timedelta(seconds=seconds))).value == "ours"


@pytest.mark.parametrize("seconds", [-301, 301])
def test_time_one_second_past_the_edge_is_refused(seconds: int) -> None:
    request = delivery(b"{}", at=NOW + timedelta(seconds=seconds))
    with pytest.raises(InvalidSignature):
        accepted(request)


@pytest.mark.parametrize("timestamp", ["", "now", "+1772366400", " 1772366400", "01772366400", "1772366400.0", "١٧٧٢٣٦٦٤٠٠"])
def test_time_in_any_other_writing_is_refused(timestamp: str) -> None:
    request = delivery(b"{}", header=("fake-timestamp", timestamp))
    with pytest.raises(InvalidSignature):
        accepted(request)


def test_signature_in_capitals_is_refused() -> None:
    request = delivery(b"{}")
    capitals = delivery(b"{}", header=("fake-signature", request.headers["fake-signature"].upper()))
    with pytest.raises(InvalidSignature):
        accepted(capitals)


def test_all_that_happens_is_among_the_types_we_register_for() -> None:
    world = FakeWorld()
    merchant = Merchant(world, world.create_account())
    customer, other = merchant.add_customer(), merchant.add_customer()
    invoice = merchant.add_invoice(customer)
    merchant.refund(merchant.pay(invoice), 100)
    merchant.merge_customers(other, customer)
    merchant.delete("customer", customer)
    world.disconnect(merchant.account_id)
    bodies = world.event_bodies(merchant.account_id)
    assert {orjson.loads(body)["type"] for body in bodies} <= EVENT_TYPES
    effects = [event.effect for body in bodies for event in FakeHandler().events(body)]
    assert Effect.OTHER not in effects
    assert effects[-1] is Effect.DISCONNECTED
