"""The hub's web process and worker with the fake provider, which no tenant of a real system can choose."""

from __future__ import annotations

import sys

from apiflask import APIFlask

import wsgi
from hub import process, queue
from providers.fake.provider import FakeProvider
from providers.fake.world import FakeWorld


def boot(name: str) -> None:
    booted = process.boot_from_environment(name=name)
    providers = {"fake": FakeProvider(FakeWorld())}
    process.boot(booted.settings, database_url=booted.database_url, redis_url=booted.redis_url, providers=providers)


def app() -> APIFlask:
    boot("web")
    return wsgi.create_app()


if __name__ == "__main__":
    boot(sys.argv[1])
    queue.work()
