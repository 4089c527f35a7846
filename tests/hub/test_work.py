"""Durable work: who gets a row, and what a failure means for its next try."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from hub import clock, db, work
from hub.models import Change
from providers.errors import (
    Declined,
    IntegrationRevoked,
    OutcomeUnknown,
    PermissionMissing,
    RateLimited,
    Rejected,
    Transient,
    Unsupported,
    VersionConflict,
)
from tests.sync.hub_in_process import HubInProcess

OUTAGE = Transient("The provider does not answer.")


def add_changes(hub: HubInProcess, number: int, *, due_in: timedelta = timedelta()) -> list[int]:
    now = clock.now()
    with db.tenant_session(hub.tenant_id) as session:
        rows = [
            Change(
                tenant_id=hub.tenant_id,
                integration_id=hub.integration_id,
                kind="client",
                local_id=n,
                verb="update",
                revision=1,
                created_at=now,
                due_at=now + due_in,
            )
            for n in range(number)
        ]
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def take(hub: HubInProcess, *, limit: int = 100, lease_seconds: int = 60) -> list[int]:
    with db.tenant_session(hub.tenant_id) as session:
        return [row.id for row in work.claim(session, Change, limit=limit, lease_seconds=lease_seconds)]


def fail(hub: HubInProcess, change_id: int, error: Exception) -> Change:
    with db.tenant_session(hub.tenant_id) as session:
        work.settle_error(session.get_one(Change, (hub.tenant_id, change_id)), error)
    return hub.row(Change, id=change_id)


def seconds_until(row: Change) -> float:
    return (row.due_at - clock.now()).total_seconds()


@pytest.fixture
def change(hub: HubInProcess) -> int:
    return add_changes(hub, 1)[0]


# --- claim --------------------------------------------------------------------------------------------------------------


def test_leased_row_is_skipped_until_its_lease_ends(hub: HubInProcess, change: int) -> None:
    assert take(hub, lease_seconds=60) == [change]
    assert take(hub) == []
    clock.advance(timedelta(seconds=61))
    assert take(hub) == [change]


def test_row_of_the_future_parked_or_done_is_not_claimed(hub: HubInProcess) -> None:
    add_changes(hub, 1, due_in=timedelta(minutes=1))
    parked, done, due = add_changes(hub, 3)
    with db.tenant_session(hub.tenant_id) as session:
        session.get_one(Change, (hub.tenant_id, parked)).parked_at = clock.now()
        work.settle_done(session.get_one(Change, (hub.tenant_id, done)))
    assert take(hub) == [due]


def test_claim_takes_the_longest_due_first_and_no_more_than_its_limit(hub: HubInProcess) -> None:
    add_changes(hub, 2)
    oldest = add_changes(hub, 1, due_in=timedelta(minutes=-5))
    assert take(hub, limit=1) == oldest


def test_row_locked_in_an_open_transaction_is_passed_over_without_waiting(hub: HubInProcess) -> None:
    first, second = add_changes(hub, 2)
    with db.tenant_session(hub.tenant_id) as session:
        assert [row.id for row in work.claim(session, Change, limit=1)] == [first]
        with ThreadPoolExecutor(1) as other:
            assert other.submit(take, hub).result(timeout=5) == [second]


def test_workers_at_once_never_hold_one_row_twice_and_miss_none(hub: HubInProcess) -> None:
    wanted = add_changes(hub, 60)

    def drain() -> list[int]:
        held: list[int] = []
        while taken := take(hub, limit=4):
            held += taken
        return held

    with ThreadPoolExecutor(6) as pool:
        taken = [row for held in [pool.submit(drain) for _ in range(6)] for row in held.result()]
    # A worker may find all due rows locked for a moment and stop; the next wake takes what is left.
    assert sorted(taken + take(hub)) == wanted


# --- what a failure means -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OUTAGE, RateLimited("Slow down.")])
def test_outage_is_waited_out_and_not_counted(hub: HubInProcess, change: int, error: Exception) -> None:
    take(hub)
    for _ in range(8):
        row = fail(hub, change, error)
    assert (row.attempts, row.parked_at, row.lease_until) == (0, None, None)
    assert row.waiting_since is not None
    assert 0 < seconds_until(row) < 5
    assert row.reason


def test_named_wait_of_a_rate_limit_is_kept(hub: HubInProcess, change: int) -> None:
    row = fail(hub, change, RateLimited("Slow down.", retry_after_seconds=120))
    assert 119 < seconds_until(row) < 133


def test_pauses_grow_with_the_outage_up_to_a_quarter_of_an_hour(hub: HubInProcess, change: int) -> None:
    fail(hub, change, OUTAGE)
    pauses = []
    for passed in (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=50)):
        clock.advance(passed)
        pauses.append(seconds_until(fail(hub, change, OUTAGE)))
    assert 40 < pauses[0] < 80
    assert 300 < pauses[1] < 530
    assert 650 < pauses[2] < 1130


def test_outage_of_three_days_is_parked_with_what_to_do(hub: HubInProcess, change: int) -> None:
    fail(hub, change, OUTAGE)
    clock.advance(timedelta(hours=71))
    assert fail(hub, change, OUTAGE).parked_at is None
    clock.advance(timedelta(hours=2))
    row = fail(hub, change, OUTAGE)
    assert row.parked_at is not None
    assert "retry" in (row.reason or "")


def test_answer_between_two_outages_begins_the_patience_anew(hub: HubInProcess, change: int) -> None:
    fail(hub, change, OUTAGE)
    clock.advance(timedelta(hours=71))
    fail(hub, change, VersionConflict("Somebody was faster."))
    clock.advance(timedelta(hours=2))
    assert fail(hub, change, OUTAGE).parked_at is None


def test_revoked_connection_lets_the_work_wait_for_the_reconnect(hub: HubInProcess, change: int) -> None:
    row = fail(hub, change, IntegrationRevoked("gone"))
    assert (row.attempts, row.parked_at) == (0, None)
    assert seconds_until(row) > 3600
    assert "Reconnect" in (row.reason or "")


@pytest.mark.parametrize(
    "error", [Rejected("Not so."), Declined("No."), PermissionMissing("A permission is missing."), Unsupported("Cannot.")]
)
def test_refusal_is_parked_at_once_with_its_reason(hub: HubInProcess, change: int, error: Exception) -> None:
    take(hub)
    row = fail(hub, change, error)
    assert row.parked_at is not None
    assert row.reason == str(error)
    assert row.lease_until is None


@pytest.mark.parametrize("error", [OutcomeUnknown("It may have happened."), VersionConflict("Newer."), RuntimeError("sk_live_1")])
def test_other_failure_has_three_retries_and_is_parked_then(hub: HubInProcess, change: int, error: Exception) -> None:
    for retry in range(3):
        row = fail(hub, change, error)
        assert (row.attempts, row.parked_at) == (retry + 1, None)
    row = fail(hub, change, error)
    assert row.parked_at is not None
    assert "4 times" in (row.reason or "")


def test_unexpected_error_is_named_without_its_text(hub: HubInProcess, change: int) -> None:
    reason = fail(hub, change, RuntimeError("password=hunter2")).reason or ""
    assert "RuntimeError" in reason
    assert "hunter2" not in reason


def test_backoff_grows_and_jitters() -> None:
    rounds = [[work.backoff(attempt).total_seconds() for _ in range(50)] for attempt in range(3)]
    for tries, middle in zip(rounds, (2, 8, 32), strict=True):
        assert middle * 0.74 < min(tries) < max(tries) < middle * 1.26
        assert len(set(tries)) > 40
    assert max(rounds[0]) < min(rounds[1])
    assert max(rounds[1]) < min(rounds[2])


def test_backoff_of_many_attempts_stays_below_twenty_minutes() -> None:
    assert work.backoff(40).total_seconds() < 1200


def test_retry_gives_a_parked_row_its_whole_patience_again(hub: HubInProcess, change: int) -> None:
    fail(hub, change, OUTAGE)
    for _ in range(4):
        fail(hub, change, RuntimeError())
    with db.tenant_session(hub.tenant_id) as session:
        work.retry(session.get_one(Change, (hub.tenant_id, change)))
    row = hub.row(Change, id=change)
    assert (row.parked_at, row.attempts, row.waiting_since, row.reason) == (None, 0, None, None)
    assert take(hub) == [change]


def test_done_row_forgets_its_trouble(hub: HubInProcess, change: int) -> None:
    take(hub)
    fail(hub, change, OUTAGE)
    with db.tenant_session(hub.tenant_id) as session:
        work.settle_done(session.get_one(Change, (hub.tenant_id, change)))
    row = hub.row(Change, id=change)
    assert row.done_at is not None
    assert (row.reason, row.waiting_since, row.lease_until) == (None, None, None)
