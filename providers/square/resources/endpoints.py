"""Webhook subscriptions of our application: one serves every seller."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from providers.contract import Verb
from providers.errors import Unsupported
from providers.records import Draft, Endpoint, EndpointDraft, Page, Window
from providers.square.cursor import Place
from providers.square.errors import Intent
from providers.square.mapping.endpoint import endpoint, subscription_json
from providers.square.wire import Wire, checked_id


class Endpoints:
    """Over the application owner's token: a seller's own token is refused."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
        self, *, created: Window | None, changed_since: datetime | None, cursor: str | None, open_only: bool
    ) -> Page[Endpoint]:
        place = Place.unpacked(cursor)
        params = {"include_disabled": "true", "limit": "100"}
        if place.square_cursor:
            params["cursor"] = place.square_cursor
        answer = self._wire.read("GET", "/v2/webhooks/subscriptions", params=params)
        records = tuple([endpoint(raw, as_of=answer.as_of) for raw in answer.data.get("subscriptions") or ()])
        return Page(records=records, next_cursor=place.after(answer.data.get("cursor"), []))

    def get(self, id: str) -> Endpoint:
        answer = self._wire.read("GET", f"/v2/webhooks/subscriptions/{checked_id(id)}")
        return endpoint(answer.data["subscription"], as_of=answer.as_of)

    def create(self, draft: Draft[Any], *, key: str) -> Endpoint:
        """Also switches on the events feed: what happens before is never searchable (Square docs: events-api/overview)."""
        wanted = subscription_json(_endpoint_draft(draft))
        answer = self._wire.write(
            Intent.CREATE, lambda sdk: sdk.webhooks.subscriptions.create, subscription=wanted, idempotency_key=key
        )
        self._wire.write(Intent.KEYED, lambda sdk: sdk.events.enable_events)
        return endpoint(answer.data["subscription"], as_of=answer.as_of)

    def update(self, id: str, draft: Draft[Any], *, version: str | None, key: str) -> Endpoint:
        wanted = subscription_json(_endpoint_draft(draft))
        answer = self._wire.write(
            Intent.UNKEYED, lambda sdk: sdk.webhooks.subscriptions.update, checked_id(id), subscription=wanted
        )
        return endpoint(answer.data["subscription"], as_of=answer.as_of)

    def perform(self, verb: Verb, id: str, *, version: str | None, key: str) -> Endpoint:
        """DELETE answers with the endpoint as it was, inactive. ROTATE: the new key counts at once; the old one still signs
        what is being retried."""
        current = self.get(id)
        if verb is Verb.DELETE:
            answer = self._wire.write(Intent.UNKEYED, lambda sdk: sdk.webhooks.subscriptions.delete, checked_id(id))
            return endpoint({**current.raw, "enabled": False}, as_of=answer.as_of)
        if verb is not Verb.ROTATE:
            raise Unsupported(f"Square cannot {verb} a webhook subscription")
        answer = self._wire.write(
            Intent.KEYED, lambda sdk: sdk.webhooks.subscriptions.update_signature_key, checked_id(id), idempotency_key=key
        )
        return endpoint({**current.raw, "signature_key": answer.data.get("signature_key")}, as_of=answer.as_of)


def _endpoint_draft(draft: Draft[Any]) -> EndpointDraft:
    if not isinstance(draft, EndpointDraft):
        raise Unsupported(f"Square cannot write a webhook subscription from {type(draft).__name__}")
    return draft
