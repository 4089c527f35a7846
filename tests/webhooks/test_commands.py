"""`payhub webhooks`: the inbox and our endpoints in a terminal."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import select

from hub import clock, db, queue
from hub.models import AuditEntry, WebhookEvent
from providers.contract import Verb
from providers.records import Endpoint
from tests.integration.scene import Scene, Shop
from tests.whole_run.outputs import SearchedRunner
from webhooks.commands import webhooks


@pytest.fixture
def terminal(scene: Scene, redis_url: str) -> SearchedRunner:
    """The command boots by its environment and finds the test's database and twins."""
    environment = {"PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": str(scene.folder), "PAYHUB_BASE_URL": scene.base_url}
    return SearchedRunner(env={**environment, "DATABASE_URL": scene.database_url, "REDIS_URL": redis_url})


def run_command(terminal: SearchedRunner, *arguments: object) -> Result:
    return terminal.invoke(webhooks, [str(argument) for argument in arguments])


@pytest.fixture
def shop(scene: Scene) -> Shop:
    """One event came and was processed."""
    shop = scene.connect("stripe")
    queue.run_pending()
    shop.act("create_customer", name="Ada Byron")
    shop.hear()
    return shop


def park(shop: Shop) -> int:
    with db.tenant_session(shop.tenant_id) as session:
        row = session.scalars(select(WebhookEvent)).one()
        row.done_at, row.outcome, row.parked_at, row.reason = None, None, clock.now() - timedelta(hours=1), "it broke"
        return row.id


def test_install_says_that_each_endpoint_is_ready_and_where(terminal: SearchedRunner, scene: Scene) -> None:
    done = run_command(terminal, "install")
    assert done.exit_code == 0, done.output
    for provider in ("stripe", "square"):
        assert f"{provider}: ready ({scene.base_url}/api/webhooks/{provider})" in done.stdout


def test_install_of_one_provider_leaves_the_other_alone(terminal: SearchedRunner, scene: Scene) -> None:
    done = run_command(terminal, "install", "square")
    assert done.stdout.startswith("square: ready")
    assert "stripe" not in done.stdout


def test_install_that_fails_exits_with_one_and_says_why(terminal: SearchedRunner, scene: Scene) -> None:
    scene.twins["stripe"].fault(kind="html_error", path="/v1/webhook_endpoints*", times=None)
    done = run_command(terminal, "install", "stripe")
    scene.twins["stripe"].control("DELETE", "faults")
    assert done.exit_code == 1
    assert done.stdout.startswith("stripe: ")
    assert "ready" not in done.stdout
    assert scene.twins["stripe"].ready["secret_key"] not in done.output


def test_install_of_an_unknown_provider_names_the_known_ones(terminal: SearchedRunner) -> None:
    done = run_command(terminal, "install", "paypal")
    assert done.exit_code == 2
    assert "stripe" in done.stderr


def test_list_shows_the_events_of_a_tenant_without_their_content(terminal: SearchedRunner, shop: Shop) -> None:
    done = run_command(terminal, "list", "--tenant", shop.tenant_id, "--json")
    (event,) = json.loads(done.stdout)
    assert (event["provider"], event["event_type"], event["outcome"]) == ("stripe", "customer.created", "applied")
    assert "Ada" not in done.stdout
    assert run_command(terminal, "list", "--tenant", shop.tenant_id).exit_code == 0


def test_list_of_parked_events_shows_the_reason(terminal: SearchedRunner, shop: Shop) -> None:
    assert json.loads(run_command(terminal, "list", "--tenant", shop.tenant_id, "--parked", "--json").stdout) == []
    park(shop)
    (event,) = json.loads(run_command(terminal, "list", "--tenant", shop.tenant_id, "--parked", "--json").stdout)
    assert (event["outcome"], event["reason"]) == ("parked", "it broke")


def test_replay_makes_a_parked_event_due_again(terminal: SearchedRunner, shop: Shop) -> None:
    done = run_command(terminal, "replay", park(shop))
    assert done.exit_code == 0, done.output
    assert "1 integration" in done.stdout
    (event,) = shop.events()
    assert (event.parked_at, event.done_at, event.reason) == (None, None, None)


def test_replay_of_all_failed_leaves_no_event_parked(terminal: SearchedRunner, shop: Shop) -> None:
    park(shop)
    assert run_command(terminal, "replay", "--failed").exit_code == 0
    assert shop.events()[0].parked_at is None
    assert audited(shop, "webhook_event.replayed") == [("cli", str(shop.integration_id), {"events": 1})]


def audited(shop: Shop, action: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(who, whose integration, what) of the shop's audit entries."""
    with db.tenant_session(shop.tenant_id) as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id))
        return [(entry.actor_kind, entry.subject_id, entry.details) for entry in entries]


def test_replay_of_one_event_is_audited_with_its_id(terminal: SearchedRunner, shop: Shop) -> None:
    event_row = park(shop)
    run_command(terminal, "replay", event_row)
    assert audited(shop, "webhook_event.replayed") == [("cli", str(shop.integration_id), {"event": event_row})]


def test_replay_of_an_unknown_event_is_refused_in_words(terminal: SearchedRunner, shop: Shop) -> None:
    done = run_command(terminal, "replay", 987_654_321)
    assert done.exit_code == 1
    assert "no event 987654321" in done.stderr


def test_install_that_changes_an_endpoint_is_audited_for_whom_it_serves_and_one_that_does_not_is_not(
    terminal: SearchedRunner, shop: Shop
) -> None:
    (first,) = audited(shop, "webhook_endpoint.changed")
    assert first[:2] == ("system", str(shop.integration_id))  # the endpoint that the connect made
    run_command(terminal, "install", "stripe")
    assert len(audited(shop, "webhook_endpoint.changed")) == 1
    shop.scene.platform("stripe").perform(Verb.DELETE, Endpoint, first[2]["external_id"], version=None, key="ph1gone")
    run_command(terminal, "install", "stripe")
    actor, _, details = audited(shop, "webhook_endpoint.changed")[1]
    assert actor == "cli"
    assert details["external_id"] == shop.scene.endpoint("stripe").external_id


def test_replay_of_nothing_in_particular_is_refused(terminal: SearchedRunner) -> None:
    assert run_command(terminal, "replay").exit_code == 2
