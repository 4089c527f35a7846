"""The demo's processes: twins, web, workers, scheduler, each a subprocess as in production."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from hub import clock, migrate, process
from hub.config import Settings
from hub.listening import listen, port_of
from hub.runner import Runner, serve_command

START_SECONDS = 60.0
WORKERS = 2


class DemoFailed(Exception):
    """A step did not come out as it must; the text says which and what was seen."""


class Twin:
    """A twin's control: what the merchant and the payer do on their side."""

    def __init__(self, name: str, described: Mapping[str, Any]) -> None:
        self.name = name
        self.base_url = str(described["base_url"])
        self.described = described
        self._client = httpx.Client(base_url=self.base_url, timeout=120.0, trust_env=False)

    def account(self, business: str) -> str:
        """A new merchant account; its id."""
        made = self.new_account(business)
        return str(made.get("account_id") or made["merchant_id"])

    def new_account(self, business: str) -> Mapping[str, Any]:
        """A new merchant account with its own keys, as the twin tells it."""
        return self._post("/_twin/accounts", {"name": business, "country": "US", "currency": "USD"})

    def seed(self, account_id: str, **counts: int) -> Mapping[str, Any]:
        return self._post("/_twin/seed", {"account_id": account_id, **counts})

    def act(self, account_id: str, action: str, **details: Any) -> Mapping[str, Any]:
        return self._post("/_twin/act", {"account_id": account_id, "action": action, **details})

    def _post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        response = self._client.post(path, json=dict(body))
        if response.status_code >= 300:
            raise DemoFailed(f"the {self.name} twin refused {path}: {response.text[:300]}")
        answer: Mapping[str, Any] = response.json()
        return answer


class World:
    """Everything the demo starts; `stop` ends it all."""

    def __init__(self, port: int) -> None:
        """port 0 picks a free one. Raises CannotListen."""
        self._listening = listen("127.0.0.1", port)  # before anything starts: what answers there must be ours
        self.port = port_of(self._listening)
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.runner = Runner()
        self.twins: dict[str, Twin] = {}
        self.log_dir = Path()

    def start(self) -> None:
        self._start_twins()
        os.environ.update(self._environment())
        booted = process.boot_from_environment(name="demo")
        self.log_dir = _log_dir(booted.settings)
        migrate.upgrade(booted.database_url)
        self.runner = Runner()
        self.start_hub()
        self.wait_until_ready()

    def _start_twins(self) -> None:
        command = [sys.executable, "-m", "providers.sandbox", "--stripe-port", "0", "--square-port", "0"]
        self._twin_process = subprocess.Popen(  # noqa: S603
            [*command, "--print-ready", "--with-parent"], stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._twin_process.stdout is not None
        line = self._twin_process.stdout.readline()
        if not line:
            raise DemoFailed("the twins of Stripe and Square did not start")
        self.twins = {name: Twin(name, described) for name, described in json.loads(line).items()}

    def _environment(self) -> dict[str, str]:
        stripe, square = self.twins["stripe"].described, self.twins["square"].described
        return {
            "PAYHUB_BASE_URL": self.base_url,
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

    def start_hub(self) -> None:
        """Web, workers and scheduler."""
        command = serve_command(listening=self._listening)
        self.runner.start("web", command, log_path=str(self.log_dir / "web.log"), listening=self._listening)
        self._listening.close()
        for number in range(1, WORKERS + 1):
            command = [sys.executable, "-m", "wsgi", "worker"]
            self.runner.start(f"worker {number}", command, log_path=str(self.log_dir / f"worker-{number}.log"))
        scheduler = [sys.executable, "-m", "wsgi", "scheduler"]
        self.runner.start("scheduler", scheduler, log_path=str(self.log_dir / "scheduler.log"))

    def wait_until_ready(self) -> None:
        until = clock.monotonic() + START_SECONDS
        while clock.monotonic() < until:
            dead = self.runner.died()
            if dead is not None:
                raise DemoFailed(f"the {dead} process ended; see {self.log_dir}")
            try:
                if httpx.get(f"{self.base_url}/readyz", timeout=2.0, trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            clock.sleep(0.1)
        raise DemoFailed(f"the web process was not ready within {START_SECONDS:.0f} seconds; see {self.log_dir}")

    def stop(self) -> None:
        self.runner.stop()
        self._listening.close()
        if getattr(self, "_twin_process", None) is not None:
            self._twin_process.terminate()
            try:
                self._twin_process.wait(10)
            except subprocess.TimeoutExpired:
                self._twin_process.kill()


def _log_dir(settings: Settings) -> Path:
    folder = settings.data_dir / "demo-logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
