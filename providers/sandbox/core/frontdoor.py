"""The WSGI layer in front of a twin's application: logs each request and applies faults."""

import socket
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wrappers import Response

from providers.sandbox.core.clock import Clock, monotonic, sleep_real
from providers.sandbox.core.faults import FaultKind, FaultRule, Faults
from providers.sandbox.core.requestlog import RequestLog

FAULT_KEY = "twin.fault"
"""environ key of the FaultRule that hit this request."""

SOCKET_KEY = "twin.socket"
"""environ key under which the server puts the client's socket."""

HTML_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
_BEFORE_EFFECT = {FaultKind.RATE_LIMITED, FaultKind.SERVER_ERROR, FaultKind.CONFLICT}


class ConnectionDropped(ConnectionError):
    """Raised to the server: the socket is closed already, nothing may be sent."""


class FrontDoor:
    """Wraps a twin's application.

    account_of: the account a request is about, None if unknown.
    render_fault: answer in the provider's own shape for RATE_LIMITED, SERVER_ERROR(_AFTER) and CONFLICT.
    waits_itself: whether the application does the waiting of a SLOW fault, while its idempotency key is in flight.
    Paths under /_twin and the start page are never logged and never fail.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        clock: Clock,
        faults: Faults,
        requests: RequestLog,
        account_of: Callable[[WSGIEnvironment], str | None],
        render_fault: Callable[[FaultRule, WSGIEnvironment], Response],
        waits_itself: Callable[[WSGIEnvironment], bool] = lambda _environ: False,
        idempotency_key_of: Callable[[WSGIEnvironment], str | None] = lambda environ: environ.get("HTTP_IDEMPOTENCY_KEY"),
    ) -> None:
        self._app = app
        self._clock = clock
        self._faults = faults
        self._requests = requests
        self._account_of = account_of
        self._render_fault = render_fault
        self._waits_itself = waits_itself
        self._idempotency_key_of = idempotency_key_of

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if path == "/" or path.startswith(("/_twin", "/favicon")):
            return self._app(environ, start_response)
        began = monotonic()
        method = environ["REQUEST_METHOD"]
        account = self._account_of(environ)
        fault = self._faults.take(method, path, account)
        status: int | None = None
        dropped = False
        try:
            response = self._answer(fault, environ)
            status = response.status_code
            return response(environ, start_response)
        except ConnectionDropped:
            dropped = True
            raise
        finally:
            self._requests.add(
                at=self._clock.timestamp(),
                method=method,
                path=path,
                query_names=tuple(name for name, _ in parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)),
                account=account,
                status=status,
                idempotency_key=self._idempotency_key_of(environ),
                fault=fault.kind.value if fault else None,
                milliseconds=round((monotonic() - began) * 1000, 3),
            )
            if dropped:  # after the log entry: whoever sees the connection break may look there at once
                close_connection(environ)

    def _answer(self, fault: FaultRule | None, environ: WSGIEnvironment) -> Response:
        if fault is None:
            return self._run(environ)
        environ[FAULT_KEY] = fault
        if fault.kind in _BEFORE_EFFECT:
            return self._render_fault(fault, environ)
        if fault.kind is FaultKind.DROPPED_BEFORE:
            raise ConnectionDropped
        if fault.kind is FaultKind.HTML_ERROR:
            return Response(HTML_PAGE, status=fault.status or 502, content_type="text/html")
        response = self._run(environ)
        if fault.kind is FaultKind.SLOW and not self._waits_itself(environ):
            sleep_real(fault.seconds)
        if fault.kind is FaultKind.DROPPED:
            raise ConnectionDropped
        if fault.kind is FaultKind.SERVER_ERROR_AFTER and response.status_code < 500:
            return self._render_fault(fault, environ)
        if fault.kind is FaultKind.BROKEN_BODY:
            body = response.get_data()
            response.set_data(body[: len(body) // 2])
        return response

    def _run(self, environ: WSGIEnvironment) -> Response:
        return Response.from_app(self._app, environ)


def close_connection(environ: WSGIEnvironment) -> None:
    """Close the client's TCP connection without an answer."""
    connection: Any = environ.get(SOCKET_KEY)
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
