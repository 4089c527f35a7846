"""`kill -9` of every process of `payhub demo` while it syncs, then the demo again on the same data folder: a clean start."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from hub import db, embedded
from hub.config import development_secrets
from hub.embedded import postgres
from hub.embedded.place import find_place
from hub.embedded.supervisor import THROWAWAY_NOTE
from tests.flows.running_hub import ROOT, until
from tests.whole_run.stores import search_database, search_servers

KILLED_CUSTOMERS = 400  # a first sync of some seconds, which a look every few milliseconds cannot miss
CUSTOMERS_AFTERWARDS = 40
DATA_DIR = "PAYHUB_DATA_DIR"
SERVERS = ("postgres", "redis")
GONE_WITHIN_SECONDS = 20.0


class Demo:
    """`payhub demo` as a person starts it, on a data folder and a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "data"
        self.output = folder / "demo.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = str(probe.getsockname()[1])
        self.parent: subprocess.Popen[bytes] | None = None

    def start(self, customers: int, *options: str) -> subprocess.Popen[bytes]:
        command = [str(Path(sys.executable).with_name("payhub")), "demo"]
        with self.output.open("ab") as output:
            self.parent = subprocess.Popen(
                [*command, "--customers", str(customers), "--port", self.port, *options],
                env={
                    **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")},
                    DATA_DIR: str(self.data_dir),
                    "COLUMNS": "200",
                },
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self.parent

    def told(self) -> str:
        return self.output.read_text(errors="replace")

    def processes(self) -> list[psutil.Process]:
        """Every living process of this data folder: by its environment, else (the servers) by where it works."""
        place = find_place(self.data_dir / "embedded")
        marks = [str(self.data_dir), *([str(place.home)] if place else [])]
        return [process for process in psutil.process_iter() if _belongs(process, marks)]

    def kill_everything(self) -> set[str]:
        """kill -9 at once: all are stopped before the first one dies, so that none sees another go. The names of the killed."""
        names: set[str] = set()
        while found := self.processes():
            names.update(_name(process) for process in found)
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for process in found:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process.pid, number)
            psutil.wait_procs(found, timeout=5)
            if self.parent is not None:
                self.parent.wait(5)
        return names

    def sql(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """Past the hub, as the system role, without becoming a user of the servers: they must stop without us."""
        place = find_place(self.data_dir / "embedded")
        if place is None:
            return []
        with psycopg.connect(postgres.url(place).replace("+psycopg", ""), connect_timeout=2) as connection:
            connection.execute(f"SET LOCAL ROLE {db.SYSTEM_ROLE}")
            return connection.execute(statement.encode()).fetchall()

    def halfway(self, provider: str) -> tuple[int, int]:
        """(integration, records) of a sync that is under way and has stored some of its pages, not all."""
        return until(f"a sync of {provider} under way", lambda: self._halfway(provider), seconds=60)

    def _halfway(self, provider: str) -> tuple[int, int] | None:
        assert self.parent is not None
        assert self.parent.poll() is None, self.told()[-3000:]
        rows = self.sql(
            "SELECT i.id, (SELECT count(*) FROM integration_data d WHERE d.integration_id = i.id) FROM integrations i"
            " JOIN sync_runs r ON r.integration_id = i.id"
            f" WHERE i.provider = '{provider}' AND r.started_at IS NOT NULL AND r.done_at IS NULL"
        )
        for integration_id, records in rows:
            if 0 < records < KILLED_CUSTOMERS:
                return integration_id, records
        return None


def _belongs(process: psutil.Process, marks: Sequence[str]) -> bool:
    with contextlib.suppress(psutil.Error):
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        words = [process.cwd(), process.environ().get(DATA_DIR, ""), *process.cmdline()]
        return any(word == mark or f"{word}/".startswith(f"{mark}/") for word in words for mark in marks)
    return False


def _name(process: psutil.Process) -> str:
    """What a process of the demo is for."""
    with contextlib.suppress(psutil.Error):
        told = " ".join(process.cmdline())
        known = {
            "demo": "payhub demo",
            "web": "hub.web_process",
            "worker": "wsgi worker",
            "scheduler": "wsgi scheduler",
            "twins": "providers.sandbox",
            "supervisor": "supervise",
            "postgres": "postgres",
            "redis": "redis",
        }
        return next((name for name, words in known.items() if words in told), told)
    return "gone"


ALL = {"demo", "web", "worker", "scheduler", "twins", "supervisor", *SERVERS}


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path)
    try:
        yield demo
    finally:
        demo.kill_everything()
        if (demo.data_dir / "embedded").exists():
            (demo.data_dir / "embedded" / THROWAWAY_NOTE).touch()
            embedded.ensure(demo.data_dir).release()  # the folder outside, which root's servers own, goes with them


# What a record of the provider became may be there once: a second one is what a repeated page would make.
DOUBLED = {
    # Two shops of one tenant may know the same person, who is one client.
    "clients": "SELECT count(*) - count(DISTINCT (integration_id, local_id)) FROM integration_data"
    " WHERE data_type = 'customer' AND local_id > 0",
    "invoices": "SELECT count(*) - count(DISTINCT local_id) FROM integration_data WHERE data_type = 'invoice' AND local_id > 0",
    "payments": "SELECT count(*) - count(DISTINCT local_id) FROM integration_data WHERE data_type = 'payment' AND local_id > 0",
    "clients without a customer": "SELECT count(*) FROM clients c WHERE NOT EXISTS (SELECT FROM integration_data d"
    " WHERE d.tenant_id = c.tenant_id AND d.data_type = 'customer' AND d.local_id = c.id)",
    "invoices without an invoice": "SELECT count(*) FROM invoices c WHERE NOT EXISTS (SELECT FROM integration_data d"
    " WHERE d.tenant_id = c.tenant_id AND d.data_type = 'invoice' AND d.local_id = c.id)",
    "payments without a payment": "SELECT count(*) FROM payments c WHERE NOT EXISTS (SELECT FROM integration_data d"
    " WHERE d.tenant_id = c.tenant_id AND d.data_type = 'payment' AND d.local_id = c.id)",
    "money given out": "SELECT count(*) FROM payments p WHERE p.amount <"
    " (SELECT sum(a.amount) FROM allocations a WHERE a.tenant_id = p.tenant_id AND a.payment_id = p.id)",
    "events": "SELECT count(*) - count(DISTINCT (provider, account_id, event_id)) FROM webhook_events",
    "unfinished rounds of one integration": "SELECT count(*) - count(DISTINCT integration_id) FROM sync_runs"
    " WHERE done_at IS NULL",
}


def test_demo_killed_in_each_providers_sync_starts_clean_on_the_same_data(demo: Demo) -> None:
    stored: dict[int, int] = {}
    for provider in ("stripe", "square"):
        demo.start(KILLED_CUSTOMERS)
        integration_id, stored_before = demo.halfway(provider)
        stored[integration_id] = stored_before
        assert demo.kill_everything() >= ALL

    again = demo.start(CUSTOMERS_AFTERWARDS, "--once")
    assert again.wait(120) == 0, demo.told()[-3000:]
    assert "checks hold" in demo.told()

    end = time.monotonic() + GONE_WITHIN_SECONDS
    while (left := [_name(process) for process in demo.processes()]) and time.monotonic() < end:
        time.sleep(0.1)
    assert left == []

    servers = embedded.ensure(demo.data_dir, with_redis=False)
    try:
        doubled = {what: demo.sql(statement) for what, statement in DOUBLED.items()}
        kept = dict(demo.sql("SELECT integration_id, count(*) FROM integration_data GROUP BY 1"))
        search_database(servers.database_url)
        search_servers(servers)
    finally:
        servers.release()
    assert doubled == {what: [(0,)] for what in DOUBLED}
    written = demo.told() + "".join(log.read_text(errors="replace") for log in (demo.data_dir / "demo-logs").glob("*.log"))
    assert [name for name, secret in development_secrets.kept(demo.data_dir).items() if secret in written] == []
    assert len(stored) == 2
    assert all(kept[integration_id] >= before for integration_id, before in stored.items()), (stored, kept)
