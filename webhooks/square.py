"""Square's signed deliveries: one endpoint of our application serves every seller."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence

import orjson

from providers.contract import WebhookRequest
from providers.errors import InvalidSignature, Rejected
from providers.records import EndpointDraft, Event
from providers.square.mapping.event import EVENT_TYPES, event
from providers.square.settings import API_VERSION, SquareSettings
from webhooks.handler import SigningSecret, WebhookHandler

# The older x-square-signature (HMAC-SHA1) still arrives beside it and proves nothing.
SIGNATURE_HEADER = "x-square-hmacsha256-signature"


class SquareHandler(WebhookHandler):
    """`live`: whether our registration is the production one; a Square event does not say itself."""

    provider = "square"

    def __init__(self, *, live: bool = False) -> None:
        self._live = live

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> SquareHandler:
        return cls(live=SquareSettings.from_env(env).live)

    def verify(self, request: WebhookRequest, secrets: Sequence[SigningSecret], *, url: str) -> SigningSecret:
        """base64(HMAC-SHA256(key, notification URL + raw body)), the key as text (Square docs: webhooks/step3validate).

        Square signs no time, and repeats a delivery for 24 hours, so nothing is refused for its age: a replayed delivery has the
        same event id and falls to the inbox's unique index."""
        given = request.headers.get(SIGNATURE_HEADER, "").encode("utf-8", "surrogatepass")
        signed = url.encode() + request.body
        matching: SigningSecret | None = None
        for secret in secrets:
            wanted = base64.b64encode(hmac.digest(secret.value.encode(), signed, hashlib.sha256))
            # An empty key would let anyone sign.
            if secret.value and hmac.compare_digest(wanted, given) and matching is None:
                matching = secret
        if matching is None:
            raise InvalidSignature("This delivery is not signed by Square with a key we know.")
        return matching

    def events(self, body: bytes, *, own_account_id: str | None = None) -> list[Event]:
        try:
            raw = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise Rejected("This delivery is not JSON.", code="not_json") from None
        return [event(raw, live=self._live, own_account_id=own_account_id)]

    def wanted_endpoint(self, url: str) -> EndpointDraft:
        return EndpointDraft(url=url, event_types=EVENT_TYPES, api_version=API_VERSION)
