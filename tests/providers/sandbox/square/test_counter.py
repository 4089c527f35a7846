"""In the shop: Terminal checkouts, devices, sales at the till."""

from typing import Any

import pytest

from tests.providers.sandbox.square.receiver import Receiver
from tests.providers.sandbox.square.shop import NO_RETRIES, Shop, only_error, usd

PAID, TIPPED, BUYER_CANCELED, TIMED_OUT, OFFLINE = (
    "9fa747a2-25ff-48ee-b078-04381f7c828f",
    "22cd266c-6246-4c06-9983-67f0c26346b0",
    "841100b9-ee60-4537-9bcf-e30b2ba5e215",
    "0a956d49-619a-4530-8e5e-8eac603ffc5e",
    "da40d603-c2ea-4a65-8cfd-f42e36dab0c7",
)
PATH = "/v2/terminals/checkouts"


def send(shop: Shop, device_id: str, amount: int = 2_000, *, key: str = "t1", **fields: Any) -> dict[str, Any]:
    checkout = {"amount_money": usd(amount), "device_options": {"device_id": device_id}, **fields}
    made: dict[str, Any] = shop.post(PATH, {"idempotency_key": key, "checkout": checkout})["checkout"]
    return made


def read(shop: Shop, checkout: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = shop.get(f"{PATH}/{checkout['id']}")["checkout"]
    return answer


@pytest.fixture
def device(shop: Shop) -> str:
    return str(shop.act("device_pair", location_id=shop.second, name="Bar")["device"]["id"])


@pytest.mark.parametrize(
    ("device_id", "status", "tip", "reason"),
    [
        (PAID, "COMPLETED", None, None),
        (TIPPED, "COMPLETED", 400, None),
        (BUYER_CANCELED, "CANCELED", None, "BUYER_CANCELED"),
        (TIMED_OUT, "CANCELED", None, "TIMED_OUT"),
        (OFFLINE, "PENDING", None, None),
    ],
)
def test_documented_test_devices_act_by_themselves(
    shop: Shop, device_id: str, status: str, tip: int | None, reason: str | None
) -> None:
    checkout = send(shop, device_id)
    assert checkout["status"] == "PENDING"
    shop.twin.advance(2)
    after = read(shop, checkout)
    assert (after["status"], after.get("cancel_reason")) == (status, reason)
    assert (after.get("tip_money") or {}).get("amount") == tip
    assert len(after.get("payment_ids", [])) == (status == "COMPLETED")


def test_paid_checkout_names_its_payment_with_device_and_location(
    shop: Shop, device: str, receiver: Receiver, eventually: Any
) -> None:
    checkout = send(shop, device, note="Table 4", reference_id="crm-9")
    shop.act("terminal_begin", checkout_id=checkout["id"])
    assert read(shop, checkout)["status"] == "IN_PROGRESS"
    done = shop.act("terminal_pay", checkout_id=checkout["id"], tip=150)["checkout"]
    payment = shop.get(f"/v2/payments/{done['payment_ids'][0]}")["payment"]
    assert (payment["location_id"], payment["reference_id"], payment["note"]) == (shop.second, "crm-9", "Table 4")
    assert (payment["device_details"]["device_id"], payment["device_details"]["device_name"]) == (device, "Bar")
    assert (payment["application_details"]["square_product"], payment["tip_money"]) == ("TERMINAL_API", usd(150))
    eventually(lambda: len(receiver.of_type("terminal.checkout.updated")) == 2)
    told = receiver.of_type("terminal.checkout.updated")[-1]["data"]
    assert (told["type"], told["object"]["checkout"]["payment_ids"]) == ("checkout", done["payment_ids"])


def test_declined_card_leaves_the_checkout_with_the_buyer(shop: Shop, device: str) -> None:
    checkout = send(shop, device)
    after = shop.act("terminal_pay", checkout_id=checkout["id"], card="4000000000000002")["checkout"]
    assert (after["status"], "payment_ids" in after) == ("IN_PROGRESS", False)
    assert shop.act("terminal_pay", checkout_id=checkout["id"])["checkout"]["status"] == "COMPLETED"


def test_cancel_before_and_after_the_device_began(shop: Shop, device: str) -> None:
    early, late = send(shop, device, key="a"), send(shop, device, key="b")
    shop.act("terminal_begin", checkout_id=late["id"])
    canceled = shop.sdk.terminal.checkouts.cancel(early["id"], request_options=NO_RETRIES).checkout
    assert canceled is not None
    assert (canceled.status, canceled.cancel_reason) == ("CANCELED", "SELLER_CANCELED")
    assert shop.post(f"{PATH}/{late['id']}/cancel", {})["checkout"]["status"] == "CANCEL_REQUESTED"
    shop.twin.advance(2)
    assert read(shop, late)["status"] == "CANCELED"
    assert only_error(shop.api.post(f"{PATH}/{late['id']}/cancel"), 400)["code"] == "BAD_REQUEST"


def test_buyer_who_pays_while_the_cancellation_travels_has_paid(shop: Shop, device: str) -> None:
    checkout = send(shop, device)
    shop.act("terminal_begin", checkout_id=checkout["id"])
    shop.post(f"{PATH}/{checkout['id']}/cancel", {})
    shop.act("terminal_pay", checkout_id=checkout["id"])
    shop.twin.advance(2)
    assert read(shop, checkout)["status"] == "COMPLETED"


def test_deadline_times_out(shop: Shop, device: str) -> None:
    checkout = send(shop, device, deadline_duration="PT1M")
    shop.twin.advance(61)
    assert read(shop, checkout)["cancel_reason"] == "TIMED_OUT"


def test_deadline_does_not_end_what_the_buyer_sees_already(shop: Shop, device: str) -> None:
    checkout = send(shop, device, deadline_duration="PT1M")
    shop.act("terminal_begin", checkout_id=checkout["id"])
    shop.twin.advance(61)
    assert read(shop, checkout)["status"] == "IN_PROGRESS"


def test_checkout_of_an_order_pays_that_order(shop: Shop, device: str) -> None:
    order = shop.order(3_000, location_id=shop.second)
    wrong = {"amount_money": usd(2_999), "order_id": order["id"], "device_options": {"device_id": device}}
    refused = shop.api.post(PATH, json={"idempotency_key": "w", "checkout": wrong})
    assert only_error(refused, 400)["code"] == "INVALID_VALUE"
    checkout = send(shop, device, 3_000, order_id=order["id"])
    shop.act("terminal_pay", checkout_id=checkout["id"])
    assert shop.get(f"/v2/orders/{order['id']}")["order"]["state"] == "COMPLETED"


def test_search_by_device_and_status_and_unknown_device(shop: Shop, device: str) -> None:
    send(shop, device, key="a")
    other = send(shop, OFFLINE, key="b")
    query = {"filter": {"device_id": f"device:{OFFLINE}", "status": "PENDING"}}
    found = shop.sdk.terminal.checkouts.search(query=query).checkouts  # type: ignore[arg-type]
    assert [entry.id for entry in found or []] == [other["id"]]
    body = {"idempotency_key": "c", "checkout": {"amount_money": usd(1), "device_options": {"device_id": "device:NOBODY"}}}
    assert only_error(shop.api.post(PATH, json=body), 400)["field"] == "checkout.device_options.device_id"


def test_device_is_paired_with_a_code(shop: Shop) -> None:
    wanted = {"name": "Till 2", "product_type": "TERMINAL_API", "location_id": shop.main}
    code = shop.post("/v2/devices/codes", {"idempotency_key": "d", "device_code": wanted})["device_code"]
    assert code["status"] == "UNPAIRED"
    device = shop.act("device_pair", code=code["code"])["device"]
    assert shop.get(f"/v2/devices/codes/{code['id']}")["device_code"]["status"] == "PAIRED"
    listed = list(shop.sdk.devices.list(location_id=shop.main))
    assert [(entry.id, entry.attributes.name) for entry in listed] == [(device["id"], "Till 2")]
    assert shop.get(f"/v2/devices/{device['id']}")["device"]["attributes"]["name"] == "Till 2"


def test_sale_at_the_till_has_device_tip_entry_method_and_location(shop: Shop) -> None:
    made = shop.act(
        "pos_sale",
        amount=1_000,
        tip=180,
        location_id=shop.second,
        device_name="Bar",
        entry_method="CONTACTLESS",
        card="5105105105105100",
    )
    payment = shop.get("/v2/payments", location_id=shop.second)["payments"][0]
    assert payment["id"] == made["payment"]["id"]
    assert (payment["device_details"]["device_name"], payment["tip_money"]) == ("Bar", usd(180))
    card = payment["card_details"]
    assert (card["entry_method"], card["card"]["card_brand"]) == ("CONTACTLESS", "MASTERCARD")
    assert "version" not in made["order"]
