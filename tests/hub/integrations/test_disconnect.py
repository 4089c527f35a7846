"""Disconnecting: what it ends, what it destroys, what it leaves, and what its receipt says."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from hub import clock, db, vault
from hub.audit import SYSTEM
from hub.integrations import service
from hub.integrations.sync_requests import request_sync
from hub.models import Change, DataKey, DisconnectReceipt, SyncRun, WebhookEvent
from providers.contract import OpenGate
from providers.errors import IntegrationRevoked
from tests.hub.integrations.connections import holder, integration, save, stored
from tests.sync.hub_in_process import HubInProcess, new_tenant, sync_now
from webhooks import inbox
from webhooks.process import process_integration

WORKERS = 5


def disconnect(hub: HubInProcess) -> DisconnectReceipt:
    return service.disconnect(hub.tenant_id, hub.integration_id, actor=SYSTEM)


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
    assert (receipt.revocation, receipt.revoked_at_provider, receipt.key_destroyed) == ("unreachable", False, True)
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


# --- the receipt --------------------------------------------------------------------------------------------------------


def waiting(hub: HubInProcess) -> None:
    """An edit and an event that nobody has done yet, and an unfinished run."""
    now = clock.now()
    common = {"tenant_id": hub.tenant_id, "integration_id": hub.integration_id}
    with db.tenant_session(hub.tenant_id) as session:
        request_sync(session, hub.tenant_id, hub.integration_id, kind="manual", requested_by="test")
    with db.system_session() as session:
        session.add(Change(**common, kind="client", local_id=1, verb="update", revision=1, created_at=now, due_at=now))
        session.add(
            WebhookEvent(
                **common,
                received_at=now,
                provider="fake",
                account_id=hub.account_id,
                live=False,
                event_id=f"evt_{hub.integration_id}",
                event_type="customer.updated",
                effect="changed",
                happened_at=now,
                body={},
                due_at=now,
            )
        )


def test_receipt_counts_what_was_stopped_what_waits_and_what_stays(hub: HubInProcess) -> None:
    hub.merchant.add_customer(given_name="Ada")
    sync_now(hub)
    waiting(hub)
    key_id = integration(hub).data_key_id
    receipt = disconnect(hub)
    kept = hub.row(DisconnectReceipt)
    assert kept.id == receipt.id
    assert (kept.sync_runs_stopped, kept.changes_held, kept.events_held) == (1, 1, 1)
    assert kept.kept["customer"] == 1
    assert kept.revocation == "revoked"
    assert kept.told_at is not None
    assert len(kept.destroyed_keys) == 1
    assert str(key_id) in kept.destroyed_keys[0]


def test_second_disconnect_answers_the_first_receipt_and_does_nothing(hub: HubInProcess) -> None:
    first = disconnect(hub)
    seen = hub.world.requests_seen
    assert disconnect(hub).id == first.id
    assert hub.world.requests_seen == seen
    assert len(hub.rows(DisconnectReceipt)) == 1


def test_each_disconnect_has_a_receipt_of_its_own(hub: HubInProcess) -> None:
    first = disconnect(hub)
    save(hub, hub.account_id)
    assert disconnect(hub).id > first.id
    assert len(hub.rows(DisconnectReceipt)) == 2


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE disconnect_receipts SET told_at = now(), revocation = 'revoked'",
        "UPDATE disconnect_receipts SET account_id = 'another'",
        "UPDATE disconnect_receipts SET changes_held = 0",
        "DELETE FROM disconnect_receipts",
    ],
)
@pytest.mark.parametrize("role", ["payhub_app", "payhub_system"])
def test_written_receipt_cannot_be_changed_by_anybody(hub: HubInProcess, change: str, role: str) -> None:
    hub.world.fail_next("unavailable")
    receipt = disconnect(hub)
    statement = f"{change} WHERE id = {receipt.id}"
    session_of = db.system_session if role == "payhub_system" else partial(db.tenant_session, hub.tenant_id)
    with session_of() as session, pytest.raises(DBAPIError):
        session.connection().exec_driver_sql(statement)
    assert hub.row(DisconnectReceipt).revocation == "unreachable"


def test_key_that_was_pasted_is_its_owners_to_end_and_the_receipt_says_so(hub: HubInProcess) -> None:
    with db.tenant_session(hub.tenant_id) as session:
        service.get(session, hub.integration_id).credentials_kind = "key"
    before = stored(hub)
    assert disconnect(hub).revocation == "by_owner"
    assert hub.provider.refresh(before)


def test_events_that_found_the_account_disconnected_are_processed_after_a_reconnect(hub: HubInProcess) -> None:
    waiting(hub)
    disconnect(hub)
    process_integration(hub.tenant_id, hub.integration_id)
    assert hub.row(WebhookEvent).outcome == "integration_disconnected"
    save(hub, hub.account_id)
    event = hub.row(WebhookEvent)
    assert (event.done_at, event.outcome) == (None, None)
    assert event.due_at <= clock.now()


def test_late_event_of_a_disconnected_account_leaves_nothing_and_is_found_new_after_a_reconnect(hub: HubInProcess) -> None:
    hub.merchant.add_customer(given_name="Ada")
    seen = hub.provider.missed_events(stored(hub), since=clock.now() - timedelta(days=1), gate=OpenGate()).events
    feed = [replace(event, id=f"evt_late_{hub.integration_id}_{n}") for n, event in enumerate(seen)]
    disconnect(hub)
    assert inbox.store("fake", feed) == 0
    with db.system_session() as session:
        wanted = select(WebhookEvent).where(WebhookEvent.event_id.in_([event.id for event in feed]))
        assert session.scalars(wanted).all() == []
    save(hub, hub.account_id)
    assert inbox.store("fake", feed) == len(feed) > 0
