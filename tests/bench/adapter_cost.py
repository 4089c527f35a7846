"""What the adapters cost: one page of 100 records, against the same requests by the same client and JSON parser, unmapped.

Both sides ask a replay of the twin's answers, so that neither the twin's thinking nor another number of requests plays a part.
Run alone: `python -m tests.bench.adapter_cost`."""

from __future__ import annotations

import base64
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import httpx
import orjson

from providers.contract import Account, OpenGate, Provider
from providers.records import Customer, Invoice, Payment, Record
from providers.square.provider import SquareProvider
from providers.stripe.provider import StripeProvider
from tests.bench.replay_server import LEARNT
from tests.bench.results import Row, report
from tests.contract.harness import Harness, find_build

PAGE = 100
ROUNDS = 60
TARGET_RATIO = 1.5
KINDS: Final[tuple[type[Record], ...]] = (Customer, Invoice, Payment)
Open = Callable[[Mapping[str, str]], Provider]
PROVIDERS: Final[Mapping[str, tuple[Open, tuple[str, ...]]]] = {
    "stripe": (StripeProvider.from_env, ("STRIPE_API_BASE", "STRIPE_CONNECT_BASE")),
    "square": (SquareProvider.from_env, ("SQUARE_BASE_URL",)),
}
"""How each is opened, and which variables name the address of its API."""


@contextmanager
def replay_of(base_url: str) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.bench.replay_server", base_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def measure() -> list[Row]:
    rows: list[Row] = []
    for name, (open_provider, addresses) in PROVIDERS.items():
        with find_build(name)() as harness:
            environment = harness.twin.environment()  # type: ignore[attr-defined]
            for kind in KINDS:
                harness.seed(kind, PAGE)
                with replay_of(environment[addresses[0]]) as url:
                    provider = open_provider(environment | dict.fromkeys(addresses, url))
                    rows.append(_row(name, kind, _account(provider, harness), url))
    return rows


def _account(provider: Provider, harness: Harness) -> Account:
    return provider.account(harness.credentials, gate=OpenGate())


def _row(name: str, kind: type[Record], account: Account, url: str) -> Row:
    """Interleaved, medians: a shared machine wanders. The figure is milliseconds, the ceiling those without mapping."""
    read = _hundred(account, kind)
    assert read == PAGE, f"{name}: pages of {read} {kind.__name__}s"
    with httpx.Client(base_url=url, timeout=10.0, trust_env=False) as client:
        learnt: list[dict[str, Any]] = client.get(LEARNT.decode()).json()
        asked = [_arguments(each) for each in learnt]
        ours, theirs = [], []
        for _ in range(ROUNDS):
            theirs.append(_seconds(lambda: [orjson.loads(client.request(**each).content) for each in asked]))
            ours.append(_seconds(lambda: _hundred(account, kind)))
    value, ceiling = statistics.median(ours) * 1000, statistics.median(theirs) * 1000
    ratio = round(value / ceiling, 2)
    requests = f"{len(asked)} request{'s' if len(asked) > 1 else ''}"
    title = f"{name}: {PAGE} {kind.__name__.lower()}s, {requests}"
    return Row(title, value, "ms", TARGET_RATIO * ceiling, ceiling, ratio, ratio <= TARGET_RATIO)


def _hundred(account: Account, kind: type[Record]) -> int:
    """In one page, where the provider gives so many in one."""
    page = account.list(kind)
    read = len(page.records)
    while read < PAGE and page.next_cursor is not None:
        page = account.list(kind, cursor=page.next_cursor)
        read += len(page.records)
    return read


def _arguments(learnt: dict[str, Any]) -> dict[str, Any]:
    """Of the client's `request`: what a caller without adapter would say each time."""
    path, _, query = learnt["target"].partition("?")
    body = base64.b64decode(learnt["body"]) if learnt["body"] else None
    params = parse_qsl(query, keep_blank_values=True)
    return {"method": learnt["method"], "url": path, "params": params, "headers": learnt["headers"], "content": body}


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(0 if report(measure(), Path(".payhub/bench-adapters.json"), "adapter cost") else 1)
