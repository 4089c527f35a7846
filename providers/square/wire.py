"""The way to Square: reads over the gated client with a fast parser, writes with the SDK over the same gate."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import orjson
from square import Square
from square.core.api_error import ApiError
from square.core.request_options import RequestOptions

from providers.contract import Gate
from providers.errors import RecordNotFound, Transient
from providers.square.errors import Intent, translate
from providers.square.settings import API_VERSION
from providers.transport import TIMEOUT_SECONDS, SharedPool

# Path segments that are words of the API; any other segment after the collection's name is an id.
_WORD = re.compile(
    "v2|oauth2|token|status|revoke|customers|invoices|orders|payments|refunds|locations|merchants|cards|events|webhooks|search"
    "|subscriptions|publish|cancel|batch-retrieve|signature-key|test|enable|disable|pause|resume|swap-plan|actions|disputes|accept"
    "|evidence|evidence-text|submit-evidence|payouts|payout-entries|online-checkout|payment-links|catalog|object|inventory|counts"
    "|terminals|checkouts"
)
_ID = re.compile(r"[A-Za-z0-9:_.~-]{1,255}")


def path_template(path: str) -> str:
    """The endpoint's name for budgets and logs: /v2/invoices/inv:0-1/publish is /v2/invoices/{id}/publish."""
    return "/".join(part if not part or _WORD.fullmatch(part) else "{id}" for part in path.split("/"))


def checked_id(id: str) -> str:
    """`id` if it can be one of Square's; else RecordNotFound. The SDK puts ids into paths unescaped."""
    if _ID.fullmatch(id) is None or set(id) == {"."}:
        raise RecordNotFound("Square does not have this record.")
    return id


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer's JSON and when Square gave it (its Date)."""

    data: dict[str, Any] = field(repr=False)
    as_of: datetime


class Wire:
    """One token's way to Square. Nothing is repeated here."""

    def __init__(self, pool: SharedPool, *, base_url: str, token: str | None, gate: Gate) -> None:
        self._pool = pool
        self._base_url = base_url
        self._token = token
        self._gate = gate
        self._headers = {"Square-Version": API_VERSION, "Accept": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._reader = pool.client(base_url, gate, path_template)

    def read(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """GET, or one of Square's searches by POST. Raises what `translate` makes of a failure."""
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        content = None if body is None else orjson.dumps(body)
        try:
            response = self._reader.request(method, path, params=params, content=content, headers=headers)
        except httpx.HTTPError as problem:
            raise translate(problem, Intent.READ) from None
        return _opened(response, Intent.READ)

    def write(
        self,
        intent: Intent,
        service: Callable[[Square], Callable[..., object]],
        *arguments: str,
        headers: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> Answer:
        """One call of the SDK's typed `service`; the answer is taken as it came, not from the SDK's model.

        `headers` come in place of the SDK's own."""
        responses: list[httpx.Response] = []
        client = self._pool.client(self._base_url, self._gate, path_template)
        client.event_hooks = {"response": [responses.append]}
        sdk = Square(
            base_url=self._base_url, token=self._token, httpx_client=client, timeout=TIMEOUT_SECONDS, version=API_VERSION
        )
        # Left to itself the SDK repeats conflicts and server errors twice, writes without a key too.
        options: RequestOptions = {"max_retries": 0, "additional_headers": dict(headers or {})}
        try:
            service(sdk)(*arguments, **fields, request_options=options)
        except (ApiError, httpx.HTTPError, ValueError) as problem:
            # The SDK's errors print the whole answer, so they are not chained.
            raise translate(problem, intent) from None
        return _opened(responses[-1], intent)


def _opened(response: httpx.Response, intent: Intent) -> Answer:
    if response.status_code >= 300:
        raise translate(response, intent)
    try:
        data = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        raise translate(response, intent) from None
    if not isinstance(data, dict):
        raise translate(response, intent)
    try:
        as_of = parsedate_to_datetime(response.headers["date"])
    except (KeyError, ValueError):
        raise Transient("Square's answer carried no date.") from None
    return Answer(data, as_of)
