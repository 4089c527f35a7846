"""A hub in this process whose web application takes the fake provider's signed deliveries."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from hub import clock, db, process, queue
from hub.http import create_app
from hub.models import WebhookEvent
from tests.integration.fixtures import door, provider_name, scene, twins
from tests.sync.hub_in_process import HubInProcess, build
from tests.whole_run.answers import searched
from webhooks import receive
from webhooks.process import process_integration

__all__ = ["door", "provider_name", "receiving", "scene", "twins"]


@dataclass
class Receiving:
    """The hub, its HTTP client, and the provider's hand on the other side."""

    hub: HubInProcess
    client: FlaskClient

    def last_event(self) -> bytes:
        return self.hub.world.event_bodies(self.hub.account_id)[-1]

    def deliver(self, body: bytes, *, secret: str | None = None, **headers: str) -> TestResponse:
        """As the provider would: signed now, over these bytes."""
        signed = self.hub.world.sign(body, secret=secret or self.hub.world.signing_secrets[0], at=clock.now())
        return self.client.post("/api/webhooks/fake", data=body, headers={**signed, **headers})

    def events(self) -> list[WebhookEvent]:
        return list(self.hub.rows(WebhookEvent))

    def process(self) -> None:
        process_integration(self.hub.tenant_id, self.hub.integration_id)


@pytest.fixture
def receiving(database_url: str, tmp_path: Path) -> Iterator[Receiving]:
    hub = build(database_url, tmp_path)
    os.environ["FAKE_WEBHOOK_SECRETS"] = ",".join(hub.world.signing_secrets)
    receive.receivers.forget()
    with db.system_session() as session:  # the tests of one worker share a database, and the fake's ids repeat in each world
        session.connection().exec_driver_sql("DELETE FROM webhook_event_ids WHERE provider = 'fake'")
    queue.register({"process_events": process_integration})
    app = searched(create_app(process.settings(), (receive.blueprint,)))
    yield Receiving(hub, app.test_client())
    del os.environ["FAKE_WEBHOOK_SECRETS"]
    receive.receivers.forget()
    queue.register({})
