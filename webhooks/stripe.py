"""Stripe's signed deliveries: one Connect endpoint hears all connected accounts, an account's own endpoint hears itself."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from providers.contract import WebhookRequest
from providers.errors import InvalidSignature, Rejected
from providers.records import EndpointDraft, Event
from providers.stripe.errors import parsed
from providers.stripe.mapping.event import EVENT_TYPES, event
from providers.stripe.settings import API_VERSION
from webhooks.handler import TOLERANCE, SigningSecret, WebhookHandler

SIGNATURE_HEADER: Final = "stripe-signature"
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_PART: Final = re.compile(r"t=[0-9]{1,12}|v[0-9]{1,2}=[0-9a-f]{1,128}", re.ASCII)
_SCHEME: Final = "v1"  # v0 is a fake one that Stripe puts on test events
_SIGNATURES_MAX: Final = 16  # one per active secret, of which a roll makes two; more is somebody's attempt to keep us busy


class StripeHandler(WebhookHandler):
    provider: ClassVar[str] = "stripe"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> StripeHandler:
        """Needs nothing of the environment: an event says itself whether it is live."""
        return cls()

    def verify(self, request: WebhookRequest, secrets: Sequence[SigningSecret], *, url: str) -> SigningSecret:
        """`t` and one or more `v1`, each the HMAC-SHA256 of "t.body" under one whole secret (Stripe docs: webhooks).

        The time must be near to either side: the SDK's own check lets any future time pass."""
        timestamp, signatures = _signature_parts(request.headers.get(SIGNATURE_HEADER, ""))
        if abs(request.received_at.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
            raise InvalidSignature("The delivery's timestamp is too far from our clock; it may be a replay.")
        message = timestamp.encode() + b"." + request.body
        for secret in secrets:
            expected = hmac.new(secret.value.encode(), message, hashlib.sha256).hexdigest().encode()
            # Bytes: compare_digest refuses text that is not ASCII. An empty secret would let anyone sign.
            if secret.value and any(hmac.compare_digest(expected, given) for given in signatures):
                return secret
        raise InvalidSignature("No signing secret of ours matches the delivery's signature.")

    def events(self, body: bytes, *, own_account_id: str | None = None) -> list[Event]:
        payload = parsed(body)
        if payload is None:
            raise Rejected("The delivery is not JSON.", code="not_json")
        return [event(payload, account_id=own_account_id)]

    def wanted_endpoint(self, url: str) -> EndpointDraft:
        """Stripe renders snapshots in the endpoint's version, fixed at creation: pinned to the one we read."""
        return EndpointDraft(url=url, event_types=EVENT_TYPES, api_version=API_VERSION)


def _signature_parts(header: str) -> tuple[str, list[bytes]]:
    """Timestamp as it was signed, and all v1 signatures. Raises InvalidSignature for any other form."""
    timestamps: list[str] = []
    signatures: list[bytes] = []
    for part in header.split(","):
        if not _PART.fullmatch(part):
            raise InvalidSignature("The Stripe-Signature header is missing or not in Stripe's form.")
        name, _, value = part.partition("=")
        if name == "t":
            timestamps.append(value)
        elif name == _SCHEME:
            signatures.append(value.encode())
    if len(timestamps) != 1 or not _TIMESTAMP.fullmatch(timestamps[0]):
        raise InvalidSignature("The Stripe-Signature header is missing or holds no single timestamp.")
    if not 0 < len(signatures) <= _SIGNATURES_MAX:
        raise InvalidSignature("The Stripe-Signature header holds no v1 signature.")
    return timestamps[0], signatures
