"""Cards on file: what it takes to keep one, and what becomes of it."""

from typing import Any

import pytest

from tests.providers.sandbox.square.receiver import Receiver
from tests.providers.sandbox.square.shop import NO_RETRIES, Shop, only_error, usd


def wanted(shop: Shop, customer: dict[str, Any], **fields: Any) -> dict[str, Any]:
    card = {"customer_id": customer["id"], "billing_address": {"postal_code": "94103"}}
    return {"idempotency_key": "k", "source_id": "cnon:card-nonce-ok", "card": card, **fields}


def test_card_shows_brand_and_digits_but_no_number(shop: Shop, receiver: Receiver, eventually: Any) -> None:
    customer = shop.customer()
    card = shop.card(customer)
    assert (card["card_brand"], card["last_4"], card["enabled"], card["version"]) == ("VISA", "5858", True, 1)
    assert card["customer_id"] == customer["id"]
    eventually(lambda: receiver.of_type("card.created"))
    assert receiver.of_type("card.created")[0]["data"]["object"]["card"]["id"] == card["id"]


@pytest.mark.parametrize(
    ("address", "strict", "refused"),
    [({"postal_code": "10001"}, False, True), (None, False, False), (None, True, True), ({"postal_code": "94103"}, True, False)],
)
def test_test_token_wants_the_postal_code_94103(
    shop: Shop, address: dict[str, str] | None, *, strict: bool, refused: bool
) -> None:
    shop.twin.control("settings", card_postal_code_required=strict)
    customer = shop.customer()
    body = wanted(shop, customer)
    body["card"] = {"customer_id": customer["id"], **({"billing_address": address} if address else {})}
    answer = shop.api.post("/v2/cards", json=body)
    assert answer.status_code == (400 if refused else 200)
    if refused:
        assert only_error(answer, 400)["code"] == "INVALID_POSTAL_CODE"


@pytest.mark.parametrize("by_setting", [False, True])
def test_verification_is_asked_for_and_its_token_satisfies(shop: Shop, *, by_setting: bool) -> None:
    shop.twin.control("settings", card_verification=by_setting)
    source = "cnon:card-nonce-ok" if by_setting else "cnon:card-nonce-requires-verification"
    body = wanted(shop, shop.customer(), source_id=source)
    error = only_error(shop.api.post("/v2/cards", json=body), 400)
    assert (error["category"], error["code"]) == ("PAYMENT_METHOD_ERROR", "CARD_DECLINED_VERIFICATION_REQUIRED")
    kept = shop.api.post("/v2/cards", json={**body, "idempotency_key": "k2", "verification_token": "verf:sandbox"})
    assert kept.status_code == 200


def test_payment_with_a_token_that_requires_verification(shop: Shop) -> None:
    body = {"idempotency_key": "p", "source_id": "cnon:card-nonce-requires-verification", "amount_money": usd(100)}
    error = only_error(shop.api.post("/v2/payments", json=body), 400)
    assert error["code"] == "CARD_DECLINED_VERIFICATION_REQUIRED"
    paid = shop.post("/v2/payments", {**body, "idempotency_key": "p2", "verification_token": "verf:sandbox"})
    assert paid["payment"]["status"] == "COMPLETED"


def test_disabled_card_leaves_lists_and_cannot_pay(shop: Shop, receiver: Receiver, eventually: Any) -> None:
    customer = shop.customer()
    card = shop.card(customer)
    disabled = shop.sdk.cards.disable(card["id"], request_options=NO_RETRIES).card
    assert disabled is not None
    assert (disabled.enabled, disabled.version) == (False, 2)
    assert shop.get("/v2/cards", customer_id=customer["id"]) == {}
    assert len(shop.get("/v2/cards", customer_id=customer["id"], include_disabled="true")["cards"]) == 1
    body = {"idempotency_key": "p", "source_id": card["id"], "customer_id": customer["id"], "amount_money": usd(100)}
    assert only_error(shop.api.post("/v2/payments", json=body), 404)["code"] == "NOT_FOUND"
    eventually(lambda: receiver.of_type("card.disabled"))


def test_bank_may_refuse_renew_or_forget_a_kept_card(shop: Shop, receiver: Receiver, eventually: Any) -> None:
    customer = shop.customer()
    card = shop.card(customer)
    body = {"source_id": card["id"], "customer_id": customer["id"], "amount_money": usd(100)}
    shop.act("card_decline", card_id=card["id"], code="INSUFFICIENT_FUNDS")
    error = only_error(shop.api.post("/v2/payments", json={**body, "idempotency_key": "a"}), 400)
    assert error["code"] == "INSUFFICIENT_FUNDS"
    shop.act("card_decline", card_id=card["id"], code=None)
    assert shop.post("/v2/payments", {**body, "idempotency_key": "b"})["payment"]["status"] == "COMPLETED"
    shop.act("card_update", card_id=card["id"], exp_year=2045)
    assert shop.get(f"/v2/cards/{card['id']}")["card"]["exp_year"] == 2045
    shop.act("card_forget", card_id=card["id"])
    eventually(lambda: receiver.of_type("card.forgotten"))
    assert receiver.of_type("card.automatically_updated")


def test_expired_card_on_file_is_declined(shop: Shop) -> None:
    customer = shop.customer()
    card = shop.card(customer)
    shop.act("card_update", card_id=card["id"], exp_year=2020, exp_month=1)
    body = {"idempotency_key": "a", "source_id": card["id"], "customer_id": customer["id"], "amount_money": usd(100)}
    assert only_error(shop.api.post("/v2/payments", json=body), 400)["code"] == "CARD_EXPIRED"


def test_list_pages_by_25(shop: Shop) -> None:
    customer = shop.customer()
    made = {shop.card(customer, key=f"k{number}")["id"] for number in range(30)}
    first = shop.get("/v2/cards")
    assert len(first["cards"]) == 25
    assert {card.id for card in shop.sdk.cards.list(customer_id=customer["id"])} == made
