"""Webhooks: subscriptions, both signatures, headers, retries on the twin's clock, scopes, disorder by switch."""

import base64
import hashlib
import hmac
from typing import Any

import pytest
from square.utils.webhooks_helper import verify_signature

from tests.providers.sandbox.square.receiver import Receiver, receiving
from tests.providers.sandbox.square.shop import Shop, TwinClient, only_error


def deliveries(twin: TwinClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = twin.http.get("/_twin/deliveries", params={"wait": 5}).json()["deliveries"]
    return found


def test_delivery_carries_both_signatures_and_every_header(shop: Shop, receiver: Receiver, eventually: Any) -> None:
    customer = shop.customer(given_name="Zoë")
    eventually(lambda: receiver.received)
    got = receiver.received[0]
    key = receiver.subscription["signature_key"]
    assert verify_signature(
        request_body=got.body.decode(),
        signature_header=got.headers["x-square-hmacsha256-signature"],
        signature_key=key,
        notification_url=receiver.url,
    )
    legacy = hmac.new(key.encode(), receiver.url.encode() + got.body, hashlib.sha1).digest()
    assert got.headers["x-square-signature"] == base64.b64encode(legacy).decode()
    assert got.headers["square-environment"] == "Sandbox"
    assert got.headers["square-subscription-id"] == receiver.subscription["id"]
    assert got.headers["square-version"] == receiver.subscription["api_version"]
    assert got.headers["user-agent"] == "Square Connect v2"
    assert got.headers["content-type"] == "application/json"
    assert "square-initial-delivery-timestamp" in got.headers
    assert "square-retry-number" not in got.headers
    event = got.event
    assert (event["merchant_id"], event["type"]) == (shop.id, "customer.created")
    assert event["data"]["type"] == "customer"
    assert event["data"]["object"]["customer"] == customer


def test_documented_signature_vector_is_what_the_twin_computes() -> None:
    from_key = hmac.new(b"asdf1234", b'https://example.com/webhook{"hello":"world"}', hashlib.sha256).digest()
    assert base64.b64encode(from_key).decode() == "2kRE5qRU2tR+tBGlDwMEw2avJ7QM4ikPYD/PJ3bd9Og="


def test_failed_deliveries_are_retried_on_the_twins_clock_and_numbered(shop: Shop, receiver: Receiver, eventually: Any) -> None:
    receiver.answers = [500, 302, 503]

    def attempts() -> int:
        """As the twin counts them: it plans the next one once an answer has come."""
        return len(shop.twin.http.get("/_twin/deliveries").json()["deliveries"])

    shop.customer()
    eventually(lambda: attempts() == 1)
    for attempt, wait_seconds in ((2, 61), (3, 121), (4, 241)):
        shop.twin.advance(wait_seconds)
        eventually(lambda attempt=attempt: attempts() == attempt)
    numbers = [got.headers.get("square-retry-number") for got in receiver.received]
    assert numbers == [None, "1", "2", "3"]
    assert receiver.received[1].headers["square-retry-reason"] == "http_error"
    assert len({got.event["event_id"] for got in receiver.received}) == 1
    assert len({got.headers["square-initial-delivery-timestamp"] for got in receiver.received}) == 1


def test_eleven_retries_within_a_day_then_the_event_is_dropped(shop: Shop, receiver: Receiver) -> None:
    shop.twin.control("settings", webhooks={"retry_scale": 0.0})
    receiver.answers = [500] * 20
    shop.customer()
    attempts = deliveries(shop.twin)
    assert [attempt["outcome"] for attempt in attempts] == ["failed"] * 11 + ["given_up"]
    delays = shop.twin.http.get("/_twin/settings").json()["webhooks"]["retry_delays"]
    assert [delay / 60 for delay in delays] == [1, 2, 4, 8, 16, 32, 60, 120, 240, 480, 480]


def test_missing_scope_means_no_event(twin: TwinClient, receiver: Receiver, eventually: Any) -> None:
    account = twin.control("accounts")
    twin.connect(account["id"], "CUSTOMERS_READ")
    twin.control("act", account_id=account["id"], action="pos_sale", amount=100)
    twin.control("act", account_id=account["id"], action="customer_create", given_name="Ada")
    deliveries(twin)
    assert receiver.types() == ["customer.created"]


def test_unconnected_and_revoked_sellers_send_nothing_but_the_revocation(shop: Shop, receiver: Receiver) -> None:
    stranger = shop.twin.control("accounts")
    shop.twin.control("act", account_id=stranger["id"], action="customer_create", given_name="Ada")
    shop.act("revoke")
    shop.act("customer_create", given_name="Ada")
    deliveries(shop.twin)
    assert receiver.types() == ["oauth.authorization.revoked"]
    event = receiver.received[0].event
    assert event["merchant_id"] == shop.id
    assert event["data"]["type"] == "revocation"
    assert event["data"]["object"]["revocation"]["revoker_type"] == "MERCHANT"


def test_one_subscription_receives_all_sellers(shop: Shop, receiver: Receiver) -> None:
    other = Shop(shop.twin)
    shop.customer()
    other.customer()
    deliveries(shop.twin)
    assert {got.event["merchant_id"] for got in receiver.received} == {shop.id, other.id}


def test_paying_an_invoice_tells_payment_order_and_invoice(shop: Shop, receiver: Receiver) -> None:
    invoice = shop.invoice(1_000)
    deliveries(shop.twin)
    receiver.received.clear()
    shop.pay_page(invoice)
    deliveries(shop.twin)
    expected = ["payment.created", "payment.updated", "order.updated", "invoice.payment_made", "invoice.updated"]
    assert receiver.types()[:5] == expected
    made = receiver.of_type("invoice.payment_made")[0]["data"]["object"]["invoice"]
    assert made["status"] == "PAID"
    stub = receiver.of_type("order.updated")[0]["data"]
    assert stub["type"] == "order_updated"
    assert stub["object"]["order_updated"]["order_id"] == invoice["order_id"]


def test_deletions_and_merges_are_told_with_their_context(shop: Shop, receiver: Receiver) -> None:
    ids = [shop.customer(given_name=name)["id"] for name in ("Ada", "Augusta")]
    merged = shop.act("customers_merge", customer_ids=ids)["customer"]
    deliveries(shop.twin)
    context = {"merge": {"from_customer_ids": ids, "to_customer_id": merged["id"]}}
    deleted = receiver.of_type("customer.deleted")
    assert [event["data"]["id"] for event in deleted] == ids
    assert all(event["data"]["deleted"] is True for event in deleted)
    told = [*deleted, receiver.of_type("customer.created")[-1]]
    assert all(event["data"]["object"]["event_context"] == context for event in told)


def test_deleted_draft_and_location_changes_carry_no_object(shop: Shop, receiver: Receiver) -> None:
    draft = shop.draft()
    shop.api.delete(f"/v2/invoices/{draft['id']}")
    shop.act("location_update", location_id=shop.second, status="INACTIVE")
    deliveries(shop.twin)
    assert receiver.of_type("invoice.deleted")[0]["data"] == {"type": "invoice", "id": draft["id"], "deleted": True}
    assert "object" not in receiver.of_type("location.updated")[0]["data"]


def test_duplicates_keep_the_event_id(shop: Shop, receiver: Receiver) -> None:
    shop.twin.control("settings", webhooks={"chaos": {"duplicate": 1.0}})
    shop.customer()
    deliveries(shop.twin)
    assert len(receiver.received) == 2
    assert len({got.event["event_id"] for got in receiver.received}) == 1


def test_disabled_and_deleted_subscriptions_receive_nothing(shop: Shop, receiver: Receiver) -> None:
    owner, path = shop.twin.owner(), f"/v2/webhooks/subscriptions/{receiver.subscription['id']}"
    assert owner.put(path, json={"subscription": {"enabled": False}}).json()["subscription"]["enabled"] is False
    shop.customer()
    assert owner.get("/v2/webhooks/subscriptions").json() == {}
    listed = owner.get("/v2/webhooks/subscriptions", params={"include_disabled": "true"}).json()["subscriptions"]
    assert "signature_key" not in listed[0]
    assert owner.delete(path).status_code == 200
    shop.customer()
    assert deliveries(shop.twin) == []
    assert only_error(owner.get(path), 404)["code"] == "NOT_FOUND"


def test_rotated_key_signs_the_next_delivery(shop: Shop, receiver: Receiver) -> None:
    path = f"/v2/webhooks/subscriptions/{receiver.subscription['id']}"
    new_key = shop.twin.owner().post(f"{path}/signature-key", json={}).json()["signature_key"]
    assert new_key != receiver.subscription["signature_key"]
    shop.customer()
    deliveries(shop.twin)
    got = receiver.received[0]
    signed = hmac.new(new_key.encode(), receiver.url.encode() + got.body, hashlib.sha256).digest()
    assert got.headers["x-square-hmacsha256-signature"] == base64.b64encode(signed).decode()


def test_ping_is_signed_and_reports_the_receivers_status(twin: TwinClient, receiver: Receiver) -> None:
    receiver.answers = [418]
    path = f"/v2/webhooks/subscriptions/{receiver.subscription['id']}/test"
    result = twin.owner().post(path, json={"event_type": "payment.created"}).json()["subscription_test_result"]
    assert result["status_code"] == 418
    assert result["payload"].encode() == receiver.received[0].body
    assert receiver.received[0].event["type"] == "webhooks.test_notification"
    assert "x-square-hmacsha256-signature" in receiver.received[0].headers


def test_subscriptions_need_a_personal_access_token(shop: Shop) -> None:
    body = {"subscription": {"name": "x", "event_types": ["payment.created"], "notification_url": "http://127.0.0.1:1/"}}
    assert only_error(shop.api.post("/v2/webhooks/subscriptions", json=body), 403)["code"] == "FORBIDDEN"
    unknown = {"subscription": {**body["subscription"], "event_types": ["invoice.paid"]}}
    error = only_error(shop.twin.owner().post("/v2/webhooks/subscriptions", json=unknown), 400)
    assert error["field"] == "subscription.event_types"


def test_a_sellers_own_subscription_receives_that_seller_only(shop: Shop) -> None:
    own = shop.twin.as_bearer(shop.personal_access_token)
    with receiving() as receiver:
        body = {"name": "Own", "event_types": ["customer.created"], "notification_url": receiver.url}
        assert own.post("/v2/webhooks/subscriptions", json={"subscription": body}).status_code == 200
        shop.customer()
        Shop(shop.twin).customer()
        deliveries(shop.twin)
        assert [got.event["merchant_id"] for got in receiver.received] == [shop.id]


def test_three_weeks_without_a_success_switch_the_subscription_off(shop: Shop, receiver: Receiver) -> None:
    receiver.answers = [500] * 10_000
    shop.twin.control("settings", webhooks={"retry_scale": 0})
    path = f"/v2/webhooks/subscriptions/{receiver.subscription['id']}"
    for day in range(0, 22, 7):
        shop.customer(given_name=f"Day {day}")
        assert shop.twin.http.get("/_twin/deliveries", params={"wait": 5}).json()["idle"]
        assert shop.twin.owner().get(path).json()["subscription"]["enabled"] is (day < 21)
        shop.twin.advance(7 * 86_400)


@pytest.mark.parametrize("at_once", [True, False])
def test_first_delivery_may_lack_the_time_of_the_first_delivery(
    shop: Shop, receiver: Receiver, eventually: Any, *, at_once: bool
) -> None:
    shop.twin.control("settings", initial_timestamp_at_once=at_once, webhooks={"retry_scale": 0})
    receiver.answers = [500, 200]
    shop.customer()
    eventually(lambda: len(receiver.received) == 2)
    first, second = ("square-initial-delivery-timestamp" in delivery.headers for delivery in receiver.received)
    assert (first, second) == (at_once, True)
