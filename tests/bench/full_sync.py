"""`payhub sync run --full --wait` over 10,000 customers and 10,000 invoices of the Stripe twin, processes as in production."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psutil
from rich.console import Console
from sqlalchemy import func, select

from hub import clock, db
from hub.demo import story
from hub.demo.world import World
from hub.models import RemoteRecord
from tests.bench.results import Row

OBJECTS = 10_000
MEMORY_TARGET_MB = 300.0
SAMPLE_SECONDS = 0.05


@contextmanager
def peak_worker_memory() -> Iterator[dict[str, float]]:
    """The largest resident size of any process that syncs (workers and the command) while the block runs, in MB under "mb"."""
    peak = {"mb": 0.0}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            for child in psutil.Process().children(recursive=True):
                try:
                    if {"worker", "sync"} & set(child.cmdline()):
                        peak["mb"] = max(peak["mb"], child.memory_info().rss / 2**20)
                except psutil.Error:
                    continue

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    yield peak
    done.set()
    watcher.join()


def measure() -> list[Row]:
    """Seconds, equality of counts with the twin's truth, and the workers' peak memory."""
    with tempfile.TemporaryDirectory(prefix="payhub-full-") as folder:
        os.environ |= {"PAYHUB_DATA_DIR": folder, "PAYHUB_BUDGET_FACTOR": "100"}
        world = World(0)
        try:
            world.start()
            return _measure(world)
        finally:
            world.stop()


def _measure(world: World) -> list[Row]:
    cast = story.make_cast(world.base_url)
    teller = story.Story(Console(file=open(os.devnull, "w")), cast, OBJECTS)  # noqa: SIM115
    twin = world.twins["stripe"]
    account = twin.account("Ten Thousand")
    twin.seed(account, customers=OBJECTS, invoices=OBJECTS)
    with peak_worker_memory() as peak:
        integration_id = teller.connect(twin, account)
        teller.first_sync(twin, integration_id)
        started = clock.monotonic()
        command = [sys.executable, "-m", "wsgi", "sync", "run", str(integration_id), "--full", "--wait", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = clock.monotonic() - started
    outcome = json.loads(done.stdout) if done.stdout else {"state": done.stderr[-300:]}
    ours = _counts(cast.tenant_id, integration_id)
    truth = httpx.get(
        f"{twin.base_url}/_twin/truth",
        params={"account_id": account, "kinds": "customers,invoices"},
        timeout=300,
        trust_env=False,
    ).json()
    differing = sum(abs(ours.get(kind, 0) - len(_objects(truth, f"{kind}s"))) for kind in ("customer", "invoice"))
    completed = "completed" in json.dumps(outcome)
    return [
        Row(f"full sync of {2 * OBJECTS} objects by command", seconds, "s", None, None, None, completed and done.returncode == 0),
        Row("full sync counts differing from the twin", differing, "objects", 0, None, None, differing == 0),
        Row("full sync peak memory of a worker", peak["mb"], "MB", MEMORY_TARGET_MB, None, None, peak["mb"] < MEMORY_TARGET_MB),
    ]


def _objects(truth: dict[str, object], kind: str) -> list[object]:
    found = truth.get(kind) or (truth.get("objects") or {}).get(kind) or []  # type: ignore[attr-defined]
    return list(found)


def _counts(tenant_id: int, integration_id: int) -> dict[str, int]:
    with db.tenant_session(tenant_id) as session:
        rows = session.execute(
            select(RemoteRecord.data_type, func.count())
            .where(RemoteRecord.integration_id == integration_id, RemoteRecord.deleted_at.is_(None))
            .group_by(RemoteRecord.data_type)
        ).tuples()
        return dict(rows.all())
