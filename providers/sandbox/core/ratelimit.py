"""Request budgets of a twin: per second and key, counted in real time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from providers.sandbox.core.clock import monotonic


class RateLimiter:
    """Token buckets by key; a bucket holds one second's worth of requests."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}
        self._in_flight: dict[str, int] = {}
        self._lock = threading.Lock()

    def allow(self, key: str, per_second: float | None) -> bool:
        """Take one request from the key's budget; None means unlimited."""
        if per_second is None:
            return True
        now = monotonic()
        with self._lock:
            tokens, then = self._buckets.get(key, (per_second, now))
            tokens = min(per_second, tokens + (now - then) * per_second)
            allowed = tokens >= 1
            self._buckets[key] = (tokens - 1 if allowed else tokens, now)
            return allowed

    @contextmanager
    def slot(self, key: str, at_once: int | None) -> Iterator[bool]:
        """Hold one of the key's concurrent places; yields False when all are taken."""
        if at_once is None:
            yield True
            return
        with self._lock:
            taken = self._in_flight.get(key, 0)
            allowed = taken < at_once
            if allowed:
                self._in_flight[key] = taken + 1
        try:
            yield allowed
        finally:
            if allowed:
                with self._lock:
                    self._in_flight[key] -= 1

    def clear(self) -> None:
        with self._lock:
            self._buckets.clear()
