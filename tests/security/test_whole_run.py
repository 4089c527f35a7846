"""R23: the search over a whole test run finds what got out, wherever it lies; without a leak it is silent."""

from __future__ import annotations

import logging
import subprocess
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest
import redis
from flask import Flask

from tests.flows.running_hub import ROOT
from tests.whole_run.answers import searched
from tests.whole_run.planted import CARD_NUMBER, ENCRYPTION_KEY, SESSION_KEY, SMTP_PASSWORD
from tests.whole_run.plugin import LogLines
from tests.whole_run.rightful import RIGHTFUL, Rightful
from tests.whole_run.search import Search
from tests.whole_run.shapes import CARD_NUMBERS, sightings
from tests.whole_run.stores import search_database, search_redis

# As the twins, the fake provider and the hub give them; put together here, so that this file's own text is none.
SECRETS = {
    "planted secret": SMTP_PASSWORD,
    "secret of the fake provider": "fake_" + "refresh_17",
    "key of Stripe": "sk_" + "test_" + "51AbCdEfGhIjKlMnOp",
    "signing secret of Stripe": "whsec" + "_0123456789abcdefghijABCDEFGHIJ12",
    "client secret of Stripe": "pi_" + "3AbC_secret_dEfGhI",
    "code or refresh token of Stripe": "rt_" + "0123456789abcdefghijABCDEFGHIJ",
    "token of Square": "EAAAl" + "0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHI",
    "application secret or code of Square": "sandbox-sq0csb-" + "0123456789abcdefghij",
    "signature key of Square": "TwinKey" + "0123456789abcde",
    "API key of the hub": "ph_" + "abcdefgh23_" + "0123456789abcdefghijABCDEFGHIJ0123456789-_x",
    "session or link token of the hub": "pht_" + "0123456789abcdefghijABCDEFGHIJ0123456789-_x",
    "card number": CARD_NUMBER,
}
TOKEN = SECRETS["token of Square"]


@pytest.fixture
def search() -> Search:
    return Search()


# --- what is known ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SECRETS)
def test_secret_of_each_kind_is_known_in_the_middle_of_a_text_and_not_shown(kind: str) -> None:
    (seen,) = sightings(f'{{"x": "before {SECRETS[kind]}, after"}}')
    assert seen.kind == kind
    assert SECRETS[kind] not in seen.shown


@pytest.mark.parametrize("secret", [ENCRYPTION_KEY, SESSION_KEY, *CARD_NUMBERS, "4242-4242-4242-4242"])
def test_keys_and_cards_of_the_tests_are_known(secret: str) -> None:
    assert len(list(sightings(f"a {secret} b"))) == 1


@pytest.mark.parametrize(
    "text", ["", "sk_test_***", "***4242", "whsec_", "pi_3abc", "token=***", "ph_abcdefgh23", "a fake_token", "1" * 40]
)
def test_masked_secrets_and_names_of_secrets_are_none(text: str) -> None:
    assert list(sightings(text)) == []


# --- where it looks --------------------------------------------------------------------------------------------------------


def test_secret_in_a_row_is_found_with_its_table_and_column(search: Search, empty_database_url: str) -> None:
    """As text, in JSON, in an array, in bytes, in a partition."""
    with psycopg.connect(empty_database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (id int, body text, data jsonb, words text[], sealed bytea)")
        connection.execute("CREATE TABLE events (id int, body jsonb) PARTITION BY RANGE (id)")
        connection.execute("CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10)")
        connection.execute("INSERT INTO notes SELECT n, 'nothing', '{}', '{}', 'none' FROM generate_series(1, 100) n")
        search_database(empty_database_url, search)
        assert search.findings == {}
        for column, value in (("body", TOKEN), ("data", f'{{"a": ["{TOKEN}"]}}'), ("words", f"{{x,{TOKEN}}}"), ("sealed", TOKEN)):
            connection.execute(f"UPDATE notes SET {column} = %s WHERE id = 7".encode(), (value,))
        connection.execute("INSERT INTO events VALUES (1, %s)", (f'{{"card": "{CARD_NUMBER}"}}',))
        search_database(empty_database_url, search)
        for table in ("notes", "events"):  # this database will be searched as all are
            connection.execute(f"TRUNCATE {table}".encode())
    assert search.findings == {
        **{f"table notes.{column}: token of Square": 1 for column in ("body", "data", "words", "sealed")},
        "table events.body: card number": 1,
    }


def test_secret_behind_row_level_security_is_found(search: Search, fresh_database_url: str) -> None:
    with psycopg.connect(fresh_database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("SET ROLE payhub_system")
        connection.execute("INSERT INTO tenants (name, created_at) VALUES (%s, now())", (f"Ada {TOKEN}",))
        search_database(fresh_database_url, search)
        connection.execute("DELETE FROM tenants")
    assert search.findings == {"table tenants.name: token of Square": 1}
    assert search.looked_at["tables"] > 25


def test_secret_in_redis_is_found_in_keys_values_and_packed_job_payloads(
    search: Search, empty_redis: redis.Redis, redis_url: str
) -> None:
    empty_redis.set("limits:sign-in", "3")
    search_redis(redis_url, search)
    assert search.findings == {}
    empty_redis.set(f"limits:{TOKEN}", "3")
    empty_redis.set("a:string", TOKEN)
    empty_redis.hset("rq:job:1", mapping={"data": zlib.compress(f"process({TOKEN})".encode()), "origin": "default"})
    empty_redis.rpush("a:list", "x", TOKEN)
    empty_redis.sadd("a:set", TOKEN)
    empty_redis.zadd("a:sorted", {TOKEN: 1})
    empty_redis.xadd("a:stream", {"token": TOKEN})
    search_redis(redis_url, search)
    empty_redis.flushdb()
    places = ("Redis key", "Redis a:string", "Redis rq:job", "Redis a:list", "Redis a:set", "Redis a:sorted", "Redis a:stream")
    assert set(search.findings) == {f"{place}: token of Square" for place in places}


def test_secret_in_a_file_is_found_with_its_line_but_servers_own_files_are_not_read(search: Search, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    log, own = tmp_path / "deep" / "web.log", tmp_path / "deep" / "cluster" / "PG_VERSION"
    own.parent.mkdir()
    own.write_text(f"18 {TOKEN}\n")
    log.write_text(f"one\ntwo {TOKEN}\nthree\n")
    search.folder(tmp_path)
    log.unlink()
    own.unlink()
    assert search.findings == {"file deep/web.log:2: token of Square": 1}


def test_secret_in_an_answer_is_found_with_its_route(search: Search) -> None:
    app = Flask("leaking")
    app.add_url_rule("/good", view_func=lambda: "good", endpoint="good")
    app.add_url_rule("/bad", view_func=lambda: {"token": TOKEN}, endpoint="bad")
    client = searched(app, search).test_client()
    assert [client.get(path).status_code for path in ("/good", "/bad")] == [200, 200]
    assert search.findings == {"answer of GET /bad: token of Square": 1}
    assert search.looked_at["answers"] == 2


def test_secret_in_a_log_line_is_found_unless_the_hubs_filter_masks_it(search: Search) -> None:
    logger = logging.Logger("leaking")
    logger.addHandler(LogLines(search))
    logger.info("with %s", TOKEN)  # a shape that the filter knows
    assert search.findings == {}
    assert search.looked_at["log lines"] == 1
    logger.info("with %s", SECRETS["secret of the fake provider"])  # one that it does not
    assert search.findings == {"log line of leaking: secret of the fake provider": 1}


# --- what has its place ----------------------------------------------------------------------------------------------------


def test_only_the_named_kind_at_the_named_place_is_let_through() -> None:
    search = Search(rightful=[Rightful(r"table mails\.body", "planted secret", "because")])
    search.text("table mails.body", SMTP_PASSWORD)
    assert search.findings == {}
    search.text("table mails.body", TOKEN)
    search.text("table mails.body_of_another", SMTP_PASSWORD)
    assert len(search.findings) == 2


def test_list_of_rightful_places_is_short_and_each_names_its_place_kind_and_reason() -> None:
    assert len(RIGHTFUL) <= 10
    for entry in RIGHTFUL:
        assert entry.kind in SECRETS
        assert len(entry.reason) > 30
        assert not entry.covers("table clients.notes", entry.kind)
        assert not entry.covers("log line of hub.http", entry.kind)


# --- the run's end ---------------------------------------------------------------------------------------------------------

CONFTEST = """
import pytest
from tests.whole_run.plugin import SearchedRun
from tests.whole_run.search import RUN


def pytest_configure(config):
    config.pluginmanager.register(SearchedRun(config), "whole-run-search")


@pytest.fixture(scope="session", autouse=True)
def _files(tmp_path_factory):
    yield
    RUN.folder(tmp_path_factory.getbasetemp())
"""
GOOD = "def test_good(tmp_path):\n    (tmp_path / 'good.log').write_text('nothing')\n    print('nothing')\n"
LEAKS = {
    "Captured stdout call of ": "print(SECRET)",
    "web.log:1": "(tmp_path / 'web.log').write_text(SECRET)",
    "log line of hub.x": "logging.getLogger('hub.x').info('with %s', SECRET)",
}


def run_tests(folder: Path, body: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A test run of its own. Its tests pass; the secret stands in pieces in their text."""
    half = SMTP_PASSWORD[:4]
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(
        f"import logging\nSECRET = {half!r} + {SMTP_PASSWORD[4:]!r}\n{GOOD}\ndef test_leaking(tmp_path):\n    {body}\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={folder / 'base'}", *options]
    command += ["-c", "/dev/null", f"--rootdir={folder}", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    for left in (folder / "base").rglob("web.log"):
        left.unlink()  # this run's own search must not find it
    return done


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "workers"])
def test_run_whose_tests_all_pass_fails_for_a_leak_and_says_where(tmp_path: Path, options: Sequence[str]) -> None:
    done = run_tests(tmp_path, "; ".join(LEAKS.values()), *options)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert "secrets that got out" in done.stdout
    assert [where for where in LEAKS if where not in done.stdout] == []
    assert SMTP_PASSWORD not in done.stdout + done.stderr


def test_run_without_a_leak_passes_and_says_what_was_searched(tmp_path: Path) -> None:
    done = run_tests(tmp_path, "print('still nothing')")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "secrets that got out" not in done.stdout
    assert "captured outputs" in done.stdout
    assert "files" in done.stdout
