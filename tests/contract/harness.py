"""What a provider brings to the conformance suite: tests/providers/<name>/harness.py has a `build()` that gives one of these."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import ClassVar, Protocol, cast

from providers.contract import Account, Credentials, Gate, Grant, Provider, WebhookRequest
from providers.records import Customer, Payment, Record
from tests.contract.faults import Fault
from webhooks.handler import SigningSecret, WebhookHandler

REDIRECT_URI = "https://hub.example/api/integrations/payments/callback"
CODE_VERIFIER = "a-code-verifier-of-more-than-forty-three-characters"


class Harness(Protocol):
    """One provider with one connected account, and a hand on the other side."""

    name: str
    speaks_http: bool
    """False for a provider in memory: cases about the wire are not run for it."""
    provider: Provider
    credentials: Credentials
    """Of the connected account; lists of a fresh one may already hold a few records."""
    handler: WebhookHandler
    secrets: Sequence[SigningSecret]
    """What a delivery may be signed with; `sign` uses the first unless told. Two or more, as during a rotation."""
    url: str
    """The notification URL as registered."""
    device_id: str
    """A card reader of the account; needed only where the provider takes terminal checkouts."""

    def account(self, gate: Gate = ...) -> Account: ...

    def seed(self, kind: type[Record], n: int) -> list[str]:
        """Make n records at the provider, not through the adapter; their ids. Invoices are open, payments succeeded, payment
        methods chargeable and attached to a customer, subscriptions active, disputes waiting for the merchant's answer, payment
        links unpaid; a payout holds an entry about a payment, and each inventory count is of a variation of its own. Many may
        share one moment of creation."""

    def new_card_source(self) -> str:
        """What a payer's browser brings when a card that works is to be saved: PaymentMethodDraft.source."""

    def evidence_of(self, dispute_id: str) -> str:
        """All evidence that the provider keeps for this dispute, as one text."""

    def pay_link(self, link_id: str) -> None:
        """A payer opens the payment link and pays it."""

    def sign(self, event_body: bytes, *, secret: str | None = None, timestamp_offset_seconds: int = 0) -> WebhookRequest:
        """The delivery of this body as the provider would send it, signed so many seconds after `received_at`. Where the
        provider signs no time, the offset changes nothing."""

    def sample_event(self) -> bytes:
        """The body of a real delivery of one event: a record of `told_kind(provider)` has just changed; a new event at each
        call."""

    def retyped(self, event_body: bytes, event_type: str) -> bytes:
        """The same event under another type; needed only where the body's member `type` is not all that says it."""

    def collect(self, payment_id: str) -> None:
        """The bank pays what was charged; needed only where the provider does not say `pays_at_once`."""

    def fail_next(self, fault: Fault) -> None:
        """The next request the provider gets goes wrong like this; later ones do not."""

    def requests(self) -> int:
        """How many requests the provider has seen so far (a fault counts as seen)."""

    def new_callback(self, state: str) -> dict[str, str]:
        """Consent given anew, for the same account, on the page at `authorization_url(grant_for(provider, state))`: the query
        that comes back."""

    def revoke_at_provider(self) -> None:
        """The merchant disconnects us on the provider's side."""

    def delete(self, kind: type[Record], id: str) -> None:
        """The merchant deletes a record."""

    def edit(self, kind: type[Record], id: str) -> None:
        """The merchant changes something visible of a record."""

    def expire_cursors(self) -> None:
        """Let so much of the provider's time pass that a listing begun before cannot be continued. Nothing, where cursors do
        not expire."""

    def remove_endpoints(self) -> None:
        """Of a real sandbox, which takes a few only: those that the suite made."""

    def close(self) -> None: ...


def told_kind(provider: Provider) -> type[Record]:
    """The kind by which the suite looks at events: customers where they are told, else payments."""
    return Customer if provider.capabilities[Customer].told_by_events else Payment


def grant_for(provider: Provider, state: str) -> Grant:
    """The attempt to which `new_callback(state)` belongs."""
    return Grant(redirect_uri=REDIRECT_URI, state=state, code_verifier=CODE_VERIFIER if provider.uses_pkce else None)


Build = Callable[[], AbstractContextManager[Harness]]


class Where:
    """Against what the suite is run: the twins, or (`pytest -m live`) the providers' own sandboxes."""

    is_live: ClassVar[bool] = False


def find_build(name: str) -> Build:
    """The provider's `build`. A provider without a harness is an error, not a skip."""
    module_name = f"tests.live.{name}" if Where.is_live else f"tests.providers.{name}.harness"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as missing:
        if missing.name is None or not module_name.startswith(missing.name):
            raise
        raise LookupError(
            f"Provider {name!r} is registered in providers.registry but brings no {module_name.replace('.', '/')}.py. "
            "The conformance suite cannot vouch for it; docs/adding-a-provider.md says what to write."
        ) from missing
    return cast(Build, module.build)
