"""The one clock: real by default, settable for this process or for all that share a file."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from hub import clock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def off_by(reference: datetime) -> float:
    return abs((clock.now() - reference).total_seconds())


def test_an_untouched_clock_tells_the_systems_time_in_utc() -> None:
    assert clock.now().tzinfo is UTC
    assert off_by(datetime.now(UTC)) < 5


def test_an_advanced_clock_runs_on_from_there() -> None:
    clock.advance(timedelta(days=2))
    clock.advance(timedelta(hours=1))
    assert off_by(datetime.now(UTC) + timedelta(days=2, hours=1)) < 5
    earlier = clock.now()
    clock.sleep(0.01)
    assert clock.now() > earlier


def test_a_frozen_clock_stands_until_advanced_and_runs_again_after() -> None:
    with clock.frozen(NOON):
        clock.sleep(0.01)
        assert clock.now() == NOON
        clock.advance(timedelta(minutes=5))
        assert clock.now() == NOON + timedelta(minutes=5)
    assert off_by(datetime.now(UTC)) < 5


def test_a_moment_of_another_zone_is_frozen_in_utc_and_a_naive_one_refused() -> None:
    clock.freeze(NOON.astimezone(timezone(timedelta(hours=-5))))
    assert clock.now().isoformat() == "2026-03-01T12:00:00+00:00"
    with pytest.raises(ValueError, match="aware"):
        clock.freeze(NOON.replace(tzinfo=None))


def test_processes_that_share_a_clock_file_move_together(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    clock.use_file(file)
    assert off_by(datetime.now(UTC)) < 5
    program = (
        "from hub import clock; from datetime import timedelta as t; clock.advance(t(hours=3)); print(clock.now().isoformat())"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PAYHUB_CLOCK_FILE": str(file)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert off_by(datetime.fromisoformat(told.stdout.strip())) < 60
    assert clock.offset() == timedelta(hours=3)
    clock.set_offset(timedelta())
    assert off_by(datetime.now(UTC)) < 5


def test_a_clock_file_that_holds_no_number_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    file.write_text("tomorrow")
    clock.use_file(file)
    with pytest.raises(ValueError, match="must hold one number"):
        clock.now()


def test_durations_ignore_the_offset() -> None:
    start = clock.monotonic()
    clock.advance(timedelta(days=1))
    assert clock.monotonic() - start < 60
