"""Two dated versions, dates that nobody documents, and words and fields of the future."""

from typing import Any

import httpx
import pytest

from tests.providers.sandbox.square.receiver import receiving
from tests.providers.sandbox.square.shop import Shop, only_error

OLDER, CURRENT = "2025-08-20", "2026-09-16"


@pytest.mark.parametrize(
    ("asked", "newer"),
    [(None, True), (CURRENT, True), (OLDER, False), ("2026-01-22", False), ("2019-01-01", False), ("2027-01-01", True)],
)
def test_answer_has_the_shape_of_the_version_asked_for_and_names_it(shop: Shop, asked: str | None, *, newer: bool) -> None:
    shop.card(shop.customer())
    headers = {"Square-Version": asked} if asked else {}
    answer = shop.api.get("/v2/cards", headers=headers)
    assert answer.headers["square-version"] == (asked or CURRENT)
    assert ("created_at" in answer.json()["cards"][0]) is newer


@pytest.mark.parametrize(
    ("asked", "code"), [("yesterday", "INVALID_SQUARE_VERSION_FORMAT"), ("2026-01-22", "API_VERSION_INCOMPATIBLE")]
)
def test_malformed_version_is_refused_and_an_unknown_one_by_switch(shop: Shop, asked: str, code: str) -> None:
    shop.twin.control("settings", unknown_version="refuse")
    refused = shop.api.get("/v2/locations", headers={"Square-Version": asked})
    assert only_error(refused, 400)["code"] == code


def test_each_webhook_subscription_gets_its_own_version(shop: Shop) -> None:
    with receiving() as older, receiving() as newer:
        for receiver, version in ((older, OLDER), (newer, CURRENT)):
            wanted = {"name": version, "event_types": ["card.created"], "notification_url": receiver.url, "api_version": version}
            shop.twin.owner().post("/v2/webhooks/subscriptions", json={"subscription": wanted}).raise_for_status()
        shop.card(shop.customer())
        assert shop.twin.http.get("/_twin/deliveries", params={"wait": 5}).json()["idle"]
        shapes = {}
        for receiver in (older, newer):
            delivery = receiver.received[0]
            shapes[delivery.headers["square-version"]] = "created_at" in delivery.event["data"]["object"]["card"]
    assert shapes == {OLDER: False, CURRENT: True}


def test_unknown_words_and_fields_come_by_switch_only(shop: Shop) -> None:
    shop.payment(key="k")

    def shown() -> dict[str, Any]:
        """Past the schema, which knows nothing of it."""
        headers = {"Authorization": f"Bearer {shop.personal_access_token}"}
        payment: dict[str, Any] = httpx.get(f"{shop.twin.base_url}/v2/payments", headers=headers).json()["payments"][0]
        return payment

    plain = shown()
    shop.twin.control(
        "settings", unknown_enums=["payment.source_type", "payment.card_details.card.card_brand"], unknown_fields=True
    )
    strange = shown()
    shop.twin.control("settings", unknown_enums=[], unknown_fields=False)
    assert (strange["source_type"], strange["card_details"]["card"]["card_brand"]) == ("SOMETHING_NEW", "SOMETHING_NEW")
    assert set(strange) - set(plain) == {"field_of_the_future"}
    assert plain["source_type"] == "CARD"
    assert shown()["source_type"] == "CARD"


def test_adjustment_has_the_locations_of_its_version(shop: Shop) -> None:
    variation_id = shop.act("catalog_item", name="Tea", price=300, stock=5)["variation_id"]
    shop.act("pos_sale", variation_id=variation_id)
    query = {"catalog_object_ids": [variation_id], "types": ["ADJUSTMENT"]}
    found = {}
    for version in (OLDER, CURRENT):
        answer = shop.api.post("/v2/inventory/changes/batch-retrieve", json=query, headers={"Square-Version": version}).json()
        found[version] = {name for name in answer["changes"][0]["adjustment"] if name.endswith("location_id")}
    assert found == {OLDER: {"location_id"}, CURRENT: {"from_location_id", "to_location_id"}}
