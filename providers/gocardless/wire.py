"""The way to GoCardless: plain requests over the gated pool. Nothing is repeated here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import orjson

from providers.contract import Gate
from providers.errors import RecordNotFound
from providers.gocardless.errors import Intent, translate
from providers.gocardless.settings import API_VERSION
from providers.transport import SharedPool

# The API's own words are lower-case, its ids are not (GoCardless docs: every id begins with a prefix in capitals).
_WORD = re.compile("[a-z_]*")
_ID = re.compile("[A-Z0-9][A-Za-z0-9]{1,63}")


def path_template(path: str) -> str:
    """The endpoint's name for budgets and logs: /customers/CU123 is /customers/{id}."""
    return "/".join(part if _WORD.fullmatch(part) else "{id}" for part in path.split("/"))


def checked_id(id: str) -> str:
    """`id` if it can be one of GoCardless's and nothing else in a path; else RecordNotFound."""
    if _ID.fullmatch(id) is None:
        raise RecordNotFound("GoCardless does not have this record.")
    return id


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer's JSON and when GoCardless gave it (its Date)."""

    data: dict[str, Any] = field(repr=False)
    as_of: datetime


class Wire:
    """One token's way to one of GoCardless's hosts."""

    def __init__(self, pool: SharedPool, base_url: str, token: str | None, gate: Gate) -> None:
        self._client = pool.client(base_url, gate, path_template)
        self._headers = {"GoCardless-Version": API_VERSION, "Accept": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"

    def send(
        self,
        intent: Intent,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> Answer:
        """Raises what `translate` makes of a failure."""
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        content = None if body is None else orjson.dumps(body)
        try:
            response = self._client.request(method, path, params=params, content=content, data=form, headers=headers)
        except httpx.HTTPError as problem:
            raise translate(problem, intent) from None
        try:
            data = orjson.loads(response.content or b"{}")  # a 204 says nothing
            as_of = parsedate_to_datetime(response.headers["date"])
        except (ValueError, KeyError):
            data, as_of = None, None
        if not response.is_success or not isinstance(data, dict) or as_of is None:
            raise translate(response, intent)
        return Answer(data, as_of)
