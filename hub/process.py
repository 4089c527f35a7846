"""What every process of the hub needs before it works: settings, database, Redis, providers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from hub import clock, crash, db, embedded, log, queue
from hub.config import Settings
from providers.contract import Provider
from providers.registry import load_providers


@dataclass(frozen=True, slots=True)
class Process:
    settings: Settings
    providers: Mapping[str, Provider]
    database_url: str
    redis_url: str | None


_process: Process | None = None


def boot(
    settings: Settings,
    *,
    database_url: str,
    redis_url: str | None,
    providers: Mapping[str, Provider] | None = None,
    pool_size: int = 10,
) -> Process:
    """Configure this process. `redis_url` None: wakes are collected inline (tests); `providers` None: the environment's."""
    global _process
    db.configure(database_url, pool_size=pool_size)
    if redis_url is None:
        queue.run_inline()
    else:
        queue.connect(redis_url)
    chosen = providers if providers is not None else load_providers(os.environ)
    _process = Process(settings=settings, providers=chosen, database_url=database_url, redis_url=redis_url)
    return _process


def current() -> Process:
    if _process is None:
        raise RuntimeError("hub.process.boot(settings, ...) must run first")
    return _process


def settings() -> Settings:
    return current().settings


def providers() -> Mapping[str, Provider]:
    """The providers by name, in the order shown to people."""
    return current().providers


def is_offered(provider: Provider) -> bool:
    """Whether accounts may be connected: not to an experimental provider, unless the environment names it. Those that are
    connected already go on being served."""
    return not provider.experimental or provider.name in settings().experimental_providers


def boot_from_environment(*, name: str, pool_size: int = 10, needs_redis: bool = True) -> Process:
    """Boot as the environment says: log, embedded servers where no URL is given, database, Redis, providers.

    Raises hub.config.ConfigurationError with all problems at once. `name` stands in the log lines."""
    chosen = Settings.from_env()
    log.configure(production=chosen.production, secrets=chosen.secret_values)
    log.bind(process=name)
    clock.use_file(chosen.clock_file)
    crash.kill_at(chosen.crash_at)
    database_url, redis_url = chosen.database_url, chosen.redis_url
    if database_url is None or (redis_url is None and needs_redis):
        servers = embedded.ensure(
            chosen.data_dir, with_postgres=database_url is None, with_redis=redis_url is None and needs_redis
        )
        database_url = database_url or servers.database_url
        redis_url = redis_url or (servers.redis_url if needs_redis else None)
    return boot(chosen, database_url=database_url, redis_url=redis_url, pool_size=pool_size)
