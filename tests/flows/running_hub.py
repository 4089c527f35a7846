"""A whole hub in processes of its own: web, worker, scheduler, throw-away servers, and one account of the fake provider."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import AuthenticationError
from multiprocessing.connection import Listener
from pathlib import Path
from typing import TypeVar

import httpx
import psycopg

from hub import clock, db, embedded, migrate, process, queue
from hub.audit import SYSTEM
from hub.config import Settings
from hub.embedded.supervisor import THROWAWAY_NOTE
from hub.identity import administration
from hub.integrations import service
from hub.runner import serve_command
from providers.contract import OpenGate
from providers.fake.provider import FakeProvider
from providers.fake.world import FakeWorld, Merchant
from providers.fake.world.wire import ConnectionLost
from tests.contract.harness import grant_for
from tests.flows.fake_hub import WORLD_KEY
from tests.whole_run.answers import search_response
from tests.whole_run.planted import plant_keys
from tests.whole_run.stores import search_own_servers

START_SECONDS = 40.0
COMMANDS = {
    "worker": [sys.executable, "-m", "tests.flows.fake_hub", "worker"],
    "scheduler": [sys.executable, "-m", "wsgi", "scheduler"],
}
ROOT = Path(__file__).resolve().parents[2]

T = TypeVar("T")


def until(what: str, look: Callable[[], T | None], seconds: float = 30.0) -> T:
    """The first truthy answer of `look`; what it could not reach meanwhile is tried again."""
    end = time.monotonic() + seconds
    seen: object = None
    while time.monotonic() < end:
        try:
            seen = look()
            if seen:
                return seen
        except (httpx.HTTPError, psycopg.Error) as error:
            seen = error
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds:.0f} seconds, last seen {seen!r}")


class RunningHub:
    """Its processes, and the provider's side of its one account. The servers are this process's to stop and start."""

    def __init__(self, folder: Path, *, throwaway: bool = True) -> None:
        """throwaway: servers that keep nothing through a kill, and go at the end."""
        self.folder = folder
        self.servers = embedded.ensure(folder, throwaway=throwaway)
        self.database_url = self.servers.database_url
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.world = FakeWorld()
        self._listener = Listener(("127.0.0.1", 0), authkey=WORLD_KEY)
        threading.Thread(target=self._be_the_world, daemon=True).start()
        self.provider = FakeProvider(self.world)
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")},
            "PAYHUB_ENV": "test",
            "PAYHUB_DATA_DIR": str(plant_keys(folder)),
            "PAYHUB_BASE_URL": self.base_url,
            "FAKE_WEBHOOK_SECRETS": ",".join(self.world.signing_secrets),
            "FAKE_WORLD_PORT": str(self._listener.address[1]),
            "PYTHONPATH": str(ROOT),
        }
        self.http = httpx.Client(base_url=self.base_url, timeout=20, trust_env=False)
        self.http.event_hooks = {"response": [search_response]}
        self._connect()

    def _connect(self) -> None:
        migrate.upgrade(self.database_url)
        self.boot_here()
        self.tenant_id = administration.create_tenant("Ada's Plumbing")
        self.api_key = administration.create_api_key(self.tenant_id, role="owner")
        self.account = self.world.create_account()
        self.merchant = Merchant(self.world, self.account)
        callback = self.world.consent(self.provider.authorization_url(grant_for(self.provider, "state")), self.account)
        credentials = self.provider.exchange(callback, grant_for(self.provider, "state"))
        profile = self.provider.account(credentials, gate=OpenGate()).describe()
        self.integration_id, _ = service.save(self.tenant_id, self.provider, credentials, profile, actor=SYSTEM)
        # No sync is planned: what arrives comes by webhooks alone.
        service.configure(self.tenant_id, self.integration_id, {"auto_sync": False}, actor=SYSTEM)
        self.sql("DELETE FROM sync_runs")

    def _be_the_world(self) -> None:
        """Answer the workers' requests to the provider, one after the other."""
        while True:
            try:
                with self._listener.accept() as line:
                    try:
                        line.send(self.world.answer(line.recv()))
                    except ConnectionLost as lost:
                        line.send(lost)
            except (EOFError, ConnectionError, AuthenticationError):
                continue  # the asking process was killed
            except OSError:
                return  # closed

    def boot_here(self) -> None:
        """This process as part of the hub, for looking and for administration."""
        process.boot(
            Settings.from_env({"PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": str(self.folder)}),
            database_url=self.database_url,
            redis_url=None,
            providers={"fake": self.provider},
        )
        queue.register({})

    def start(self, *names: str) -> None:
        for name in names or ("web", "worker", "scheduler"):
            command = COMMANDS.get(name) or [
                word.replace("wsgi:app_from_environment", "tests.flows.fake_hub:app")
                for word in serve_command("127.0.0.1", self.port)
            ]
            with (self.folder / f"{name}.log").open("ab") as log:
                self.children[name] = subprocess.Popen(
                    command,
                    env=self.environment,
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        if not names or "web" in names:
            until("the web process is ready", lambda: self.http.get("/readyz").status_code == 200, START_SECONDS)

    def kill(self, name: str) -> None:
        """kill -9, and its children with it: granian's workers are processes of their own."""
        child = self.children.pop(name)
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(10)

    def deliver(self, body: bytes) -> int:
        """One signed delivery; the answer's status."""
        signed = self.world.sign(body, secret=self.world.signing_secrets[0], at=clock.now())
        return self.http.post("/api/webhooks/fake", content=body, headers=signed).status_code

    def new_customer(self, name: str) -> bytes:
        """A customer made at the provider; the body of its event."""
        self.merchant.add_customer(given_name=name)
        return self.world.event_bodies(self.account)[-1]

    def get(self, path: str, *, accept: str = "application/json") -> httpx.Response:
        return self.http.get(path, headers={"Authorization": f"Bearer {self.api_key}", "Accept": accept})

    def create_client(self, given_name: str, **fields: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.api_key}"}
        return self.http.post("/api/clients", json={"given_name": given_name, **fields}, headers=headers)

    def sql(self, statement: str) -> Sequence[tuple[object, ...]]:
        """As the system role, past the hub."""
        with psycopg.connect(self.database_url.replace("+psycopg", ""), autocommit=False) as connection:
            connection.execute(f"SET LOCAL ROLE {db.SYSTEM_ROLE}")
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []

    def clients(self) -> list[str]:
        return [str(name) for (name,) in self.sql("SELECT given_name FROM clients ORDER BY given_name")]

    def start_servers(self) -> None:
        """Those that were stopped or killed."""
        embedded.ensure(self.folder)

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def stop(self) -> None:
        for name in list(self.children):
            self.kill(name)
        self.http.close()
        self._listener.close()
        db.engine().dispose()
        self.start_servers()  # those that a test stopped or killed: what is in them is searched
        search_own_servers(self.servers)
        (self.servers.place.folder / THROWAWAY_NOTE).touch()  # durable ones go as well
        self.servers.release()


@contextmanager
def running_hub(folder: Path, *, throwaway: bool = True) -> Iterator[RunningHub]:
    hub = RunningHub(folder, throwaway=throwaway)
    try:
        hub.start()
        yield hub
    finally:
        hub.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
