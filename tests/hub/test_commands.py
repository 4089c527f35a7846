"""The administrator's commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from hub.models import Integration, Membership, Tenant
from tests.sync.hub_in_process import HubInProcess
from tests.whole_run.outputs import SearchedRunner
from wsgi import cli

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
