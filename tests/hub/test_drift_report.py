"""What providers sent that we did not know is kept over processes, and told to whoever runs the hub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

import wsgi
from hub import db, drift_report, process
from hub.config import Settings
from hub.http import metrics
from hub.models import ProviderDrift
from providers import drift
from tests.whole_run.outputs import SearchedRunner

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def hub(fresh_database_url: str, tmp_path: Path) -> Iterator[None]:
    settings = Settings.from_env({"PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": str(tmp_path)})
    process.boot(settings, database_url=fresh_database_url, redis_url=None, providers={})
    drift.forget()
    yield
    drift.forget()
    db.engine().dispose()


def kept() -> list[tuple[str, str, str, str, int]]:
    return [(row.provider, row.kind, row.path, row.word, row.count) for row in drift_report.report()]


def test_sightings_of_two_processes_add_up(hub: None) -> None:
    drift.word("stripe", "invoice", "status", "frozen", at=NOON)
    drift_report.keep()
    drift.word("stripe", "invoice", "status", "frozen", at=NOON + timedelta(hours=1))
    drift.word("stripe", "invoice", "status", "frozen", at=NOON + timedelta(hours=2))
    drift_report.keep()
    assert kept() == [("stripe", "invoice", "status", "frozen", 3)]
    [row] = drift_report.report()
    assert (row.first_seen, row.last_seen) == (NOON, NOON + timedelta(hours=2))


def test_kept_sightings_are_not_kept_twice(hub: None) -> None:
    drift.fields("square", "customer", [{"id": "1", "loyalty_tier": "gold"}], frozenset(["id"]), at=NOON)
    drift_report.keep()
    drift_report.keep()
    assert kept() == [("square", "customer", "loyalty_tier", "", 1)]


def test_value_of_an_unknown_field_is_kept_nowhere(hub: None) -> None:
    drift.fields("square", "customer", [{"id": "1", "nickname_of_dog": "Ada's Rex"}], frozenset(["id"]), at=NOON)
    drift_report.keep()
    with db.system_session() as session:
        told = str(session.execute(select(*ProviderDrift.__table__.columns)).all())
    assert "nickname_of_dog" in told
    assert "Rex" not in told


def test_lost_database_costs_the_sightings_and_nothing_else(hub: None) -> None:
    drift.word("stripe", "event", "type", "invoice.frozen", at=NOON)
    db.configure("postgresql+psycopg://nobody@127.0.0.1:1/gone")
    drift_report.keep()
    assert drift.seen() == ()


def test_command_names_each_and_says_when_there_is_nothing(
    hub: None, fresh_database_url: str, redis_url: str, tmp_path: Path
) -> None:
    terminal = SearchedRunner(
        env={"PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": str(tmp_path), "DATABASE_URL": fresh_database_url, "REDIS_URL": redis_url}
    )
    empty = terminal.invoke(wsgi.cli, ["drift"])
    drift.word("stripe", "invoice", "status", "frozen", at=NOON)
    drift_report.keep()
    told = terminal.invoke(wsgi.cli, ["drift", "--json"])
    assert "Everything that providers sent was known." in empty.output
    [row] = json.loads(told.stdout)
    assert (row["provider"], row["path"], row["word"], row["count"]) == ("stripe", "status", "frozen", 1)


def test_metrics_count_the_different_ones(hub: None) -> None:
    drift.word("stripe", "invoice", "status", "frozen", at=NOON)
    drift.word("stripe", "refund", "status", "melting", at=NOON)
    drift_report.keep()
    assert 'payhub_provider_drift{provider="stripe"} 2.0' in metrics.answer().get_data(as_text=True)
