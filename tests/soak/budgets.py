"""R14 in full: what the provider counts, while many workers ask as fast as they may."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from hub.breaker import FAILURES_TO_OPEN
from tests.bench.results import Row
from tests.integration.twins import Twin
from tests.soak.workers import Stage, Worker, stage

PROCESSES = 4
THREADS = 3
SECONDS = 20.0
ENDPOINT_LIMIT = 25  # Stripe's own figure, per second and endpoint
RETRY_AFTER_SECONDS = 4
ON_THE_WAY_SECONDS = 1.0  # what had left its gate before an answer could be known anywhere, on a machine that is overloaded
CUSTOMERS, SELLERS_CUSTOMERS = "/v1/customers", "/v2/customers"
WINDOW_SECONDS = 5.0


@dataclass(frozen=True)
class Counted:
    """By the twin's own log. `above`: requests beyond what the limit allows in any five seconds: on their way requests run into
    each other, so that one second's arrivals (`most`) are not what was sent in one. `refused`: those answered 429, by the twin's
    own bucket."""

    requests: int
    above: int
    most: int
    refused: int
    per_second: float
    seen: dict[str, int]


def begun(twin: Twin, path: str = CUSTOMERS) -> list[dict[str, Any]]:
    """Requests for customers with the moment each began, oldest first."""
    found = [
        {**entry, "began": entry["at"] - entry["milliseconds"] / 1000, "ended": entry["at"]} for entry in twin.requests(path)
    ]
    return sorted(found, key=lambda entry: entry["began"])


def most_within(seconds: float, moments: list[float]) -> int:
    most, first = 0, 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def together(at: Stage, *, processes: int, threads: int, seconds: float, target: list[int]) -> dict[str, int]:
    """Workers that ask for the same account at once; what they saw."""
    workers = [Worker(at, "read", integrations=[target], threads=threads, seconds=seconds) for _ in range(processes)]
    for worker in workers:
        worker.ready()
    for worker in workers:
        worker.go()
    seen: dict[str, int] = {}
    for worker in workers:
        for name, number in worker.result().items():
            seen[name] = seen.get(name, 0) + number
    return seen


def rate(at: Stage, *, processes: int, threads: int, seconds: float) -> Counted:
    """A provider with Stripe's limit for one endpoint, and nobody who knows of the others but by Redis."""
    twin = at.twins["stripe"]
    tenant_id, integration_id, _ = at.connect("stripe", customers=3)
    twin.control("POST", "settings", {"rate_limits": {"per_endpoint": ENDPOINT_LIMIT}})
    twin.control("DELETE", "requests")
    seen = together(at, processes=processes, threads=threads, seconds=seconds, target=[tenant_id, integration_id])
    entries = begun(twin)
    moments = [entry["began"] for entry in entries]
    length = moments[-1] - moments[0]
    twin.control("POST", "settings", {"rate_limits": "off"})
    return Counted(
        requests=len(entries),
        above=max(0, most_within(WINDOW_SECONDS, moments) - int(ENDPOINT_LIMIT * WINDOW_SECONDS)),
        most=most_within(1.0, moments),
        refused=sum(entry["status"] == 429 for entry in entries),
        per_second=(len(entries) - 1) / length if length else 0.0,
        seen=seen,
    )


def retry_after(at: Stage, *, processes: int, threads: int, times: int) -> tuple[int, int]:
    """(429s with a Retry-After, requests that came before their time). At Square: Stripe names no time."""
    twin = at.twins["square"]
    tenant_id, integration_id, _ = at.connect("square", customers=3)
    twin.control("DELETE", "requests")
    for number in range(times):
        fault = {"kind": "rate_limited", "path": f"{SELLERS_CUSTOMERS}*", "retry_after": RETRY_AFTER_SECONDS}
        twin.fault(**fault, skip=8 * (number + 1), times=1)
    seconds = times * (RETRY_AFTER_SECONDS + 2.0) + 1.0
    together(at, processes=processes, threads=threads, seconds=seconds, target=[tenant_id, integration_id])
    entries = begun(twin, SELLERS_CUSTOMERS)
    told = [entry["ended"] for entry in entries if entry["status"] == 429]
    early = sum(
        any(end + ON_THE_WAY_SECONDS < entry["began"] < end + RETRY_AFTER_SECONDS - 0.05 for end in told) for entry in entries
    )
    twin.control("DELETE", "faults")
    return len(told), early


def failing(at: Stage, *, processes: int, threads: int, seconds: float) -> tuple[int, int]:
    """(failures in a row before the workers stopped, requests that began once those were known)."""
    twin = at.twins["stripe"]
    tenant_id, integration_id, account_id = at.connect("stripe", customers=3)
    twin.control("DELETE", "requests")
    twin.fault(kind="server_error", path=f"{CUSTOMERS}*", account=account_id, times=None)
    together(at, processes=processes, threads=threads, seconds=seconds, target=[tenant_id, integration_id])
    twin.control("DELETE", "faults")
    ended = sorted(entry["ended"] for entry in twin.requests(CUSTOMERS) for entry in [{"ended": entry["at"]}])
    if len(ended) < FAILURES_TO_OPEN:
        return len(ended), 0
    known = ended[FAILURES_TO_OPEN - 1] + ON_THE_WAY_SECONDS
    return FAILURES_TO_OPEN, sum(entry["began"] > known for entry in begun(twin))


def measure() -> list[Row]:
    with stage() as at:
        counted = rate(at, processes=PROCESSES, threads=THREADS, seconds=SECONDS)
        stream = rate(at, processes=1, threads=2, seconds=SECONDS)  # as a backfill reads: a page ahead of the one being stored
        told, early = retry_after(at, processes=PROCESSES, threads=THREADS, times=5)
        time.sleep(1.0)
        failures, after = failing(at, processes=PROCESSES, threads=THREADS, seconds=10.0)
    share = stream.per_second / ENDPOINT_LIMIT
    what = f"R14 requests above {ENDPOINT_LIMIT} a second, of {counted.requests}"
    return [
        Row(what, counted.above, "requests", 0, passed=counted.above == 0),
        Row("R14 most arrivals within one second", counted.most, "requests"),
        Row("R14 requests answered 429", counted.refused, "requests", 0, passed=counted.refused == 0),
        Row(
            "R14 share of the limit that a stream of pages uses",
            stream.per_second,
            "requests/s",
            22.5,
            25.0,
            round(share, 3),
            share >= 0.9,
        ),
        Row(f"R14 requests before their Retry-After, of {told} named", early, "requests", 0, passed=early == 0 and told > 0),
        Row("R14 failures in a row until the breaker opens", failures, "failures", 5, passed=failures <= 5),
        Row("R14 requests begun behind an open breaker", after, "requests", 0, passed=after == 0),
    ]
