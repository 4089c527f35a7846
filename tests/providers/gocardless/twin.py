"""The GoCardless twin as a process of its own, and a hand on its control API."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson

ROOT = Path(__file__).resolve().parents[3]
STOP_SECONDS = 10


class Twin:
    """`ready` is the line the twin prints: base URL, the app's credentials."""

    def __init__(self, ready: Mapping[str, str]) -> None:
        self.ready = ready
        self.base_url = ready["base_url"]
        self.http = httpx.Client(base_url=self.base_url, timeout=30, trust_env=False, follow_redirects=False)

    def environment(self) -> dict[str, str]:
        """What the hub's environment says when it works with this twin."""
        return {
            "PAYHUB_EXPERIMENTAL_PROVIDERS": "gocardless",
            "GOCARDLESS_CLIENT_ID": self.ready["client_id"],
            "GOCARDLESS_CLIENT_SECRET": self.ready["client_secret"],
            "GOCARDLESS_WEBHOOK_SECRETS": self.ready["webhook_secret"],
            "GOCARDLESS_API_BASE": self.base_url,
            "GOCARDLESS_CONNECT_BASE": self.base_url,
        }

    def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        answer = self.http.request(method, f"/_twin/{path}", json=body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def consent(self, url: str, organisation: str, *, decision: str = "allow") -> httpx.URL:
        """Where the merchant is sent after deciding on the consent page at `url`."""
        fields = {**dict(httpx.URL(url).params), "organisation": organisation, "decision": decision}
        return httpx.URL(self.http.post("/oauth/authorize", data=fields).headers["location"])


@contextmanager
def running_twin(**settings: str) -> Iterator[Twin]:
    command = [sys.executable, "-m", "providers.sandbox", "--only", "gocardless", "--print-ready", "--with-parent"]
    chosen = [part for name, value in settings.items() for part in ("--set", f"gocardless_{name}={value}")]
    process = subprocess.Popen([*command, *chosen], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        twin = Twin(orjson.loads(process.stdout.readline())["gocardless"])
        with twin.http:
            yield twin
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
