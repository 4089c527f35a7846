"""Between the adapter and the real sandbox: counts the requests and makes the next one go wrong when told to."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import httpx

from tests.contract.faults import BEFORE, SLOW_SECONDS, Fault

KEPT_BACK = frozenset(["host", "connection", "transfer-encoding", "content-length", "content-encoding", "accept-encoding"])
STATUS = {Fault.RATE_LIMITED: 429, Fault.SERVER_ERROR: 500, Fault.UNAVAILABLE: 503, Fault.HTML_ERROR: 502}


class Relay:
    def __init__(self, upstream: str) -> None:
        self.seen = 0
        self._faults: deque[Fault] = deque()
        self._lock = Lock()
        self._http = httpx.Client(base_url=upstream, timeout=60)
        relay = self

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                relay.pass_on(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def fail_next(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def pass_on(self, door: BaseHTTPRequestHandler) -> None:
        body = door.rfile.read(int(door.headers.get("content-length") or 0))
        with self._lock:
            self.seen += 1
            fault = self._faults.popleft() if self._faults else None
        if fault in BEFORE:
            self._answer_instead(door, fault)
            return
        headers = {name: value for name, value in door.headers.items() if name.lower() not in KEPT_BACK}
        answer = self._http.request(door.command, door.path, headers=headers, content=body)
        content = answer.content
        if fault is Fault.SLOW:
            time.sleep(SLOW_SECONDS)
        if fault is Fault.LOST_RESPONSE or fault is Fault.SLOW:
            door.close_connection = True
            door.connection.close()
            return
        if fault is Fault.SERVER_ERROR_AFTER:
            self._send(door, 500, {"content-type": "application/json"}, b"{}")
            return
        if fault is Fault.BROKEN_BODY:
            content = content[: len(content) // 2]
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in KEPT_BACK}
        self._send(door, answer.status_code, kept, content)

    def _answer_instead(self, door: BaseHTTPRequestHandler, fault: Fault | None) -> None:
        if fault is None or fault is Fault.LOST_REQUEST:
            door.close_connection = True
            door.connection.close()
            return
        page = fault is Fault.HTML_ERROR
        content = b"<html><body>Bad gateway</body></html>" if page else b"{}"
        self._send(door, STATUS[fault], {"content-type": "text/html" if page else "application/json"}, content)

    @staticmethod
    def _send(door: BaseHTTPRequestHandler, status: int, headers: dict[str, Any], content: bytes) -> None:
        door.send_response_only(status)
        for name, value in ({"date": door.date_time_string()} | headers).items():
            door.send_header(name, value)
        door.send_header("content-length", str(len(content)))
        door.end_headers()
        door.wfile.write(content)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._http.close()


@contextmanager
def relayed(upstream: str) -> Iterator[Relay]:
    relay = Relay(upstream)
    try:
        yield relay
    finally:
        relay.close()
