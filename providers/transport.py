"""The one way out to a provider: a shared connection pool, and the account's gate around every request."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

from providers.card_numbers import without_card_numbers
from providers.contract import Gate

TIMEOUT_SECONDS = 10.0
_LIMITS = httpx.Limits(max_connections=64, max_keepalive_connections=32, keepalive_expiry=30.0)


class SharedPool:
    """One connection pool per process and provider. Made at the first request, so that a fork before it is harmless."""

    def __init__(self) -> None:
        self._transport: httpx.HTTPTransport | None = None

    @property
    def transport(self) -> httpx.HTTPTransport:
        if self._transport is None:
            self._transport = httpx.HTTPTransport(limits=_LIMITS, retries=0, trust_env=False)
        return self._transport

    def client(self, base_url: str, gate: Gate, path_template: Callable[[str], str]) -> httpx.Client:
        """A light client over the shared pool whose every request passes `gate`.

        `path_template` turns a path into the provider's endpoint name ("/v1/customers/{id}"), by which budgets are counted.
        Redirects are not followed; nothing is repeated."""
        return httpx.Client(
            base_url=base_url,
            transport=GatedTransport(self, gate, path_template),
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            trust_env=False,
        )


class GatedTransport(httpx.BaseTransport):
    def __init__(self, pool: SharedPool, gate: Gate, path_template: Callable[[str], str]) -> None:
        self._pool = pool
        self._gate = gate
        self._path_template = path_template

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        template = self._path_template(request.url.path)
        self._gate.before(request.method, template)
        started = time.monotonic()
        try:
            response = self._pool.transport.handle_request(request)
            response.read()
        except BaseException:
            self._gate.after(request.method, template, status=None, seconds=time.monotonic() - started, headers={})
            raise
        headers = {name.lower(): value for name, value in response.headers.items()}
        self._gate.after(
            request.method, template, status=response.status_code, seconds=time.monotonic() - started, headers=headers
        )
        return _without_card_numbers(response)


def _without_card_numbers(response: httpx.Response) -> httpx.Response:
    """The same answer, so that no adapter ever sees a card number that somebody typed into a text."""
    content = without_card_numbers(response.content)
    if content is response.content:
        return response
    framing = ("content-length", "content-encoding", "transfer-encoding")
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in framing]
    return httpx.Response(response.status_code, headers=headers, content=content, extensions=response.extensions)
