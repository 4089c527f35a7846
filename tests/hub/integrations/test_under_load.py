"""Many processes at once: one refresh, budgets kept, nothing begun after a disconnect (R9, R14, R32; make soak: in full)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from redis import Redis

from hub import clock
from tests.integration.twins import Twin, running_twins
from tests.soak import budgets, disconnects, refreshes
from tests.soak.workers import Stage


@pytest.fixture(scope="module")
def twins() -> Iterator[Mapping[str, Twin]]:
    with running_twins() as found:
        yield found


@pytest.fixture
def at(fresh_database_url: str, redis_url: str, empty_redis: Redis, tmp_path: Path, twins: Mapping[str, Twin]) -> Iterator[Stage]:
    for twin in twins.values():
        twin.reset()
    made = Stage(fresh_database_url, redis_url, tmp_path, twins)
    made.boot()
    yield made
    clock.use_file(None)


def test_callers_of_an_ended_token_see_no_error_and_one_result_is_stored(at: Stage) -> None:
    """R9: the first to ask is stopped beyond its lease, and Redis is lost meanwhile."""
    outcome = refreshes.run(at, processes=2, callers=5)
    assert outcome.seen == {"answered": 10}
    assert outcome.stored == 1
    assert 1 <= outcome.asked <= 2
    assert outcome.renewable


def test_provider_counts_no_request_above_its_limit(at: Stage) -> None:
    """R14: the twin counts, and its own limit is Stripe's."""
    counted = budgets.rate(at, processes=2, threads=3, seconds=6.0)
    assert counted.seen["answered"] > budgets.ENDPOINT_LIMIT
    assert counted.above == 0
    assert counted.refused == 0


def test_named_wait_is_kept_by_every_worker(at: Stage) -> None:
    """R14."""
    told, early = budgets.retry_after(at, processes=2, threads=2, times=1)
    assert (told, early) == (1, 0)


def test_account_that_keeps_failing_is_left_alone_by_every_worker(at: Stage) -> None:
    """R14."""
    failures, after = budgets.failing(at, processes=2, threads=2, seconds=4.0)
    assert failures <= 5
    assert after == 0


def test_nothing_begins_after_a_disconnect_under_load(at: Stage) -> None:
    """R32: the tokens are revoked, the sealed value opens nowhere, and the other accounts live on."""
    found = disconnects.run(at, processes=2, threads=8, tenants=2)
    assert found.asked > 0
    assert (found.late, found.still_open, found.readable, found.harmed) == (0, 0, 0, 0)
    assert found.receipts == ["revoked"] * 2
