"""Idempotency keys: in the body, with a length limit per endpoint, replaying the current state."""

from typing import Any

import pytest

from tests.providers.sandbox.square.shop import Shop, only_error, usd

PAYMENT = {"source_id": "cnon:card-nonce-ok", "idempotency_key": "key-1", "amount_money": usd(100)}


def test_same_key_and_body_give_the_same_payment_in_its_current_state(shop: Shop, eventually: Any) -> None:
    first = shop.post("/v2/payments", PAYMENT)["payment"]
    shop.act("payment_refund", payment_id=first["id"])
    shop.twin.advance(5)
    eventually(lambda: "refunded_money" in shop.post("/v2/payments", PAYMENT)["payment"])
    assert shop.post("/v2/payments", PAYMENT)["payment"]["id"] == first["id"]
    assert len(shop.truth()["payments"]) == 1


def test_same_key_with_another_body_is_refused(shop: Shop) -> None:
    shop.post("/v2/payments", PAYMENT)
    error = only_error(shop.api.post("/v2/payments", json={**PAYMENT, "amount_money": usd(101)}), 400)
    assert error["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_keys_are_apart_between_sellers_and_endpoints(shop: Shop) -> None:
    other = Shop(shop.twin)
    assert shop.post("/v2/payments", PAYMENT)["payment"]["id"] != other.post("/v2/payments", PAYMENT)["payment"]["id"]
    assert shop.customer(given_name="Ada", idempotency_key="key-1")["given_name"] == "Ada"


def test_an_empty_key_on_an_optional_place_is_no_key(shop: Shop) -> None:
    one, two = (shop.customer(given_name="Ada", idempotency_key="") for _ in range(2))
    assert one["id"] != two["id"]


def test_a_payment_without_key_is_refused(shop: Shop) -> None:
    error = only_error(shop.api.post("/v2/payments", json={**PAYMENT, "idempotency_key": None}), 400)
    assert (error["code"], error["field"]) == ("MISSING_REQUIRED_PARAMETER", "idempotency_key")


@pytest.mark.parametrize(
    ("path", "body", "longest"),
    [
        ("/v2/payments", {"source_id": "cnon:card-nonce-ok", "amount_money": usd(100)}, 45),
        ("/v2/refunds", {"payment_id": "x", "amount_money": usd(100)}, 45),
        ("/v2/orders", {"order": {"location_id": "main"}}, 192),
        ("/v2/invoices", {"invoice": {}}, 128),
    ],
)
def test_too_long_keys_are_refused(shop: Shop, path: str, body: dict[str, Any], longest: int) -> None:
    too_long = only_error(shop.api.post(path, json={**body, "idempotency_key": "k" * (longest + 1)}), 400)
    assert (too_long["code"], too_long["field"]) == ("VALUE_TOO_LONG", "idempotency_key")
    fits = shop.api.post(path, json={**body, "idempotency_key": "k" * longest})
    assert "VALUE_TOO_LONG" not in fits.text


def test_a_lost_answer_is_found_again_with_the_same_key(shop: Shop) -> None:
    shop.twin.control("faults", kind="server_error_after", method="POST", path="/v2/payments")
    assert shop.api.post("/v2/payments", json=PAYMENT).status_code == 500
    assert shop.post("/v2/payments", PAYMENT)["payment"]["status"] == "COMPLETED"
    assert len(shop.truth()["payments"]) == 1
