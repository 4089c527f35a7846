"""The calls for webhook endpoints; the platform's hears all connected accounts, an account's own hears itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from stripe.params import WebhookEndpointCreateParams, WebhookEndpointUpdateParams

from providers.contract import Verb
from providers.errors import Unsupported
from providers.records import Draft, Endpoint, EndpointDraft, JsonObject, Page, Window
from providers.stripe.connection import Answer, Connection
from providers.stripe.mapping.endpoint import endpoint
from providers.stripe.mapping.values import Json
from providers.stripe.resources.base import Resource, options


class Endpoints(Resource[Endpoint]):
    path = "/v1/webhook_endpoints"

    def __init__(self, connection: Connection, *, connect: bool) -> None:
        super().__init__(connection)
        self._connect = connect

    def record(self, raw: Json, as_of: datetime) -> Endpoint:
        return endpoint(raw, as_of)

    def page(
        self, *, created: Window | None, cursor: str | None, open_only: bool = False, parent_id: str | None = None
    ) -> Page[Endpoint]:
        """Stripe takes no time filter here: all are listed."""
        return super().page(created=None, cursor=cursor, open_only=False)

    def create(self, draft: Draft[Endpoint], *, key: str) -> Endpoint:
        """The only answer that holds the secret. The version is fixed for good at creation."""
        assert isinstance(draft, EndpointDraft)
        answer = self._create(draft.url, sorted(draft.event_types), draft.api_version, draft.name, key)
        if not draft.active:
            secret = answer.body.get("secret")
            id = answer.body["id"]
            answer = self.connection.write(
                lambda sdk: sdk.v1.webhook_endpoints.update(id, {"disabled": True}, options(key, "off"))
            )
            answer.body["secret"] = secret
        return endpoint(answer.body, answer.as_of)

    def _create(self, url: str, event_types: list[str], api_version: str | None, name: str, key: str) -> Answer:
        parameters: WebhookEndpointCreateParams = {
            "url": url,
            "enabled_events": cast(Any, event_types),  # the SDK lists each word
            "description": name,
        }
        if api_version is not None:
            parameters["api_version"] = cast(Any, api_version)
        if self._connect:
            parameters["connect"] = True
        return self.connection.write(lambda sdk: sdk.v1.webhook_endpoints.create(parameters, options(key)), creating=True)

    def update(self, id: str, draft: Draft[Endpoint], *, key: str) -> Endpoint:
        """URL, types, name and activity. The version cannot be changed: compare it in the answer, create anew if it matters."""
        assert isinstance(draft, EndpointDraft)
        parameters: WebhookEndpointUpdateParams = {
            "url": draft.url,
            "enabled_events": cast(Any, sorted(draft.event_types)),
            "disabled": not draft.active,
            "description": draft.name,
        }
        answer = self.connection.write(lambda sdk: sdk.v1.webhook_endpoints.update(id, parameters, options(key)))
        return endpoint(answer.body, answer.as_of)

    def perform(self, verb: Verb, id: str, *, key: str, choices: JsonObject) -> Endpoint:
        """ROTATE: Stripe's API cannot roll a secret, so a second endpoint with the same settings is created and returned, with
        a new id and secret. Both deliver the same events until the caller, having kept the new secret, deletes `id`."""
        match verb:
            case Verb.DELETE:
                answer = self.connection.write(lambda sdk: sdk.v1.webhook_endpoints.delete(id), keyed=False)
            case Verb.ROTATE:
                old = self.read_one(self.path, id).body
                answer = self._create(
                    old["url"], sorted(old["enabled_events"]), old.get("api_version"), old.get("description") or "Payhub", key
                )
            case _:
                raise Unsupported(f"Stripe cannot {verb} an endpoint")
        return endpoint(answer.body, answer.as_of)
