"""Budgets of provider requests: shared by all workers, safe without Redis, and learning from what the provider refuses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from redis import Redis

from hub import clock, queue
from hub.limits import FIRST_GUESS_AT_ONCE, LOWERED_TO, Budget, Limiter
from hub.local_budgets import LOCAL_SHARE

SLOW = Budget("account", requests_per_second=0.5, burst=10)
NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
def workers(empty_redis: Redis, redis_url: str) -> Iterator[tuple[Limiter, Limiter]]:
    """The limiters of two worker processes."""
    with Redis.from_url(redis_url) as other:
        yield Limiter(empty_redis), Limiter(other)


def taken(limiter: Limiter, *budgets: Budget, tries: int) -> int:
    return sum(limiter.take(budgets).seconds == 0.0 for _ in range(tries))


def test_two_workers_share_one_budget(workers: tuple[Limiter, Limiter]) -> None:
    one, two = workers
    assert taken(one, SLOW, tries=6) + taken(two, SLOW, tries=8) == 10


def test_full_budget_answers_the_wait_until_it_has_a_token(workers: tuple[Limiter, Limiter]) -> None:
    one, two = workers
    taken(one, SLOW, tries=10)
    wait = two.take([SLOW])
    assert 1.0 < wait.empty_seconds <= 2.0
    assert wait.told_seconds == 0.0


def test_budget_refills_at_its_rate(workers: tuple[Limiter, Limiter]) -> None:
    one, two = workers
    quick = Budget("quick", requests_per_second=20, burst=1)
    assert taken(one, quick, tries=1) == 1
    time.sleep(two.take([quick]).seconds + 0.01)
    assert taken(two, quick, tries=1) == 1


def test_request_takes_from_all_its_budgets_or_from_none(workers: tuple[Limiter, Limiter]) -> None:
    one, _ = workers
    narrow = Budget("endpoint", requests_per_second=0.5, burst=1)
    assert taken(one, SLOW, narrow, tries=5) == 1
    assert taken(one, SLOW, tries=20) == 9


def test_block_holds_all_workers_until_it_ends(workers: tuple[Limiter, Limiter]) -> None:
    one, two = workers
    one.block(SLOW.key, 0.3)
    assert 0.2 < two.take([SLOW]).told_seconds <= 0.3
    assert taken(one, Budget("somebody else", 1, 1), tries=1) == 1
    time.sleep(0.31)
    assert taken(two, SLOW, tries=1) == 1


def test_shorter_block_does_not_end_a_longer_one(workers: tuple[Limiter, Limiter]) -> None:
    one, two = workers
    one.block(SLOW.key, 30)
    two.block(SLOW.key, 0.1)
    assert two.take([SLOW]).told_seconds > 20


def test_request_without_budget_goes_at_once(workers: tuple[Limiter, Limiter]) -> None:
    assert workers[0].take([]).seconds == 0.0


# --- learning -----------------------------------------------------------------------------------------------------------


def test_lowered_budget_is_lower_for_every_worker(workers: tuple[Limiter, Limiter]) -> None:
    one, two = workers
    whole = Budget("account", requests_per_second=10, burst=1)
    one.lower(whole.key)
    wait = two.take([whole]).empty_seconds
    assert 0.1 < wait <= 0.1 / LOWERED_TO + 0.001


def test_refusals_that_come_together_lower_a_budget_once(workers: tuple[Limiter, Limiter], empty_redis: Redis) -> None:
    for limiter in workers * 5:
        limiter.lower(SLOW.key)
    factor = empty_redis.hget(f"payhub:budget:{SLOW.key}", "factor")
    assert float(factor or 0) == pytest.approx(LOWERED_TO)  # type: ignore[arg-type]


def test_lowered_budget_comes_back_slowly_and_is_forgotten(workers: tuple[Limiter, Limiter], empty_redis: Redis) -> None:
    """The clock of budgets is Redis' own: a lowering is moved back in time instead."""
    one, two = workers
    whole = Budget("account", requests_per_second=10, burst=1)
    name = f"payhub:budget:{whole.key}"
    one.lower(whole.key)
    second = int(empty_redis.time()[0])  # type: ignore[index]
    empty_redis.hset(name, mapping={"factor": "0.1", "factor_at": (second - 90) * 1000})
    half_way = two.take([whole]).empty_seconds
    assert 0.4 < half_way <= 0.5  # a tenth has come back in 90 of 900 seconds
    empty_redis.hset(name, mapping={"factor_at": (second - 900) * 1000, "at": (second - 900) * 1000})
    assert taken(two, whole, tries=1) == 1
    assert two.take([whole]).empty_seconds <= 0.1
    assert 0 < empty_redis.ttl(name) <= 900  # type: ignore[operator]


def test_stated_number_of_requests_at_once_holds_for_all_workers_together(workers: tuple[Limiter, Limiter]) -> None:
    one, two = workers
    budget = Budget("payouts", requests_per_second=1000, burst=1000, at_once=3)
    waits = [limiter.take([budget], request=str(n)) for n, limiter in enumerate((one, two, one, two))]
    assert [wait.seconds == 0.0 for wait in waits] == [True, True, True, False]
    assert waits[0].holds_place
    two.give_back([budget], "0")
    assert two.take([budget], request="4").seconds == 0.0
    assert one.take([budget], request="5").seconds > 0.0


def test_refused_concurrency_narrows_every_worker(workers: tuple[Limiter, Limiter]) -> None:
    one, two = workers
    budget = Budget("account", requests_per_second=1000, burst=1000)
    one.narrow(budget.key)
    passed = sum(two.take([budget], request=str(n)).seconds == 0.0 for n in range(20))
    assert passed == FIRST_GUESS_AT_ONCE // 2


# --- without Redis ------------------------------------------------------------------------------------------------------


def test_lost_redis_leaves_each_worker_its_safe_share() -> None:
    limiter = Limiter(queue.client(NOBODY))
    began = time.monotonic()
    got = taken(limiter, Budget("account", requests_per_second=0.01, burst=100), tries=100)
    assert got == int(100 * LOCAL_SHARE)
    assert time.monotonic() - began < 2


def test_share_of_the_smallest_budget_is_still_one_request() -> None:
    assert taken(Limiter(None), Budget("account", requests_per_second=0.01, burst=1), tries=3) == 1


def test_block_holds_this_worker_also_without_redis() -> None:
    limiter = Limiter(queue.client(NOBODY))
    limiter.block(SLOW.key, 5)
    assert 4 < limiter.take([SLOW]).told_seconds <= 5


def test_refusal_lowers_this_workers_share_also_without_redis() -> None:
    limiter = Limiter(None)
    budget = Budget("account", requests_per_second=40, burst=1)
    limiter.lower(budget.key)
    assert taken(limiter, budget, tries=1) == 1
    assert limiter.take([budget]).empty_seconds == pytest.approx(1 / (40 * LOCAL_SHARE * LOWERED_TO), rel=0.05)


def test_redis_that_comes_back_is_used_again(empty_redis: Redis, redis_url: str) -> None:
    """A first worker whose Redis was away shares the budget with a second as soon as it is there."""
    away = queue.client(NOBODY)
    limiter = Limiter(away)
    assert taken(limiter, SLOW, tries=1) == 1
    away.connection_pool = Redis.from_url(redis_url).connection_pool
    time.sleep(1.05)
    taken(Limiter(empty_redis), SLOW, tries=10)
    assert limiter.take([SLOW]).empty_seconds > 1.0


def test_time_of_a_block_is_real_whatever_the_hubs_clock_says(workers: tuple[Limiter, Limiter]) -> None:
    one, two = workers
    one.block(SLOW.key, 20)
    clock.advance(timedelta(hours=1))
    assert two.take([SLOW]).told_seconds > 10
