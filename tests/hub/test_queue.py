"""Waking through Redis and RQ: quick when it works, and nothing lost when it does not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from hub import db, queue
from hub.integrations.sync_requests import request_sync
from hub.models import SyncRun
from sync import schedule
from tests.sync.hub_in_process import HubInProcess, build

ROOT = Path(__file__).parents[2]
NOBODY = "redis://127.0.0.1:1/0"

# A worker process whose handlers append to a file what they were woken for.
WORKER = """
import sys
from hub import queue

def note(name):
    def handler(tenant_id, row_id):
        with open(sys.argv[2], "a") as file:
            file.write(f"{name} {tenant_id} {row_id}\\n")
        if row_id == 13:
            raise RuntimeError("a handler with a bug")
    return handler

queue.register({name: note(name) for name in ("push_changes", "process_events", "sync_run")}, bulk=("sync_run",))
queue.connect(sys.argv[1])
queue.work(burst=True)
"""


@pytest.fixture
def hub(fresh_database_url: str, tmp_path: Path) -> HubInProcess:
    """In a database of its own: a sweep takes all that is due, and other tests leave much behind."""
    return build(fresh_database_url, tmp_path)


@pytest.fixture
def through_redis(empty_redis: Redis, redis_url: str) -> Iterator[Redis]:
    queue.register({"push_changes": _never, "process_events": _never, "sync_run": _never}, bulk=("sync_run",))
    queue.connect(redis_url)
    yield empty_redis
    queue.run_inline()
    queue.register({})


def _never(tenant_id: int, row_id: int) -> None:
    raise AssertionError("the waking process runs no handler")


@pytest.fixture
def work(redis_url: str, tmp_path: Path) -> Callable[[], list[str]]:
    """Let a worker process do all that waits; what it was woken for, in order."""
    done = tmp_path / "done"

    def run() -> list[str]:
        done.write_text("")
        command = [sys.executable, "-c", WORKER, redis_url, str(done)]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=60)
        return done.read_text().splitlines()

    return run


def waiting(redis: Redis) -> int:
    return sum(int(str(redis.llen(f"rq:queue:{name}"))) for name in queue.QUEUES)


def test_woken_handler_runs_in_a_worker_process_live_work_first(through_redis: Redis, work: Callable[[], list[str]]) -> None:
    queue.wake("sync_run", 1, 2)
    queue.wake("push_changes", 3, 4)
    queue.wake("process_events", 0, 5)
    assert work() == ["push_changes 3 4", "process_events 0 5", "sync_run 1 2"]
    assert waiting(through_redis) == 0


def test_wake_is_sent_once_while_it_waits_and_again_after_it_ran(through_redis: Redis, work: Callable[[], list[str]]) -> None:
    for _ in range(5):
        queue.wake("push_changes", 1, 2)
    assert waiting(through_redis) == 1
    assert work() == ["push_changes 1 2"]
    queue.wake("push_changes", 1, 2)
    assert waiting(through_redis) == 1


def test_failing_or_unknown_handler_does_not_stop_the_worker(through_redis: Redis, work: Callable[[], list[str]]) -> None:
    queue.wake("push_changes", 1, 13)
    queue.wake("no_such_handler", 1, 1)
    queue.wake("push_changes", 1, 14)
    assert work() == ["push_changes 1 13", "push_changes 1 14"]


def test_job_holds_no_more_than_a_name_and_two_numbers(through_redis: Redis) -> None:
    queue.wake("push_changes", 1, 2)
    (job,) = list(through_redis.scan_iter("rq:job:*"))
    assert str(through_redis.hget(job, "description")) == str(b"hub.queue.run('push_changes', 1, 2)")


def test_work_is_woken_again_by_the_sweep_after_redis_was_flushed(
    hub: HubInProcess, through_redis: Redis, work: Callable[[], list[str]]
) -> None:
    with db.tenant_session(hub.tenant_id) as session:
        run_id = request_sync(session, hub.tenant_id, hub.integration_id, kind="manual", requested_by="test")
    assert waiting(through_redis) == 1
    through_redis.flushdb()
    schedule.sweep()
    assert f"sync_run {hub.tenant_id} {run_id}" in work()
    assert hub.row(SyncRun).done_at is None


def test_wake_waits_for_the_commit_and_is_dropped_with_a_rollback(hub: HubInProcess, through_redis: Redis) -> None:
    with db.tenant_session(hub.tenant_id) as session:
        queue.wake_after_commit(session, "push_changes", 1, 2)
        assert waiting(through_redis) == 0
    assert waiting(through_redis) == 1
    with pytest.raises(ZeroDivisionError):
        _wake_and_fail(hub)
    assert waiting(through_redis) == 1


def _wake_and_fail(hub: HubInProcess) -> None:
    with db.tenant_session(hub.tenant_id) as session:
        queue.wake_after_commit(session, "push_changes", 3, 4)
        raise ZeroDivisionError


def test_wake_returns_at_once_when_redis_is_down() -> None:
    queue.connect(NOBODY)
    began = time.monotonic()
    for number in range(20):
        queue.wake("push_changes", 1, number)
    assert time.monotonic() - began < 1
    queue.run_inline()


def test_wake_does_not_hang_on_a_redis_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        queue.connect(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        began = time.monotonic()
        queue.wake("push_changes", 1, 1)
        assert time.monotonic() - began < 3
    queue.run_inline()


def test_wakes_of_threads_are_each_run_once_inline(hub: HubInProcess) -> None:
    seen: list[int] = []
    queue.run_inline()
    queue.register({"push_changes": lambda tenant_id, row_id: seen.append(row_id)})
    threads = [threading.Thread(target=queue.wake, args=("push_changes", 1, number % 10)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert queue.run_pending() == 10
    assert sorted(seen) == list(range(10))
    queue.register({})
