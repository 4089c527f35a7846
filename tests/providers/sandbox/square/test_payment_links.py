"""Payment links and the hosted checkout: single use, declines, tips, the bank's question."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.providers.sandbox.square.receiver import Receiver
from tests.providers.sandbox.square.shop import GOOD_CARD, NO_RETRIES, Shop, only_error, usd

CHALLENGED = {**GOOD_CARD, "card_number": "5248 4800 0021 0034"}
PATH = "/v2/online-checkout/payment-links"


def pay(shop: Shop, link: dict[str, Any], **form: str) -> httpx.Response:
    return shop.twin.http.post(link["url"], data={**GOOD_CARD, **form})


def order_of(shop: Shop, link: dict[str, Any]) -> dict[str, Any]:
    order: dict[str, Any] = shop.get(f"/v2/orders/{link['order_id']}")["order"]
    return order


def payments(shop: Shop) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.get("/v2/payments").get("payments", [])
    return found


def test_quick_pay_is_paid_once_and_its_order_stays_open(shop: Shop, receiver: Receiver, eventually: Any) -> None:
    link = shop.link(2_500, payment_note="Roof", pre_populated_data={"buyer_email": "ada@example.com"})
    assert order_of(shop, link)["state"] == "DRAFT"
    page = shop.twin.http.get(link["url"]).text
    assert "25.00 USD" in page
    assert "ada@example.com" in page
    assert pay(shop, link, email="ada@example.com").status_code == 303
    order = order_of(shop, link)
    assert (order["state"], order["net_amount_due_money"]["amount"], "customer_id" in order) == ("OPEN", 0, False)
    payment = payments(shop)[0]
    assert (payment["order_id"], payment["note"], payment["status"]) == (link["order_id"], "Roof", "COMPLETED")
    assert 'id="paid"' in shop.twin.http.get(link["url"]).text
    assert pay(shop, link).status_code == 402
    assert len(payments(shop)) == 1
    eventually(lambda: [event["data"]["object"]["payment"]["order_id"] for event in receiver.of_type("payment.updated")])
    assert receiver.of_type("payment.created")[0]["data"]["object"]["payment"]["order_id"] == link["order_id"]
    shop.twin.advance(5)
    buyer = payments(shop)[0]["customer_id"]
    assert shop.get(f"/v2/customers/{buyer}")["customer"]["creation_source"] == "INSTANT_PROFILE"


def test_buyers_racing_for_one_link_pay_it_once(shop: Shop) -> None:
    link = shop.link()
    with ThreadPoolExecutor(5) as pool:
        statuses = sorted(pool.map(lambda _: pay(shop, link).status_code, range(5)))
    assert statuses == [303, 402, 402, 402, 402]
    assert len(payments(shop)) == 1


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"card_number": "4000 0000 0000 0002"}, "The card was declined."),
        ({"cvv": "911"}, "The CVV is not right."),
        ({"postal_code": "99999"}, "postal code does not belong"),
        ({"expiry": "01/40"}, "expiration date"),
        ({"card_number": "1234"}, "card number is not right"),
    ],
)
def test_declined_card_is_told_and_another_one_pays(shop: Shop, form: dict[str, str], words: str) -> None:
    link = shop.link()
    declined = pay(shop, link, **form)
    assert declined.status_code == 402
    assert words in declined.text
    assert order_of(shop, link)["state"] == "DRAFT"
    assert [payment["status"] for payment in payments(shop)] == ["FAILED"]
    assert pay(shop, link).status_code == 303


def test_bank_asks_and_only_the_right_code_pays(shop: Shop) -> None:
    link = shop.link()
    asked = shop.twin.http.post(link["url"], data=CHALLENGED)
    question = asked.headers["location"]
    assert question.startswith("/verify/")
    assert payments(shop) == []
    wrong = shop.twin.http.post(question, data={"code": "000000", "answer": "confirm"})
    assert wrong.status_code == 402
    assert "did not confirm" in wrong.text
    assert payments(shop)[0]["card_details"]["errors"][0]["code"] == "CARD_DECLINED_VERIFICATION_REQUIRED"
    assert shop.twin.http.post(question, data={"code": "123456"}).status_code == 410
    again = shop.twin.http.post(link["url"], data=CHALLENGED).headers["location"]
    assert "Your bank wants to know" in shop.twin.http.get(again).text
    confirmed = shop.twin.http.post(again, data={"code": "123456", "answer": "confirm"})
    assert (confirmed.status_code, confirmed.headers["location"]) == (303, "/u/" + link["url"].rpartition("/")[2])
    assert [payment["status"] for payment in payments(shop)] == ["COMPLETED", "FAILED"]


def test_question_left_alone_ends_after_ten_minutes(shop: Shop) -> None:
    link = shop.link()
    question = shop.twin.http.post(link["url"], data=CHALLENGED).headers["location"]
    shop.twin.advance(601)
    assert shop.twin.http.post(question, data={"code": "123456"}).status_code == 410
    assert payments(shop) == []


def test_invoice_page_lets_the_bank_ask_too(shop: Shop) -> None:
    invoice = shop.invoice(1_000)
    question = shop.pay_page(invoice, card_number=CHALLENGED["card_number"]).headers["location"]
    assert shop.read_invoice(invoice["id"])["status"] == "UNPAID"
    shop.twin.http.post(question, data={"code": "123456", "answer": "confirm"})
    assert shop.read_invoice(invoice["id"])["status"] == "PAID"


@pytest.mark.parametrize(("form", "tip"), [({"tip_percentage": "20"}, 500), ({"tip": "3.50"}, 350), ({"tip": "none"}, 0)])
def test_tip_by_share_or_amount(shop: Shop, form: dict[str, str], tip: int) -> None:
    link = shop.link(2_500, checkout_options={"allow_tipping": True})
    assert "20 %" in shop.twin.http.get(link["url"]).text
    pay(shop, link, **form)
    payment = payments(shop)[0]
    assert (payment["total_money"], payment.get("tip_money", usd(0))) == (usd(2_500 + tip), usd(tip))


def test_tip_is_ignored_where_none_is_asked_for(shop: Shop) -> None:
    pay(shop, shop.link(2_500), tip="5")
    assert payments(shop)[0]["total_money"] == usd(2_500)


@pytest.mark.parametrize("told", [False, True])
def test_redirect_adds_nothing_unless_switched_on(shop: Shop, *, told: bool) -> None:
    shop.twin.control("settings", redirect_parameters=told)
    link = shop.link(checkout_options={"redirect_url": "https://shop.example/thanks?a=1"})
    target = pay(shop, link).headers["location"]
    assert target.startswith("https://shop.example/thanks?a=1")
    assert (target == "https://shop.example/thanks?a=1") is not told
    assert (f"orderId={link['order_id']}" in target) is told


def test_link_of_an_order_has_its_lines_taxes_shipping_and_address(shop: Shop) -> None:
    lines = [{"name": "Chair", "quantity": "2", "base_price_money": usd(4_000)}]
    taxes = [{"name": "VAT", "percentage": "10", "scope": "ORDER"}]
    order = {"location_id": shop.main, "line_items": lines, "taxes": taxes, "reference_id": "crm-1"}
    options = {"ask_for_shipping_address": True, "shipping_fee": {"name": "Van", "charge": usd(900)}}
    link = shop.link(order=order, checkout_options=options)
    page = shop.twin.http.get(link["long_url"]).text
    for words in ("Chair × 2", "80.00 USD", "8.00 USD", "9.00 USD", "97.00 USD", "Shipping address"):
        assert words in page
    address = {"shipping_address_line_1": "1 High Street", "shipping_locality": "Leeds", "shipping_postal_code": "LS1"}
    pay(shop, link, name="Ada", **address)
    paid = order_of(shop, link)
    assert (paid["reference_id"], paid["state"], paid["fulfillments"][0]["type"]) == ("crm-1", "OPEN", "SHIPMENT")
    assert payments(shop)[0]["shipping_address"]["locality"] == "Leeds"


def test_update_needs_the_version_replaces_options_and_merges_the_prefilled(shop: Shop) -> None:
    options = {"allow_tipping": True, "merchant_support_email": "help@example.com"}
    link = shop.link(checkout_options=options, pre_populated_data={"buyer_email": "a@example.com"}, description="Old")
    change: dict[str, Any] = {
        "version": link["version"],
        "checkout_options": {"redirect_url": "https://shop.example/"},
        "pre_populated_data": {"buyer_phone_number": "+14155550100"},
        "description": None,
    }
    changed = shop.api.put(f"{PATH}/{link['id']}", json={"payment_link": change}).json()["payment_link"]
    assert "merchant_support_email" not in changed["checkout_options"]
    assert changed["pre_populated_data"] == {"buyer_email": "a@example.com", "buyer_phone_number": "+14155550100"}
    assert ("description" in changed, changed["version"]) == (False, link["version"] + 1)
    stale = shop.api.put(f"{PATH}/{link['id']}", json={"payment_link": change})
    assert only_error(stale, 409)["code"] == "CONFLICT"


def test_deleting_cancels_an_unpaid_order_and_keeps_a_paid_one(shop: Shop) -> None:
    unpaid, paid = shop.link(), shop.link()
    pay(shop, paid)
    gone = shop.sdk.checkout.payment_links.delete(unpaid["id"], request_options=NO_RETRIES)
    assert gone.cancelled_order_id == unpaid["order_id"]
    assert shop.api.delete(f"{PATH}/{paid['id']}").json() == {"id": paid["id"]}
    assert [order_of(shop, link)["state"] for link in (unpaid, paid)] == ["CANCELED", "OPEN"]
    assert [shop.twin.http.get(link["url"]).status_code for link in (unpaid, paid)] == [404, 404]
    assert shop.api.get(f"{PATH}/{unpaid['id']}").status_code == 404


def test_sdk_lists_all_pages(shop: Shop) -> None:
    made = {shop.link()["id"] for _ in range(5)}
    assert {link.id for link in shop.sdk.checkout.payment_links.list(limit=2)} == made


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "MISSING_REQUIRED_PARAMETER"),
        ({"order": {"location_id": "MAIN", "line_items": []}}, "MISSING_REQUIRED_PARAMETER"),
        ({"both": True}, "CONFLICTING_PARAMETERS"),
        ({"pre_populated_data": {"buyer_email": "nobody"}, "quick": True}, "INVALID_EMAIL_ADDRESS"),
        ({"pre_populated_data": {"buyer_phone_number": "12"}, "quick": True}, "INVALID_PHONE_NUMBER"),
    ],
)
def test_refusals_of_a_new_link(shop: Shop, body: dict[str, Any], code: str) -> None:
    quick_pay = {"name": "X", "price_money": usd(100), "location_id": shop.main}
    line = {"name": "X", "quantity": "1", "base_price_money": usd(100)}
    if body.pop("quick", False):
        body = {**body, "quick_pay": quick_pay}
    if body.pop("both", False):
        body = {"quick_pay": quick_pay, "order": {"location_id": shop.main, "line_items": [line]}}
    assert only_error(shop.api.post(PATH, json=body), 400)["code"] == code
    assert shop.truth()["payment_links"] == []


def test_same_key_makes_one_link(shop: Shop) -> None:
    first, second = (shop.link(idempotency_key="k") for _ in range(2))
    assert first == second
    assert len(shop.truth()["orders"]) == 1


def test_link_with_a_plan_subscribes_the_buyer(shop: Shop) -> None:
    variation_id = shop.act("plan_create", name="Care", amount=2_900)["plan_variation_id"]
    link = shop.link(2_900, checkout_options={"subscription_plan_id": variation_id})
    pay(shop, link, email="ada@example.com")
    subscription = shop.truth()["subscriptions"][0]
    assert (subscription["plan_variation_id"], subscription["status"]) == (variation_id, "ACTIVE")
    assert subscription["customer_id"] == payments(shop)[-1]["customer_id"]
