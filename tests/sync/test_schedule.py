"""What the scheduler finds due."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from hub import clock, db, queue
from hub.audit import SYSTEM
from hub.integrations import service
from hub.models import Integration, SyncRun
from sync import run, schedule
from tests.sync.hub_in_process import HubInProcess, build, sync_now

Wakes = list[tuple[str, int, int]]


@pytest.fixture
def hub(fresh_database_url: str, tmp_path: Path) -> HubInProcess:
    """In a database of its own: a sweep takes all that is due, and other tests leave much behind."""
    return build(fresh_database_url, tmp_path)


@pytest.fixture
def wakes(hub: HubInProcess) -> Wakes:
    """What was woken since, instead of being run."""
    heard: Wakes = []
    names = ("sync_run", "refresh_credentials", "push_changes", "process_events", "send_message")
    queue.register({name: lambda tenant, row, name=name: heard.append((name, tenant, row)) for name in names})  # type: ignore[misc]
    queue.run_inline()
    return heard


def integration(hub: HubInProcess) -> Integration:
    return hub.row(Integration, id=hub.integration_id)


def set_on_integration(hub: HubInProcess, **fields: object) -> None:
    with db.tenant_session(hub.tenant_id) as session:
        row = session.get_one(Integration, (hub.tenant_id, hub.integration_id))
        for name, value in fields.items():
            setattr(row, name, value)


def test_new_integration_gets_its_initial_run_and_an_hourly_time(hub: HubInProcess, wakes: Wakes) -> None:
    schedule.plan_runs()
    queue.run_pending()
    planned = hub.row(SyncRun)
    assert (planned.kind, planned.scope, planned.requested_by) == ("initial", "all", "schedule")
    assert ("sync_run", hub.tenant_id, planned.id) in wakes
    ahead = (integration(hub).next_sync_at or clock.now()) - clock.now()
    assert timedelta(minutes=53) < ahead < timedelta(minutes=67)


def test_synced_integration_gets_hourly_runs(hub: HubInProcess, wakes: Wakes) -> None:
    sync_now(hub)
    schedule.plan_runs()
    assert [row.kind for row in hub.rows(SyncRun)] == ["manual", "hourly"]


def test_two_schedulers_plan_one_run(hub: HubInProcess, wakes: Wakes) -> None:
    schedule.plan_runs()
    set_on_integration(hub, next_sync_at=clock.now())
    schedule.plan_runs()
    assert len(hub.rows(SyncRun)) == 1


def test_integration_held_by_another_scheduler_is_skipped(hub: HubInProcess, wakes: Wakes, fresh_database_url: str) -> None:
    with psycopg.connect(fresh_database_url.replace("+psycopg", "")) as other:
        other.execute("SET ROLE payhub_system")
        other.execute("SELECT id FROM integrations WHERE id = %s FOR UPDATE", (hub.integration_id,))
        schedule.plan_runs()
        assert hub.rows(SyncRun) == []


def test_auto_sync_off_still_loads_once_and_plans_no_more(hub: HubInProcess, wakes: Wakes) -> None:
    set_on_integration(hub, config={**integration(hub).config, "auto_sync": False})
    schedule.plan_integration(hub.tenant_id, hub.integration_id)
    assert len(hub.rows(SyncRun)) == 1
    assert integration(hub).next_sync_at is None


def test_disconnected_integration_is_not_planned(hub: HubInProcess, wakes: Wakes) -> None:
    service.disconnect(hub.tenant_id, hub.integration_id, actor=SYSTEM)
    schedule.plan_runs()
    assert hub.rows(SyncRun) == []


def test_due_token_is_refreshed_and_asked_for_again_if_that_is_lost(hub: HubInProcess, wakes: Wakes) -> None:
    set_on_integration(hub, refresh_due_at=clock.now())
    schedule.plan_refreshes()
    queue.run_pending()
    assert ("refresh_credentials", hub.tenant_id, hub.integration_id) in wakes
    clock.advance(timedelta(minutes=31))
    assert schedule.plan_refreshes() >= 1


def test_run_whose_wake_was_lost_is_found_by_the_sweep(hub: HubInProcess, wakes: Wakes) -> None:
    schedule.plan_runs()
    queue.run_inline()  # every wake so far is lost
    schedule.sweep()
    queue.run_pending()
    assert ("sync_run", hub.tenant_id, hub.row(SyncRun).id) in wakes


def test_waiting_run_is_woken_when_its_time_comes_and_not_before(hub: HubInProcess, wakes: Wakes) -> None:
    hub.world.fail_next("unavailable")
    waiting = sync_now(hub)
    queue.run_inline()
    schedule.sweep()
    queue.run_pending()
    assert ("sync_run", hub.tenant_id, waiting.id) not in wakes
    clock.advance(timedelta(minutes=2))
    schedule.sweep()
    queue.run_pending()
    assert ("sync_run", hub.tenant_id, waiting.id) in wakes


def test_tick_does_it_all(hub: HubInProcess) -> None:
    hub.merchant.add_customer(given_name="Ada")
    queue.register({"sync_run": run.run})
    queue.run_inline()
    assert schedule.tick() >= 1
    queue.run_pending()
    assert hub.row(SyncRun).outcome == "completed"
    assert integration(hub).last_sync_at is not None
