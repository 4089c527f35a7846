"""The fake provider's signed deliveries: HMAC-SHA-256 over timestamp and raw body, hex, in two headers."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import ClassVar

import orjson

from providers.contract import WebhookRequest
from providers.errors import InvalidSignature, Rejected
from providers.fake import mapping
from providers.records import EndpointDraft, Event
from webhooks.handler import TOLERANCE, SigningSecret, WebhookHandler

TIMESTAMP = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
EVENT_TYPES = frozenset(
    f"{kind}.{what}" for kind in mapping.BY_WORD if kind != "endpoint" for what in ("created", "updated", "deleted")
) | {"customer.merged", "account.disconnected"}


class FakeHandler(WebhookHandler):
    provider: ClassVar[str] = "fake"

    def verify(self, request: WebhookRequest, secrets: Sequence[SigningSecret], *, url: str) -> SigningSecret:
        timestamp, signature = request.headers.get("fake-timestamp", ""), request.headers.get("fake-signature", "")
        if TIMESTAMP.fullmatch(timestamp) is None:
            raise InvalidSignature("The delivery carries no readable timestamp.")
        if abs(request.received_at.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
            raise InvalidSignature("The delivery's timestamp is too far from now.")
        # As bytes: compare_digest refuses text that is not ASCII.
        claimed = signature.encode("utf-8", "surrogatepass")
        signed = timestamp.encode() + b"." + request.body
        for secret in secrets:
            expected = hmac.new(secret.value.encode(), signed, hashlib.sha256).hexdigest().encode()
            # An empty secret would let anyone sign.
            if secret.value and hmac.compare_digest(expected, claimed):
                return secret
        raise InvalidSignature("No known secret made this signature.")

    def events(self, body: bytes, *, own_account_id: str | None = None) -> list[Event]:
        try:
            raw = orjson.loads(body)
        except orjson.JSONDecodeError as problem:
            raise Rejected("The delivery is not JSON.", code="not_json") from problem
        if not isinstance(raw, dict):
            raise Rejected("The delivery is not an event of the fake provider.", code="not_an_event")
        return [mapping.event(raw, own_account_id=own_account_id)]

    def wanted_endpoint(self, url: str) -> EndpointDraft:
        return EndpointDraft(url=url, event_types=EVENT_TYPES)
