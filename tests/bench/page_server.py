"""A page server as fast as Python gets: every answer is bytes made beforehand, sent over kept connections."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
from urllib.parse import parse_qsl, urlsplit

import httpx
import orjson

EMPTY = {"object": "list", "data": [], "has_more": False, "url": ""}
PAGED = ("/v1/customers", "/v1/invoices")


def pages_of(api_base: str, headers: dict[str, str]) -> dict[str, bytes]:
    """Every page of the twin's lists by "path starting_after", as whole HTTP answers, plus the account."""
    answers: dict[str, bytes] = {}
    with httpx.Client(base_url=api_base, headers=headers, timeout=60.0, trust_env=False) as client:
        answers["/v1/account "] = _answer(client.get("/v1/account").content)
        for path in PAGED:
            after = ""
            while True:
                query = {"limit": "100", **({"starting_after": after} if after else {})}
                content = client.get(path, params=query).content
                page = orjson.loads(content)
                answers[f"{path} {after}"] = _answer(orjson.dumps(page))
                if not page["has_more"]:
                    break
                after = page["data"][-1]["id"]
    return answers


def _answer(body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\n"
        f"Request-Id: req_bench\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def serve(answers: dict[str, bytes]) -> None:
    """Serve until the parent is gone; prints the port first."""
    server = socket.create_server(("127.0.0.1", 0), backlog=64)
    sys.stdout.write(f"{server.getsockname()[1]}\n")
    sys.stdout.flush()
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    empty = _answer(orjson.dumps(EMPTY))
    while True:
        connection, _ = server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_talk, args=(connection, answers, empty), daemon=True).start()


def _talk(connection: socket.socket, answers: dict[str, bytes], empty: bytes) -> None:
    waiting = b""
    while True:
        while b"\r\n\r\n" not in waiting:
            more = connection.recv(65536)
            if not more:
                return
            waiting += more
        head, waiting = waiting.split(b"\r\n\r\n", 1)
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if length:
            while len(waiting) < int(length[1]):
                waiting += connection.recv(65536)
            waiting = waiting[int(length[1]) :]
        target = urlsplit(head.split(b" ", 2)[1].decode())
        query = dict(parse_qsl(target.query))
        asked_open = target.path == "/v1/invoices" and "status" in query
        key = f"{target.path} {query.get('starting_after', '')}"
        connection.sendall(empty if asked_open else answers.get(key, empty))


def _leave_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        serve({key: value.encode("latin-1") for key, value in json.load(file).items()})
