"""The Stripe twin as a subprocess, with its control API."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson

START_SECONDS = 20


class Twin:
    def __init__(self, ready: dict[str, Any]) -> None:
        self.ready = ready
        self.http = httpx.Client(base_url=ready["base_url"], trust_env=False, timeout=20)

    def environment(self) -> dict[str, str]:
        return {
            "STRIPE_CLIENT_ID": self.ready["client_id"],
            "STRIPE_SECRET_KEY": self.ready["secret_key"],
            "STRIPE_PUBLISHABLE_KEY": self.ready["publishable_key"],
            "STRIPE_API_BASE": self.ready["api_base"],
            "STRIPE_CONNECT_BASE": self.ready["connect_base"],
        }

    def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self.http.request(method, f"/_twin/{path}", content=orjson.dumps(body) if body is not None else None)
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = orjson.loads(answer.content)
        return result

    def act(self, account_id: str, action: str, **body: Any) -> dict[str, Any]:
        return self.control("POST", "act", {"account_id": account_id, "action": action, **body})

    def requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control("GET", "requests")["requests"]
        return found


@contextmanager
def running_twin() -> Iterator[Twin]:
    command = [
        sys.executable,
        "-m",
        "providers.sandbox",
        "--only",
        "stripe",
        "--stripe-port",
        "0",
        "--print-ready",
        "--with-parent",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        twin = Twin(orjson.loads(process.stdout.readline())["stripe"])
        yield twin
        twin.http.close()
    finally:
        process.terminate()
        process.wait(START_SECONDS)
