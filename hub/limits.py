"""Budgets of provider requests, shared by all workers through Redis; a safe local share of them when Redis is down."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from redis import Redis
from redis.exceptions import RedisError

from hub import clock

LOCAL_SHARE = 0.25  # without Redis nobody knows how many workers there are: each takes a quarter

# One token bucket per key, all or none: either every bucket has a token and all give one, or nothing is taken and the
# longest wait is answered in milliseconds. Redis' own clock, so that all workers agree.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local longest = 0
local levels = {}
for i, key in ipairs(KEYS) do
    local rate = tonumber(ARGV[i * 2 - 1])
    local burst = tonumber(ARGV[i * 2])
    local state = redis.call('HMGET', key, 'level', 'at', 'blocked')
    local level = tonumber(state[1]) or burst
    local at = tonumber(state[2]) or now
    local blocked = tonumber(state[3]) or 0
    level = math.min(burst, level + (now - at) * rate / 1000)
    levels[i] = level
    if blocked > now then longest = math.max(longest, blocked - now) end
    if level < 1 then longest = math.max(longest, math.ceil((1 - level) * 1000 / rate)) end
end
if longest > 0 then return longest end
for i, key in ipairs(KEYS) do
    redis.call('HSET', key, 'level', tostring(levels[i] - 1), 'at', now)
    redis.call('PEXPIRE', key, 600000)
end
return 0
"""
_BLOCK = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local blocked = math.max(tonumber(redis.call('HGET', KEYS[1], 'blocked')) or 0, now + tonumber(ARGV[1]))
redis.call('HSET', KEYS[1], 'blocked', blocked)
redis.call('PEXPIRE', KEYS[1], math.max(600000, (blocked - now) * 2))
return 0
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """One bucket: `key` says whose; the bucket refills by `requests_per_second` up to `burst`."""

    key: str
    requests_per_second: float
    burst: int


class Limiter:
    """Takes a token from every budget of a request at once."""

    def __init__(self, redis: Redis | None) -> None:
        self._redis = redis
        self._local: dict[str, tuple[float, float]] = {}
        self._blocked: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, budgets: Sequence[Budget]) -> float:
        """0.0 when the request may go now; else the seconds until it may, and nothing was taken."""
        if not budgets:
            return 0.0
        if self._redis is not None:
            arguments: list[str | float] = []
            for budget in budgets:
                arguments += [budget.requests_per_second, budget.burst]
            try:
                keys = [f"payhub:budget:{budget.key}" for budget in budgets]
                wait_ms = self._redis.eval(_TAKE, len(keys), *keys, *[str(argument) for argument in arguments])
                return int(str(wait_ms)) / 1000
            except RedisError:
                pass
        return self._take_locally(budgets)

    def block(self, key: str, seconds: float) -> None:
        """The provider said to wait: no request of that budget before then, in any worker."""
        with self._lock:
            self._blocked[key] = max(self._blocked.get(key, 0.0), clock.monotonic() + seconds)
        if self._redis is not None:
            try:
                self._redis.eval(_BLOCK, 1, f"payhub:budget:{key}", str(int(seconds * 1000)))
            except RedisError:
                return

    def _take_locally(self, budgets: Sequence[Budget]) -> float:
        now = clock.monotonic()
        with self._lock:
            levels, longest = [], 0.0
            for budget in budgets:
                rate = budget.requests_per_second * LOCAL_SHARE
                burst = max(1.0, budget.burst * LOCAL_SHARE)
                level, at = self._local.get(budget.key, (burst, now))
                level = min(burst, level + (now - at) * rate)
                levels.append(level)
                longest = max(longest, self._blocked.get(budget.key, 0.0) - now, (1 - level) / rate if level < 1 else 0.0)
            if longest > 0:
                return longest
            for budget, level in zip(budgets, levels, strict=True):
                self._local[budget.key] = (level - 1, now)
        return 0.0
