"""What all processes know together, in Redis; each caller brings its local answer for when Redis is away."""

from __future__ import annotations

from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from hub import clock

LOOK_AGAIN_SECONDS = 1.0  # a Redis that does not answer costs each try half a second: it is left alone for this long


class SharedState:
    """Scripts in Redis. None for an answer: Redis is away (or there is none), and the process must decide alone."""

    def __init__(self, redis: Redis | None) -> None:
        self._redis = redis
        self._away_until = 0.0

    def run(self, script: str, keys: list[str], arguments: list[float | str]) -> Any | None:
        if self._redis is None or clock.monotonic() < self._away_until:
            return None
        try:
            return self._redis.eval(script, len(keys), *keys, *[str(argument) for argument in arguments])
        except RedisError:
            self._away_until = clock.monotonic() + LOOK_AGAIN_SECONDS
            return None
