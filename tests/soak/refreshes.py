"""R9 in full: many callers of one ended token, a holder that oversleeps, a Redis that is lost, and one result."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

import redis

from hub import db, process
from hub.integrations import sealed, service
from hub.integrations.tokens import LEASE
from hub.models import Integration
from tests.bench.results import Row
from tests.soak.workers import Stage, Worker, stage

PROCESSES = 8
CALLERS = 25
THIRTY_ONE_DAYS_SECONDS = 31 * 86_400.0
TOKEN_PATH = "/oauth2/token"
HELD_SECONDS = 3.0


@dataclass(frozen=True)
class Outcome:
    """`seen`: what callers got, by name. `asked`: accepted requests for fresh tokens. `stored`: results stored. `renewable`:
    whether what is stored can still be refreshed."""

    seen: dict[str, int]
    asked: int
    stored: int
    renewable: bool


def lose_redis(url: str) -> None:
    """As a restart leaves it: no key, and every connection to it cut."""
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        database = str(client.connection_pool.connection_kwargs.get("db", 0))
        me = client.client_id()
        for other in client.client_list():
            if other["db"] == database and int(other["id"]) != me:
                client.client_kill_filter(_id=other["id"])


def run(at: Stage, *, processes: int, callers: int) -> Outcome:
    """All at once use an account whose token has ended; the first to ask is stopped until its lease is over."""
    tenant_id, integration_id, _ = at.connect("square")
    with db.tenant_session(tenant_id) as session:
        before = service.get(session, integration_id).credentials_revision
    at.twins["square"].advance(THIRTY_ONE_DAYS_SECONDS)
    at.advance(THIRTY_ONE_DAYS_SECONDS)
    at.twins["square"].control("DELETE", "requests")
    at.twins["square"].fault(kind="slow", path=TOKEN_PATH, seconds=HELD_SECONDS, times=1)
    target = [tenant_id, integration_id]
    holder = Worker(at, "describe", integration=target, threads=callers)
    others = [Worker(at, "describe", integration=target, threads=callers) for _ in range(processes - 1)]
    try:
        found = _all_at_once(at, holder, others, target)
    finally:
        for worker in (holder, *others):
            worker.end()  # one of them may be stopped
    seen: dict[str, int] = {}
    for each in found:
        for name, number in each.items():
            seen[name] = seen.get(name, 0) + number
    asked = sum(entry["status"] == 200 for entry in at.twins["square"].requests(TOKEN_PATH) if entry["path"] == TOKEN_PATH)
    with db.tenant_session(tenant_id) as session:
        row = service.get(session, integration_id)
        stored, kept = row.credentials_revision - before, sealed.open_credentials(session, row)
    renewable = bool(process.providers()["square"].refresh(kept).refresh_token)
    return Outcome(seen, asked, stored, renewable)


def _all_at_once(at: Stage, holder: Worker, others: list[Worker], target: list[int]) -> list[dict[str, int]]:
    """What each worker saw."""
    for worker in (holder, *others):
        worker.ready()
    holder.go()
    _until_leased(*target)
    time.sleep(0.3)  # its request is under way
    os.kill(holder.process.pid, signal.SIGSTOP)
    for other in others:
        other.go()
    time.sleep(0.5)
    lose_redis(at.redis_url)
    at.advance(LEASE.total_seconds() + 1)
    found = [other.result() for other in others]
    os.kill(holder.process.pid, signal.SIGCONT)
    found.append(holder.result())
    return found


def _until_leased(tenant_id: int, integration_id: int) -> None:
    for _ in range(600):
        with db.tenant_session(tenant_id) as session:
            row: Integration = service.get(session, integration_id)
            if row.refresh_lease_until is not None:
                return
        time.sleep(0.02)
    raise AssertionError("nobody asked for fresh tokens")


def measure() -> list[Row]:
    with stage(PAYHUB_BUDGET_FACTOR="100") as at:  # the budget is not what is asked about here
        outcome = run(at, processes=PROCESSES, callers=CALLERS)
    callers = PROCESSES * CALLERS
    refused = callers - outcome.seen.get("answered", 0)
    return [
        Row(f"R9 callers that saw an error, of {callers} in {PROCESSES} processes", refused, "callers", 0, passed=refused == 0),
        Row("R9 results stored", outcome.stored, "results", 1, passed=outcome.stored == 1),
        Row("R9 accepted requests for fresh tokens", outcome.asked, "requests", 2, passed=1 <= outcome.asked <= 2),
        Row("R9 lost refresh tokens", int(not outcome.renewable), "tokens", 0, passed=outcome.renewable),
    ]
