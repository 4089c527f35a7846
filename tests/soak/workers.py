"""A hub under load: real servers, the twins, and worker processes that ask the providers from many threads at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from hub import clock, db, embedded, process
from hub.audit import SYSTEM
from hub.config import Settings
from hub.identity import administration
from hub.integrations import service
from providers.contract import Account, Grant, OpenGate
from providers.errors import CircuitOpen, IntegrationRevoked, ProviderError, RateLimited
from providers.records import Customer
from providers.registry import load_providers
from tests.integration.twins import REDIRECT_URI, Twin, environment, running_twins
from tests.soak.database import migrated_database

POOL_SIZE = 5  # and as many more at need: nine processes stay below the hundred connections of the embedded server


@dataclass
class Stage:
    """Everything that a worker process needs, and this process is one of them."""

    database_url: str
    redis_url: str
    folder: Path
    twins: Mapping[str, Twin]
    settings: Mapping[str, str] = field(default_factory=dict)

    def boot(self) -> None:
        boot(self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        return {
            "database_url": self.database_url,
            "redis_url": self.redis_url,
            "folder": str(self.folder),
            "environment": environment(self.twins),
            "settings": dict(self.settings),
        }

    def connect(self, name: str, *, customers: int = 0) -> tuple[int, int, str]:
        """(tenant, integration, provider's account) of a new business, through the provider's consent page."""
        twin, provider = self.twins[name], process.providers()[name]
        account_id, _ = twin.new_account()
        if customers:
            twin.control("POST", "seed", {"account_id": account_id, "customers": customers})
        grant = Grant(redirect_uri=REDIRECT_URI, state="state")
        credentials = provider.exchange(twin.consent(provider, account_id, "state"), grant)
        profile = provider.account(credentials, gate=OpenGate()).describe()
        tenant_id = administration.create_tenant("Under load")
        integration_id, _ = service.save(tenant_id, provider, credentials, profile, actor=SYSTEM)
        return tenant_id, integration_id, account_id

    def advance(self, seconds: float) -> None:
        """The hub's clock, in every process."""
        clock.use_file(self.folder / "clock")
        clock.set_offset(clock.offset() + timedelta(seconds=seconds))


@contextmanager
def stage(**settings: str) -> Iterator[Stage]:
    """Servers and twins of one's own; gone at the end."""
    with tempfile.TemporaryDirectory() as folder, running_twins() as twins:
        servers = embedded.ensure(Path(folder), throwaway=True)
        try:
            made = Stage(migrated_database(servers.database_url), servers.redis_url_of(1), Path(folder), twins, settings)
            made.boot()
            yield made
        finally:
            db.engine().dispose()
            clock.use_file(None)
            servers.release()


def boot(told: Mapping[str, Any]) -> None:
    folder = Path(told["folder"])
    clock.use_file(folder / "clock")
    process.boot(
        Settings.from_env({"PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": str(folder), **told["settings"]}),
        database_url=told["database_url"],
        redis_url=told["redis_url"],
        providers=load_providers(told["environment"]),
        pool_size=POOL_SIZE,
    )


class Worker:
    """One process; it waits for `go`."""

    def __init__(self, at: Stage, task: str, **arguments: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.workers"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({**at.as_dict(), "task": task, "arguments": arguments}) + "\n")
        self.process.stdin.flush()

    def ready(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == "ready"

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Whatever state it is in; nothing if it has ended."""
        self.process.kill()

    def result(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.process.wait(30)
        return found


# --- what a worker does -------------------------------------------------------------------------------------------------


def describe(integration: list[int], threads: int) -> dict[str, Any]:
    """Each thread uses the account once; the errors that somebody would have seen. What the budget holds back waits."""

    def one(_: int) -> str:
        while True:
            try:
                service.call(integration[0], integration[1], lambda account: account.describe())
            except RateLimited as wait:
                time.sleep(wait.retry_after_seconds or 0.1)
            except ProviderError as error:
                return type(error).__name__
            else:
                return "answered"

    with ThreadPoolExecutor(threads) as pool:
        return dict(Counter(pool.map(one, range(threads))))


def read(integrations: list[list[int]], threads: int, seconds: float) -> dict[str, Any]:
    """Each thread reads customers again and again, of one integration after the other, until time is up or access ends.

    What is refused for the moment waits, as a row in the database would."""
    until, counts, lock = time.monotonic() + seconds, Counter[str](), threading.Lock()

    def ask(account: Account) -> object:
        return account.list(Customer)

    def one(number: int) -> None:
        mine: Counter[str] = Counter()
        tenant_id, integration_id = integrations[number % len(integrations)]
        while time.monotonic() < until:
            try:
                service.call(tenant_id, integration_id, ask)
                mine["answered"] += 1
            except (RateLimited, CircuitOpen) as wait:
                mine[type(wait).__name__] += 1
                time.sleep(min(wait.retry_after_seconds or 0.1, 0.5))
            except IntegrationRevoked:
                mine["IntegrationRevoked"] += 1
                break
            except ProviderError as error:
                mine[type(error).__name__] += 1
        with lock:
            counts.update(mine)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, range(threads)))
    return dict(counts)


TASKS = {"describe": describe, "read": read}


def main() -> None:
    told = json.loads(sys.stdin.readline())
    boot(told)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if sys.stdin.readline().strip() == "go":
        sys.stdout.write(json.dumps(TASKS[told["task"]](**told["arguments"])) + "\n")
        sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
