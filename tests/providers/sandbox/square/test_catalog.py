"""Catalog objects and inventory counts."""

from typing import Any

import pytest

from tests.providers.sandbox.square.receiver import Receiver
from tests.providers.sandbox.square.shop import NO_RETRIES, Shop, only_error, usd

COFFEE: dict[str, Any] = {
    "type": "ITEM",
    "id": "#coffee",
    "item_data": {
        "name": "Coffee",
        "variations": [
            {
                "type": "ITEM_VARIATION",
                "id": f"#{size}",
                "item_variation_data": {"item_id": "#coffee", "name": size.title(), "price_money": usd(price)},
            }
            for size, price in (("small", 300), ("large", 450))
        ],
    },
}


def upsert(shop: Shop, item: dict[str, Any], key: str = "k1") -> dict[str, Any]:
    answer: dict[str, Any] = shop.post("/v2/catalog/object", {"idempotency_key": key, "object": item})
    return answer


def test_new_item_gets_ids_for_itself_and_its_variations_and_tells_the_version(
    shop: Shop, receiver: Receiver, eventually: Any
) -> None:
    answer = upsert(shop, COFFEE)
    item = answer["catalog_object"]
    mapped = {entry["client_object_id"]: entry["object_id"] for entry in answer["id_mappings"]}
    small, large = item["item_data"]["variations"]
    assert (item["id"], small["id"], large["id"]) == (mapped["#coffee"], mapped["#small"], mapped["#large"])
    assert small["item_variation_data"]["item_id"] == item["id"]
    assert item["version"] == small["version"]
    eventually(lambda: receiver.of_type("catalog.version.updated"))
    told = receiver.of_type("catalog.version.updated")[0]["data"]["object"]["catalog_version"]["updated_at"]
    assert told == item["updated_at"]


def test_change_needs_the_version_and_reaches_searches_since_the_last_one(shop: Shop) -> None:
    item = upsert(shop, COFFEE)["catalog_object"]
    since = shop.post("/v2/catalog/search", {"object_types": ["ITEM"]})["latest_time"]
    stale = {**item, "version": item["version"] - 1}
    refused = shop.api.post("/v2/catalog/object", json={"idempotency_key": "k2", "object": stale})
    assert only_error(refused, 400)["code"] == "VERSION_MISMATCH"
    assert shop.post("/v2/catalog/search", {"begin_time": since}).keys() == {"latest_time"}
    tax = {"type": "TAX", "id": "#tax", "tax_data": {"name": "VAT", "percentage": "7.5"}}
    upsert(shop, tax, "k3")
    changed = shop.post("/v2/catalog/search", {"begin_time": since})
    assert [found["type"] for found in changed["objects"]] == ["TAX"]


def test_deleted_item_is_a_tombstone_only_for_those_who_ask(shop: Shop) -> None:
    item = upsert(shop, COFFEE)["catalog_object"]
    gone = shop.api.delete(f"/v2/catalog/object/{item['id']}").json()
    assert len(gone["deleted_object_ids"]) == 3
    assert shop.get("/v2/catalog/list") == {}
    assert shop.api.get(f"/v2/catalog/object/{item['id']}").status_code == 404
    found = shop.post("/v2/catalog/search", {"object_types": ["ITEM"], "include_deleted_objects": True})["objects"]
    assert [entry["is_deleted"] for entry in found] == [True]


def test_leaving_a_variation_out_deletes_it_and_adding_one_keeps_the_rest(shop: Shop) -> None:
    item = upsert(shop, COFFEE)["catalog_object"]
    item["item_data"]["variations"] = item["item_data"]["variations"][:1]
    after = upsert(shop, item, "k2")["catalog_object"]
    assert [part["item_variation_data"]["name"] for part in after["item_data"]["variations"]] == ["Small"]
    data = {"item_id": item["id"], "name": "Huge", "price_money": usd(600)}
    upsert(shop, {"type": "ITEM_VARIATION", "id": "#huge", "item_variation_data": data}, "k3")
    names = [
        part["item_variation_data"]["name"]
        for part in shop.get(f"/v2/catalog/object/{item['id']}")["object"]["item_data"]["variations"]
    ]
    assert names == ["Small", "Huge"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"prefix_query": {"attribute_name": "name", "attribute_prefix": "cof"}}, {"Coffee"}),
        ({"exact_query": {"attribute_name": "name", "attribute_value": "large"}}, {"Large"}),
        ({"text_query": {"keywords": ["mal"]}}, {"Small"}),
        ({"set_query": {"attribute_name": "name", "attribute_values": ["small", "large"]}}, {"Small", "Large"}),
    ],
)
def test_search_by_words(shop: Shop, query: dict[str, Any], found: set[str]) -> None:
    upsert(shop, COFFEE)
    objects = shop.post("/v2/catalog/search", {"query": query})["objects"]
    assert {entry[f"{entry['type'].lower()}_data"]["name"] for entry in objects} == found


def test_sdk_lists_and_reads_with_related_objects(shop: Shop) -> None:
    upsert(shop, COFFEE)
    listed = list(shop.sdk.catalog.list(types="ITEM_VARIATION"))
    assert [entry.type for entry in listed] == ["ITEM_VARIATION", "ITEM_VARIATION"]
    read = shop.sdk.catalog.object.get(object_id=listed[0].id, include_related_objects=True, request_options=NO_RETRIES)
    assert [entry.type for entry in read.related_objects or []] == ["ITEM"]
    both = shop.sdk.catalog.batch_get(object_ids=[listed[0].id, "UNKNOWN"])
    assert len(both.objects or []) == 1


def test_order_line_takes_name_and_price_from_the_catalog(shop: Shop) -> None:
    variation = upsert(shop, COFFEE)["catalog_object"]["item_data"]["variations"][1]
    line = {"catalog_object_id": variation["id"], "quantity": "2"}
    order = shop.post("/v2/orders", {"order": {"location_id": shop.main, "line_items": [line]}})["order"]
    assert (order["line_items"][0]["name"], order["total_money"]["amount"]) == ("Coffee", 900)


def count(shop: Shop, variation_id: str, location_id: str) -> dict[str, str]:
    found = shop.get(f"/v2/inventory/{variation_id}", location_ids=location_id).get("counts", [])
    return {entry["state"]: entry["quantity"] for entry in found}


def test_counts_adjustments_and_sales_move_stock_and_tell(shop: Shop, receiver: Receiver, eventually: Any) -> None:
    made = shop.act("catalog_item", name="Beans", price=1200, stock=10)
    variation_id = made["variation_id"]
    assert count(shop, variation_id, shop.main) == {"IN_STOCK": "10"}
    adjustment = {
        "catalog_object_id": variation_id,
        "location_id": shop.main,
        "from_state": "IN_STOCK",
        "to_state": "WASTE",
        "quantity": "2.5",
        "occurred_at": "2030-01-01T00:00:00Z",
    }
    body = {"idempotency_key": "i1", "changes": [{"type": "ADJUSTMENT", "adjustment": adjustment}]}
    first = shop.post("/v2/inventory/changes/batch-create", body)
    assert first["counts"][0]["quantity"] == "7.5"
    assert shop.post("/v2/inventory/changes/batch-create", body) == first
    sale = shop.act("pos_sale", variation_id=variation_id, quantity="3", tip=100)
    assert sale["payment"]["total_money"]["amount"] == 3 * 1200 + 100
    assert count(shop, variation_id, shop.main) == {"IN_STOCK": "4.5"}
    eventually(lambda: len(receiver.of_type("inventory.count.updated")) == 3)
    told = receiver.of_type("inventory.count.updated")[-1]["data"]["object"]["inventory_counts"]
    assert [entry["quantity"] for entry in told] == ["4.5"]


def test_sdk_pages_through_counts_that_changed_since(shop: Shop) -> None:
    ids = [shop.act("catalog_item", name=f"Good {number}", price=100, stock=number)["variation_id"] for number in range(5)]
    since = shop.twin.http.get("/_twin/clock").json()["now"]
    shop.twin.advance(5)
    shop.act("stock_set", variation_id=ids[3], quantity="9")
    everything = list(shop.sdk.inventory.batch_get_counts(catalog_object_ids=ids, limit=2))
    assert len(everything) == 5
    moved = list(shop.sdk.inventory.batch_get_counts(updated_after=since, states=["IN_STOCK"]))
    assert [(entry.catalog_object_id, entry.quantity) for entry in moved] == [(ids[3], "9")]
    changes = list(shop.sdk.inventory.batch_get_changes(catalog_object_ids=[ids[3]]))
    assert [entry.type for entry in changes] == ["PHYSICAL_COUNT", "PHYSICAL_COUNT"]
