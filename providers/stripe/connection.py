"""How requests reach Stripe: plain JSON for reads, the SDK's services for writes, both through one gated client."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

import httpx
import stripe

from providers.contract import Gate
from providers.errors import OutcomeUnknown, Transient
from providers.stripe.errors import Asking, parsed, translate, translate_no_answer, translate_sdk
from providers.stripe.settings import API_VERSION, StripeSettings
from providers.transport import SharedPool

stripe.enable_telemetry = False  # it would write an id file to the home directory at the first request
logging.getLogger("stripe").setLevel(logging.WARNING)  # below it the SDK logs whole bodies: payers, tokens, client secrets

_NAMESPACES = frozenset(["checkout", "billing_portal", "test_helpers"])

Parameters = Sequence[tuple[str, str | int]]


def path_template(path: str) -> str:
    """Stripe's endpoint name of a path: /v1/invoices/in_1/lines is /v1/invoices/{id}/lines."""
    parts = path.split("/")
    if len(parts) > 3 and parts[1] == "v1":
        first_id = 4 if parts[2] in _NAMESPACES else 3
        parts[first_id::2] = ["{id}"] * len(parts[first_id::2])
    return "/".join(parts)


@lru_cache(maxsize=64)
def _moment(date: str) -> datetime:
    """Of a Date header: the answers of one second share it."""
    return parsedate_to_datetime(date)


@dataclass(frozen=True, slots=True)
class Answer:
    """An object as received, and when Stripe said so."""

    body: dict[str, Any]
    as_of: datetime


class GatedHttpClient(stripe.HTTPClient):
    """The SDK's transport over our gated client. httpx's errors and the gate's own pass through the SDK unchanged."""

    name = "httpx"

    def __init__(self, http: httpx.Client) -> None:
        super().__init__()
        self._http = http

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, *, _usage: list[str] | None = None
    ) -> tuple[str, int, Mapping[str, str]]:
        response = self._http.request(method.upper(), url, headers=dict(headers or {}), content=post_data)
        return response.content.decode(errors="replace"), response.status_code, response.headers

    def close(self) -> None:
        return  # the pool is shared by the whole process


class Connection:
    """One account behind one key. `account_id` None: the key's own account, without a Stripe-Account header."""

    def __init__(
        self,
        settings: StripeSettings,
        pool: SharedPool,
        gate: Gate,
        *,
        api_key: str,
        account_id: str | None,
        own_key: bool = False,
    ) -> None:
        self._settings = settings
        self._api_key = api_key
        self._account_id = account_id
        self._own_key = own_key
        self._http = pool.client(settings.api_base, gate, path_template)
        self._headers = {"Authorization": f"Bearer {api_key}", "Stripe-Version": API_VERSION}
        if account_id is not None:
            self._headers["Stripe-Account"] = account_id
        self._sdk: stripe.StripeClient | None = None

    @property
    def page_parameters(self) -> dict[str, str] | None:
        """What Stripe.js needs in a page of ours, besides a client secret: None where we cannot know it (a pasted key's account
        has a publishable key of its own, which nobody told us)."""
        if self._own_key or not self._settings.publishable_key or self._account_id is None:
            return None
        return {"publishable_key": self._settings.publishable_key, "account": self._account_id}

    @property
    def sdk(self) -> stripe.StripeClient:
        if self._sdk is None:
            self._sdk = stripe.StripeClient(
                self._api_key,
                stripe_account=self._account_id,
                client_id=self._settings.client_id or None,
                base_addresses={"api": self._settings.api_base, "connect": self._settings.connect_base},
                http_client=GatedHttpClient(self._http),
                max_network_retries=0,
            )
        return self._sdk

    def read(self, path: str, parameters: Parameters = ()) -> Answer:
        asking = Asking(own_key=self._own_key)
        try:
            response = self._http.get(path, params=list(parameters), headers=self._headers)
        except httpx.HTTPError as problem:
            raise translate_no_answer(problem, asking) from None
        body = parsed(response.content)
        if response.status_code != 200 or body is None or "object" not in body:
            raise translate(response.status_code, body, response.headers, asking)
        date = response.headers.get("date")
        if date is None:
            raise Transient("Stripe's answer carried no date. It will be tried again.")
        return Answer(body, _moment(date))

    def write(self, call: Callable[[stripe.StripeClient], Any], *, keyed: bool = True, creating: bool = False) -> Answer:
        """One request through the SDK. `call` returns the SDK's object, whose answer is read again as plain JSON."""
        asking = Asking(writing=True, keyed=keyed, creating=creating, own_key=self._own_key)
        try:
            answered = call(self.sdk)
        except stripe.StripeError as problem:
            # `from None`: the SDK's exceptions hold the whole answer, which may name persons.
            raise translate_sdk(problem, asking) from None
        except httpx.HTTPError as problem:
            raise translate_no_answer(problem, asking) from None
        response = answered.last_response if isinstance(answered, stripe.StripeObject) else None
        body = parsed(response.body.encode()) if isinstance(response, stripe.StripeResponse) else None
        date = response.headers.get("date") if response is not None else None
        if body is None or "object" not in body or date is None:
            raise OutcomeUnknown("Stripe's answer was no record, or carried no date; the change was probably made.")
        return Answer(body, _moment(date))
