"""The Square twin as a process of its own, and a hand on its control API."""

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
    """`ready` is the line the twin prints: base URL, application id and secret, the application owner's token."""

    def __init__(self, ready: Mapping[str, str]) -> None:
        self.ready = ready
        self.base_url = ready["base_url"]
        self._http = httpx.Client(base_url=self.base_url, timeout=30, trust_env=False, follow_redirects=False)

    def close(self) -> None:
        self._http.close()

    def environment(self) -> dict[str, str]:
        """What the hub's environment says when it works with this twin."""
        return {
            "SQUARE_APPLICATION_ID": self.ready["application_id"],
            "SQUARE_APPLICATION_SECRET": self.ready["application_secret"],
            "SQUARE_ACCESS_TOKEN": self.ready["access_token"],
            "SQUARE_ENVIRONMENT": "sandbox",
            "SQUARE_BASE_URL": self.base_url,
        }

    def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return _good(self._http.request(method, f"/_twin/{path}", json=body))

    def act(self, account_id: str, action: str, **fields: Any) -> dict[str, Any]:
        """What a seller or payer does elsewhere."""
        return self.control("POST", "act", {"account_id": account_id, "action": action, **fields})

    def api(self, token: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A plain API request, past the adapter."""
        return _good(self._http.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"}))

    def consent(self, url: str, account_id: str, *, decision: str = "allow") -> httpx.URL:
        """Where the seller is sent after deciding on the consent page at `url`."""
        page = httpx.URL(url)
        fields = {**dict(page.params), "merchant_id": account_id, "decision": decision}
        return httpx.URL(self._http.post("/oauth2/authorize", data=fields).headers["location"])


def _good(response: httpx.Response) -> dict[str, Any]:
    assert response.is_success, response.text
    answer: dict[str, Any] = response.json()
    return answer


@contextmanager
def running_twin(**settings: str) -> Iterator[Twin]:
    command = [
        sys.executable,
        "-m",
        "providers.sandbox",
        "--only",
        "square",
        "--square-port",
        "0",
        "--print-ready",
        "--with-parent",
    ]
    chosen = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    process = subprocess.Popen([*command, *chosen], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        twin = Twin(orjson.loads(process.stdout.readline())["square"])
        try:
            yield twin
        finally:
            twin.close()
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
