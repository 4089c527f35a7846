"""A small threaded HTTP/1.1 server for WSGI: keep-alive, one write per answer, no Nagle delay.

werkzeug's development server closes the connection after each answer and waits 10 ms doing so; a provider keeps it open.
"""

import http.client
import io
import itertools
import logging
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication, WSGIEnvironment

from providers.sandbox.core.clock import Clock
from providers.sandbox.core.exchanges import Exchanges
from providers.sandbox.core.frontdoor import FAULT_KEY, SOCKET_KEY
from providers.sandbox.core.twin import Twin

log = logging.getLogger(__name__)

BODY_LIMIT_BYTES = 256 * 1024 * 1024
LINE_LIMIT_BYTES = 65536
STREAMED = "/_twin/"
"""Answers under this path that do not say how long they are go out as they are made."""


class _BadRequest(Exception):
    pass


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    rbufsize = 65536
    server: "HttpServer"

    def handle(self) -> None:
        try:
            while self._one_request():
                pass
        except ConnectionError:
            pass
        except _BadRequest:
            self.connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def _one_request(self) -> bool:
        """Serve one request; False when the connection is to be closed."""
        line = self.rfile.readline(LINE_LIMIT_BYTES)
        if not line:
            return False
        parts = line.split()
        if len(parts) != 3:
            raise _BadRequest
        environ = self._environ(parts[0].decode("latin-1"), parts[1].decode("latin-1"), parts[2].decode("latin-1"))
        if environ.get("HTTP_EXPECT", "").lower() == "100-continue":
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        request_body = self._body(environ)
        environ["wsgi.input"] = io.BytesIO(request_body)
        keep_alive: bool = environ["SERVER_PROTOCOL"] == "HTTP/1.1" and environ.get("HTTP_CONNECTION", "").lower() != "close"
        try:
            answer = self._run(environ, keep_alive)
            if answer is None:
                return keep_alive
            status, headers, body = answer
        except ConnectionError:
            self._write_down(environ, request_body, None, [], b"")
            raise
        self._write_down(environ, request_body, int(status[:3]), headers, body)
        self.connection.sendall(self._answer(environ, keep_alive, status, headers, body))
        return keep_alive

    def _write_down(
        self, environ: WSGIEnvironment, body: bytes, status: int | None, headers: list[tuple[str, str]], answer: bytes
    ) -> None:
        if self.server.exchanges is None or environ["PATH_INFO"].startswith("/_twin"):
            return
        fault = environ.get(FAULT_KEY)
        self.server.exchanges.add(
            method=environ["REQUEST_METHOD"],
            path=environ["PATH_INFO"],
            query=environ["QUERY_STRING"],
            content_type=environ.get("CONTENT_TYPE"),
            body=body.decode("utf-8", "replace"),
            status=status,
            answer_type=next((value for name, value in headers if name.lower() == "content-type"), None),
            answer=answer.decode("utf-8", "replace"),
            fault=fault.kind.value if fault is not None else None,
        )

    def _environ(self, method: str, target: str, protocol: str) -> WSGIEnvironment:
        path, _, query = target.partition("?")
        environ: WSGIEnvironment = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": self.server.server_address[0],
            "SERVER_PORT": str(self.server.server_address[1]),
            "SERVER_PROTOCOL": protocol,
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            SOCKET_KEY: self.connection,
        }
        while (line := self.rfile.readline(LINE_LIMIT_BYTES)) not in (b"\r\n", b"\n"):
            if not line:
                raise ConnectionError
            name, separator, value = line.decode("latin-1").partition(":")
            if not separator or "_" in name:
                continue
            key = name.strip().upper().replace("-", "_")
            if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                key = f"HTTP_{key}"
            text = value.strip()
            environ[key] = f"{environ[key]},{text}" if key in environ else text
        return environ

    def _body(self, environ: WSGIEnvironment) -> bytes:
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            body = b"".join(self._chunks())
            environ["CONTENT_LENGTH"] = str(len(body))
            return body
        text = environ.get("CONTENT_LENGTH", "") or "0"
        if not text.isdigit() or int(text) > BODY_LIMIT_BYTES:
            raise _BadRequest
        return self.rfile.read(int(text)) if text != "0" else b""

    def _chunks(self) -> Iterator[bytes]:
        while True:
            size = int(self.rfile.readline(LINE_LIMIT_BYTES).split(b";")[0], 16)
            if size == 0:
                while self.rfile.readline(LINE_LIMIT_BYTES) not in (b"\r\n", b"\n", b""):
                    pass
                return
            yield self.rfile.read(size)
            self.rfile.readline(LINE_LIMIT_BYTES)

    def _answer(
        self, environ: WSGIEnvironment, keep_alive: bool, status: str, headers: list[tuple[str, str]], body: bytes
    ) -> bytes:
        head = [
            f"HTTP/1.1 {status}",
            *(f"{name}: {value}" for name, value in headers if name.lower() not in ("connection", "date")),
        ]
        head.append(f"Date: {formatdate(self.server.clock.timestamp(), usegmt=True)}")
        sized = any(name.lower() in ("content-length", "transfer-encoding") for name, _ in headers)
        if not sized and not status.startswith(("1", "204", "304")):
            head.append(f"Content-Length: {len(body)}")
        if not keep_alive:
            head.append("Connection: close")
        text = ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")
        return text if environ["REQUEST_METHOD"] == "HEAD" else text + body

    def _run(self, environ: WSGIEnvironment, keep_alive: bool) -> tuple[str, list[tuple[str, str]], bytes] | None:
        """The answer whole; None if it was long and has been sent piece by piece."""
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Callable[[bytes], object]:
            started[:] = [(status, headers)]
            return lambda _data: None

        try:
            chunks = answering = self.server.application(environ, start_response)
            try:
                if environ["PATH_INFO"].startswith(STREAMED) and environ["SERVER_PROTOCOL"] == "HTTP/1.1":
                    pieces = iter(chunks)
                    first = next(pieces, b"")
                    if not any(name.lower() == "content-length" for name, _ in started[0][1]):
                        self._send_pieces(environ, keep_alive, *started[0], itertools.chain([first], pieces))
                        return None
                    chunks = itertools.chain([first], pieces)
                body = b"".join(chunks)
            finally:
                close = getattr(answering, "close", None)
                if close is not None:
                    close()
            status, headers = started[0]
        except ConnectionError:
            raise
        except Exception:
            log.exception("The twin failed on %s %s", environ["REQUEST_METHOD"], environ["PATH_INFO"])
            reason = http.client.responses[500]
            return f"500 {reason}", [("Content-Type", "text/plain")], b"The twin itself failed; see its log."
        return status, headers, body

    def _send_pieces(
        self,
        environ: WSGIEnvironment,
        keep_alive: bool,
        status: str,
        headers: list[tuple[str, str]],
        pieces: Iterable[bytes],
    ) -> None:
        """Chunked, so that a dump of a big account is never in memory whole."""
        head = [*headers, ("Transfer-Encoding", "chunked")]
        self.connection.sendall(self._answer(environ, keep_alive, status, head, b""))
        try:
            for piece in pieces:
                if piece:
                    self.connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        except ConnectionError:
            raise
        except Exception as problem:
            log.exception("The twin failed in the middle of %s", environ["PATH_INFO"])
            raise ConnectionError from problem
        self.connection.sendall(b"0\r\n\r\n")


class HttpServer(socketserver.ThreadingTCPServer):
    """Binds at once (port 0 picks a free one) on 127.0.0.1, which `localhost` names too; answers after start()."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, application: WSGIApplication, clock: Clock, *, port: int = 0, exchanges: Exchanges | None = None) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.application = application
        self.clock = clock
        self.exchanges = exchanges
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self._thread = threading.Thread(target=lambda: self.serve_forever(poll_interval=0.02), name="twin-http", daemon=True)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and close every open connection."""
        self.shutdown()
        self.server_close()
        with self._open_lock:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._thread.join(timeout=2)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)


@contextmanager
def serving(twin: Twin, *, port: int = 0, host_name: str = "localhost", exchanges: Exchanges | None = None) -> Iterator[str]:
    """Run a twin inside this process; yields its base URL. For tests."""
    server = HttpServer(twin.app, twin.clock, port=port, exchanges=exchanges)
    base_url = f"http://{host_name}:{server.port}"
    twin.start(base_url)
    server.start()
    try:
        yield base_url
    finally:
        server.stop()
        twin.stop()
