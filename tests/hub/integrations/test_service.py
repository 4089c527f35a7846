"""Connections: who holds an account, what a reconnect keeps, what a disconnect destroys."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from hub import clock, db
from hub.audit import SYSTEM
from hub.integrations import service
from hub.models import AuditEntry, Change, DisconnectReceipt, Integration, WebhookEvent
from providers.records import Customer
from tests.hub.integrations.connections import holder, integration, save
from tests.sync.hub_in_process import HubInProcess, forget_route, new_tenant, sync_now

WORKERS = 5


def refresh(hub: HubInProcess) -> None:
    service.refresh(hub.tenant_id, hub.integration_id)


def disconnect(hub: HubInProcess) -> DisconnectReceipt:
    return service.disconnect(hub.tenant_id, hub.integration_id, actor=SYSTEM)


def actions(hub: HubInProcess) -> list[str]:
    return [entry.action for entry in hub.rows(AuditEntry)]


# --- connecting ---------------------------------------------------------------------------------------------------------


def test_same_account_again_keeps_its_row_and_history(hub: HubInProcess) -> None:
    hub.merchant.add_customer(given_name="Ada")
    sync_now(hub)
    disconnect(hub)
    again = save(hub, hub.account_id)
    assert again == (hub.integration_id, False)
    row = integration(hub)
    assert (row.status, row.disconnected_at) == ("active", None)
    assert row.last_sync_at is not None
    assert {"integration.connected", "integration.disconnected", "integration.reconnected"} <= set(actions(hub))
    assert service.call(hub.tenant_id, hub.integration_id, lambda account: account.list(Customer)).records


def test_another_account_is_a_row_of_its_own(hub: HubInProcess) -> None:
    disconnect(hub)
    account = hub.world.create_account("Second shop")
    forget_route(account)
    other, is_new = save(hub, account)
    assert is_new
    assert {row.id: row.status for row in hub.rows(Integration)} == {hub.integration_id: "disconnected", other: "active"}


def test_account_that_another_tenant_holds_is_refused_and_stays_with_it(hub: HubInProcess) -> None:
    other = new_tenant(hub.world, hub.provider)
    with pytest.raises(service.AccountHeldElsewhere):
        save(hub, other.account_id)
    assert holder(other.account_id) == other.tenant_id
    assert len(hub.rows(Integration)) == 1
    service.open_account(other.tenant_id, other.integration_id)


def test_account_is_free_for_another_tenant_after_a_disconnect(hub: HubInProcess) -> None:
    other = new_tenant(hub.world, hub.provider)
    disconnect(other)
    assert holder(other.account_id) is None
    save(hub, other.account_id)
    assert holder(other.account_id) == hub.tenant_id


def test_account_of_a_broken_connection_is_still_held(hub: HubInProcess) -> None:
    other = new_tenant(hub.world, hub.provider)
    service.mark_reconnect(other.tenant_id, other.integration_id, "The provider ended it.")
    with pytest.raises(service.AccountHeldElsewhere):
        save(hub, other.account_id)


def test_two_tenants_that_connect_one_account_at_once_make_one_holder(hub: HubInProcess) -> None:
    other = new_tenant(hub.world, hub.provider)
    account = hub.world.create_account()
    forget_route(account)
    gate = threading.Barrier(2)

    def connect(tenant_id: int) -> bool:
        gate.wait()
        try:
            save(hub, account, tenant_id=tenant_id)
        except service.AccountHeldElsewhere:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        won = dict(zip((hub.tenant_id, other.tenant_id), pool.map(connect, (hub.tenant_id, other.tenant_id)), strict=True))
    assert sorted(won.values()) == [False, True]
    assert won[holder(account) or 0]


def test_reconnect_lets_all_waiting_work_go_on_at_once(hub: HubInProcess) -> None:
    now = clock.now()
    later = {"due_at": now + timedelta(hours=6), "waiting_since": now}
    with db.system_session() as session:
        common = {"tenant_id": hub.tenant_id, "integration_id": hub.integration_id}
        session.add(Change(**common, kind="client", local_id=1, verb="update", revision=1, created_at=now, **later))
        session.add(
            WebhookEvent(
                **common,
                received_at=now,
                provider="fake",
                account_id=hub.account_id,
                live=False,
                event_id="evt_1",
                event_type="customer.updated",
                effect="changed",
                happened_at=now,
                body={},
                **later,
            )
        )
    service.mark_reconnect(hub.tenant_id, hub.integration_id, "The provider ended it.")
    save(hub, hub.account_id)
    for row in (hub.row(Change), hub.row(WebhookEvent)):
        assert row.due_at <= clock.now()
        assert row.waiting_since is None


# --- configuring --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"auto_sync": 1},
        {"auto_sync": "true"},
        {"webhook_enabled": None},
        {"history_days": 0},
        {"history_days": 3651},
        {"history_days": True},
        {"history_days": 30.0},
        {"history_days": "30"},
        {"no_such_switch": True},
        {"auto_sync": False, "no_such_switch": True},
    ],
)
def test_wrong_configuration_changes_nothing(hub: HubInProcess, changes: dict[str, Any]) -> None:
    before = integration(hub).config
    with pytest.raises(service.WrongConfig, match=next(reversed(changes))):
        service.configure(hub.tenant_id, hub.integration_id, changes, actor=SYSTEM)
    assert integration(hub).config == before


def test_changed_switch_keeps_the_others_and_is_audited(hub: HubInProcess) -> None:
    config = service.configure(hub.tenant_id, hub.integration_id, {"sync_payments": False, "history_days": 365}, actor=SYSTEM)
    assert config == integration(hub).config
    assert (config["sync_payments"], config["sync_invoices"], config["history_days"]) == (False, True, 365)
    assert "integration.configured" in actions(hub)


def test_automatic_sync_is_planned_only_while_it_is_on(hub: HubInProcess) -> None:
    service.configure(hub.tenant_id, hub.integration_id, {"auto_sync": False}, actor=SYSTEM)
    assert integration(hub).next_sync_at is None
    service.configure(hub.tenant_id, hub.integration_id, {"auto_sync": True}, actor=SYSTEM)
    assert integration(hub).next_sync_at is not None


def test_configured_switch_does_not_wake_a_disconnected_account(hub: HubInProcess) -> None:
    disconnect(hub)
    service.configure(hub.tenant_id, hub.integration_id, {"auto_sync": True}, actor=SYSTEM)
    assert integration(hub).next_sync_at is None
