"""The circuit breaker: a few failures in a row, and nothing begins but one request that tries."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from redis import Redis

from hub import clock, queue
from hub.breaker import FAILURES_TO_OPEN, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Breaker

KEY = "stripe:1:2"
NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture(params=["shared", "alone"])
def breakers(request: pytest.FixtureRequest, empty_redis: Redis, redis_url: str) -> Iterator[tuple[Breaker, Breaker]]:
    """Two workers over one Redis; or twice the same worker, whose Redis is away."""
    if request.param == "shared":
        with Redis.from_url(redis_url) as other:
            yield Breaker(empty_redis), Breaker(other)
    else:
        alone = Breaker(queue.client(NOBODY))
        yield alone, alone


def opened(breakers: tuple[Breaker, Breaker]) -> tuple[Breaker, Breaker]:
    for number in range(FAILURES_TO_OPEN):
        breaker = breakers[number % 2]
        assert breaker.admit(KEY) == 0.0
        breaker.failed(KEY)
    return breakers


def after_the_pause(breakers: tuple[Breaker, Breaker]) -> None:
    clock.advance(timedelta(seconds=breakers[0].admit(KEY) + 0.01))


def test_no_more_than_five_failures_in_a_row_open_it_for_all_workers(breakers: tuple[Breaker, Breaker]) -> None:
    one, two = opened(breakers)
    assert FAILURES_TO_OPEN <= 5
    for breaker in (one, two):
        assert FIRST_PAUSE_SECONDS - 2 < breaker.admit(KEY) <= FIRST_PAUSE_SECONDS


def test_an_answer_between_failures_begins_the_count_anew(breakers: tuple[Breaker, Breaker]) -> None:
    one, two = breakers
    for _ in range(3):
        for _ in range(FAILURES_TO_OPEN - 1):
            assert one.admit(KEY) == 0.0
            one.failed(KEY)
        assert two.admit(KEY) == 0.0
        two.answered(KEY)
    assert one.admit(KEY) == 0.0


def test_open_breaker_of_one_account_stops_no_other(breakers: tuple[Breaker, Breaker]) -> None:
    one, _ = opened(breakers)
    assert one.admit("stripe:1:3") == 0.0


def test_after_the_pause_one_request_tries_for_all(breakers: tuple[Breaker, Breaker]) -> None:
    one, two = opened(breakers)
    after_the_pause(breakers)
    assert [two.admit(KEY) == 0.0 for _ in range(3)] == [True, False, False]
    assert one.admit(KEY) > 0.0


def test_probe_that_is_answered_closes_it(breakers: tuple[Breaker, Breaker]) -> None:
    one, two = opened(breakers)
    after_the_pause(breakers)
    assert two.admit(KEY) == 0.0
    two.answered(KEY)
    assert [one.admit(KEY), two.admit(KEY)] == [0.0, 0.0]
    assert one.open_until(KEY) is None


def test_probe_that_fails_doubles_the_pause_up_to_a_bound(breakers: tuple[Breaker, Breaker]) -> None:
    one, two = opened(breakers)
    pauses = []
    for _ in range(7):
        after_the_pause(breakers)
        assert two.admit(KEY) == 0.0
        two.failed(KEY)
        pauses.append(one.admit(KEY))
    assert FIRST_PAUSE_SECONDS * 2 - 2 < pauses[0] <= FIRST_PAUSE_SECONDS * 2
    assert LONGEST_PAUSE_SECONDS - 2 < pauses[-1] <= LONGEST_PAUSE_SECONDS


def test_probe_whose_worker_died_does_not_hold_it_open_for_ever(breakers: tuple[Breaker, Breaker]) -> None:
    one, two = opened(breakers)
    after_the_pause(breakers)
    assert one.admit(KEY) == 0.0
    after_the_pause((two, one))
    assert two.admit(KEY) == 0.0


def test_failures_of_requests_that_were_under_way_do_not_lengthen_the_pause(breakers: tuple[Breaker, Breaker]) -> None:
    one, two = opened(breakers)
    for _ in range(10):
        two.failed(KEY)
    assert one.admit(KEY) <= FIRST_PAUSE_SECONDS


def test_open_breaker_says_until_when(breakers: tuple[Breaker, Breaker]) -> None:
    one, two = opened(breakers)
    until = two.open_until(KEY)
    assert until is not None
    assert timedelta() < until - clock.now() <= timedelta(seconds=FIRST_PAUSE_SECONDS)
    assert one.open_until("stripe:1:3") is None


def test_breaker_opens_also_while_redis_comes_and_goes(redis_url: str, empty_redis: Redis) -> None:
    client = queue.client(NOBODY)
    breaker = Breaker(client)
    for _ in range(FAILURES_TO_OPEN):
        breaker.failed(KEY)
    assert breaker.admit(KEY) > 0
    client.connection_pool = Redis.from_url(redis_url).connection_pool
    time.sleep(1.05)
    breaker.admit(KEY)  # Redis knows of nothing: requests go, and the count begins anew there
    for _ in range(FAILURES_TO_OPEN):
        breaker.failed(KEY)
    assert Breaker(empty_redis).admit(KEY) > 0
