"""Both twins in one process, and a hand on their control API."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import orjson

from providers.contract import Grant, Provider

STOP_SECONDS = 10
REDIRECT_URI = "http://127.0.0.1:1/api/integrations/payments/callback"
DELIVERED_WITHIN_SECONDS = 10
ACCOUNT_FIELD = {"stripe": "account", "square": "merchant_id"}


class Twin:
    def __init__(self, name: str, ready: Mapping[str, Any]) -> None:
        self.name = name
        self.ready = ready
        self.http = httpx.Client(base_url=str(ready["base_url"]), timeout=30, trust_env=False)

    def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        response = self.http.request(method, f"/_twin/{path}", content=orjson.dumps(body) if body is not None else None)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = orjson.loads(response.content)
        return answer

    def act(self, account_id: str, action: str, **fields: Any) -> dict[str, Any]:
        """What a merchant or payer does on the provider's side."""
        return self.control("POST", "act", {"account_id": account_id, "action": action, **fields})

    def new_account(self) -> tuple[str, str]:
        """(id, a key of its own that acts without OAuth)."""
        made = self.control("POST", "accounts", {"name": "Ada's Plumbing"})
        if self.name == "stripe":
            return made["account_id"], made["keys"]["test"]["sk"]
        return made["merchant_id"], made["access_token"]

    def truth(self, account_id: str) -> dict[str, Any]:
        return self.control("GET", f"truth?account_id={account_id}")

    def settle(self) -> None:
        """Until every delivery has been made or has failed for now."""
        self.control("GET", f"deliveries?wait={DELIVERED_WITHIN_SECONDS}")

    def deliveries(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control("GET", "deliveries")["deliveries"]
        return found

    def webhooks(self, **settings: Any) -> None:
        self.control("POST", "settings", {"webhooks": settings})

    def fault(self, **rule: Any) -> None:
        self.control("POST", "faults", rule)

    def requests(self, path: str) -> list[dict[str, Any]]:
        return [entry for entry in self.control("GET", "requests")["requests"] if entry["path"].startswith(path)]

    def reset(self) -> None:
        self.control("POST", "reset")

    def advance(self, seconds: float) -> None:
        self.control("POST", "clock", {"advance_seconds": seconds})

    def consent(self, provider: Provider, account_id: str, state: str) -> dict[str, str]:
        """The merchant presses Allow; the query with which the browser comes back."""
        page = httpx.URL(provider.authorization_url(Grant(redirect_uri=REDIRECT_URI, state=state, code_verifier=None)))
        fields = {**dict(page.params), ACCOUNT_FIELD[self.name]: account_id, "decision": "allow"}
        answer = self.http.post(page.raw_path.decode(), data=fields)
        assert answer.is_redirect, answer.text
        return dict(httpx.URL(answer.headers["location"]).params)


@contextmanager
def running_twins() -> Iterator[dict[str, Twin]]:
    command = [sys.executable, "-m", "providers.sandbox", "--stripe-port", "0", "--square-port", "0"]
    process = subprocess.Popen([*command, "--print-ready", "--with-parent"], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        twins = {name: Twin(name, ready) for name, ready in orjson.loads(process.stdout.readline()).items()}
        yield twins
        for twin in twins.values():
            twin.http.close()
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def environment(twins: Mapping[str, Twin]) -> dict[str, str]:
    """What the hub's environment says when it works with these twins."""
    stripe, square = twins["stripe"].ready, twins["square"].ready
    return {
        "STRIPE_CLIENT_ID": stripe["client_id"],
        "STRIPE_SECRET_KEY": stripe["secret_key"],
        "STRIPE_PUBLISHABLE_KEY": stripe["publishable_key"],
        "STRIPE_API_BASE": stripe["api_base"],
        "STRIPE_CONNECT_BASE": stripe["connect_base"],
        "SQUARE_APPLICATION_ID": square["application_id"],
        "SQUARE_APPLICATION_SECRET": square["application_secret"],
        "SQUARE_ACCESS_TOKEN": square["access_token"],
        "SQUARE_BASE_URL": square["base_url"],
        "SQUARE_ENVIRONMENT": "sandbox",
    }
