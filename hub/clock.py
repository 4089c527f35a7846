"""The time: the one reader of the system clock and the one sleeper, settable for tests and simulation."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path


class _Clock:
    """What this process knows about time: its own offset, a frozen moment, a file shared with other processes."""

    def __init__(self, shared_file: Path | None) -> None:
        self.offset = timedelta()
        self.frozen_at: datetime | None = None
        self.shared_file = shared_file
        self._seen: tuple[int, int, int] | None = None
        self._seen_offset = timedelta()

    def shared_offset(self) -> timedelta:
        if self.shared_file is None:
            return timedelta()
        try:
            status = self.shared_file.stat()
        except FileNotFoundError:
            return timedelta()
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen != self._seen:
            text = self.shared_file.read_text(encoding="ascii").strip()
            try:
                self._seen_offset = timedelta(seconds=float(text or "0"))
            except (ValueError, OverflowError) as error:
                raise ValueError(f"{self.shared_file} must hold one number, the clock's offset in seconds") from error
            self._seen = seen
        return self._seen_offset

    def share(self, offset: timedelta) -> None:
        assert self.shared_file is not None
        # A new file each time: a reader sees the old or the new offset, and the changed inode tells it so.
        fresh = self.shared_file.with_name(f"{self.shared_file.name}.{os.getpid()}")
        fresh.write_text(f"{offset.total_seconds()!r}\n", encoding="ascii")
        fresh.replace(self.shared_file)


_clock = _Clock(Path(os.environ["PAYHUB_CLOCK_FILE"]) if os.environ.get("PAYHUB_CLOCK_FILE") else None)


def now() -> datetime:
    """The current moment, aware, in UTC, with whatever offset or freeze is set."""
    if _clock.frozen_at is not None:
        return _clock.frozen_at
    return datetime.now(UTC) + _clock.offset + _clock.shared_offset()


def monotonic() -> float:
    """Seconds since some fixed moment, for measuring durations and time-outs; no offset touches it."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Wait for real seconds, whatever the clock is set to. For pollers only: work waits in the database."""
    time.sleep(seconds)


def use_file(path: Path | None) -> None:
    """Share the offset with every process that reads `path` (PAYHUB_CLOCK_FILE does this at start); None: stop sharing."""
    global _clock
    _clock = _Clock(path)


def offset() -> timedelta:
    """How far the clock is ahead of the system's."""
    return _clock.offset + _clock.shared_offset()


def set_offset(ahead: timedelta) -> None:
    """Run `ahead` of the system clock: in all processes that share the clock file, or in this one if there is none."""
    if _clock.shared_file is not None:
        _clock.share(ahead)
    else:
        _clock.offset = ahead


def advance(by: timedelta) -> None:
    """Move the clock, frozen or running, forward by `by`."""
    if _clock.frozen_at is not None:
        _clock.frozen_at += by
    else:
        set_offset(offset() + by)


def freeze(at: datetime | None) -> None:
    """Stop this process's clock at an aware moment; None lets it run again."""
    if at is None:
        _clock.frozen_at = None
    elif at.tzinfo is None:
        raise ValueError("freeze() needs an aware datetime")
    else:
        _clock.frozen_at = at.astimezone(UTC)


@contextmanager
def frozen(at: datetime) -> Iterator[None]:
    """Freeze for the length of a block; advance() still moves the clock inside it."""
    before = _clock.frozen_at
    freeze(at)
    try:
        yield
    finally:
        _clock.frozen_at = before


def reset() -> None:
    """Back to the system's time in this process; a shared file is left alone."""
    _clock.offset = timedelta()
    _clock.frozen_at = None
