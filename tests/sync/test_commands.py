"""`payhub sync run` in a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from hub import process
from hub.audit import SYSTEM
from hub.integrations import service
from hub.models import AuditEntry, SyncRun
from sync.commands import sync
from tests.sync.hub_in_process import HubInProcess
from tests.whole_run.outputs import SearchedRunner


@pytest.fixture
def terminal(hub: HubInProcess, database_url: str, redis_url: str, tmp_path: Path) -> Iterator[SearchedRunner]:
    """The command boots by the environment and finds the test's database, with the fake provider of this process."""
    hub.merchant.add_invoice(hub.merchant.add_customer(given_name="Ada"))
    providers = dict(process.providers())
    environment = {"PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": str(tmp_path), "DATABASE_URL": database_url, "REDIS_URL": redis_url}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "load_providers", lambda env: providers)
        yield SearchedRunner(env=environment)


def run_command(terminal: SearchedRunner, *arguments: object) -> Result:
    return terminal.invoke(sync, ["run", *map(str, arguments)])


def test_waiting_sync_prints_its_counts_as_json(hub: HubInProcess, terminal: SearchedRunner) -> None:
    done = run_command(terminal, hub.integration_id, "--full", "--wait", "--json")
    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["outcome"]) == (0, "completed")
    assert answer["counts"]["invoice"]["created"] == 1


def test_waiting_sync_prints_a_table(hub: HubInProcess, terminal: SearchedRunner) -> None:
    done = run_command(terminal, hub.integration_id, "--tenant", hub.tenant_id, "--wait")
    assert done.exit_code == 0
    assert "completed" in done.stdout
    assert "customer" in done.stdout


def test_sync_without_waiting_leaves_a_run_for_a_worker(hub: HubInProcess, terminal: SearchedRunner) -> None:
    done = run_command(terminal, hub.integration_id, "--json")
    assert json.loads(done.stdout) == {"sync_run_id": hub.row(SyncRun).id}
    assert hub.row(SyncRun).outcome is None


def test_asked_sync_is_audited_as_the_commands(hub: HubInProcess, terminal: SearchedRunner) -> None:
    run_command(terminal, hub.integration_id, "--full", "--json")
    entry = hub.row(AuditEntry, action="sync.requested")
    assert (entry.actor_kind, entry.subject_id, entry.details) == ("cli", str(hub.integration_id), {"full": True})


def test_sync_of_a_disconnected_account_is_refused_in_words_and_leaves_no_run(
    hub: HubInProcess, terminal: SearchedRunner
) -> None:
    service.disconnect(hub.tenant_id, hub.integration_id, actor=SYSTEM)
    done = run_command(terminal, hub.integration_id)
    assert done.exit_code == 1
    assert "Reconnect it, then sync" in done.stderr
    assert hub.rows(SyncRun) == []


def test_failed_sync_exits_with_one_and_says_why(hub: HubInProcess, terminal: SearchedRunner) -> None:
    hub.world.disconnect(hub.account_id)
    done = run_command(terminal, hub.integration_id, "--wait")
    assert done.exit_code == 1
    assert "econnect" in done.stdout


def test_unknown_integration_is_named_with_the_way_to_find_it(terminal: SearchedRunner) -> None:
    done = run_command(terminal, 987654321, "--wait")
    assert done.exit_code == 1
    assert "payhub integration list" in done.stderr
