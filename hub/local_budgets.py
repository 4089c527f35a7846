"""Budgets of one process alone, for as long as Redis is away."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from hub import clock

LOCAL_SHARE = 0.25  # without Redis nobody knows how many workers there are: each takes a quarter


class LocalBudgets:
    def __init__(self) -> None:
        self._levels: dict[str, tuple[float, float]] = {}
        self._blocked: dict[str, float] = {}
        self._factors: dict[str, tuple[float, float, float]] = {}
        self._lock = threading.Lock()

    def blocked_seconds(self, keys: Sequence[str]) -> float:
        now = clock.monotonic()
        with self._lock:
            return max(0.0, *[self._blocked.get(key, 0.0) - now for key in keys])

    def block(self, key: str, seconds: float) -> None:
        with self._lock:
            self._blocked[key] = max(self._blocked.get(key, 0.0), clock.monotonic() + seconds)

    def take(self, budgets: Sequence[tuple[str, float, int]], told_seconds: float) -> tuple[float, float]:
        """(seconds until this process's share of every (key, rate, burst) has a token, seconds between two requests of the empty
        one); 0.0: each has given one, unless `told_seconds` forbids."""
        now = clock.monotonic()
        with self._lock:
            levels, longest, turn = [], 0.0, 0.0
            for key, requests_per_second, whole_burst in budgets:
                factor = self._factor(key, now)
                rate = requests_per_second * LOCAL_SHARE * factor
                burst = max(1.0, whole_burst * LOCAL_SHARE * factor)
                level, at = self._levels.get(key, (burst, now))
                level = min(burst, level + (now - at) * rate)
                levels.append(level)
                if level < 1:
                    longest, turn = max(longest, (1 - level) / rate), max(turn, 1 / rate)
            if longest > 0 or told_seconds > 0:
                return longest, turn
            for (key, _, _), level in zip(budgets, levels, strict=True):
                self._levels[key] = (level - 1, now)
        return 0.0, 0.0

    def lower(self, key: str, *, to: float, lowest: float, every: float, recovery: float) -> None:
        now = clock.monotonic()
        with self._lock:
            if key in self._factors and now - self._factors[key][1] < every:
                return
            self._factors[key] = (max(lowest, self._factor(key, now) * to), now, recovery)

    def _factor(self, key: str, now: float) -> float:
        if key not in self._factors:
            return 1.0
        factor, since, recovery = self._factors[key]
        return min(1.0, factor + (now - since) / recovery)
