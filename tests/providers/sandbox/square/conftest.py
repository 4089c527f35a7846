"""An empty Square twin for each test, over real HTTP; answers are held against Square's published schema if it is at hand."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from providers.sandbox.core.server import serving
from providers.sandbox.square import create_twin
from tests.contract.checked_run import probe_exchanges
from tests.providers.sandbox.square.published_schema import PublishedSchema
from tests.providers.sandbox.square.receiver import Receiver, receiving
from tests.providers.sandbox.square.shop import Shop, TwinClient

EVENT_TYPES = [
    *(f"customer.{what}" for what in ("created", "updated", "deleted")),
    *(f"invoice.{what}" for what in ("created", "published", "updated", "payment_made", "canceled", "refunded", "deleted")),
    *(f"{noun}.{what}" for noun in ("payment", "refund", "order", "location") for what in ("created", "updated")),
    "invoice.scheduled_charge_failed",
    *(f"card.{what}" for what in ("created", "disabled", "automatically_updated", "forgotten")),
    *(f"{noun}.{what}" for noun in ("subscription", "terminal.checkout") for what in ("created", "updated")),
    *(f"dispute.{what}" for what in ("created", "state.updated", "evidence.created", "evidence.deleted")),
    *(f"payout.{what}" for what in ("sent", "paid", "failed")),
    "catalog.version.updated",
    "inventory.count.updated",
    "oauth.authorization.revoked",
]


@pytest.fixture(scope="session")
def published_schema() -> PublishedSchema | None:
    folder = os.environ.get("PAYHUB_CONTRACT_SPECS")
    return PublishedSchema(Path(folder)) if folder else None


@pytest.fixture(scope="session")
def base_url() -> Iterator[str]:
    with serving(create_twin({}), exchanges=probe_exchanges("square")) as base_url:
        yield base_url


@pytest.fixture(scope="session")
def transport() -> Iterator[httpx.HTTPTransport]:
    """Connections shared by all clients of a test run: making them anew for each is most of the cost of a client."""
    with httpx.HTTPTransport(verify=False) as transport:
        yield transport


@pytest.fixture
def twin(base_url: str, transport: httpx.HTTPTransport, published_schema: PublishedSchema | None) -> Iterator[TwinClient]:
    hooks: dict[str, list[Callable[..., Any]]] = {"response": [published_schema.look_at]} if published_schema else {}

    def new_client(**options: Any) -> httpx.Client:
        return httpx.Client(event_hooks=hooks, transport=transport, trust_env=False, timeout=10, **options)

    twin = TwinClient(base_url, new_client(base_url=base_url), new_client)
    twin.control("reset")
    yield twin
    if published_schema:
        deviations, published_schema.deviations = published_schema.deviations, []
        assert deviations == []


@pytest.fixture
def shop(twin: TwinClient) -> Shop:
    return Shop(twin)


@pytest.fixture
def receiver(twin: TwinClient, published_schema: PublishedSchema | None) -> Iterator[Receiver]:
    """Subscribed to every event type the tests know."""
    with receiving() as receiver:
        subscription = {"name": "All", "event_types": EVENT_TYPES, "notification_url": receiver.url}
        response = twin.owner().post("/v2/webhooks/subscriptions", json={"subscription": subscription})
        assert response.status_code == 200, response.text
        receiver.subscription = response.json()["subscription"]
        yield receiver
    for delivery in receiver.received:
        if published_schema and delivery.event["type"] in EVENT_TYPES:
            published_schema.look_at_event(delivery.event)


@pytest.fixture
def eventually() -> Callable[..., None]:
    def wait(holds: Callable[[], Any], seconds: float = 5.0) -> None:
        """Until the condition holds; fails when it does not within the time."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, "did not happen in time"
            time.sleep(0.02)

    return wait
