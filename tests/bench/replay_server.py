"""A page server that learns: it asks the twin the first time, and from then on answers the same bytes as fast as Python gets."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import sys
import threading
from typing import Any

import httpx

LEARNT = b"/__learnt__"
_LENGTH = re.compile(rb"(?i)content-length: (\d+)")
_DROPPED = frozenset([b"host", b"connection", b"accept-encoding", b"content-length"])


class Replay:
    """`learnt`: each request once, in the order of its first coming, for whoever wants to ask the same."""

    def __init__(self, upstream: str) -> None:
        self._client = httpx.Client(base_url=upstream, timeout=60.0, trust_env=False)
        self._answers: dict[tuple[bytes, bytes], bytes] = {}
        self._lock = threading.Lock()
        self.learnt: list[dict[str, Any]] = []

    def answer(self, head: bytes, body: bytes) -> bytes:
        line, *lines = head.split(b"\r\n")
        if LEARNT in line:
            return _whole(200, json.dumps(self.learnt).encode())
        found = self._answers.get((line, body))
        if found is None:
            with self._lock:
                found = self._answers[line, body] = self._ask(line, [each.split(b": ", 1) for each in lines], body)
        return found

    def _ask(self, line: bytes, headers: list[list[bytes]], body: bytes) -> bytes:
        method, target, _ = line.decode().split(" ", 2)
        kept = {name.decode(): value.decode() for name, value in headers if name.lower() not in _DROPPED}
        given = self._client.request(method, target, headers=kept, content=body or None)
        self.learnt.append(
            {"method": method, "target": target, "headers": kept, "body": base64.b64encode(body).decode() if body else None}
        )
        return _whole(given.status_code, given.content)


def _whole(status: int, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\n"
        f"Request-Id: req_bench\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _talk(connection: socket.socket, replay: Replay) -> None:
    waiting = b""
    while True:
        while b"\r\n\r\n" not in waiting:
            more = connection.recv(65536)
            if not more:
                return
            waiting += more
        head, waiting = waiting.split(b"\r\n\r\n", 1)
        told = _LENGTH.search(head)
        length = int(told[1]) if told else 0
        while len(waiting) < length:
            waiting += connection.recv(65536)
        body, waiting = waiting[:length], waiting[length:]
        connection.sendall(replay.answer(head, body))


def _leave_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


def serve(upstream: str) -> None:
    """Serve until the parent is gone; prints the port first."""
    server = socket.create_server(("127.0.0.1", 0), backlog=64)
    sys.stdout.write(f"{server.getsockname()[1]}\n")
    sys.stdout.flush()
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    replay = Replay(upstream)
    while True:
        connection, _ = server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_talk, args=(connection, replay), daemon=True).start()


if __name__ == "__main__":
    serve(sys.argv[1])
