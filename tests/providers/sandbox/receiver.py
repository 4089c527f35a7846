"""A webhook receiver for tests: a real HTTP server that records deliveries and answers as told."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Received:
    body: bytes
    headers: Mapping[str, str]
    at: float

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = orjson.loads(self.body)
        return event


@dataclass
class Receiver:
    url: str = ""
    received: list[Received] = field(default_factory=list)
    answers: deque[int] = field(default_factory=deque)
    """Statuses of the next answers; 200 when empty."""
    delay_seconds: float = 0.0

    def types(self) -> list[str]:
        return [item.event["type"] for item in self.received]

    def wait_for(self, count: int, seconds: float = 5.0) -> list[Received]:
        """Until so many deliveries have come; fails the test otherwise."""
        wait_until(lambda: len(self.received) >= count, seconds)
        return self.received

    def wait_for_type(self, event_type: str, seconds: float = 5.0) -> dict[str, Any]:
        wait_until(lambda: event_type in self.types(), seconds)
        return next(item.event for item in self.received if item.event["type"] == event_type)


def wait_until(condition: Any, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "what the test waits for did not happen"
        time.sleep(0.005)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that goes away is part of the tests."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append(Received(body, dict(self.headers), time.monotonic()))
            time.sleep(receiver.delay_seconds)
            self.send_response(receiver.answers.popleft() if receiver.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
