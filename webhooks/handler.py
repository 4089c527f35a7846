"""What a provider's signed webhook handler must offer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

from providers.contract import WebhookRequest
from providers.records import EndpointDraft, Event

TOLERANCE = timedelta(seconds=300)  # a signed timestamp further away than this, to either side, is refused


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningSecret:
    """One secret that may have signed a delivery. `endpoint_id` is our endpoint's row, None for one from the environment."""

    value: str = field(repr=False)
    endpoint_id: int | None = None


class WebhookHandler(ABC):
    """One provider's signed deliveries. Nothing is parsed before `verify` has passed."""

    provider: ClassVar[str]

    @abstractmethod
    def verify(self, request: WebhookRequest, secrets: Sequence[SigningSecret], *, url: str) -> SigningSecret:
        """The secret that signed the raw bytes; else InvalidSignature. `url` is the notification URL as registered (Square
        signs it). Constant time per secret; our own HMAC over our own clock (`request.received_at`)."""

    @abstractmethod
    def events(self, body: bytes, *, own_account_id: str | None = None) -> list[Event]:
        """The events of a verified body. `own_account_id` names the account of an endpoint that serves just one. An unknown
        type is Effect.OTHER, not an error; a body that is not the provider's JSON raises Rejected. The `raw` of each event is a
        body too, of that one event: so it is kept, and read again when it is processed."""

    @abstractmethod
    def wanted_endpoint(self, url: str) -> EndpointDraft:
        """The registration as it should be: every event type we handle, at the version whose shapes we read."""
