"""Orders: prices, versions, sparse updates, search."""

from typing import Any

import pytest

from tests.providers.sandbox.square.shop import Shop, only_error, usd


def line(amount: Any, quantity: str = "1", **fields: Any) -> dict[str, Any]:
    return {"name": "Work", "quantity": quantity, "base_price_money": usd(amount), **fields}


def test_totals_add_lines_discount_and_tax(shop: Shop) -> None:
    order = shop.order(
        line_items=[line(1_000, "2"), line(500, "1.5")],
        discounts=[{"uid": "d", "name": "Ten", "percentage": "10", "scope": "ORDER"}],
        taxes=[{"uid": "t", "name": "VAT", "percentage": "20", "scope": "ORDER"}],
        service_charges=[{"name": "Way", "amount_money": usd(100), "calculation_phase": "SUBTOTAL_PHASE"}],
    )
    # 2000 + 750 = 2750, less 275, plus 20 % of 2475 (360 + 135), plus 100.
    assert order["total_discount_money"] == usd(275)
    assert order["total_tax_money"] == usd(495)
    assert order["total_money"] == usd(3_070)
    assert order["net_amount_due_money"] == usd(3_070)
    assert (order["state"], order["version"]) == ("OPEN", 1)


def test_inclusive_tax_does_not_raise_the_total(shop: Shop) -> None:
    order = shop.order(
        line_items=[line(1_190)], taxes=[{"name": "VAT", "percentage": "19", "type": "INCLUSIVE", "scope": "ORDER"}]
    )
    assert order["total_money"] == usd(1_190)
    assert order["total_tax_money"] == usd(190)


@pytest.mark.parametrize(
    ("amount", "code"),
    [(1.5, "EXPECTED_INTEGER"), ("100", "EXPECTED_INTEGER"), (-1, "VALUE_TOO_LOW"), (True, "EXPECTED_INTEGER")],
)
def test_amounts_that_are_no_whole_minor_units_are_refused(shop: Shop, amount: Any, code: str) -> None:
    body = {"order": {"location_id": shop.main, "line_items": [line(amount)]}}
    error = only_error(shop.api.post("/v2/orders", json=body), 400)
    assert error["code"] == code
    assert error["field"].endswith("base_price_money.amount")


def test_another_currency_than_the_locations_is_refused(shop: Shop) -> None:
    item = {"name": "Work", "quantity": "1", "base_price_money": {"amount": 1, "currency": "EUR"}}
    body = {"order": {"location_id": shop.main, "line_items": [item]}}
    assert only_error(shop.api.post("/v2/orders", json=body), 400)["code"] == "INVALID_VALUE"


def test_update_adds_lines_by_uid_and_raises_the_version(shop: Shop) -> None:
    order = shop.order(1_000)
    uid = order["line_items"][0]["uid"]
    changes = {"version": 1, "location_id": shop.main, "line_items": [{"uid": uid, "quantity": "3"}, line(50)]}
    changed = shop.api.put(f"/v2/orders/{order['id']}", json={"order": changes}).json()["order"]
    assert changed["total_money"] == usd(3_050)
    assert changed["version"] == 2
    cleared = shop.api.put(
        f"/v2/orders/{order['id']}",
        json={"order": {"version": 2, "location_id": shop.main}, "fields_to_clear": [f"line_items[{uid}]"]},
    ).json()["order"]
    assert cleared["total_money"] == usd(50)


def test_null_clears_only_with_the_header(shop: Shop) -> None:
    order = shop.order(reference_id="ref")
    path = f"/v2/orders/{order['id']}"
    changes = {"version": 1, "location_id": shop.main, "reference_id": None}
    assert shop.api.put(path, json={"order": changes}).json()["order"]["reference_id"] == "ref"
    changes["version"] = 2
    cleared = shop.api.put(path, json={"order": changes}, headers={"X-Clear-Null": "true"}).json()["order"]
    assert "reference_id" not in cleared


def test_update_without_or_with_stale_version_is_refused(shop: Shop) -> None:
    order = shop.order()
    path = f"/v2/orders/{order['id']}"
    fields = {"location_id": shop.main, "reference_id": "x"}
    assert only_error(shop.api.put(path, json={"order": fields}), 400)["code"] == "MISSING_REQUIRED_PARAMETER"
    assert shop.api.put(path, json={"order": {**fields, "version": 1}}).status_code == 200
    assert only_error(shop.api.put(path, json={"order": {**fields, "version": 1}}), 409)["code"] == "CONFLICT"


def test_search_by_update_time_needs_the_matching_sort(shop: Shop) -> None:
    order = shop.order()
    query = {"filter": {"date_time_filter": {"updated_at": {"start_at": order["created_at"]}}}}
    body: dict[str, Any] = {"location_ids": [shop.main], "query": query}
    assert shop.api.post("/v2/orders/search", json=body).status_code == 400
    body["query"]["sort"] = {"sort_field": "UPDATED_AT", "sort_order": "ASC"}
    assert [found["id"] for found in shop.post("/v2/orders/search", body)["orders"]] == [order["id"]]
    assert shop.post("/v2/orders/search", {**body, "return_entries": True})["order_entries"][0]["version"] == 1


def test_search_needs_locations_and_finds_only_theirs(shop: Shop) -> None:
    here, there = shop.order(), shop.order(location_id=shop.second)
    assert only_error(shop.api.post("/v2/orders/search", json={}), 400)["field"] == "location_ids"
    assert [found["id"] for found in shop.post("/v2/orders/search", {"location_ids": [shop.second]})["orders"]] == [there["id"]]
    both = shop.post("/v2/orders/batch-retrieve", {"order_ids": [here["id"], there["id"], "nothing"]})["orders"]
    assert len(both) == 2


def test_calculate_stores_nothing(shop: Shop) -> None:
    answer = shop.post("/v2/orders/calculate", {"order": {"location_id": shop.main, "line_items": [line(700)]}})
    assert answer["order"]["total_money"] == usd(700)
    assert shop.truth()["orders"] == []
