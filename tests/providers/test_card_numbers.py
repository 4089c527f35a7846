"""Card numbers are known by their issuers' ranges and Luhn's check; telephone numbers, amounts and ids are left alone."""

from __future__ import annotations

import orjson
import pytest

from hub.redaction import as_kept
from providers.card_numbers import mask_card_numbers, may_hold_card_number
from providers.errors import Declined, Rejected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pay 4242 4242 4242 4242 now", "pay ***4242 now"),
        ("4242-4242-4242-4242", "***4242"),
        ("Amex 378282246310005.", "Amex ***0005."),
        ("Mastercard:2223003122003222,cvc", "Mastercard:***3222,cvc"),
        ("Diners 30569309025904", "Diners ***5904"),
        ("JCB 3566002020360505 and UnionPay 6205500000000000004", "JCB ***0505 and UnionPay ***0004"),
        ("call 4242 4242 4242 4242\nor 5555555555554444", "call ***4242\nor ***4444"),
    ],
)
def test_card_number_in_running_text_keeps_its_last_four_digits(text: str, shown: str) -> None:
    assert mask_card_numbers(text) == shown
    assert may_hold_card_number(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "+5215512345678",  # a telephone number of thirteen digits
        "+55 11 91234 5678",
        "4242424242424241",  # fails Luhn's check
        "1690000000000000",  # begins like no card
        "in_4111111111111111",
        "cus-4111111111111111-x",
        "0.4242424242424242",
        "4242424242424242.50",
        "4242 4242 4242",
        "2026-11-25T03:59:07.123456Z",
        "",
    ],
)
def test_what_is_no_card_number_stays(text: str) -> None:
    assert mask_card_numbers(text) == text


def test_document_loses_card_numbers_in_text_to_any_depth_and_keeps_its_numbers() -> None:
    document = {
        "note": "4111 1111 1111 1111",
        "amount": 4242424242424242,
        "deep": [{"lines": ["x", {"text": "a 5555-5555-5555-4444 b", "none": None, "share": 0.5}]}],
        "client_secret": "pi_3abc_secret_def",
    }
    assert orjson.loads(as_kept(orjson.dumps(document))) == {
        "note": "***1111",
        "amount": 4242424242424242,
        "deep": [{"lines": ["x", {"text": "a ***4444 b", "none": None, "share": 0.5}]}],
        "client_secret": "***",
    }


def test_document_without_any_is_the_very_same() -> None:
    for document in ({"note": "Ada", "phone": "+12025550143"}, {"amount": 4242424242424242}, {"no_secret_here": 1}):
        written = orjson.dumps(document)
        assert as_kept(written) is written


def test_provider_that_repeats_a_card_number_in_its_error_is_not_quoted() -> None:
    for error in (Rejected("No card 4111 1111 1111 1111 here."), Declined("Card 4111111111111111 was declined.")):
        assert "***1111" in error.detail
        assert "1111 1111" not in error.detail + str(error) + repr(error)
        assert "11111111" not in error.detail + str(error) + repr(error)
