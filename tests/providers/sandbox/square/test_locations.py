"""Merchant and locations."""

from tests.providers.sandbox.square.shop import Shop, only_error


def test_all_locations_are_listed_also_inactive_ones(shop: Shop) -> None:
    locations = shop.sdk.locations.list().locations or []
    assert [(location.id, location.status) for location in locations] == [
        (shop.main, "ACTIVE"),
        (shop.second, "ACTIVE"),
        (shop.closed, "INACTIVE"),
    ]


def test_main_names_the_main_location(shop: Shop) -> None:
    assert shop.get("/v2/locations/main")["location"]["id"] == shop.main
    assert shop.get("/v2/merchants/me")["merchant"]["main_location_id"] == shop.main


def test_foreign_location_and_merchant_are_not_found(shop: Shop) -> None:
    other = Shop(shop.twin)
    assert only_error(shop.api.get(f"/v2/locations/{other.main}"), 404)["code"] == "NOT_FOUND"
    assert only_error(shop.api.get(f"/v2/merchants/{other.id}"), 404)["code"] == "NOT_FOUND"


def test_orders_and_invoices_need_an_active_location(shop: Shop) -> None:
    body = {"order": {"location_id": shop.closed}}
    assert only_error(shop.api.post("/v2/orders", json=body), 400)["field"] == "order.location_id"
