"""SearchCustomers: what it finds, in which order, and how late."""

from typing import Any

from tests.providers.sandbox.square.shop import Shop, only_error


def search(shop: Shop, filter: dict[str, Any], **rest: Any) -> list[str]:
    answer = shop.post("/v2/customers/search", {"query": {"filter": filter, **rest}})
    return [customer["given_name"] for customer in answer.get("customers", [])]


def test_exact_matches_ignore_case_and_phone_formatting(shop: Shop) -> None:
    shop.customer(given_name="Ada", email_address="Ada@Example.com", phone_number="(415) 555-0100", reference_id="CRM-7")
    shop.customer(given_name="Grace", email_address="grace@example.com", phone_number="+442071838750")
    assert search(shop, {"email_address": {"exact": "ada@example.COM"}}) == ["Ada"]
    assert search(shop, {"phone_number": {"exact": "+14155550100"}}) == ["Ada"]
    assert search(shop, {"reference_id": {"exact": "crm-7"}}) == ["Ada"]
    assert search(shop, {"email_address": {"fuzzy": "example"}}) == ["Ada", "Grace"]
    assert search(shop, {"email_address": {"exact": "nobody@example.com"}}) == []


def test_updated_at_filter_finds_only_what_changed_since(shop: Shop) -> None:
    old = shop.customer(given_name="Old")
    shop.twin.advance(60)
    new = shop.customer(given_name="New")
    window = {"updated_at": {"start_at": new["updated_at"]}}
    assert search(shop, window) == ["New"]
    shop.twin.advance(60)
    shop.api.put(f"/v2/customers/{old['id']}", json={"note": "x"})
    assert search(shop, window) == ["New", "Old"]
    assert search(shop, {"updated_at": {"end_at": old["created_at"]}}) == []


def test_filters_are_anded_and_creation_source_can_be_excluded(shop: Shop) -> None:
    shop.customer(given_name="Api")
    shop.act("customer_create", given_name="Dashboard")
    assert search(shop, {"creation_source": {"values": ["THIRD_PARTY"], "rule": "INCLUDE"}}) == ["Api"]
    assert search(shop, {"creation_source": {"values": ["THIRD_PARTY"], "rule": "EXCLUDE"}}) == ["Dashboard"]


def test_sorting_by_update_does_not_exist(shop: Shop) -> None:
    body = {"query": {"sort": {"field": "UPDATED_AT"}}}
    assert only_error(shop.api.post("/v2/customers/search", json=body), 400)["code"] == "INVALID_ENUM_VALUE"


def test_search_lags_behind_while_get_is_current(shop: Shop) -> None:
    shop.twin.control("clock", frozen=True)
    shop.twin.control("settings", customer_lag_seconds=30)
    made = shop.customer(given_name="Ada", email_address="ada@example.com")
    exact = {"email_address": {"exact": "ada@example.com"}}
    assert shop.get(f"/v2/customers/{made['id']}")["customer"]["given_name"] == "Ada"
    assert search(shop, exact) == []
    assert shop.get("/v2/customers") == {}
    shop.twin.advance(31)
    assert search(shop, exact) == ["Ada"]
    shop.api.put(f"/v2/customers/{made['id']}", json={"given_name": "Augusta"})
    assert search(shop, exact) == ["Ada"]
    shop.api.delete(f"/v2/customers/{made['id']}")
    assert search(shop, exact) == ["Ada"]
    shop.twin.advance(31)
    assert search(shop, exact) == []
