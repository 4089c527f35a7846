"""Crash points: `PAYHUB_CRASH_AT=n` kills the process at its n-th boundary, to prove that nothing is lost or doubled."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

_kill_at: int | None = None
_passed = 0
_observer: Callable[[int, str], None] | None = None


def kill_at(boundary: int | None) -> None:
    """Die at that boundary, counted from 1 from here on; None: never."""
    global _kill_at, _passed
    _kill_at = boundary
    _passed = 0


def observe(observer: Callable[[int, str], None] | None) -> None:
    """Tell `observer` the number and name of each boundary; for enumerating them."""
    global _observer, _passed
    _observer = observer
    _passed = 0


def point(name: str) -> None:
    """A boundary at which a crash must be harmless: a commit, a wake, a provider request."""
    global _passed
    if _kill_at is None and _observer is None:
        return
    _passed += 1
    if _observer is not None:
        _observer(_passed, name)
    if _passed == _kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
