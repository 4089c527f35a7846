"""The hub's web process and worker with the fake provider, which no tenant of a real system can choose."""

from __future__ import annotations

import os
import sys
from multiprocessing.connection import Client

from apiflask import APIFlask

import wsgi
from hub import process, queue
from providers.fake.provider import FakeProvider
from providers.fake.world import FakeWorld
from providers.fake.world.wire import Answer, Call

WORLD_KEY = b"the tests' own"


class FarWorld(FakeWorld):
    """The world of the test's process, asked over a socket."""

    def answer(self, call: Call) -> Answer:
        with Client(("127.0.0.1", int(os.environ["FAKE_WORLD_PORT"])), authkey=WORLD_KEY) as line:
            line.send(call)
            told = line.recv()
        if isinstance(told, Exception):
            raise told
        assert isinstance(told, Answer)
        return told


def boot(name: str) -> None:
    booted = process.boot_from_environment(name=name)
    providers = {"fake": FakeProvider(FarWorld())}
    process.boot(booted.settings, database_url=booted.database_url, redis_url=booted.redis_url, providers=providers)


def app() -> APIFlask:
    boot("web")
    return wsgi.create_app()


if __name__ == "__main__":
    boot(sys.argv[1])
    queue.work()
