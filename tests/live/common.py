"""What both sandboxes have in common: no consent without a person, and a secret of our own to sign with."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import httpx
import pytest

from providers.contract import Account, Credentials, Gate, OpenGate, Provider, Verb
from providers.records import Endpoint, Record
from tests.contract.faults import Fault
from tests.contract.scene import new_key
from tests.live.relay import Relay
from webhooks.handler import SigningSecret, WebhookHandler

OUR_ADDRESS = "https://hub.example/"


class SandboxHarness:
    """Needs of a subclass: `provider`, `credentials`, `handler`, `api` (the sandbox past adapter and relay), `makers`."""

    name: ClassVar[str]
    speaks_http: ClassVar[bool] = True
    url: ClassVar[str] = f"{OUR_ADDRESS}api/webhooks/live"
    device_id: str = ""
    provider: Provider
    credentials: Credentials
    handler: WebhookHandler
    api: httpx.Client
    makers: dict[type[Record], Callable[[], str]]

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.secrets: Sequence[SigningSecret] = [SigningSecret(value=secrets.token_urlsafe(16)) for _ in range(2)]

    def account(self, gate: Gate | None = None) -> Account:
        return self.provider.account(self.credentials, gate=gate or OpenGate())

    def seed(self, kind: type[Record], n: int) -> list[str]:
        if kind not in self.makers:
            pytest.skip(f"The sandbox of {self.name} lets nobody make a {kind.__name__.lower()} by request.")
        return [self.makers[kind]() for _ in range(n)]

    def fail_next(self, fault: Fault) -> None:
        self.relay.fail_next(fault)

    def requests(self) -> int:
        return self.relay.seen

    def new_callback(self, state: str) -> dict[str, str]:
        pytest.skip("A consent needs a person on the provider's page.")

    def revoke_at_provider(self) -> None:
        pytest.skip("It would end the connection that the other cases need.")

    def expire_cursors(self) -> None:
        pytest.skip("It would take minutes of the provider's time.")

    def pay_link(self, link_id: str) -> None:
        pytest.skip("A payment link is paid by a person on the provider's page.")

    def remove_endpoints(self) -> None:
        platform = self.provider.platform(gate=OpenGate())
        for endpoint in platform.list(Endpoint).records:
            if endpoint.url.startswith(OUR_ADDRESS):
                platform.perform(Verb.DELETE, Endpoint, endpoint.id, version=None, key=new_key())

    def close(self) -> None:
        self.api.close()


def good(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:400]}"
    found: dict[str, Any] = answer.json()
    return found
