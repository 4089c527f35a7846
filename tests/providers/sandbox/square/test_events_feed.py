"""The Events API: what happened while it was on, for the application's owner."""

from typing import Any

from tests.providers.sandbox.square.shop import Shop, only_error


def search(shop: Shop, query: dict[str, Any] | None = None, **rest: Any) -> dict[str, Any]:
    response = shop.twin.owner().post("/v2/events", json={"query": query or {}, **rest})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_events_are_kept_only_while_enabled(shop: Shop) -> None:
    owner = shop.twin.owner()
    shop.customer(given_name="Before")
    assert owner.post("/v2/events", json={}).status_code == 400
    assert owner.put("/v2/events/enable").status_code == 200
    assert search(shop) == {}
    shop.customer(given_name="During")
    kept = search(shop)["events"]
    assert [event["data"]["object"]["customer"]["given_name"] for event in kept] == ["During"]
    owner.put("/v2/events/disable")
    shop.customer(given_name="After")
    owner.put("/v2/events/enable")
    assert len(search(shop)["events"]) == 1


def test_feed_has_the_same_event_ids_as_the_webhooks(shop: Shop, receiver: Any, eventually: Any) -> None:
    shop.twin.owner().put("/v2/events/enable")
    shop.customer()
    eventually(lambda: receiver.received)
    answer = search(shop)
    assert [event["event_id"] for event in answer["events"]] == [receiver.received[0].event["event_id"]]
    assert answer["metadata"][0]["event_id"] == answer["events"][0]["event_id"]


def test_pages_and_filters(shop: Shop) -> None:
    shop.twin.owner().put("/v2/events/enable")
    other = Shop(shop.twin)
    for number in range(5):
        shop.customer(given_name=f"Customer {number}")
    other.customer()
    shop.order()
    query = {"filter": {"event_types": ["customer.created"], "merchant_ids": [shop.id]}, "sort": {"order": "ASC"}}
    first = search(shop, query, limit=3)
    second = search(shop, query, limit=3, cursor=first["cursor"])
    names = [event["data"]["object"]["customer"]["given_name"] for page in (first, second) for event in page["events"]]
    assert names == [f"Customer {number}" for number in range(5)]
    assert "cursor" not in second


def test_events_end_after_28_days(shop: Shop) -> None:
    shop.twin.owner().put("/v2/events/enable")
    shop.customer()
    shop.twin.advance(27 * 86_400)
    assert len(search(shop)["events"]) == 1
    shop.twin.advance(2 * 86_400)
    assert search(shop) == {}


def test_sellers_tokens_may_not_read_the_feed(shop: Shop) -> None:
    assert only_error(shop.api.post("/v2/events", json={}), 403)["code"] == "FORBIDDEN"
    assert "invoice.payment_made" in shop.twin.owner().get("/v2/events/types").json()["event_types"]
