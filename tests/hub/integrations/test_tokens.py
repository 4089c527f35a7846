"""The life of a token: refreshed in time, once, by one of many; and what happens when it ends."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from hub import clock, db, doctor, process, queue
from hub.audit import SYSTEM
from hub.config import Settings
from hub.http import metrics
from hub.integrations import service, tokens
from hub.integrations.api import shown
from hub.models import AuditEntry, DataKey, Integration, Membership, Message, Tenant, User
from providers.contract import Account, Credentials
from providers.errors import CredentialsExpired, IntegrationRevoked, Transient
from providers.records import Customer
from sync import schedule
from tests.hub.integrations.connections import integration, meddle, save, stored
from tests.sync.hub_in_process import HubInProcess

WORKERS = 5


def refresh(hub: HubInProcess) -> None:
    service.refresh(hub.tenant_id, hub.integration_id)


def actions(hub: HubInProcess) -> list[str]:
    return [entry.action for entry in hub.rows(AuditEntry)]


def test_concurrent_refreshes_ask_once_and_all_use_the_one_result(hub: HubInProcess) -> None:
    provider = meddle(hub)
    provider.meanwhile = lambda: time.sleep(0.3)
    before = integration(hub).credentials_revision
    with ThreadPoolExecutor(WORKERS) as pool:
        results = [pool.submit(service.refresh, hub.tenant_id, hub.integration_id) for _ in range(WORKERS)]
        tokens_used = {result.result().access_token for result in results}
    assert provider.refreshes == 1
    assert integration(hub).credentials_revision == before + 1
    assert tokens_used == {stored(hub).access_token}


def test_holder_that_oversleeps_its_lease_stores_nothing_over_the_newer_result(hub: HubInProcess) -> None:
    provider = meddle(hub)
    second: list[str | None] = []

    def oversleep() -> None:
        provider.meanwhile = lambda: None
        clock.advance(tokens.LEASE + timedelta(seconds=1))
        second.append(service.refresh(hub.tenant_id, hub.integration_id).access_token)

    provider.meanwhile = oversleep
    first = service.refresh(hub.tenant_id, hub.integration_id)
    assert provider.refreshes == 2
    assert first.access_token == second[0] == stored(hub).access_token


def test_refused_token_that_was_replaced_meanwhile_costs_no_second_refresh(hub: HubInProcess) -> None:
    provider = meddle(hub)
    old = stored(hub)
    service.refresh(hub.tenant_id, hub.integration_id)
    again = service.refresh(hub.tenant_id, hub.integration_id, instead_of=old)
    assert provider.refreshes == 1
    assert again == stored(hub)


def test_due_refresh_in_other_hands_is_not_waited_for_while_the_token_lives(hub: HubInProcess) -> None:
    provider = meddle(hub)
    clock.advance(timedelta(days=6, hours=1))
    used: list[str | None] = []
    old = stored(hub)
    provider.meanwhile = lambda: used.append(service.credentials_of(hub.tenant_id, hub.integration_id)[1].access_token)
    service.refresh(hub.tenant_id, hub.integration_id)
    assert used == [old.access_token]
    assert provider.refreshes == 1


def test_failed_refresh_does_not_keep_a_living_token_from_being_used(hub: HubInProcess) -> None:
    clock.advance(timedelta(days=6, hours=1))
    hub.world.fail_next("unavailable")
    assert service.credentials_of(hub.tenant_id, hub.integration_id)[1] == stored(hub)
    due = integration(hub).refresh_due_at
    assert due is not None
    assert timedelta(minutes=20) < due - clock.now() < timedelta(hours=1)


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


def test_refresh_comes_well_within_the_providers_seven_days_whenever_it_was_made(hub: HubInProcess) -> None:
    now = clock.now()
    credentials = stored(hub)
    for hours in range(0, 24 * 7, 5):
        at = now + timedelta(hours=hours)
        due = tokens.next_refresh(hub.provider, credentials, integration(hub), at)
        assert due is not None
        assert timedelta(days=1) <= due - at <= timedelta(days=6)


def test_refreshes_of_accounts_connected_together_are_spread_evenly_and_stay_so(hub: HubInProcess) -> None:
    row, credentials, now = integration(hub), stored(hub), clock.now()
    first = [due_of(hub, row, credentials, n, now) for n in range(1, 1001)]
    days = Counter((due - now) // timedelta(days=1) for due in first)
    assert set(days) == {1, 2, 3, 4, 5}
    assert max(days.values()) < 2 * min(days.values())
    for n, due in enumerate(first, start=1):
        assert abs(due_of(hub, row, credentials, n, due) - due - timedelta(days=5)) < timedelta(seconds=1)


def due_of(hub: HubInProcess, row: Integration, credentials: Credentials, number: int, at: datetime) -> datetime:
    like = Integration(tenant_id=row.tenant_id, id=number)
    due = tokens.next_refresh(hub.provider, credentials, like, at)
    assert due is not None
    return due


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


# --- the clock ----------------------------------------------------------------------------------------------------------


def give_owner(hub: HubInProcess, address: str = "") -> str:
    """The tenant gets an owner; with an address in its settings that one is told."""
    email = f"owner-{hub.tenant_id}@example.com"
    with db.system_session() as session:
        user = User(email=email, created_at=clock.now())
        session.add(user)
        session.flush()
        session.add(Membership(tenant_id=hub.tenant_id, user_id=user.id, role="owner", created_at=clock.now()))
        session.get_one(Tenant, hub.tenant_id).owner_email = address
    return email


def take_refreshes(hub: HubInProcess) -> None:
    """Woken refreshes of this test's tenant are made; those of other tests in the same database are not its own."""

    def handler(tenant_id: int, integration_id: int) -> None:
        if tenant_id == hub.tenant_id:
            service.refresh_due(tenant_id, integration_id)

    queue.register({"refresh_credentials": handler})


def let_days_pass(hub: HubInProcess, days: float) -> list[timedelta]:
    """Let the scheduler work through the days, every ten minutes; the ages the token had when it was refreshed."""
    take_refreshes(hub)
    ages, revision, refreshed = [], integration(hub).credentials_revision, integration(hub).credentials_refreshed_at
    for _ in range(int(days * 24 * 6)):
        clock.advance(timedelta(minutes=10))
        if schedule.plan_refreshes():
            queue.run_pending()
        row = integration(hub)
        if row.credentials_revision != revision:
            assert row.credentials_refreshed_at is not None
            assert refreshed is not None
            ages.append(row.credentials_refreshed_at - refreshed)
            revision, refreshed = row.credentials_revision, row.credentials_refreshed_at
    return ages


def test_token_is_refreshed_before_it_is_seven_days_old_for_weeks(hub: HubInProcess) -> None:
    """R10. Nobody uses the account meanwhile."""
    ages = let_days_pass(hub, 17)
    assert len(ages) >= 2
    assert max(ages) <= timedelta(days=7)
    assert service.call(hub.tenant_id, hub.integration_id, lambda account: account.list(Customer)) is not None


def late_ones() -> list[int]:
    with db.system_session() as session:
        return tokens.overdue(session)


def test_token_older_than_eight_days_is_an_alarm(hub: HubInProcess) -> None:
    """R10: the scheduler was away."""
    clock.advance(timedelta(days=7, hours=23))
    assert hub.integration_id not in late_ones()
    clock.advance(timedelta(hours=2))
    assert hub.integration_id in late_ones()
    assert shown(hub.tenant_id, hub.integration_id)["token_overdue"] is True
    findings = [finding for finding in doctor.check_tokens() if not finding.ok]
    assert str(hub.integration_id) in findings[0].what
    assert "scheduler" in findings[0].how_to_mend
    scraped = metrics.answer().get_data(as_text=True)
    assert "payhub_tokens_overdue 0" not in scraped
    refresh(hub)
    assert hub.integration_id not in late_ones()
    assert shown(hub.tenant_id, hub.integration_id)["token_overdue"] is False


def test_dead_grant_is_shown_within_a_minute_and_its_owner_gets_one_mail(hub: HubInProcess) -> None:
    """R10: invalid_grant at the planned refresh."""
    email = give_owner(hub)
    take_refreshes(hub)
    hub.world.disconnect(hub.account_id)
    due = integration(hub).refresh_due_at
    assert due is not None
    clock.advance(due - clock.now() + timedelta(seconds=1))
    schedule.plan_refreshes()
    queue.run_pending()
    assert integration(hub).status == "reconnect"
    for _ in range(3):
        service.mark_reconnect(hub.tenant_id, hub.integration_id, "Once more.")
        with pytest.raises(IntegrationRevoked):
            service.call(hub.tenant_id, hub.integration_id, lambda account: account.list(Customer))
    mail = hub.row(Message)
    assert (mail.recipient, mail.kind) == (email, "reconnect")
    assert f"/integrations/{hub.integration_id}" in (mail.body or "")


def test_next_grant_that_ends_is_told_again_and_to_the_address_of_the_settings(hub: HubInProcess) -> None:
    give_owner(hub, "boss@example.com")
    service.mark_reconnect(hub.tenant_id, hub.integration_id, "It ended.")
    save(hub, hub.account_id)
    service.mark_reconnect(hub.tenant_id, hub.integration_id, "It ended again.")
    assert [mail.recipient for mail in hub.rows(Message)] == ["boss@example.com"] * 2


def test_integration_without_an_owner_to_tell_is_marked_all_the_same(hub: HubInProcess) -> None:
    service.mark_reconnect(hub.tenant_id, hub.integration_id, "It ended.")
    assert integration(hub).status == "reconnect"
    assert hub.rows(Message) == []
