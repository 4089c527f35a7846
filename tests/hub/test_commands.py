"""The administrator's commands."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from hub import db, migrate
from hub.models import Integration, Membership, Tenant
from tests.sync.hub_in_process import HubInProcess
from tests.whole_run.outputs import SearchedRunner
from wsgi import cli

ROOT = Path(__file__).parents[2]
UNKNOWN = 987_654_321


@pytest.fixture
def terminal(hub: HubInProcess, database_url: str, redis_url: str, tmp_path: Path) -> SearchedRunner:
    return SearchedRunner(
        env={"PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": str(tmp_path), "DATABASE_URL": database_url, "REDIS_URL": redis_url}
    )


def run(terminal: SearchedRunner, *arguments: object) -> Result:
    return terminal.invoke(cli, [str(argument) for argument in arguments])


def answer(terminal: SearchedRunner, *arguments: object) -> Any:
    done = run(terminal, *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def refusal(terminal: SearchedRunner, *arguments: object) -> str:
    """What a command says that refuses in words, not with a traceback."""
    done = run(terminal, *arguments)
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code != 0
    return done.stderr


def test_tenant_its_owner_and_key_are_made_one_after_the_other(terminal: SearchedRunner, hub: HubInProcess) -> None:
    made = answer(terminal, "tenant", "create", "Acme & Söhne", "--currency", "EUR", "--timezone", "Europe/Berlin")
    tenant_id = made["tenant_id"]
    user = answer(terminal, "user", "create", "--email", f"Owner{tenant_id}@Example.com", "--tenant", tenant_id)
    key = answer(terminal, "apikey", "create", "--tenant", tenant_id, "--role", "viewer")
    theirs = HubInProcess(tenant_id, 0, hub.world, hub.provider, hub.merchant, "")
    tenant = theirs.row(Tenant)
    assert (tenant.name, tenant.currency, tenant.timezone) == ("Acme & Söhne", "EUR", "Europe/Berlin")
    assert (theirs.row(Membership).user_id, theirs.row(Membership).role) == (user["user_id"], "owner")
    assert key["api_key"].startswith("ph_")


def test_users_role_changes_when_made_again(terminal: SearchedRunner, hub: HubInProcess) -> None:
    for role in ("owner", "viewer"):
        answer(terminal, "user", "create", "--email", f"u{hub.tenant_id}@example.com", "--tenant", hub.tenant_id, "--role", role)
    assert hub.row(Membership).role == "viewer"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("user", "create", "--email", "nobody", "--tenant", 1), "mail address"),
        (("user", "create", "--email", "a@example.com", "--tenant", UNKNOWN), str(UNKNOWN)),
        (("apikey", "create", "--tenant", UNKNOWN), str(UNKNOWN)),
        (("tenant", "create", "  "), "name"),
        (("tenant", "create", "Acme", "--timezone", "Mars/Olympus"), "Mars/Olympus"),
        (("tenant", "create", "Acme", "--currency", "usd"), "usd"),
        (("integration", "show", UNKNOWN), str(UNKNOWN)),
        (("integration", "disconnect", UNKNOWN), str(UNKNOWN)),
        (("db", "upgrade", "no_such_revision"), "no_such_revision"),
    ],
)
def test_wrong_argument_is_refused_in_words(terminal: SearchedRunner, arguments: tuple[object, ...], says: str) -> None:
    assert says in refusal(terminal, *arguments)


def test_integrations_are_listed_shown_and_disconnected(terminal: SearchedRunner, hub: HubInProcess) -> None:
    (listed,) = answer(terminal, "integration", "list", "--tenant", hub.tenant_id)
    assert (listed["id"], listed["status"]) == (hub.integration_id, "active")
    shown = answer(terminal, "integration", "show", hub.integration_id)
    assert (shown["account_id"], shown["config"]["auto_sync"]) == (hub.account_id, True)
    receipt = answer(terminal, "integration", "disconnect", hub.integration_id)
    assert receipt["key_destroyed"] is True
    assert hub.row(Integration).status == "disconnected"


def test_token_for_a_tenant_that_is_not_there_goes_to_no_provider(
    database_url: str, redis_url: str, tmp_path: Path, hub: HubInProcess
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as provider:
        provider.settimeout(0)
        environment = {
            "PAYHUB_ENV": "test",
            "PAYHUB_DATA_DIR": str(tmp_path),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "STRIPE_API_BASE": f"http://127.0.0.1:{provider.getsockname()[1]}",
        }
        said = refusal(
            SearchedRunner(env=environment),
            *("integration", "connect", "--provider", "stripe", "--access-token", "rk_test_of_nobody", "--tenant", UNKNOWN),
        )
        assert f"there is no tenant {UNKNOWN}" in said
        with pytest.raises(BlockingIOError):
            provider.accept()


@pytest.mark.parametrize("arguments", [("tenant", "create", "Acme"), ("integration", "list"), ("webhooks", "list")])
def test_command_on_a_database_without_our_tables_names_the_upgrade(
    empty_database_url: str, redis_url: str, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    environment = {
        "PAYHUB_ENV": "test",
        "PAYHUB_DATA_DIR": str(tmp_path),
        "DATABASE_URL": empty_database_url,
        "REDIS_URL": redis_url,
    }
    said = refusal(SearchedRunner(env=environment), *arguments)
    assert "The database is at nothing" in said
    assert "payhub db upgrade" in said
    db.engine().dispose()


def test_upgrade_says_where_the_database_is_and_nothing_of_its_steps(
    empty_database_url: str, tmp_path: Path, redis_url: str
) -> None:
    environment = {**os.environ, "PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": str(tmp_path), "DATABASE_URL": empty_database_url}
    command = [sys.executable, "-m", "wsgi", "db", "upgrade"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"The database is at {migrate.head()}.\n", "")


def test_database_check_names_the_newest_migration(terminal: SearchedRunner) -> None:
    done = run(terminal, "db", "check")
    assert done.exit_code == 0
    assert "newest" in done.stdout


def test_command_without_a_database_says_so_in_two_lines(tmp_path: Path) -> None:
    environment = {
        "PAYHUB_DATA_DIR": str(tmp_path),
        "DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:2",
    }
    refused = SearchedRunner(env=environment).invoke(cli, ["tenant", "create", "Acme"])
    assert refused.exit_code == 2
    assert "database cannot be reached" in refused.stderr
    assert "Traceback" not in refused.output
