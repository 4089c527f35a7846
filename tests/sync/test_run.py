"""Rounds against the fake provider: complete, resumable, honest about what failed."""

from __future__ import annotations

from datetime import timedelta

from hub import clock, crash, db
from hub.audit import SYSTEM
from hub.integrations import service
from hub.integrations.sync_requests import request_sync
from hub.models import Client, Integration, Invoice, MissingReference, Payment, Refund, SyncRun
from sync import run
from tests.sync.hub_in_process import HubInProcess, sync_now


def seed(hub: HubInProcess, customers: int = 3) -> list[str]:
    return [
        hub.merchant.add_invoice(hub.merchant.add_customer(given_name=f"C{n}", email=f"c{n}@example.com"))
        for n in range(customers)
    ]


def test_first_run_brings_everything_and_counts_it(hub: HubInProcess) -> None:
    invoices = seed(hub)
    paid = hub.merchant.pay(invoices[0])
    hub.merchant.refund(paid, 500)
    hub.merchant.add_payment(4200)
    done = sync_now(hub, kind="initial")
    assert done.outcome == "completed"
    assert done.counts["customer"] == {"seen": 3, "created": 3, "updated": 0, "errors": 0}
    assert done.counts["payment"]["created"] == 2
    assert done.progress["invoice"]["finished"] is True
    assert [len(hub.rows(model)) for model in (Client, Invoice, Payment, Refund)] == [3, 3, 2, 1]
    assert (hub.balance(invoices[0]).paid, hub.balance(invoices[0]).refunded) == (12_500, 500)
    assert hub.balance(invoices[1]).due == 12_500
    assert hub.row(Integration, id=hub.integration_id).last_sync_at is not None


def test_second_run_reads_only_what_changed(hub: HubInProcess) -> None:
    seed(hub, 5)
    clock.advance(timedelta(hours=1))
    sync_now(hub)
    clock.advance(timedelta(hours=1))
    hub.merchant.edit("customer", hub.merchant.add_customer(given_name="New"), family_name="One")
    done = sync_now(hub)
    assert done.counts["customer"] == {"seen": 1, "created": 1, "updated": 0, "errors": 0}
    assert done.counts["payment"]["seen"] == 0


def test_full_run_over_unchanged_data_writes_nothing_new(hub: HubInProcess) -> None:
    seed(hub)
    sync_now(hub)
    revisions = [row.revision for row in hub.rows(Client)]
    done = sync_now(hub, full=True)
    assert done.counts["customer"] == {"seen": 3, "created": 0, "updated": 0, "errors": 0}
    assert [row.revision for row in hub.rows(Client)] == revisions


def test_open_invoice_older_than_the_history_is_found_and_its_customer_fetched(hub: HubInProcess) -> None:
    clock.advance(timedelta(days=-200))
    old = seed(hub, 1)[0]
    settled = hub.merchant.add_invoice(hub.merchant.add_customer(given_name="Paid"))
    hub.merchant.pay(settled)
    clock.reset()
    sync_now(hub, kind="initial")
    assert [row.id for row in hub.rows(Invoice)] == [hub.remote(old).local_id]
    assert hub.row(Invoice).client_id is not None


def test_refund_of_a_payment_older_than_the_history_fetches_the_payment(hub: HubInProcess) -> None:
    clock.advance(timedelta(days=-200))
    payment = hub.merchant.add_payment(4200)
    clock.reset()
    hub.merchant.refund(payment, 1000)
    sync_now(hub, kind="initial")
    assert hub.row(Refund).payment_id == hub.row(Payment).id
    assert hub.rows(MissingReference) == []


def test_switches_turn_kinds_off(hub: HubInProcess) -> None:
    hub.merchant.pay(seed(hub, 1)[0])
    service.configure(hub.tenant_id, hub.integration_id, {"sync_invoices": False, "sync_payments": False}, actor=SYSTEM)
    done = sync_now(hub)
    assert done.outcome == "completed"
    assert set(done.counts) == {"location", "customer"}
    assert hub.rows(Invoice) == []
    assert hub.rows(Payment) == []


def test_run_of_one_scope_reads_one_kind(hub: HubInProcess) -> None:
    seed(hub, 2)
    counts = sync_now(hub, scope="invoice").counts
    assert counts["invoice"]["created"] == 2
    assert "payment" not in counts
    assert hub.row(Integration, id=hub.integration_id).last_sync_at is None


def test_outage_makes_the_run_wait_in_the_database_and_go_on_later(hub: HubInProcess) -> None:
    seed(hub)
    hub.world.fail_next("unavailable")
    waiting = sync_now(hub)
    assert (waiting.outcome, waiting.done_at, waiting.attempts, waiting.lease_until) == (None, None, 0, None)
    assert waiting.due_at > clock.now()
    run.run(hub.tenant_id, waiting.id)  # not due yet: nothing happens
    assert hub.rows(Client) == []
    clock.advance(timedelta(minutes=1))
    run.run(hub.tenant_id, waiting.id)
    assert hub.row(SyncRun, id=waiting.id).outcome == "completed"
    assert len(hub.rows(Client)) == 3


def test_rate_limit_is_obeyed_and_not_counted_as_success(hub: HubInProcess) -> None:
    hub.world.fail_next("rate_limited")
    waiting = sync_now(hub)
    assert waiting.outcome is None
    assert waiting.due_at >= clock.now() + timedelta(seconds=1)
    assert waiting.attempts == 0


def test_revoked_account_fails_the_run_and_asks_to_reconnect(hub: HubInProcess) -> None:
    hub.world.disconnect(hub.account_id)
    failed = sync_now(hub)
    assert failed.outcome == "failed"
    assert "econnect" in (failed.reason or "")
    assert hub.row(Integration, id=hub.integration_id).status == "reconnect"


def test_expired_cursor_begins_the_listing_again(hub_of_short_pages: HubInProcess) -> None:
    hub = hub_of_short_pages
    for n in range(5):
        hub.merchant.add_customer(given_name=f"C{n}")

    def too_late(number: int, name: str) -> None:
        if "customer" in name and name.startswith("after GET") and not expired:
            expired.append(name)
            clock.advance(timedelta(minutes=10))

    expired: list[str] = []
    crash.observe(too_late)
    try:
        done = sync_now(hub, scope="customer")
    finally:
        crash.observe(None)
    assert expired
    assert done.outcome == "completed"
    assert len(hub.rows(Client)) == 5


def test_interrupted_run_goes_on_at_its_cursor_and_repeats_one_page_at_most(hub_of_short_pages: HubInProcess) -> None:
    hub = hub_of_short_pages
    for n in range(10):
        hub.merchant.add_customer(given_name=f"C{n}")
    pages: list[str] = []

    def outage_on_third_page(number: int, name: str) -> None:
        if name.startswith("before GET") and "customer" in name:
            pages.append(name)
            if len(pages) == 3:
                hub.world.fail_next("unavailable")

    crash.observe(outage_on_third_page)
    try:
        waiting = sync_now(hub, scope="customer")
        assert waiting.outcome is None
        assert waiting.progress["customer"]["done"] == 4
        clock.advance(timedelta(minutes=1))
        run.run(hub.tenant_id, waiting.id)
    finally:
        crash.observe(None)
    done = hub.row(SyncRun, id=waiting.id)
    assert done.outcome == "completed"
    assert done.counts["customer"] == {"seen": 10, "created": 10, "updated": 0, "errors": 0}
    assert len(pages) == 6  # five pages, and the one that failed


def test_run_held_by_another_worker_is_left_alone(hub: HubInProcess) -> None:
    seed(hub, 1)
    with db.tenant_session(hub.tenant_id) as session:
        held = request_sync(session, hub.tenant_id, hub.integration_id, kind="manual", requested_by="test")
        session.get_one(SyncRun, (hub.tenant_id, held)).lease_until = clock.now() + timedelta(minutes=1)
    run.run(hub.tenant_id, held)
    assert hub.rows(Client) == []


def test_asking_twice_gives_the_same_run(hub: HubInProcess) -> None:
    with db.tenant_session(hub.tenant_id) as session:
        ids = {request_sync(session, hub.tenant_id, hub.integration_id, kind="manual", requested_by="test") for _ in range(2)}
    assert len(ids) == 1


def test_disconnect_ends_the_run_at_its_next_page(hub_of_short_pages: HubInProcess) -> None:
    hub = hub_of_short_pages
    seed(hub, 8)

    def disconnect(number: int, name: str) -> None:
        if name.startswith("after GET") and "customer" in name and not ended:
            ended.append(name)
            service.disconnect(hub.tenant_id, hub.integration_id, actor=SYSTEM)

    ended: list[str] = []
    crash.observe(disconnect)
    try:
        done = sync_now(hub, scope="customer")
    finally:
        crash.observe(None)
    assert (done.outcome, done.reason) == ("canceled", "The account was disconnected.")
    assert len(hub.rows(Client)) < 8


def test_one_record_that_cannot_be_stored_leaves_the_others(hub: HubInProcess) -> None:
    for amount in (100, 2**63, 300):
        hub.merchant.add_payment(amount)
    done = sync_now(hub, scope="payment")
    assert done.counts["payment"] == {"seen": 3, "created": 2, "updated": 0, "errors": 1}
    assert sorted(row.amount for row in hub.rows(Payment)) == [100, 300]


def test_locations_come_too(hub: HubInProcess) -> None:
    hub.merchant.add_location("Second shop")
    assert sync_now(hub, scope="location").counts["location"]["created"] == 2


def test_missed_events_are_caught_up_before_anything_is_read(hub: HubInProcess) -> None:
    seen: list[tuple[int, int, int]] = []

    def catchup(tenant_id: int, integration_id: int) -> None:
        seen.append((tenant_id, integration_id, len(hub.rows(Client))))

    seed(hub, 1)
    run.register_catchup(catchup)
    try:
        sync_now(hub)
    finally:
        run._catchups.remove(catchup)
    assert seen == [(hub.tenant_id, hub.integration_id, 0)]
