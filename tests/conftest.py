"""What every test may ask for: real servers of their own, a migrated database per worker, a Redis database per worker."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from hub import clock, embedded, migrate
from hub.embedded.locks import open_lock
from hub.integrations import gate
from tests.browser.chromium import browser, context
from tests.contract.checked_run import CHECKER, REPORT, SPECS, CheckedRun, checker_file
from tests.contract.harness import Where
from tests.live import environment as live
from tests.whole_run.plugin import SearchedRun
from tests.whole_run.search import RUN
from tests.whole_run.stores import drop_searched_database, search_redis, search_servers

__all__ = ["browser", "context"]  # one Chromium for all tests of a process

FOREIGN_PREFIXES = ("STRIPE_", "SQUARE_", "PAYHUB_", "TWILIO_", "SENDGRID_", "SMTP_")
FOR_TESTS = (CHECKER, SPECS, REPORT)  # the contract checker and the providers' published schemas, see tests/contract/judge.py


def pytest_configure(config: pytest.Config) -> None:
    """A developer's own settings, live keys above all, must not reach a test."""
    for name in list(os.environ):
        if name.startswith(FOREIGN_PREFIXES) and name not in FOR_TESTS:
            del os.environ[name]
    if live.is_selected(config):
        live.refuse_production(os.environ)
        Where.is_live = True
    checker = checker_file()
    if checker is not None:
        config.pluginmanager.register(CheckedRun(checker), "contract-checker")
    config.pluginmanager.register(SearchedRun(config), "whole-run-search")


@pytest.fixture(scope="session", autouse=True)
def _files_are_searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the tests of this worker left in their folders; the first fixture, so that it ends last."""
    yield
    RUN.folder(tmp_path_factory.getbasetemp())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if Where.is_live:
        for name in live.VARIABLES:
            terminalreporter.write_line(live.missing(name, os.environ) or f"{name} was asked: {live.upstream(name, os.environ)}")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all workers of this test run share."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def worker_number(worker_id: str) -> int:
    return 0 if worker_id == "master" else int(worker_id.removeprefix("gw")) + 1


@pytest.fixture(scope="session")
def servers(run_folder: Path) -> Iterator[embedded.Servers]:
    """Throw-away embedded servers, shared by the workers of this run and gone with the last one."""
    servers = embedded.ensure(run_folder / "servers", with_postgres="DATABASE_URL" not in os.environ, throwaway=True)
    yield servers
    search_servers(servers)
    servers.release()


@pytest.fixture(scope="session")
def database_server_url(servers: embedded.Servers) -> str:
    """Where databases may be made: the embedded server, or the one that DATABASE_URL names (PostgreSQL 15 in CI)."""
    return os.environ.get("DATABASE_URL") or servers.database_url


@pytest.fixture(scope="session")
def migrated_template(database_server_url: str, run_folder: Path) -> str:
    """The name of a database at the newest migration, made once per run; copies of it are cheap, see embedded.create_database."""
    note = run_folder / "template"
    lock = open_lock(run_folder / "template.lock")
    assert lock is not None
    try:
        if not note.exists():
            name = f"payhub_test_template_{secrets.token_hex(4)}"
            migrate.upgrade(embedded.create_database(database_server_url, name))
            note.write_text(name)
        return note.read_text()
    finally:
        os.close(lock)


@pytest.fixture(scope="session")
def database_url(database_server_url: str, migrated_template: str) -> Iterator[str]:
    """This worker's own migrated database, as its owner. Tests keep apart by their tenants."""
    name = f"payhub_test_{secrets.token_hex(6)}"
    url = embedded.create_database(database_server_url, name, template=migrated_template)
    yield url
    drop_searched_database(database_server_url, name, url)


@pytest.fixture
def fresh_database_url(database_server_url: str, migrated_template: str) -> Iterator[str]:
    """A migrated database for one test alone, for what counts all rows or changes the schema."""
    name = f"payhub_test_{secrets.token_hex(6)}"
    url = embedded.create_database(database_server_url, name, template=migrated_template)
    yield url
    drop_searched_database(database_server_url, name, url)


@pytest.fixture
def empty_database_url(database_server_url: str) -> Iterator[str]:
    """A database without any table, for migration tests."""
    name = f"payhub_test_{secrets.token_hex(6)}"
    url = embedded.create_database(database_server_url, name)
    yield url
    drop_searched_database(database_server_url, name, url)


@pytest.fixture(scope="session")
def redis_url(servers: embedded.Servers, worker_number: int) -> Iterator[str]:
    """This worker's own Redis database; `empty_redis` clears it."""
    url = servers.redis_url_of(worker_number)
    yield url
    search_redis(url)


@pytest.fixture
def empty_redis(redis_url: str) -> Iterator[redis.Redis]:
    search_redis(redis_url)
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client


@pytest.fixture(autouse=True)
def _clock_runs_true() -> Iterator[None]:
    """No test inherits another's frozen or shifted clock, nor what its hub learnt of budgets."""
    yield
    clock.reset()
    clock.use_file(None)
    gate.forget()


@pytest.fixture
def sql(database_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A plain connection as the database's owner, for looking past the hub at what is really there."""
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection
