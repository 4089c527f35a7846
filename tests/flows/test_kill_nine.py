"""`kill -9` of every process while deliveries arrive, then a clean start: parity with the provider's truth, nothing doubled."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from hub.embedded.supervisor import SUPERVISOR_LOCK
from tests.flows.running_hub import RunningHub, running_hub, until

VICTIMS = ("worker", "web", "scheduler", "redis", "postgres", "supervisor")
PAUSE_SECONDS = 0.4


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path, throwaway=False) as running:  # committed must mean committed
        yield running


class Deliverer:
    """The provider: makes customers, invoices and payments, and delivers each event till it is answered with 200."""

    def __init__(self, hub: RunningHub) -> None:
        self.hub = hub
        self.made = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Deliverer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        seen = 0
        while not self._stop.is_set() or seen < len(self.hub.world.event_bodies(self.hub.account)):
            bodies = self.hub.world.event_bodies(self.hub.account)
            if seen == len(bodies):
                customer = self.hub.merchant.add_customer(given_name=f"Ada {self.made}")
                self.hub.merchant.pay(self.hub.merchant.add_invoice(customer))
                self.made += 1
                continue
            with contextlib.suppress(httpx.HTTPError):
                seen += self.hub.deliver(bodies[seen]) == 200
            time.sleep(0.01)


def kill(hub: RunningHub, victim: str) -> Callable[[], None]:
    """kill -9; what starts it again."""
    if victim in hub.children:
        hub.kill(victim)
        return lambda: hub.start(victim)
    pids: dict[str, Callable[[], int | None]] = {
        "redis": lambda: hub.servers.redis_pid,
        "postgres": lambda: hub.servers.postgres_pid,
        "supervisor": lambda: _supervisor(hub.folder),
    }
    pid = pids[victim]()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return hub.start_servers


def _supervisor(folder: Path) -> int:
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "supervise" in words and words[-1] == str(folder / "embedded"):
            assert (folder / "embedded" / SUPERVISOR_LOCK).exists()
            return process.pid
    raise AssertionError("no supervisor runs")


def test_every_process_killed_while_deliveries_arrive_leaves_parity_with_the_provider(hub: RunningHub) -> None:
    dice = random.Random(9)
    victims = list(VICTIMS)
    dice.shuffle(victims)
    with Deliverer(hub) as provider:
        for victim in victims:
            time.sleep(PAUSE_SECONDS * dice.random())
            start_again = kill(hub, victim)
            time.sleep(PAUSE_SECONDS * dice.random())
            start_again()
    # A clean start: everything is killed at once, and all of it comes back.
    for name in list(hub.children):
        hub.kill(name)
    kill(hub, "postgres")
    hub.start_servers()
    hub.start()
    # A worker that was killed holds its lease; the sweep finds what it left once that has ended.
    hub.sql("UPDATE webhook_events SET lease_until = now() WHERE lease_until IS NOT NULL")
    until("all work is done", lambda: hub.sql("SELECT count(*) FROM webhook_events WHERE done_at IS NULL") == [(0,)], 30)
    assert provider.made > 3
    books = hub.world.books(hub.account)
    there = {kind: {record["id"] for record in books.shelves[kind]} for kind in ("customer", "invoice", "payment")}
    for kind, ids in there.items():
        here = [row[0] for row in hub.sql(f"SELECT external_id FROM integration_data WHERE data_type = '{kind}'")]
        assert sorted(map(str, here)) == sorted(ids), kind
    assert hub.sql("SELECT count(*) FROM clients") == [(provider.made,)]
    assert hub.sql("SELECT count(*), sum(amount) FROM payments") == [(provider.made, 12_500 * provider.made)]
    assert hub.sql("SELECT status, count(*) FROM invoices GROUP BY 1") == [("paid", provider.made)]
    assert hub.sql("SELECT count(*), sum(amount) FROM allocations") == [(provider.made, 12_500 * provider.made)]
    assert hub.sql("SELECT count(*) - count(DISTINCT event_id) FROM webhook_events") == [(0,)]
