"""A circuit breaker per provider account: after a few failures in a row no request begins, but for one that tries."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from redis import Redis

from hub import clock
from hub.shared_state import SharedState

FAILURES_TO_OPEN = 5  # in a row, in all workers together
FIRST_PAUSE_SECONDS = 15.0
LONGEST_PAUSE_SECONDS = 300.0
PROBE_SECONDS = 15.0  # the one request that tries has ended by then, or its worker has died
FORGOTTEN_SECONDS = 3600.0

# The hub's own clock, given by the caller, and not Redis': an outage may be longer on a settable clock than in real time.
_ADMIT = """
local now = tonumber(ARGV[1])
local state = redis.call('HMGET', KEYS[1], 'failures', 'until', 'probe')
local failures, till, probe = tonumber(state[1]) or 0, tonumber(state[2]) or 0, tonumber(state[3]) or 0
if failures < tonumber(ARGV[2]) then return {0, failures} end
if now < till then return {till - now, failures} end
if now < probe then return {probe - now, failures} end
redis.call('HSET', KEYS[1], 'probe', now + tonumber(ARGV[3]))
return {0, failures}
"""
_FAILED = """
local now = tonumber(ARGV[1])
local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
redis.call('HDEL', KEYS[1], 'probe')
local state = redis.call('HMGET', KEYS[1], 'until', 'times')
local till, times = tonumber(state[1]) or 0, tonumber(state[2]) or 0
if failures >= tonumber(ARGV[2]) and now >= till then
    redis.call('HSET', KEYS[1], 'until', now + math.min(tonumber(ARGV[4]), tonumber(ARGV[3]) * 2 ^ times), 'times', times + 1)
end
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[5]))
return failures
"""
_ANSWERED = "return redis.call('DEL', KEYS[1])"
_LOOK = "return redis.call('HMGET', KEYS[1], 'failures', 'until')"


class _Local:
    """One account's breaker as this process alone sees it."""

    def __init__(self) -> None:
        self.failures = 0
        self.until_ms = 0
        self.probe_ms = 0
        self.times = 0


class Breaker:
    """Shared by all workers through Redis; each has its own while Redis is away."""

    def __init__(self, redis: Redis | None) -> None:
        self._shared = SharedState(redis)
        self._local: dict[str, _Local] = {}
        self._lock = threading.Lock()

    def admit(self, key: str) -> float:
        """0.0: a request may begin, and its end must be told by `failed` or `answered`. Else the seconds until one may."""
        now = _now_ms()
        answer = self._shared.run(_ADMIT, [_name(key)], [now, FAILURES_TO_OPEN, _ms(PROBE_SECONDS)])
        if answer is not None:
            with self._lock:
                if int(answer[1]) == 0:
                    self._local.pop(key, None)
                else:
                    self._local.setdefault(key, _Local()).failures = int(answer[1])
            return int(answer[0]) / 1000
        with self._lock:
            state = self._local.get(key)
            if state is None or state.failures < FAILURES_TO_OPEN:
                return 0.0
            wait_ms = max(state.until_ms, state.probe_ms) - now
            if wait_ms > 0:
                return wait_ms / 1000
            state.probe_ms = now + _ms(PROBE_SECONDS)
            return 0.0

    def failed(self, key: str) -> None:
        """No answer, or a failure of the provider's own."""
        now = _now_ms()
        with self._lock:
            state = self._local.setdefault(key, _Local())
            state.failures += 1
            state.probe_ms = 0
            if state.failures >= FAILURES_TO_OPEN and now >= state.until_ms:
                state.until_ms = now + _ms(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**state.times))
                state.times += 1
        times = [FAILURES_TO_OPEN, _ms(FIRST_PAUSE_SECONDS), _ms(LONGEST_PAUSE_SECONDS), _ms(FORGOTTEN_SECONDS)]
        self._shared.run(_FAILED, [_name(key)], [now, *times])

    def answered(self, key: str) -> None:
        """The provider answered, whatever it said. Redis is told only if there were failures to forget."""
        with self._lock:
            known = self._local.pop(key, None)
        if known is not None:
            self._shared.run(_ANSWERED, [_name(key)], [])

    def open_until(self, key: str) -> datetime | None:
        """When the next request may try; None while requests go through. For showing."""
        answer = self._shared.run(_LOOK, [_name(key)], [])
        if answer is not None:
            failures, until_ms = int(answer[0] or 0), int(float(answer[1] or 0))
        else:
            with self._lock:
                state = self._local.get(key, _Local())
                failures, until_ms = state.failures, state.until_ms
        if failures < FAILURES_TO_OPEN:
            return None
        return max(datetime.fromtimestamp(until_ms / 1000, UTC), clock.now())


def _name(key: str) -> str:
    return f"payhub:breaker:{key}"


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


def _now_ms() -> int:
    return (clock.now() - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
