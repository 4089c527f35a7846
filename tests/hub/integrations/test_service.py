"""Connections: who holds an account, what a reconnect keeps, what a disconnect destroys."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from hub import clock, db, process, vault
from hub.audit import SYSTEM
from hub.config import Settings
from hub.integrations import service
from hub.integrations.sync_requests import request_sync
from hub.models import AuditEntry, Change, DataKey, Integration, SyncRun, WebhookEvent
from providers.contract import Account
from providers.errors import CredentialsExpired, IntegrationRevoked, Transient
from providers.records import Customer
from tests.hub.integrations.connections import holder, integration, meddle, save, stored
from tests.sync.hub_in_process import HubInProcess, forget_route, new_tenant, sync_now

WORKERS = 5


def refresh(hub: HubInProcess) -> None:
    service.refresh(hub.tenant_id, hub.integration_id)


def disconnect(hub: HubInProcess) -> service.Receipt:
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


# --- refreshing ---------------------------------------------------------------------------------------------------------


def test_concurrent_refreshes_store_one_result_and_all_use_it(hub: HubInProcess) -> None:
    provider = meddle(hub)
    provider.meanwhile = threading.Barrier(WORKERS).wait
    before = integration(hub).credentials_revision
    with ThreadPoolExecutor(WORKERS) as pool:
        results = [pool.submit(service.refresh, hub.tenant_id, hub.integration_id) for _ in range(WORKERS)]
        tokens = {result.result().access_token for result in results}
    assert provider.refreshes == WORKERS
    assert integration(hub).credentials_revision == before + 1
    assert tokens == {stored(hub).access_token}


def test_refresh_is_audited_by_the_system_with_its_reason(hub: HubInProcess) -> None:
    refresh(hub)
    entry = hub.row(AuditEntry, action="integration.token_refreshed")
    assert (entry.actor_kind, entry.subject_id, entry.details) == ("system", str(hub.integration_id), {"because": "planned"})


def test_answer_without_refresh_token_keeps_the_old_one(hub: HubInProcess) -> None:
    before = stored(hub)
    refresh(hub)
    after = stored(hub)
    assert before.refresh_token
    assert after.refresh_token == before.refresh_token
    assert after.access_token != before.access_token
    refresh(hub)


def test_token_near_its_end_is_refreshed_before_it_is_used(hub: HubInProcess) -> None:
    provider = meddle(hub)
    service.open_account(hub.tenant_id, hub.integration_id)
    assert provider.refreshes == 0
    clock.advance(timedelta(days=29))
    _, account = service.open_account(hub.tenant_id, hub.integration_id)
    assert provider.refreshes == 1
    clock.advance(timedelta(days=2))
    account.list(Customer)


def test_refreshed_integration_is_planned_again_within_the_providers_limit(hub: HubInProcess) -> None:
    refresh(hub)
    row = integration(hub)
    assert row.refresh_due_at is not None
    assert timedelta(days=4) < row.refresh_due_at - clock.now() < timedelta(days=7)


def test_refused_token_is_refreshed_and_the_request_repeated_once(hub: HubInProcess) -> None:
    provider = meddle(hub)
    tries: list[Account] = []

    def action(account: Account) -> str:
        tries.append(account)
        if len(tries) == 1:
            raise CredentialsExpired("The token has ended.")
        return "done"

    assert service.call(hub.tenant_id, hub.integration_id, action) == "done"
    assert (len(tries), provider.refreshes) == (2, 1)


def test_token_refused_twice_asks_a_person_to_reconnect(hub: HubInProcess) -> None:
    def action(account: Account) -> str:
        raise CredentialsExpired("The token has ended.")

    with pytest.raises(IntegrationRevoked):
        service.call(hub.tenant_id, hub.integration_id, action)
    assert integration(hub).status == "reconnect"


def test_dead_grant_stops_the_integration_and_says_why(hub: HubInProcess) -> None:
    hub.world.disconnect(hub.account_id)
    with pytest.raises(IntegrationRevoked):
        refresh(hub)
    row = integration(hub)
    assert (row.status, row.next_sync_at, row.refresh_due_at) == ("reconnect", None, None)
    assert row.status_reason
    assert "integration.needs_reconnect" in actions(hub)
    seen = hub.world.requests_seen
    with pytest.raises(IntegrationRevoked, match="Reconnect"):
        service.open_account(hub.tenant_id, hub.integration_id)
    assert hub.world.requests_seen == seen


def test_outage_during_a_refresh_keeps_the_old_token_and_tries_again_soon(hub: HubInProcess) -> None:
    before = stored(hub)
    hub.world.fail_next("unavailable")
    service.refresh_due(hub.tenant_id, hub.integration_id)
    row = integration(hub)
    assert row.status == "active"
    assert stored(hub) == before
    assert row.refresh_due_at is not None
    assert row.refresh_due_at - clock.now() < timedelta(hours=1)


def test_refresh_that_ends_after_a_disconnect_stores_nothing(hub: HubInProcess) -> None:
    provider = meddle(hub)
    provider.meanwhile = lambda: service.disconnect(hub.tenant_id, hub.integration_id, actor=SYSTEM, revoke=False)
    with pytest.raises(IntegrationRevoked):
        refresh(hub)
    row = integration(hub)
    assert (row.status, row.sealed_credentials, row.data_key_id) == ("disconnected", None, None)


def test_fresh_token_is_not_lost_to_a_key_rotation_meanwhile(hub: HubInProcess) -> None:
    provider = meddle(hub)
    provider.meanwhile = lambda: rotate_to_new_key(hub)
    before = stored(hub)
    fresh = service.refresh(hub.tenant_id, hub.integration_id)
    assert before.access_token != fresh.access_token == stored(hub).access_token
    assert hub.row(DataKey, wrapped=None).key_id != integration_key(hub)


def rotate_to_new_key(hub: HubInProcess) -> None:
    now = process.current()
    old = now.settings.data_dir.joinpath("dev-secrets.json").read_text()
    keys = "new:" + "A" * 43 + "=," + old.split('"PAYHUB_ENCRYPTION_KEYS": "')[1].split('"')[0]
    environment = {"PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": str(now.settings.data_dir), "PAYHUB_ENCRYPTION_KEYS": keys}
    process.boot(
        Settings.from_env(environment), database_url=now.database_url, redis_url=None, providers=dict(process.providers())
    )
    assert service.rotate_keys(hub.tenant_id, hub.integration_id)


def integration_key(hub: HubInProcess) -> str | None:
    return hub.row(DataKey, id=integration(hub).data_key_id).key_id


def test_old_grants_end_does_not_end_a_connection_made_meanwhile(hub: HubInProcess) -> None:
    def action(account: Account) -> str:
        save(hub, hub.account_id)
        raise IntegrationRevoked("The old grant has ended.")

    with pytest.raises(Transient):
        service.call(hub.tenant_id, hub.integration_id, action)
    assert integration(hub).status == "active"


def test_refresh_of_a_dead_grant_does_not_end_a_connection_made_meanwhile(hub: HubInProcess) -> None:
    provider = meddle(hub)

    def reconnect() -> None:
        provider.meanwhile = lambda: None
        hub.world.disconnect(hub.account_id)
        save(hub, hub.account_id)

    provider.meanwhile = reconnect
    assert refresh_result(hub) == stored(hub).access_token
    assert integration(hub).status == "active"


def refresh_result(hub: HubInProcess) -> str | None:
    return service.refresh(hub.tenant_id, hub.integration_id).access_token


# --- disconnecting ------------------------------------------------------------------------------------------------------


def test_disconnect_destroys_this_integrations_key_only(hub: HubInProcess) -> None:
    other = hub.connect_again()
    key_id = integration(hub).data_key_id
    sealed_before = integration(hub).sealed_credentials
    receipt = disconnect(hub)
    assert receipt.key_destroyed
    assert hub.row(DataKey, id=key_id).wrapped is None
    assert sealed_before is not None
    assert integration(hub).sealed_credentials is None
    assert stored(other).access_token
    service.open_account(other.tenant_id, other.integration_id)
    with pytest.raises(vault.Shredded):
        stored(hub)


def test_receipt_says_what_was_done(hub: HubInProcess) -> None:
    before = stored(hub)
    receipt = disconnect(hub)
    assert (receipt.integration_id, receipt.provider, receipt.account_id) == (hub.integration_id, "fake", hub.account_id)
    assert receipt.revoked_at_provider
    assert receipt.disconnected_at == integration(hub).disconnected_at
    with pytest.raises(IntegrationRevoked):
        hub.provider.refresh(before)


def test_disconnect_ends_on_our_side_although_the_provider_is_away(hub: HubInProcess) -> None:
    hub.world.fail_next("unavailable")
    receipt = disconnect(hub)
    assert (receipt.revoked_at_provider, receipt.key_destroyed) == (False, True)
    assert integration(hub).status == "disconnected"


def test_disconnect_works_although_the_credentials_cannot_be_opened(hub: HubInProcess) -> None:
    with db.tenant_session(hub.tenant_id) as session:
        row = service.get(session, hub.integration_id)
        row.sealed_credentials = b"\x00" + (row.sealed_credentials or b"")[1:-1] + b"\x00"
    receipt = disconnect(hub)
    assert (receipt.revoked_at_provider, receipt.key_destroyed) == (False, True)
    assert integration(hub).status == "disconnected"


def test_disconnect_cancels_the_unfinished_run_and_plans_no_more(hub: HubInProcess) -> None:
    with db.tenant_session(hub.tenant_id) as session:
        request_sync(session, hub.tenant_id, hub.integration_id, kind="manual", requested_by="test")
    disconnect(hub)
    run = hub.row(SyncRun)
    assert (run.outcome, integration(hub).next_sync_at) == ("canceled", None)


def test_disconnect_of_anothers_integration_is_not_found(hub: HubInProcess) -> None:
    other = new_tenant(hub.world, hub.provider)
    with pytest.raises(service.IntegrationNotFound):
        service.disconnect(hub.tenant_id, other.integration_id, actor=SYSTEM)
    service.open_account(other.tenant_id, other.integration_id)


def test_connects_and_disconnects_of_one_account_at_once_do_not_deadlock(hub: HubInProcess) -> None:
    def repeat(action: Callable[[], object]) -> None:
        for _ in range(12):
            action()

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(repeat, lambda: save(hub, hub.account_id)), pool.submit(repeat, lambda: disconnect(hub))]
        for each in both:
            each.result(timeout=30)
    save(hub, hub.account_id)
    assert holder(hub.account_id) == hub.tenant_id


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
