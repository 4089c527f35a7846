"""Payments and refunds: taking, delaying, declining, listing, giving back."""

from typing import Any

import pytest

from tests.providers.sandbox.square.shop import Shop, only_error, usd


def declined(shop: Shop, source_id: str, key: str = "key-1") -> dict[str, Any]:
    body = {"source_id": source_id, "idempotency_key": key, "amount_money": usd(100)}
    response = shop.api.post("/v2/payments", json=body)
    assert response.status_code == 400
    answer: dict[str, Any] = response.json()
    return answer


def test_payment_without_location_goes_to_the_main_one_and_lists_there_only(shop: Shop) -> None:
    here = shop.payment(key="k1")
    there = shop.payment(key="k2", location_id=shop.second)
    assert (here["status"], here["location_id"]) == ("COMPLETED", shop.main)
    assert [payment["id"] for payment in shop.get("/v2/payments")["payments"]] == [here["id"]]
    assert [payment["id"] for payment in shop.get("/v2/payments", location_id=shop.second)["payments"]] == [there["id"]]


def test_fee_appears_later_with_a_second_update(shop: Shop, receiver: Any, eventually: Any) -> None:
    payment = shop.payment(10_000, key="k1", customer_id=shop.customer()["id"])
    assert "processing_fee" not in payment
    eventually(lambda: len(receiver.of_type("payment.updated")) == 1)
    shop.twin.advance(3)
    eventually(lambda: len(receiver.of_type("payment.updated")) == 2)
    fees = [event["data"]["object"]["payment"].get("processing_fee") for event in receiver.of_type("payment.updated")]
    assert fees[0] is None
    assert fees[1][0]["amount_money"] == usd(320)


def test_unknown_buyer_with_email_becomes_an_instant_profile(shop: Shop, eventually: Any) -> None:
    payment = shop.act("pos_sale", amount=500, email="walkin@example.com")["payment"]
    assert "customer_id" not in payment
    shop.twin.advance(2)
    eventually(lambda: "customer_id" in shop.get(f"/v2/payments/{payment['id']}")["payment"])
    profile = shop.get("/v2/customers")["customers"][0]
    assert (profile["creation_source"], profile["email_address"]) == ("INSTANT_PROFILE", "walkin@example.com")


def test_instant_profile_without_anything_to_share_is_hidden_from_lists(shop: Shop, eventually: Any) -> None:
    payment = shop.act("pos_sale", amount=500)["payment"]
    shop.twin.advance(2)
    eventually(lambda: "customer_id" in shop.get(f"/v2/payments/{payment['id']}")["payment"])
    assert shop.get("/v2/customers", count="true") == {"count": 0}
    assert shop.truth()["customers"] == []
    hidden = shop.get(f"/v2/payments/{payment['id']}")["payment"]["customer_id"]
    assert [customer["id"] for customer in shop.truth()["hidden_customers"]] == [hidden]


@pytest.mark.parametrize(
    ("source_id", "code"),
    [
        ("cnon:card-nonce-declined", "GENERIC_DECLINE"),
        ("cnon:card-nonce-rejected-cvv", "CVV_FAILURE"),
        ("cnon:card-nonce-rejected-postalcode", "ADDRESS_VERIFICATION_FAILURE"),
        ("cnon:card-nonce-rejected-expiration", "INVALID_EXPIRATION"),
        ("cnon:card-nonce-already-used", "CARD_TOKEN_USED"),
    ],
)
def test_declining_nonces_answer_errors_beside_a_failed_payment(shop: Shop, source_id: str, code: str) -> None:
    answer = declined(shop, source_id)
    assert (answer["errors"][0]["category"], answer["errors"][0]["code"]) == ("PAYMENT_METHOD_ERROR", code)
    assert answer["payment"]["status"] == "FAILED"


def test_a_declined_attempt_frees_its_key_unless_the_setting_says_otherwise(shop: Shop) -> None:
    declined(shop, "cnon:card-nonce-declined")
    assert shop.payment(100, key="key-1")["status"] == "COMPLETED"
    shop.twin.control("settings", failed_attempts_keep_key=True)
    first = declined(shop, "cnon:card-nonce-declined", "key-2")["payment"]["id"]
    assert declined(shop, "cnon:card-nonce-declined", "key-2")["payment"]["id"] == first


def test_delayed_payment_is_completed_or_cancelled_once(shop: Shop) -> None:
    held = shop.payment(key="k1", autocomplete=False)
    assert held["status"] == "APPROVED"
    stale = shop.api.post(f"/v2/payments/{held['id']}/complete", json={"version_token": "old"})
    assert only_error(stale, 400)["code"] == "VERSION_MISMATCH"
    done = shop.post(f"/v2/payments/{held['id']}/complete", {"version_token": held["version_token"]})["payment"]
    assert (done["status"], done["card_details"]["status"]) == ("COMPLETED", "CAPTURED")
    assert shop.api.post(f"/v2/payments/{held['id']}/cancel").status_code == 400
    other = shop.payment(key="k2", autocomplete=False)
    assert shop.post("/v2/payments/cancel", {"idempotency_key": "k2"}) == {}
    assert shop.get(f"/v2/payments/{other['id']}")["payment"]["status"] == "CANCELED"
    assert shop.post("/v2/payments/cancel", {"idempotency_key": "never used"}) == {}


def test_held_payment_ends_by_itself_after_seven_days(shop: Shop, eventually: Any) -> None:
    held = shop.payment(key="k1", autocomplete=False)
    shop.twin.advance(7 * 86_400 + 1)
    eventually(lambda: shop.get(f"/v2/payments/{held['id']}")["payment"]["status"] == "CANCELED")


def test_order_is_paid_with_exactly_its_amount(shop: Shop) -> None:
    order = shop.order(2_000)
    body = {"source_id": "cnon:card-nonce-ok", "idempotency_key": "k", "amount_money": usd(1_999), "order_id": order["id"]}
    assert only_error(shop.api.post("/v2/payments", json=body), 400)["code"] == "PAYMENT_AMOUNT_MISMATCH"
    shop.payment(2_000, key="k2", order_id=order["id"])
    assert shop.get(f"/v2/orders/{order['id']}")["order"]["state"] == "COMPLETED"


def test_cash_and_external_payments_need_their_details(shop: Shop) -> None:
    body = {"source_id": "CASH", "idempotency_key": "k", "amount_money": usd(100)}
    assert only_error(shop.api.post("/v2/payments", json=body), 400)["field"] == "cash_details"
    cash = shop.payment(100, key="k1", source_id="CASH", cash_details={"buyer_supplied_money": usd(500)})
    assert cash["cash_details"]["change_back_money"] == usd(400)
    external = shop.payment(100, key="k2", source_id="EXTERNAL", external_details={"type": "CHECK", "source": "Bank"})
    assert external["status"] == "COMPLETED"


def test_bank_payment_is_pending_until_it_settles(shop: Shop, eventually: Any) -> None:
    good = shop.payment(key="k1", source_id="bnon:bank-nonce-ok")
    bad = shop.payment(key="k2", source_id="bnon:bank-nonce-insufficient-funds")
    assert (good["status"], bad["status"]) == ("PENDING", "PENDING")
    shop.twin.advance(61)
    eventually(lambda: shop.get(f"/v2/payments/{good['id']}")["payment"]["status"] == "COMPLETED")
    eventually(lambda: shop.get(f"/v2/payments/{bad['id']}")["payment"]["status"] == "FAILED")


def test_list_by_update_time_finds_old_payments_that_changed(shop: Shop, eventually: Any) -> None:
    old = shop.payment(key="k1", customer_id=shop.customer()["id"])
    shop.twin.advance(60)
    eventually(lambda: "processing_fee" in shop.get(f"/v2/payments/{old['id']}")["payment"])
    new = shop.payment(key="k2")
    since = {"updated_at_begin_time": new["created_at"], "sort_field": "UPDATED_AT", "sort_order": "ASC"}
    assert [payment["id"] for payment in shop.get("/v2/payments", **since)["payments"]] == [new["id"]]
    shop.twin.advance(60)
    eventually(lambda: "processing_fee" in shop.get(f"/v2/payments/{new['id']}")["payment"])
    refund = {"idempotency_key": "r", "payment_id": old["id"], "amount_money": usd(1)}
    shop.post("/v2/refunds", refund)
    shop.twin.advance(2)
    eventually(lambda: [payment["id"] for payment in shop.get("/v2/payments", **since)["payments"]][-1] == old["id"])


def test_list_defaults_to_the_last_year(shop: Shop) -> None:
    shop.seed(payments=8, days=800)
    assert len(shop.get("/v2/payments", begin_time="2020-01-01T00:00:00Z")["payments"]) == 4
    assert len(shop.get("/v2/payments")["payments"]) == 1
    by_update = {"updated_at_begin_time": "2020-01-01T00:00:00Z", "sort_field": "UPDATED_AT"}
    assert len(shop.get("/v2/payments", **by_update)["payments"]) == 1
    shop.twin.control("settings", updated_at_lifts_default_window=True)
    assert len(shop.get("/v2/payments", **by_update)["payments"]) == 4


def test_refund_is_pending_then_completed_and_shows_on_the_payment(shop: Shop, eventually: Any) -> None:
    payment = shop.payment(1_000, key="k1", customer_id=shop.customer()["id"])
    refund = shop.post("/v2/refunds", {"idempotency_key": "r1", "payment_id": payment["id"], "amount_money": usd(400)})["refund"]
    assert refund["status"] == "PENDING"
    assert refund["id"].startswith(payment["id"] + "_")
    assert refund["order_id"] != payment["order_id"]
    shop.twin.advance(5)
    eventually(lambda: shop.get(f"/v2/refunds/{refund['id']}")["refund"]["status"] == "COMPLETED")
    after = shop.get(f"/v2/payments/{payment['id']}")["payment"]
    assert (after["status"], after["refunded_money"], after["refund_ids"]) == ("COMPLETED", usd(400), [refund["id"]])
    too_much = {"idempotency_key": "r2", "payment_id": payment["id"], "amount_money": usd(601)}
    error = only_error(shop.api.post("/v2/refunds", json=too_much), 400)
    assert (error["category"], error["code"]) == ("REFUND_ERROR", "REFUND_AMOUNT_INVALID")


def test_failed_refund_changes_nothing_on_the_payment(shop: Shop, eventually: Any) -> None:
    shop.twin.control("settings", refund_outcome="FAILED")
    payment = shop.payment(1_000, key="k1")
    refund = shop.act("payment_refund", payment_id=payment["id"])["refund"]
    shop.twin.advance(5)
    eventually(lambda: shop.get(f"/v2/refunds/{refund['id']}")["refund"]["status"] == "FAILED")
    assert "refunded_money" not in shop.get(f"/v2/payments/{payment['id']}")["payment"]
    assert shop.act("payment_refund", payment_id=payment["id"])["refund"]["amount_money"] == usd(1_000)


def test_refunds_list_covers_all_locations_by_default(shop: Shop) -> None:
    for key, location_id in (("k1", shop.main), ("k2", shop.second)):
        shop.act("payment_refund", payment_id=shop.payment(key=key, location_id=location_id)["id"])
    assert len(shop.get("/v2/refunds")["refunds"]) == 2
    assert len(shop.get("/v2/refunds", location_id=shop.second)["refunds"]) == 1


def test_refunding_an_invoice_moves_its_status(shop: Shop, receiver: Any, eventually: Any) -> None:
    invoice = shop.invoice(1_000)
    payment = shop.act("invoice_pay", invoice_id=invoice["id"])["payment"]
    shop.act("payment_refund", payment_id=payment["id"], amount=300)
    shop.twin.advance(5)
    eventually(lambda: shop.read_invoice(invoice["id"])["status"] == "PARTIALLY_REFUNDED")
    shop.act("payment_refund", payment_id=payment["id"])
    shop.twin.advance(5)
    eventually(lambda: shop.read_invoice(invoice["id"])["status"] == "REFUNDED")
    eventually(lambda: len(receiver.of_type("invoice.refunded")) == 2)


def test_payment_lists_lag_by_setting(shop: Shop) -> None:
    shop.twin.control("clock", frozen=True)
    shop.twin.control("settings", payment_lag_seconds=5)
    shop.payment(key="k1")
    assert shop.get("/v2/payments") == {}
    shop.twin.advance(6)
    assert len(shop.get("/v2/payments")["payments"]) == 1


def test_cards_are_saved_charged_and_disabled(shop: Shop) -> None:
    customer = shop.customer()
    body = {"idempotency_key": "c1", "source_id": "cnon:card-nonce-ok", "card": {"customer_id": customer["id"]}}
    card = shop.post("/v2/cards", body)["card"]
    assert (card["last_4"], card["enabled"], card["card_brand"]) == ("5858", True, "VISA")
    refused = {"source_id": card["id"], "idempotency_key": "p0", "amount_money": usd(100)}
    assert only_error(shop.api.post("/v2/payments", json=refused), 400)["field"] == "customer_id"
    paid = shop.payment(100, key="p1", source_id=card["id"], customer_id=customer["id"])
    assert paid["card_details"]["entry_method"] == "ON_FILE"
    assert shop.api.post(f"/v2/cards/{card['id']}/disable").json()["card"]["enabled"] is False
    assert shop.get("/v2/cards", customer_id=customer["id"]) == {}
    assert len(shop.get("/v2/cards", include_disabled="true")["cards"]) == 1


def test_sale_taken_offline_arrives_late_with_its_old_date(shop: Shop) -> None:
    recent = shop.payment(key="k1")
    late = shop.act("pos_sale", amount=500, hours_ago=70)["payment"]
    assert late["created_at"] < recent["created_at"] <= late["updated_at"]
    by_creation = shop.get("/v2/payments", begin_time=recent["created_at"])["payments"]
    assert [payment["id"] for payment in by_creation] == [recent["id"]]
    by_update = shop.get("/v2/payments", sort_field="UPDATED_AT", updated_at_begin_time=recent["created_at"])["payments"]
    assert {payment["id"] for payment in by_update} == {recent["id"], late["id"]}


def test_fee_adjustment_comes_as_a_second_entry(shop: Shop, eventually: Any) -> None:
    payment = shop.payment(1_000, key="k1")
    shop.twin.advance(3)
    eventually(lambda: "processing_fee" in shop.get(f"/v2/payments/{payment['id']}")["payment"])
    shop.act("payment_adjust_fee", payment_id=payment["id"], amount=-5)
    fees = shop.get(f"/v2/payments/{payment['id']}")["payment"]["processing_fee"]
    assert [(fee["type"], fee["amount_money"]["amount"]) for fee in fees] == [("INITIAL", 59), ("ADJUSTMENT", -5)]


def test_fee_without_a_delay_is_there_at_once(shop: Shop) -> None:
    shop.twin.control("settings", fee_delay_seconds=0.0)
    assert shop.payment(1_000, key="k")["processing_fee"][0]["amount_money"] == usd(59)
