"""Backfill: our engine against one process that only fetches, parses and COPYs the same pages."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg

from hub import embedded, migrate
from tests.bench.page_server import PAGED, pages_of
from tests.bench.results import Row

OBJECTS = 10_000
ROUNDS = 3
TARGET_RATIO = 0.25
MEMORY_TARGET_MB = 300.0


@contextmanager
def twin() -> Iterator[dict[str, Any]]:
    """The Stripe twin, described."""
    command = [
        sys.executable,
        "-m",
        "providers.sandbox",
        "--stripe-port",
        "0",
        "--square-port",
        "0",
        "--print-ready",
        "--with-parent",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["stripe"]
        finally:
            process.terminate()


@contextmanager
def page_server(answers: dict[str, bytes]) -> Iterator[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({key: value.decode("latin-1") for key, value in answers.items()}, file)
        file.flush()
        command = [sys.executable, "-m", "tests.bench.page_server", file.name]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


def ceiling(base_url: str, database_url: str) -> float:
    """Objects a second of the simplest thing that could be done with the pages, in a process of its own."""
    code = f"from tests.bench import backfill; print(backfill.copy_pages({base_url!r}, {database_url!r}))"
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def copy_pages(base_url: str, database_url: str) -> float:
    """Fetch over one kept connection, parse with the fast parser, COPY the raw documents into jsonb with a primary key."""
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bench_raw")
        connection.execute("CREATE TABLE bench_raw (kind text, id text, data jsonb NOT NULL, PRIMARY KEY (kind, id))")
        count = 0
        started = time.perf_counter()
        with httpx.Client(base_url=base_url, trust_env=False) as client:
            for path in PAGED:
                after = ""
                while True:
                    page = orjson.loads(client.get(path, params={"limit": 100, "starting_after": after}).content)
                    with connection.cursor() as cursor, cursor.copy("COPY bench_raw FROM STDIN") as copy:
                        for item in page["data"]:
                            copy.write_row((path, item["id"], orjson.dumps(item).decode()))
                    count += len(page["data"])
                    if not page["has_more"]:
                        break
                    after = page["data"][-1]["id"]
        return count / (time.perf_counter() - started)


def ours(base_url: str, database_url: str, environment: dict[str, str]) -> dict[str, float]:
    """One initial sync in a process of its own: objects a second, peak memory, CPU, requests."""
    code = f"from tests.bench import backfill; print(backfill.sync_all({base_url!r}, {database_url!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={**os.environ, **environment}
    )
    measured: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return measured


def sync_all(base_url: str, database_url: str) -> str:
    """Make a tenant with an integration on the page server and run its first sync; the figures as JSON."""
    from hub import clock, db, process, queue  # noqa: PLC0415
    from hub.audit import SYSTEM  # noqa: PLC0415
    from hub.config import Settings  # noqa: PLC0415
    from hub.identity import administration  # noqa: PLC0415
    from hub.integrations import service, sync_requests  # noqa: PLC0415
    from hub.models import SyncRun  # noqa: PLC0415
    from providers.contract import Credentials, Profile  # noqa: PLC0415
    from sync import run  # noqa: PLC0415

    booted = process.boot(Settings.from_env(), database_url=database_url, redis_url=None)
    queue.register({})
    provider = booted.providers["stripe"]
    tenant_id = administration.create_tenant("Bench")
    account_id = f"acct_bench{time.time_ns()}"
    credentials = Credentials(account_id=account_id, scopes=frozenset({"read_write"}))
    integration_id, _ = service.save(
        tenant_id, provider, credentials, Profile(account_id=account_id, name="Bench", country="US", currency="USD"), actor=SYSTEM
    )
    with db.tenant_session(tenant_id) as session:
        service.get(session, integration_id).config = {**service.get(session, integration_id).config, "history_days": 3650}
        run_id = sync_requests.request_sync(session, tenant_id, integration_id, kind="initial", requested_by="bench", full=True)
    started, cpu = time.perf_counter(), time.process_time()
    run.run(tenant_id, run_id)
    seconds = time.perf_counter() - started
    with db.tenant_session(tenant_id) as session:
        row = session.get_one(SyncRun, (tenant_id, run_id))
        counts = row.counts
        assert row.outcome == "completed", (row.outcome, row.reason, clock.now())
    objects = sum(kind["created"] for kind in counts.values())
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return json.dumps(
        {"per_second": objects / seconds, "peak_mb": peak_mb, "cpu_seconds": time.process_time() - cpu, "objects": objects}
    )


def measure() -> list[Row]:
    """Interleaved rounds; medians, because a shared machine wanders."""
    with tempfile.TemporaryDirectory(prefix="payhub-bench-") as folder, twin() as described:
        servers = embedded.ensure(Path(folder))
        try:
            database_url = embedded.create_database(servers.database_url, "payhub_bench")
            migrate.upgrade(database_url)
            return _measure(described, database_url)
        finally:
            servers.release()


def _measure(described: dict[str, Any], database_url: str) -> list[Row]:
    control = httpx.Client(base_url=described["base_url"], timeout=300.0, trust_env=False)
    account = control.post("/_twin/accounts", json={"name": "Bench", "connect": True}).json()["account_id"]
    control.post("/_twin/seed", json={"account_id": account, "customers": OBJECTS, "invoices": OBJECTS}).raise_for_status()
    headers = {"Authorization": f"Bearer {described['secret_key']}", "Stripe-Account": account}
    answers = pages_of(described["base_url"], headers)
    environment = {
        "STRIPE_SECRET_KEY": described["secret_key"],
        "STRIPE_CLIENT_ID": described["client_id"],
        "PAYHUB_BUDGET_FACTOR": "1000",
        "PAYHUB_DATA_DIR": tempfile.mkdtemp(prefix="payhub-bench-data-"),
    }
    with page_server(answers) as base_url:
        environment |= {"STRIPE_API_BASE": base_url, "STRIPE_CONNECT_BASE": base_url}
        ceilings, measured = [], []
        for _ in range(ROUNDS):
            ceilings.append(ceiling(base_url, database_url))
            measured.append(ours(base_url, database_url, environment))
    top = statistics.median(ceilings)
    value = statistics.median(each["per_second"] for each in measured)
    memory = max(each["peak_mb"] for each in measured)
    cpu = statistics.median(each["cpu_seconds"] for each in measured)
    objects = int(measured[0]["objects"])
    ratio = value / top
    return [
        Row(f"backfill {objects} objects", value, "objects/s", TARGET_RATIO * top, top, round(ratio, 3), ratio >= TARGET_RATIO),
        Row("backfill peak memory", memory, "MB", MEMORY_TARGET_MB, None, None, memory < MEMORY_TARGET_MB),
        Row("backfill CPU", cpu, "s"),
    ]
