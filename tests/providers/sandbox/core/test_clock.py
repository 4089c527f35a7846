"""The twin's clock and the calls that are due on it."""

import threading
import time
from datetime import UTC, datetime

from providers.sandbox.core.clock import Clock
from providers.sandbox.core.timetable import Timetable
from tests.providers.sandbox.receiver import wait_until


def test_advanced_clock_runs_on_from_there() -> None:
    clock = Clock()
    before = clock.timestamp()
    clock.advance(3600)
    assert 3600 <= clock.timestamp() - before < 3601


def test_frozen_clock_stands_until_advanced_and_runs_on_when_released() -> None:
    clock = Clock()
    clock.freeze()
    clock.set(datetime(2030, 1, 1, tzinfo=UTC))
    time.sleep(0.02)
    assert clock.now() == datetime(2030, 1, 1, tzinfo=UTC)
    clock.advance(5)
    assert clock.unix() == int(datetime(2030, 1, 1, 0, 0, 5, tzinfo=UTC).timestamp())
    clock.freeze(False)
    assert 0 <= clock.timestamp() - datetime(2030, 1, 1, 0, 0, 5, tzinfo=UTC).timestamp() < 1
    clock.reset()
    assert abs(clock.timestamp() - time.time()) < 1


def test_due_calls_run_in_order_when_the_clock_jumps_over_them() -> None:
    clock = Clock()
    clock.freeze()
    timetable = Timetable(clock)
    timetable.start()
    ran: list[str] = []
    timetable.after(20, lambda: ran.append("second"))
    timetable.after(10, lambda: ran.append("first"))
    timetable.after(99, lambda: ran.append("never"))
    time.sleep(0.02)
    assert ran == []
    clock.advance(30)
    wait_until(lambda: len(ran) == 2)
    assert (ran, timetable.pending()) == (["first", "second"], 1)
    timetable.stop()


def test_call_is_run_when_real_time_reaches_it_and_a_failing_one_stops_nothing() -> None:
    timetable = Timetable(Clock())
    timetable.start()
    done = threading.Event()

    def fail() -> None:
        raise RuntimeError("a timed call that fails")

    timetable.after(0.01, fail)
    timetable.after(0.03, done.set)
    assert done.wait(2)
    timetable.stop()
