"""Pages and cursors, the same for every list."""

from typing import Any

import pytest

from tests.providers.sandbox.square.shop import Shop, only_error


def walk(shop: Shop, path: str, name: str, **query: Any) -> tuple[list[str], int]:
    """All ids and the number of pages."""
    found: list[str] = []
    for number in range(1, 100):
        page = shop.get(path, **query)
        found += [record["id"] for record in page.get(name, [])]
        if "cursor" not in page:
            return found, number
        query["cursor"] = page["cursor"]
    raise AssertionError("the cursors never end")


def test_every_customer_comes_once_over_all_pages(shop: Shop) -> None:
    seeded = shop.seed(customers=250)["customer_ids"]
    found, pages = walk(shop, "/v2/customers", "customers")
    assert sorted(found) == sorted(seeded)
    assert pages == 3
    by_sdk = [customer.id for customer in shop.sdk.customers.list(sort_field="CREATED_AT", sort_order="DESC")]
    assert by_sdk == seeded[::-1]


def test_a_page_that_ends_exactly_with_the_last_record_has_no_cursor(shop: Shop) -> None:
    shop.seed(customers=100)
    assert "cursor" not in shop.get("/v2/customers", limit=100)


def test_empty_list_is_an_absent_key(shop: Shop) -> None:
    assert shop.get("/v2/customers") == {}
    assert shop.get("/v2/invoices", location_id=shop.main) == {}
    assert shop.get("/v2/payments") == {}


def test_cursor_dies_after_five_minutes_with_an_error_that_names_it(shop: Shop) -> None:
    shop.seed(customers=3)
    cursor = shop.get("/v2/customers", limit=1)["cursor"]
    shop.twin.advance(299)
    assert shop.api.get("/v2/customers", params={"limit": 1, "cursor": cursor}).status_code == 200
    shop.twin.advance(2)
    error = only_error(shop.api.get("/v2/customers", params={"limit": 1, "cursor": cursor}), 400)
    assert (error["code"], error["field"]) == ("INVALID_CURSOR", "cursor")


def test_cursor_with_another_query_or_of_another_seller_is_refused(shop: Shop) -> None:
    shop.seed(customers=3)
    other = Shop(shop.twin)
    cursor = shop.get("/v2/customers", limit=1)["cursor"]
    assert shop.api.get("/v2/customers", params={"cursor": cursor, "sort_order": "DESC"}).status_code == 400
    assert other.api.get("/v2/customers", params={"cursor": cursor}).status_code == 400
    assert shop.api.get("/v2/customers", params={"cursor": "gibberish"}).status_code == 400


def test_an_empty_middle_page_has_a_cursor_and_nothing_is_lost(shop: Shop) -> None:
    seeded = shop.seed(customers=30)["customer_ids"]
    shop.twin.control("settings", empty_middle_page=True)
    first = shop.get("/v2/customers", limit=10)
    assert set(shop.get("/v2/customers", limit=10, cursor=first["cursor"])) == {"cursor"}
    found, _ = walk(shop, "/v2/customers", "customers", limit=10)
    assert sorted(found) == sorted(seeded)


def test_rows_that_arrive_while_paging_newest_first_shift_nothing_twice(shop: Shop) -> None:
    shop.seed(payments=40)
    first = shop.get("/v2/payments", limit=10)
    shop.payment(key="late")
    rest = shop.get("/v2/payments", limit=10, cursor=first["cursor"])
    ids = [payment["id"] for page in (first, rest) for payment in page["payments"]]
    assert len(set(ids)) == 20


@pytest.mark.parametrize("limit", [0, 101])
def test_customers_limit_outside_its_range_is_refused(shop: Shop, limit: int) -> None:
    error = only_error(shop.api.get("/v2/customers", params={"limit": limit}), 400)
    assert error["code"] == ("VALUE_TOO_LOW" if limit == 0 else "VALUE_TOO_HIGH")


def test_payments_limit_above_the_maximum_is_ignored(shop: Shop) -> None:
    shop.seed(payments=250)
    page = shop.get("/v2/payments", limit=500, location_id=shop.main)
    assert len(page["payments"]) == 100


def test_unknown_query_parameter_and_unknown_path_are_refused_in_squares_shape(shop: Shop) -> None:
    assert only_error(shop.api.get("/v2/customers", params={"offset": 1}), 400)["code"] == "UNKNOWN_QUERY_PARAMETER"
    assert only_error(shop.api.get("/v2/nothing"), 404)["code"] == "NOT_FOUND"


def test_square_version_is_echoed(shop: Shop) -> None:
    response = shop.api.get("/v2/locations", headers={"Square-Version": "2025-08-20"})
    assert response.headers["square-version"] == "2025-08-20"
    assert (
        only_error(shop.api.get("/v2/locations", headers={"Square-Version": "newest"}), 400)["code"]
        == "INVALID_SQUARE_VERSION_FORMAT"
    )
