"""What is kept as the provider says it: subscriptions as a client's recurring services, disputes, payouts with their entries."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hub import db
from hub.crm.recurring import recurring_services
from hub.models import Integration, SyncRun
from providers.records import (
    CatalogItem,
    Dispute,
    DisputeStatus,
    EntryType,
    Interval,
    Money,
    Payout,
    PayoutEntry,
    PayoutStatus,
    Subscription,
    SubscriptionStatus,
    Window,
)
from sync import pull, readings
from sync.kinds import KINDS
from tests.sync.hub_in_process import HubInProcess
from tests.sync.records_made import at, customer, usd


def subscription(id: str, customer_id: str, seconds: float = 0, **changes: object) -> Subscription:
    told: dict[str, object] = {
        "id": id,
        "as_of": at(seconds),
        "raw": {"id": id},
        "customer_id": customer_id,
        "status": SubscriptionStatus.ACTIVE,
        "name": "Boiler care",
        "amount": usd(2_900),
        "interval": Interval.MONTH,
        "starts_on": date(2026, 1, 15),
        "renews_on": date(2026, 9, 15),
        **changes,
    }
    return Subscription(**told)  # type: ignore[arg-type]


def payout(id: str, *, complete: bool, seconds: float = 0) -> Payout:
    return Payout(
        id=id,
        as_of=at(seconds),
        raw={"id": id},
        amount=usd(9_000),
        status=PayoutStatus.PAID,
        arrives_on=date(2026, 8, 5),
        is_complete=complete,
    )


def test_subscription_of_a_linked_customer_is_a_recurring_service_of_its_client(hub: HubInProcess) -> None:
    hub.apply(customer("cus_1"))
    hub.apply(subscription("sub_1", "cus_1"), subscription("sub_2", "cus_other"))
    client_id = hub.remote("cus_1").local_id
    assert client_id is not None
    with db.tenant_session(hub.tenant_id) as session:
        [service] = recurring_services(session, client_id)
    assert (service.external_id, service.name, service.status) == ("sub_1", "Boiler care", "active")
    assert (service.amount, service.currency, service.interval, service.interval_count) == (2_900, "USD", "month", 1)
    assert (service.renews_on, service.cancels_on, service.provider) == (date(2026, 9, 15), None, "fake")


def test_services_that_run_come_before_those_that_are_over(hub: HubInProcess) -> None:
    hub.apply(customer("cus_1"))
    hub.apply(
        subscription(
            "sub_old",
            "cus_1",
            status=SubscriptionStatus.CANCELED,
            starts_on=date(2026, 5, 1),
            renews_on=None,
            ended_at=datetime(2026, 6, 1, tzinfo=UTC),
        ),
        subscription("sub_first", "cus_1", starts_on=date(2026, 1, 1)),
        subscription("sub_second", "cus_1", starts_on=date(2026, 2, 1)),
    )
    client_id = hub.remote("cus_1").local_id
    assert client_id is not None
    with db.tenant_session(hub.tenant_id) as session:
        found = [service.external_id for service in recurring_services(session, client_id)]
    assert found == ["sub_second", "sub_first", "sub_old"]


def test_older_word_about_a_subscription_changes_nothing(hub: HubInProcess) -> None:
    hub.apply(subscription("sub_1", "cus_1", 60, status=SubscriptionStatus.PAST_DUE))
    counts = hub.apply(subscription("sub_1", "cus_1", 0))
    assert counts.outcomes == {"sub_1": "stale"}
    assert (hub.remote("sub_1").base or {})["status"] == "past_due"


def test_dispute_keeps_its_deadline_and_belongs_to_its_payment(hub: HubInProcess) -> None:
    deadline = datetime(2026, 8, 20, 23, 59, tzinfo=UTC)
    hub.apply(
        Dispute(
            id="dp_1",
            as_of=at(0),
            raw={"id": "dp_1"},
            payment_id="pi_1",
            amount=usd(5_000),
            status=DisputeStatus.NEEDS_RESPONSE,
            reason="fraudulent",
            respond_by=deadline,
        )
    )
    row = hub.remote("dp_1")
    assert (row.data_type, row.group_key) == ("dispute", "pi_1")
    assert row.base is not None
    assert (row.base["amount"], row.base["currency"], row.base["respond_by"]) == (5_000, "USD", deadline.isoformat())


def test_entries_are_awaited_of_complete_payouts_only_and_once(hub: HubInProcess) -> None:
    hub.apply(payout("po_done", complete=True), payout("po_open", complete=False))
    run = SyncRun(id=0, integration_id=hub.integration_id, full=False)
    with db.tenant_session(hub.tenant_id) as session:
        integration = session.get_one(Integration, (hub.tenant_id, hub.integration_id))
        planned = readings.plan(session, integration, run, PayoutEntry, started_at=at(10))
    assert [(reading.part, reading.parent_id) for reading in planned] == [("po_done", "po_done")]


def test_payout_entry_is_kept_with_its_payout(hub: HubInProcess) -> None:
    entry = PayoutEntry(
        id="txn_1",
        as_of=at(0),
        raw={"id": "txn_1"},
        payout_id="po_1",
        entry_type=EntryType.CHARGE,
        gross=usd(10_000),
        fee=usd(320),
        net=usd(9_680),
        payment_id="pi_1",
    )
    hub.apply(entry)
    row = hub.remote("txn_1")
    assert row.group_key == "po_1"
    assert row.base is not None
    assert (row.base["gross"], row.base["fee"], row.base["net"], row.base["currency"]) == (10_000, 320, 9_680, "USD")


def test_catalog_is_left_alone_until_the_tenant_switches_it_on(hub: HubInProcess) -> None:
    kind = KINDS[CatalogItem]
    assert not kind.is_on({})
    assert kind.is_on({"sync_catalog": True})


def test_kinds_that_events_tell_of_are_listed_anew_once_a_day(hub: HubInProcess) -> None:
    run = SyncRun(id=0, integration_id=hub.integration_id, full=False)
    known = pull.CursorMove(part=readings.MARK, cursor=None, started_at=at(0), high_water=at(0), done=True)
    with db.tenant_session(hub.tenant_id) as session:
        integration = session.get_one(Integration, (hub.tenant_id, hub.integration_id))
        pull.move_cursor(session, hub.tenant_id, hub.integration_id, Payout, known)
        soon = readings.plan(session, integration, run, Payout, started_at=at(3_600))
        tomorrow = readings.plan(session, integration, run, Payout, started_at=at(21 * 3_600))
    assert soon == []
    assert [(reading.part, reading.created) for reading in tomorrow] == [
        ("again", Window(since=at(21 * 3_600) - timedelta(days=14)))
    ]


def test_amounts_of_one_record_share_its_currency(hub: HubInProcess) -> None:
    hub.apply(subscription("sub_jpy", "cus_1", amount=Money(3_000, "JPY")))
    base = hub.remote("sub_jpy").base
    assert base is not None
    assert (base["amount"], base["currency"]) == (3_000, "JPY")
