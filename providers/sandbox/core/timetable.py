"""Calls that are due at a moment of the twin's clock: late balance transactions, webhook retries, expiries."""

import heapq
import itertools
import logging
import threading
from collections.abc import Callable

from providers.sandbox.core.clock import Clock

log = logging.getLogger(__name__)


class Timetable:
    """One thread that runs each call when the twin's clock reaches its moment; a clock jump runs all that fell due, in order."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._running = False
        self._busy = False
        self._thread: threading.Thread | None = None
        clock.on_change(self._wake)

    def at(self, moment: float, call: Callable[[], None]) -> None:
        """Run call at this Unix moment of the twin's clock, on the timetable's thread. Must not block for long."""
        with self._changed:
            heapq.heappush(self._entries, (moment, next(self._order), call))
            self._changed.notify_all()

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        self.at(self._clock.timestamp() + seconds, call)

    def clear(self) -> None:
        with self._changed:
            self._entries.clear()

    def pending(self) -> int:
        with self._changed:
            return len(self._entries)

    def wait_until_done(self, timeout_seconds: float) -> bool:
        """True once all that is due by the clock has run; for whoever moved the clock. Real seconds."""
        with self._changed:
            return self._changed.wait_for(self._nothing_due, timeout_seconds)

    def _nothing_due(self) -> bool:
        waiting = bool(self._entries) and self._entries[0][0] <= self._clock.timestamp()
        return not self._running or not (self._busy or waiting)

    def start(self) -> None:
        with self._changed:
            if self._running:
                return
            self._running = True
        self._thread = threading.Thread(target=self._run, name="twin-timetable", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._running = False
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=2)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run(self) -> None:
        while (call := self._next_due()) is not None:
            try:
                call()
            except Exception:
                log.exception("A timed call of the twin failed")

    def _next_due(self) -> Callable[[], None] | None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            while self._running:
                if not self._entries:
                    self._changed.wait()
                    continue
                seconds_left = self._entries[0][0] - self._clock.timestamp()
                if seconds_left <= 0:
                    self._busy = True
                    return heapq.heappop(self._entries)[2]
                self._changed.wait(None if self._clock.frozen else min(seconds_left, 3600.0))
            return None
