"""Signed deliveries: durable once, processed in the order of facts, refused when anything is wrong with them."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest
from sqlalchemy import select

from hub import clock, db, queue
from hub.audit import SYSTEM
from hub.integrations import service
from hub.models import Client, Integration, Invoice, Payment, WebhookEvent
from tests.sync.hub_in_process import forget_route
from tests.webhooks.conftest import Receiving
from webhooks import catchup, inbox
from webhooks.process import process_integration


def client_names(receiving: Receiving) -> list[str]:
    return [client.display_name for client in receiving.hub.rows(Client)]


# --- what arrives well ---------------------------------------------------------------------------------------------------


def test_signed_event_is_stored_once_and_becomes_a_client(receiving: Receiving) -> None:
    receiving.hub.merchant.add_customer(given_name="Ada", family_name="Byron")
    body = receiving.last_event()
    assert receiving.deliver(body).status_code == 200
    assert receiving.deliver(body).status_code == 200
    assert len(receiving.events()) == 1
    queue.run_pending()
    assert client_names(receiving) == ["Ada Byron"]
    assert receiving.events()[0].outcome == "applied"


def test_event_older_than_what_is_known_changes_nothing(receiving: Receiving) -> None:
    customer_id = receiving.hub.merchant.add_customer(given_name="Ada", family_name="Byron")
    old = receiving.last_event()
    clock.advance(timedelta(seconds=10))
    receiving.hub.merchant.edit("customer", customer_id, family_name="Lovelace")
    receiving.deliver(receiving.last_event())
    receiving.process()
    receiving.deliver(old)
    receiving.process()
    assert client_names(receiving) == ["Ada Lovelace"]
    assert [event.outcome for event in receiving.events()] == ["applied", "stale"]


def test_two_events_of_one_second_are_settled_by_one_read(receiving: Receiving) -> None:
    clock.freeze(clock.now())
    customer_id = receiving.hub.merchant.add_customer(given_name="Ada", family_name="Byron")
    receiving.hub.merchant.edit("customer", customer_id, family_name="Lovelace")
    created, updated = receiving.hub.world.event_bodies(receiving.hub.account_id)[-2:]
    before = receiving.hub.world.requests_seen
    receiving.deliver(updated)
    receiving.deliver(created)
    receiving.process()
    assert client_names(receiving) == ["Ada Lovelace"]
    assert receiving.hub.world.requests_seen - before == 1


def test_deleted_customer_is_not_resurrected_by_an_older_event(receiving: Receiving) -> None:
    customer_id = receiving.hub.merchant.add_customer(given_name="Ada")
    created = receiving.last_event()
    clock.advance(timedelta(seconds=5))
    receiving.hub.merchant.delete("customer", customer_id)
    receiving.deliver(receiving.last_event())
    receiving.process()
    receiving.deliver(created)
    receiving.process()
    assert receiving.hub.remote(customer_id).deleted_at is not None


def test_paid_invoice_event_marks_the_invoice_paid_and_records_the_payment(receiving: Receiving) -> None:
    customer_id = receiving.hub.merchant.add_customer(given_name="Ada")
    invoice_id = receiving.hub.merchant.add_invoice(customer_id)
    clock.advance(timedelta(seconds=5))
    receiving.hub.merchant.pay(invoice_id)
    for body in receiving.hub.world.event_bodies(receiving.hub.account_id):
        receiving.deliver(body)
    receiving.process()
    assert receiving.hub.row(Invoice).status == "paid"
    assert receiving.hub.row(Payment).amount == 12_500
    assert receiving.hub.balance(invoice_id).due == 0


def test_unknown_event_type_is_stored_and_answered_with_200(receiving: Receiving) -> None:
    receiving.hub.merchant.add_customer()
    event = orjson.loads(receiving.last_event())
    event["type"], event["id"] = "teapot.boiled", "evt_teapot"
    event["data"] = {"kind": "teapot", "object": {"id": "tea_1"}}
    assert receiving.deliver(orjson.dumps(event)).status_code == 200
    receiving.process()
    assert receiving.events()[0].outcome == "ignored"


def test_event_of_an_unknown_account_is_quarantined_and_belongs_to_nobody(receiving: Receiving) -> None:
    stranger = receiving.hub.world.create_account("Somebody else")
    forget_route(stranger)
    receiving.hub.world.books(stranger).add("customer", {"given_name": "Eve"})
    body = receiving.hub.world.event_bodies(stranger)[-1]
    assert receiving.deliver(body).status_code == 200
    assert receiving.events() == []
    with db.system_session() as session:
        row = session.scalars(select(WebhookEvent).where(WebhookEvent.account_id == stranger)).one()
    assert (row.tenant_id, row.outcome) == (None, "quarantined")


def test_quarantined_event_is_picked_up_when_its_account_connects(receiving: Receiving) -> None:
    stranger = receiving.hub.world.create_account("Second shop")
    forget_route(stranger)
    receiving.hub.world.books(stranger).add("customer", {"given_name": "Eve"})
    receiving.deliver(receiving.hub.world.event_bodies(stranger)[-1])
    second = receiving.hub.connect_again(stranger)
    process_integration(second.tenant_id, second.integration_id)
    assert client_names(receiving) == ["Eve"]


def test_event_is_only_stored_while_webhooks_are_switched_off(receiving: Receiving) -> None:
    service.configure(receiving.hub.tenant_id, receiving.hub.integration_id, {"webhook_enabled": False}, actor=SYSTEM)
    receiving.hub.merchant.add_customer(given_name="Ada")
    assert receiving.deliver(receiving.last_event()).status_code == 200
    receiving.process()
    assert client_names(receiving) == []
    assert receiving.events()[0].outcome == "switched_off"


def test_invoice_event_changes_nothing_while_invoices_are_switched_off(receiving: Receiving) -> None:
    service.configure(receiving.hub.tenant_id, receiving.hub.integration_id, {"sync_invoices": False}, actor=SYSTEM)
    receiving.hub.merchant.add_invoice(receiving.hub.merchant.add_customer(given_name="Ada"))
    for body in receiving.hub.world.event_bodies(receiving.hub.account_id):
        receiving.deliver(body)
    receiving.process()
    assert receiving.hub.rows(Invoice) == []
    assert client_names(receiving) == ["Ada"]
    assert "switched_off" in {event.outcome for event in receiving.events()}


def test_disconnected_event_asks_for_a_reconnect(receiving: Receiving) -> None:
    clock.advance(timedelta(seconds=5))
    receiving.hub.world.disconnect(receiving.hub.account_id)
    receiving.deliver(receiving.last_event())
    receiving.process()
    row = receiving.hub.row(Integration)
    assert row.status == "reconnect"
    assert row.next_sync_at is None


def test_disconnected_event_from_before_a_reconnect_is_stale(receiving: Receiving) -> None:
    receiving.hub.world.books(receiving.hub.account_id).tell("account", "disconnected", {})
    body = receiving.last_event()
    clock.advance(timedelta(seconds=30))
    again = receiving.hub.connect_again(receiving.hub.account_id)
    receiving.deliver(body)
    process_integration(again.tenant_id, again.integration_id)
    assert receiving.hub.row(Integration).status == "active"


def test_news_of_our_own_disconnect_does_not_end_the_reconnect_of_the_same_second(receiving: Receiving) -> None:
    clock.freeze(clock.now())
    receiving.hub.world.books(receiving.hub.account_id).tell("account", "disconnected", {})
    body = receiving.last_event()
    again = receiving.hub.connect_again(receiving.hub.account_id)
    receiving.deliver(body)
    process_integration(again.tenant_id, again.integration_id)
    assert receiving.hub.row(Integration).status == "active"


def test_event_of_a_disconnected_integration_is_answered_and_ignored(receiving: Receiving) -> None:
    receiving.hub.merchant.add_customer(given_name="Ada")
    body = receiving.last_event()
    receiving.deliver(body)
    service.disconnect(receiving.hub.tenant_id, receiving.hub.integration_id, actor=SYSTEM)
    receiving.process()
    assert receiving.events()[0].outcome == "integration_disconnected"
    assert client_names(receiving) == []


# --- what goes wrong while processing -----------------------------------------------------------------------------------


def test_outage_of_the_provider_is_waited_out_and_not_counted(receiving: Receiving) -> None:
    clock.freeze(clock.now())
    customer_id = receiving.hub.merchant.add_customer(given_name="Ada")
    receiving.hub.merchant.edit("customer", customer_id, family_name="Byron")
    for body in receiving.hub.world.event_bodies(receiving.hub.account_id)[-2:]:
        receiving.deliver(body)
    receiving.hub.world.fail_next("unavailable")
    receiving.process()
    waiting = receiving.events()
    assert [(event.attempts, event.parked_at, event.done_at) for event in waiting] == [(0, None, None)] * 2
    assert all(event.reason for event in waiting)
    clock.advance(timedelta(minutes=1))
    receiving.process()
    assert client_names(receiving) == ["Ada Byron"]


def test_poisoned_event_is_parked_after_three_retries_and_stops_nothing(receiving: Receiving) -> None:
    receiving.hub.merchant.add_customer(given_name="Ada")
    receiving.deliver(receiving.last_event())
    receiving.hub.merchant.add_customer(given_name="Grace")
    receiving.deliver(receiving.last_event())
    poisoned, _ = receiving.events()
    with db.tenant_session(receiving.hub.tenant_id) as session:
        row = session.scalars(select(WebhookEvent).where(WebhookEvent.id == poisoned.id)).one()
        row.body = {"id": 7}
    for _ in range(6):
        receiving.process()
        clock.advance(timedelta(minutes=20))
    assert client_names(receiving) == ["Grace"]
    parked = next(event for event in receiving.events() if event.id == poisoned.id)
    assert parked.parked_at is not None
    assert parked.reason


def test_parked_event_is_processed_when_it_is_replayed(receiving: Receiving) -> None:
    receiving.hub.merchant.add_customer(given_name="Ada")
    receiving.deliver(receiving.last_event())
    with db.tenant_session(receiving.hub.tenant_id) as session:
        row = session.scalars(select(WebhookEvent)).one()
        row.parked_at, row.attempts, row.reason = clock.now(), 4, "something"
        inbox.replay(session, WebhookEvent.id == row.id)
    queue.run_pending()
    assert client_names(receiving) == ["Ada"]


# --- what is refused -----------------------------------------------------------------------------------------------------


def test_unsigned_delivery_is_refused_and_not_stored(receiving: Receiving) -> None:
    receiving.hub.merchant.add_customer()
    answer = receiving.client.post("/api/webhooks/fake", data=receiving.last_event())
    assert answer.status_code == 400
    assert answer.get_json()["code"] == "invalid_signature"
    assert receiving.events() == []


def test_altered_delivery_is_refused_and_not_stored(receiving: Receiving) -> None:
    receiving.hub.merchant.add_customer(given_name="Ada")
    body = receiving.last_event()
    signed = receiving.hub.world.sign(body, secret=receiving.hub.world.signing_secrets[0], at=clock.now())
    answer = receiving.client.post("/api/webhooks/fake", data=body.replace(b"Ada", b"Eve"), headers=signed)
    assert answer.status_code == 400
    assert receiving.events() == []


@pytest.mark.parametrize("seconds", [-301, 301])
def test_stale_or_future_delivery_is_refused_and_not_stored(receiving: Receiving, seconds: int) -> None:
    receiving.hub.merchant.add_customer()
    body = receiving.last_event()
    at = clock.now() + timedelta(seconds=seconds)
    signed = receiving.hub.world.sign(body, secret=receiving.hub.world.signing_secrets[0], at=at)
    assert receiving.client.post("/api/webhooks/fake", data=body, headers=signed).status_code == 400
    assert receiving.events() == []


def test_oversized_delivery_is_refused_unread(receiving: Receiving) -> None:
    answer = receiving.deliver(b"x" * 10_000_000)
    assert answer.status_code == 413
    assert receiving.events() == []


@pytest.mark.parametrize("body", [b"", b"not json", b"[1, 2", b"\xff\xfe", b"null", b'"text"'])
def test_signed_body_that_is_no_event_is_refused_and_not_stored(receiving: Receiving, body: bytes) -> None:
    assert receiving.deliver(body).status_code == 400
    assert receiving.events() == []


def test_second_secret_is_accepted_during_a_rotation(receiving: Receiving) -> None:
    receiving.hub.merchant.add_customer()
    answer = receiving.deliver(receiving.last_event(), secret=receiving.hub.world.signing_secrets[1])
    assert answer.status_code == 200


def test_unknown_endpoint_token_is_not_found(receiving: Receiving) -> None:
    receiving.hub.merchant.add_customer()
    body = receiving.last_event()
    signed = receiving.hub.world.sign(body, secret=receiving.hub.world.signing_secrets[0], at=clock.now())
    assert receiving.client.post("/api/webhooks/fake/nowhere", data=body, headers=signed).status_code == 404


def test_verified_deliveries_are_never_rate_limited_but_failed_signatures_are(receiving: Receiving) -> None:
    receiving.hub.merchant.add_customer()
    body = receiving.last_event()
    assert {receiving.deliver(body).status_code for _ in range(150)} == {200}
    answers = [receiving.client.post("/api/webhooks/fake", data=b"{}").status_code for _ in range(80)]
    assert set(answers) == {400, 429}
    assert receiving.deliver(body).status_code == 200


# --- missed events --------------------------------------------------------------------------------------------------------


def test_missed_event_is_caught_up_from_the_feed_once(receiving: Receiving) -> None:
    for body in receiving.hub.world.event_bodies(receiving.hub.account_id):
        receiving.deliver(body)
    catchup.catch_up(receiving.hub.tenant_id, receiving.hub.integration_id)
    clock.advance(timedelta(seconds=1))
    receiving.hub.merchant.add_customer(given_name="Ada")
    assert catchup.catch_up(receiving.hub.tenant_id, receiving.hub.integration_id) == 1
    assert catchup.catch_up(receiving.hub.tenant_id, receiving.hub.integration_id) == 0
    receiving.deliver(receiving.last_event())
    assert client_names(receiving) == ["Ada"]
    assert [event.via for event in receiving.events()][-1] == "feed"


def test_stored_event_survives_being_applied_twice_after_a_crash(receiving: Receiving) -> None:
    receiving.hub.merchant.add_customer(given_name="Ada")
    receiving.deliver(receiving.last_event())
    receiving.process()
    with db.tenant_session(receiving.hub.tenant_id) as session:  # the crash: applied, but not settled
        row = session.scalars(select(WebhookEvent)).one()
        row.done_at, row.outcome, row.lease_until = None, None, clock.now() - timedelta(seconds=1)
    receiving.process()
    assert client_names(receiving) == ["Ada"]
    assert receiving.events()[0].outcome == "unchanged"
