"""`payhub up`, and `payhub serve`, `worker` and `scheduler` by themselves, as people start them: each does its work, and Ctrl-C
or SIGTERM ends it with its embedded servers and leaves nothing running."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from hub import db, embedded, migrate, process, queue
from hub.audit import SYSTEM
from hub.config import Settings
from hub.embedded.place import Place as ServerPlace
from hub.embedded.place import remove_place
from hub.identity import administration
from hub.integrations import service
from hub.listening import listen
from providers.contract import OpenGate
from providers.registry import load_providers
from tests.flows.running_hub import START_SECONDS, free_port, until
from tests.flows.twins import running_twins, twin_variables

PAYHUB = str(Path(sys.executable).with_name("payhub"))
CUSTOMERS = 3
STOP_SECONDS = 20.0
CTRL_C = {signal.SIGINT}  # a terminal sends it to the whole foreground group; SIGTERM goes to one process


@dataclass(frozen=True)
class Place:
    """A data folder with a tenant whose one account is due for its first sync; nothing runs in it yet."""

    folder: Path
    servers: ServerPlace
    variables: dict[str, str]
    port: int
    database_url: str
    integration_id: int
    api_key: str

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{arguments[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [PAYHUB, *arguments], env=self.variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def ask(self, path: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.api_key}"}
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=20, trust_env=False)

    def until_ready(self) -> None:
        until("the web process is ready", lambda: self.ask("/readyz").status_code == 200, START_SECONDS)

    def planned_runs(self) -> list[dict[str, object]]:
        """What the web tells of the syncs that a scheduler asked for, the finished ones."""
        runs = self.ask(f"/api/integrations/payments/{self.integration_id}/sync-runs").json()["data"]
        return [run for run in runs if run["requested_by"] == "schedule" and run["outcome"] == "completed"]

    def make_a_sync_due(self) -> None:
        with psycopg.connect(self.database_url.replace("+psycopg", "")) as connection:
            connection.execute(f"SET LOCAL ROLE {db.SYSTEM_ROLE}")
            connection.execute("UPDATE integrations SET next_sync_at = now()")

    def processes(self) -> dict[int, str]:
        """Whatever runs on this machine for the folder: started with it as its data folder, or naming it or its servers'."""
        marks = (str(self.folder), str(self.servers.home), str(self.servers.sockets))
        found = {}
        for each in psutil.process_iter(["name", "cmdline"]):
            try:
                told = [*(each.info["cmdline"] or []), each.environ().get("PAYHUB_DATA_DIR", "")]
            except psutil.Error:
                continue
            if each.status() != psutil.STATUS_ZOMBIE and any(mark in word for mark in marks for word in told):
                found[each.pid] = " ".join(told)
        return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("payhub")
    with running_twins() as twins:
        made = twins["stripe"].new_account("Harbor Street Bakery")
        twins["stripe"].seed(made["account_id"], customers=CUSTOMERS, invoices=2)
        port = free_port()
        variables = {
            **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")},
            **twin_variables(twins),
            "PAYHUB_ENV": "test",
            "PAYHUB_DATA_DIR": str(folder),
            "PAYHUB_BASE_URL": f"http://127.0.0.1:{port}",
        }
        servers = embedded.ensure(folder)
        database_url = servers.database_url
        migrate.upgrade(database_url)
        providers = load_providers(variables)
        process.boot(Settings.from_env(variables), database_url=database_url, redis_url=None, providers=providers)
        queue.register({})
        tenant_id = administration.create_tenant("Harbor Street Bakery")
        api_key = administration.create_api_key(tenant_id, role="owner")
        credentials = providers["stripe"].credentials_from_key(made["keys"]["test"]["sk"])
        profile = providers["stripe"].account(credentials, gate=OpenGate()).describe()
        integration_id, _ = service.save(tenant_id, providers["stripe"], credentials, profile, actor=SYSTEM)
        db.engine().dispose()
        servers.release()
        yield Place(folder, servers.place, variables, port, database_url, integration_id, api_key)
        remove_place(servers.place)


@contextmanager
def started(place: Place, *commands: Sequence[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The commands; killed if the test could not stop them."""
    with ExitStack() as stack:
        children = []
        for arguments in commands:
            child = place.start(*arguments)
            stack.callback(_end, child)
            children.append(child)
        yield children


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(STOP_SECONDS)


def tell(child: subprocess.Popen[bytes], told: signal.Signals) -> None:
    (os.killpg if told in CTRL_C else os.kill)(child.pid, told)


def a_planned_sync_is_run_and_shown(place: Place) -> None:
    """Scheduler, worker and web in turn: each of them is needed for the answer."""
    before = len(place.planned_runs())
    place.make_a_sync_due()
    until("the planned sync is done", lambda: len(place.planned_runs()) > before)
    assert len(place.ask("/api/clients").json()["data"]) == CUSTOMERS


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_up_starts_everything_syncs_and_leaves_nothing_running(place: Place, told: signal.Signals) -> None:
    with started(place, ("up", "--port", str(place.port), "--workers", "1")) as (up,):
        place.until_ready()
        a_planned_sync_is_run_and_shown(place)
        running = place.processes()
        for part in ("hub.web_process", "worker", "scheduler", "postgres", "redis", "supervise"):
            assert any(part in words for words in running.values()), part
        tell(up, told)
        assert up.wait(STOP_SECONDS) == 0
        until("nothing is left", lambda: place.processes() == {}, STOP_SECONDS)


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_web_worker_and_scheduler_work_together_and_each_ends_when_told(place: Place, told: signal.Signals) -> None:
    serve = ("serve", "--port", str(place.port))
    with started(place, serve, ("worker",), ("scheduler",)) as children:
        place.until_ready()
        a_planned_sync_is_run_and_shown(place)
        for child in children:
            tell(child, told)
        assert [child.wait(STOP_SECONDS) for child in children] == [0, 0, 0]
        until("nothing is left", lambda: place.processes() == {}, STOP_SECONDS)


def test_up_whose_web_process_is_killed_ends_and_leaves_nothing_on_its_port(place: Place) -> None:
    with started(place, ("up", "--port", str(place.port), "--workers", "1")) as (up,):
        place.until_ready()
        (master,) = [each for each in psutil.Process(up.pid).children() if "hub.web_process" in each.cmdline()]
        master.kill()
        assert up.wait(STOP_SECONDS) == 1
        until("nothing is left", lambda: place.processes() == {}, STOP_SECONDS)
    listen("127.0.0.1", place.port).close()


def test_mailbox_of_up_on_all_addresses_is_shown_on_this_machine_and_at_no_other_address(place: Place) -> None:
    with started(place, ("up", "--host", "0.0.0.0", "--port", str(place.port), "--workers", "0")):
        place.until_ready()
        assert mailbox_asked_at("127.0.0.1", place.port) == 200
        others = [
            each.address
            for addresses in psutil.net_if_addrs().values()
            for each in addresses
            if each.family is socket.AF_INET and not each.address.startswith("127.")
        ]
        # Whoever connects to one of these comes from it; where a machine has none, the loopback's 200 stands alone.
        assert {address: mailbox_asked_at(address, place.port) for address in others} == dict.fromkeys(others, 404)


def mailbox_asked_at(address: str, port: int) -> int:
    headers = {"Host": f"localhost:{port}", "Accept": "text/html"}
    return httpx.get(f"http://{address}:{port}/mailbox", headers=headers, timeout=20, trust_env=False).status_code
