"""Budgets of provider requests: shared by all workers, safe without Redis."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from redis import Redis

from hub import clock, db, queue
from hub.audit import SYSTEM
from hub.integrations import gate, service
from hub.limits import LOCAL_SHARE, Budget, Limiter
from providers.errors import IntegrationRevoked, RateLimited
from providers.records import Customer
from tests.sync.hub_in_process import HubInProcess

SLOW = Budget("account", requests_per_second=0.5, burst=10)
NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
def workers(empty_redis: Redis, redis_url: str) -> Iterator[tuple[Limiter, Limiter]]:
    """The limiters of two worker processes."""
    with Redis.from_url(redis_url) as other:
        yield Limiter(empty_redis), Limiter(other)


def taken(limiter: Limiter, *budgets: Budget, tries: int) -> int:
    return sum(limiter.take(budgets) == 0.0 for _ in range(tries))


def test_two_workers_share_one_budget(workers: tuple[Limiter, Limiter]) -> None:
    one, two = workers
    assert taken(one, SLOW, tries=6) + taken(two, SLOW, tries=8) == 10


def test_full_budget_answers_the_wait_until_it_has_a_token(workers: tuple[Limiter, Limiter]) -> None:
    one, two = workers
    taken(one, SLOW, tries=10)
    assert 1.0 < two.take([SLOW]) <= 2.0


def test_budget_refills_at_its_rate(workers: tuple[Limiter, Limiter]) -> None:
    one, two = workers
    quick = Budget("quick", requests_per_second=20, burst=1)
    assert one.take([quick]) == 0.0
    time.sleep(two.take([quick]) + 0.01)
    assert two.take([quick]) == 0.0


def test_request_takes_from_all_its_budgets_or_from_none(workers: tuple[Limiter, Limiter]) -> None:
    one, _ = workers
    narrow = Budget("endpoint", requests_per_second=0.5, burst=1)
    assert taken(one, SLOW, narrow, tries=5) == 1
    assert taken(one, SLOW, tries=20) == 9


def test_block_holds_all_workers_until_it_ends(workers: tuple[Limiter, Limiter]) -> None:
    one, two = workers
    one.block(SLOW.key, 0.3)
    assert 0.2 < two.take([SLOW]) <= 0.3
    assert one.take([Budget("somebody else", 1, 1)]) == 0.0
    time.sleep(0.31)
    assert two.take([SLOW]) == 0.0


def test_shorter_block_does_not_end_a_longer_one(workers: tuple[Limiter, Limiter]) -> None:
    one, two = workers
    one.block(SLOW.key, 30)
    two.block(SLOW.key, 0.1)
    assert two.take([SLOW]) > 20


def test_request_without_budget_goes_at_once(workers: tuple[Limiter, Limiter]) -> None:
    assert workers[0].take([]) == 0.0


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
    assert 4 < limiter.take([SLOW]) <= 5


# --- at the gate --------------------------------------------------------------------------------------------------------


@pytest.fixture
def account_gate(hub: HubInProcess) -> gate.IntegrationGate:
    """Of an integration over no Redis, so that no other test's requests count."""
    return service.gate_for(hub.provider, hub.tenant_id, hub.integration_id)


@pytest.mark.parametrize(("retry_after", "least"), [("30", 29), ("soon", 1.5), ("inf", 1.5), ("-5", 0), ("nan", 0)])
def test_429_of_the_provider_blocks_the_account(account_gate: gate.IntegrationGate, retry_after: str, least: float) -> None:
    account_gate.after("GET", "/customers", status=429, seconds=0.1, headers={"retry-after": retry_after})
    wait = gate.limiter().take([Budget(f"fake:{account_gate.tenant_id}:{account_gate.integration_id}", 10, 10)])
    assert least < wait < 31


def test_used_up_budget_sends_the_work_back_instead_of_sleeping_long(account_gate: gate.IntegrationGate) -> None:
    account_gate.after("GET", "/customers", status=429, seconds=0.1, headers={"retry-after": "30"})
    began = clock.monotonic()
    with pytest.raises(RateLimited) as limited:
        account_gate.before("GET", "/customers")
    assert clock.monotonic() - began < 1
    assert 28 < (limited.value.retry_after_seconds or 0) < 31


def test_short_wait_is_slept_through(account_gate: gate.IntegrationGate) -> None:
    account_gate.after("GET", "/customers", status=429, seconds=0.1, headers={"retry-after": "0.3"})
    began = clock.monotonic()
    account_gate.before("GET", "/customers")
    assert 0.2 < clock.monotonic() - began < 1.5


def test_request_inside_a_transaction_is_a_bug_and_refused(hub: HubInProcess, account_gate: gate.IntegrationGate) -> None:
    with db.tenant_session(hub.tenant_id), pytest.raises(gate.CalledInsideTransaction):
        account_gate.before("GET", "/customers")


def test_disconnect_stops_a_running_account_within_seconds(hub: HubInProcess) -> None:
    _, account = service.open_account(hub.tenant_id, hub.integration_id)
    account.list(Customer)
    # Our side alone: the provider goes on answering, so it is the gate that stops us.
    service.disconnect(hub.tenant_id, hub.integration_id, actor=SYSTEM, revoke=False)
    time.sleep(gate.STATUS_MAX_AGE_SECONDS)
    seen = hub.world.requests_seen
    with pytest.raises(IntegrationRevoked):
        account.list(Customer)
    assert hub.world.requests_seen == seen
