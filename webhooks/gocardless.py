"""GoCardless's signed deliveries: one webhook of our partner app serves every organisation."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

import orjson

from providers.contract import WebhookRequest
from providers.errors import InvalidSignature, Rejected
from providers.gocardless import mapping
from providers.gocardless.settings import API_VERSION, GoCardlessSettings
from providers.records import EndpointDraft, Event
from webhooks.handler import SigningSecret, WebhookHandler

EVENT_TYPES = frozenset(
    f"{resource}.{action}"
    for resource, actions in {
        "payments": "created customer_approval_granted customer_approval_denied submitted confirmed paid_out failed charged_back "
        "chargeback_cancelled cancelled resubmission_requested late_failure_settled chargeback_settled",
        "refunds": "created failed paid refund_settled funds_returned",
        "mandates": "created customer_approval_granted customer_approval_skipped submitted active cancelled failed expired "
        "transferred reinstated replaced consumed blocked",
        "billing_requests": "created fulfilled cancelled failed",
    }.items()
    for action in actions.split()
)


class GoCardlessHandler(WebhookHandler):
    """`live`: whether our registration is the production one; an event does not say itself."""

    provider = "gocardless"

    def __init__(self, *, live: bool = False) -> None:
        self._live = live

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> GoCardlessHandler:
        return cls(live=GoCardlessSettings.from_env(env).live)

    def verify(self, request: WebhookRequest, secrets: Sequence[SigningSecret], *, url: str) -> SigningSecret:
        """hex(HMAC-SHA256(secret, raw body)) (GoCardless docs: signing webhooks).

        No time is signed, so nothing is refused for its age: a replayed delivery has the same event ids and falls to the inbox's
        unique index."""
        given = request.headers.get("webhook-signature", "").encode("utf-8", "surrogatepass")
        matching: SigningSecret | None = None
        for secret in secrets:
            wanted = hmac.digest(secret.value.encode(), request.body, hashlib.sha256).hex().encode()
            # An empty secret would let anyone sign.
            if secret.value and hmac.compare_digest(wanted, given) and matching is None:
                matching = secret
        if matching is None:
            raise InvalidSignature("This delivery is not signed by GoCardless with a secret we know.")
        return matching

    def events(self, body: bytes, *, own_account_id: str | None = None) -> list[Event]:
        """A delivery holds up to 250 events; the inbox keeps each by itself and reads it here again."""
        try:
            raw = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise Rejected("This delivery is not JSON.", code="not_json") from None
        several = raw.get("events") if isinstance(raw, Mapping) else None
        found = several if isinstance(several, list) else [raw]
        return [mapping.event(one, live=self._live, own_account_id=own_account_id) for one in found]

    def wanted_endpoint(self, url: str) -> EndpointDraft:
        """As the app's webhook is to be set up by hand in GoCardless's dashboard; its API makes none."""
        return EndpointDraft(url=url, event_types=EVENT_TYPES, api_version=API_VERSION)
