"""R8: many workers create and change customers while Square's lists lag and answers get lost; no customer is made twice."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import func, select

from hub import db
from hub.audit import SYSTEM
from hub.crm import clients
from hub.models import Change, RemoteRecord
from tests.bench.results import Row
from tests.soak.workers import Stage, Worker, stage

PROCESSES = 8
CLIENTS = 5_000  # each is created and then changed: two operations
LAGS_SECONDS = (
    0.0,
    30.0,
    90.0,
)  # lists and searches of customers show a write so much later (Square docs: up to a minute, or more)
LOST_SHARE = 0.1
LOST = ("dropped", "server_error_after", "rate_limited")
LONGEST_SECONDS = 900.0


@dataclass(frozen=True)
class Outcome:
    """`there`: customers at Square. `twice`: our references that more than one of them carries. `unlinked`: clients without a
    customer. `unfinished`: changes that did not end, or were parked. `operations`: changes that were made."""

    there: int
    twice: int
    unlinked: int
    unfinished: int
    operations: int


def run(at: Stage, *, processes: int, number: int) -> Outcome:
    tenant_id, integration_id, account_id = at.connect("square")
    twin = at.twins["square"]
    twin.control(
        "POST", "fault-plan", {"seed": 8, "share": LOST_SHARE, "kinds": list(LOST), "method": "POST", "path": "/v2/customers"}
    )
    made: list[int] = []
    for lag_seconds in LAGS_SECONDS:
        twin.control("POST", "settings", {"customer_lag_seconds": lag_seconds})
        for _ in range(number // len(LAGS_SECONDS)):
            person = len(made)
            fields = {"given_name": "Ada", "family_name": f"Byron {person}", "email": f"ada{person}@example.com"}
            made.append(clients.create(tenant_id, fields, actor=SYSTEM).id)
        _push_all(at, processes, tenant_id, integration_id)
        for client_id in made[-(number // len(LAGS_SECONDS)) :]:
            clients.edit(tenant_id, client_id, {"phone": "+12025550143"}, actor=SYSTEM)
        _push_all(at, processes, tenant_id, integration_id)
    twin.control("DELETE", "fault-plan")
    there = twin.truth(account_id)["customers"]
    references = Counter(customer.get("reference_id") for customer in there)
    with db.tenant_session(tenant_id) as session:
        linked = set(session.scalars(select(RemoteRecord.local_id).where(RemoteRecord.data_type == "customer")))
        unfinished = session.scalar(select(func.count()).select_from(Change).where(Change.done_at.is_(None)))
        done = session.scalar(select(func.count()).select_from(Change).where(Change.done_at.is_not(None)))
    return Outcome(
        there=len(there),
        twice=sum(1 for seen in references.values() if seen > 1),
        unlinked=len(set(made) - linked),
        unfinished=unfinished or 0,
        operations=done or 0,
    )


def _push_all(at: Stage, processes: int, tenant_id: int, integration_id: int) -> None:
    """Until nothing is left to push; what waits for its next try has its time come."""
    workers = [Worker(at, "push", integration=[tenant_id, integration_id]) for _ in range(processes)]
    try:
        for worker in workers:
            worker.ready()
        for worker in workers:
            worker.go()
        until = time.monotonic() + LONGEST_SECONDS
        while _open(tenant_id) and time.monotonic() < until:
            time.sleep(0.5)
            at.advance(30)
            at.twins["square"].advance(30)
        for worker in workers:
            worker.result()
    finally:
        for worker in workers:
            worker.end()


def _open(tenant_id: int) -> int:
    with db.tenant_session(tenant_id) as session:
        waiting = select(func.count()).select_from(Change).where(Change.done_at.is_(None), Change.parked_at.is_(None))
        return session.scalar(waiting) or 0


def measure() -> list[Row]:
    with stage(PAYHUB_BUDGET_FACTOR="1000") as at:  # the budget is not what is asked about here
        outcome = run(at, processes=PROCESSES, number=CLIENTS)
    operations = (
        f"of {outcome.operations:,} operations from {PROCESSES} workers, lists up to 90 s behind, a tenth of the answers lost"
    )
    return [
        Row(f"R8 customers made twice, {operations}", outcome.twice, "customers", 0, passed=outcome.twice == 0),
        Row("R8 clients without their customer", outcome.unlinked, "clients", 0, passed=outcome.unlinked == 0),
        Row("R8 operations that did not end", outcome.unfinished, "operations", 0, passed=outcome.unfinished == 0),
    ]
