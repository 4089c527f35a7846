"""Budgets of provider requests, shared by all workers through Redis; a safe local share of them when Redis is down.

What a provider refuses is learned: the budget it names is lowered for all workers, and comes back slowly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redis import Redis

from hub.local_budgets import LocalBudgets
from hub.shared_state import SharedState

LOWERED_TO = 0.7  # of its rate, with each refusal
LOWEST = 0.05
LOWERED_AT_MOST_EVERY_SECONDS = 1.0  # refusals within it answer requests from before the last lowering
RECOVERY_SECONDS = 900.0  # from nothing to the whole rate again; a refusal is forgotten by then
FIRST_GUESS_AT_ONCE = 8  # where the provider refuses requests at once and has stated no number: half of this is tried
CONCURRENCY_FORGOTTEN_SECONDS = 600.0
SLOT_SECONDS = 30.0  # a worker that died keeps its place no longer: three times the time-out of a request
SLOT_WAIT_SECONDS = 0.05

# One token bucket per key, all or none: either every bucket has a token and all give one, or nothing is taken. Answers
# {milliseconds until the buckets have one, milliseconds until the provider lets us again, places taken, milliseconds between two
# requests of the bucket that is empty}. Redis' own clock, so that all workers agree. ARGV: recovery, slot life, slot wait,
# forgetting (ms), the request's name, then rate, burst, at once per key.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local recovery, slot_life, slot_wait, forgetting = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local empty, told, turn = 0, 0, 0
local levels, slots = {}, {}
for i, key in ipairs(KEYS) do
    local rate, burst, at_once = tonumber(ARGV[i * 3 + 3]), tonumber(ARGV[i * 3 + 4]), tonumber(ARGV[i * 3 + 5])
    local state = redis.call('HMGET', key, 'level', 'at', 'blocked', 'factor', 'factor_at', 'at_once', 'at_once_at')
    local factor = tonumber(state[4]) or 1
    if factor < 1 then factor = math.min(1, factor + (now - tonumber(state[5])) / recovery) end
    rate = rate * factor
    burst = math.max(1, burst * factor)
    local level = tonumber(state[1]) or burst
    local at = tonumber(state[2]) or now
    level = math.min(burst, level + (now - at) * rate / 1000)
    levels[i] = level
    told = math.max(told, (tonumber(state[3]) or 0) - now)
    if level < 1 then
        empty = math.max(empty, math.ceil((1 - level) * 1000 / rate))
        turn = math.max(turn, math.ceil(1000 / rate))
    end
    local learned = tonumber(state[6]) or 0
    if learned > 0 and now - tonumber(state[7]) < forgetting and (at_once == 0 or learned < at_once) then at_once = learned end
    if at_once > 0 then
        redis.call('ZREMRANGEBYSCORE', key .. ':slots', '-inf', now)
        if redis.call('ZCARD', key .. ':slots') >= at_once then empty = math.max(empty, slot_wait) end
        slots[#slots + 1] = key .. ':slots'
    end
end
if empty > 0 or told > 0 then return {empty, told, 0, turn} end
for i, key in ipairs(KEYS) do
    redis.call('HSET', key, 'level', tostring(levels[i] - 1), 'at', now)
    redis.call('PEXPIRE', key, recovery)
end
for _, key in ipairs(slots) do
    redis.call('ZADD', key, now + slot_life, ARGV[5])
    redis.call('PEXPIRE', key, slot_life)
end
return {0, 0, #slots, 0}
"""
_GIVE_BACK = "for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end return 1"
_BLOCK = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local blocked = math.max(tonumber(redis.call('HGET', KEYS[1], 'blocked')) or 0, now + tonumber(ARGV[1]))
redis.call('HSET', KEYS[1], 'blocked', blocked)
redis.call('PEXPIRE', KEYS[1], math.max(tonumber(ARGV[2]), (blocked - now) * 2))
return 1
"""
_LOWER = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local recovery = tonumber(ARGV[4])
local state = redis.call('HMGET', KEYS[1], 'factor', 'factor_at')
local factor, since = tonumber(state[1]) or 1, tonumber(state[2])
if since and now - since < tonumber(ARGV[3]) then return tostring(factor) end
if since then factor = math.min(1, factor + (now - since) / recovery) end
factor = math.max(tonumber(ARGV[2]), factor * tonumber(ARGV[1]))
redis.call('HSET', KEYS[1], 'factor', tostring(factor), 'factor_at', now, 'level', '0', 'at', now)
redis.call('PEXPIRE', KEYS[1], math.max(recovery, redis.call('PTTL', KEYS[1])))
return tostring(factor)
"""
_NARROW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call('HMGET', KEYS[1], 'at_once', 'at_once_at')
local present, since = tonumber(state[1]), tonumber(state[2])
if since and now - since < tonumber(ARGV[2]) then return present end
if not present or now - since > tonumber(ARGV[3]) then present = tonumber(ARGV[1]) end
present = math.max(1, math.floor(present / 2))
redis.call('HSET', KEYS[1], 'at_once', present, 'at_once_at', now)
redis.call('PEXPIRE', KEYS[1], math.max(tonumber(ARGV[3]), redis.call('PTTL', KEYS[1])))
return present
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """One bucket: `key` says whose; the bucket refills by `requests_per_second` up to `burst`. `at_once`: how many requests may
    be under way together; None: any number."""

    key: str
    requests_per_second: float
    burst: int
    at_once: int | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """What stands in the way of a request; both 0.0: nothing, it was counted and may go.

    `empty_seconds`: until our own budgets have room; soon over. `told_seconds`: until the provider lets us again, as it said.
    `holds_place`: the request took a place of a limited number, to be given back. `turn_seconds`: between two requests of the
    budget that is empty."""

    empty_seconds: float = 0.0
    told_seconds: float = 0.0
    holds_place: bool = False
    turn_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        return max(self.empty_seconds, self.told_seconds)


class Limiter:
    """Takes a token from every budget of a request at once."""

    def __init__(self, redis: Redis | None) -> None:
        self._shared = SharedState(redis)
        self._local = LocalBudgets()

    def take(self, budgets: Sequence[Budget], *, request: str = "") -> Wait:
        """Nothing to wait for when the request may go now; else what there is, and nothing was taken.

        `request` names it where places are limited: `give_back` frees its place, or else SLOT_SECONDS do."""
        if not budgets:
            return Wait()
        arguments: list[float | str] = [
            _ms(RECOVERY_SECONDS),
            _ms(SLOT_SECONDS),
            _ms(SLOT_WAIT_SECONDS),
            _ms(CONCURRENCY_FORGOTTEN_SECONDS),
            request,
        ]
        for budget in budgets:
            arguments += [budget.requests_per_second, budget.burst, budget.at_once or 0]
        answer = self._shared.run(_TAKE, [_name(budget.key) for budget in budgets], arguments)
        told = self._local.blocked_seconds([budget.key for budget in budgets])
        if answer is None:
            shares = [(each.key, each.requests_per_second, each.burst) for each in budgets]
            empty, turn = self._local.take(shares, told)
            return Wait(empty, told, turn_seconds=turn)
        empty_ms, told_ms, places, turn_ms = (int(number) for number in answer)
        return Wait(empty_ms / 1000, max(told_ms / 1000, told), places > 0, turn_ms / 1000)

    def give_back(self, budgets: Sequence[Budget], request: str) -> None:
        """The request has ended: its places are free."""
        self._shared.run(_GIVE_BACK, [f"{_name(budget.key)}:slots" for budget in budgets], [request])

    def block(self, key: str, seconds: float) -> None:
        """The provider said to wait: no request of that budget before then, in any worker."""
        self._local.block(key, seconds)
        self._shared.run(_BLOCK, [_name(key)], [_ms(seconds), _ms(RECOVERY_SECONDS)])

    def lower(self, key: str) -> None:
        """The provider found this budget too high: less from now on, in all workers, and slowly more again."""
        self._local.lower(key, to=LOWERED_TO, lowest=LOWEST, every=LOWERED_AT_MOST_EVERY_SECONDS, recovery=RECOVERY_SECONDS)
        arguments: list[float | str] = [LOWERED_TO, LOWEST, _ms(LOWERED_AT_MOST_EVERY_SECONDS), _ms(RECOVERY_SECONDS)]
        self._shared.run(_LOWER, [_name(key)], arguments)

    def narrow(self, key: str) -> None:
        """The provider found too many requests under way together: half as many, until that is forgotten."""
        arguments: list[float | str] = [
            FIRST_GUESS_AT_ONCE,
            _ms(LOWERED_AT_MOST_EVERY_SECONDS),
            _ms(CONCURRENCY_FORGOTTEN_SECONDS),
        ]
        if self._shared.run(_NARROW, [_name(key)], arguments) is None:
            self.lower(key)  # alone, nobody can count what the others have under way


def _name(key: str) -> str:
    return f"payhub:budget:{key}"


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
