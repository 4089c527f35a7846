from datetime import UTC, datetime
from typing import Any

import pytest

from providers.records import Money, PaymentStatus, RefundStatus
from providers.square.mapping.payment import payment, refund

AS_OF = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD"}


PAYMENT: dict[str, Any] = {
    "id": "bP9mAsEMYPUGjjGNaNO5ZDVyLhSZY",
    "created_at": "2026-10-13T21:14:29.577Z",
    "updated_at": "2026-10-13T21:14:30.504Z",
    "amount_money": usd(1000),
    "tip_money": usd(150),
    "total_money": usd(1150),
    "processing_fee": [
        {"type": "INITIAL", "amount_money": usd(63)},
        {"type": "ADJUSTMENT", "amount_money": usd(-3)},
    ],
    "status": "COMPLETED",
    "source_type": "CARD",
    "card_details": {"status": "CAPTURED", "card": {"card_brand": "VISA", "last_4": "1111", "cardholder_name": "A Person"}},
    "device_details": {"device_name": "Till 1"},
    "location_id": "L88917AVBK2S5",
    "order_id": "pRsjRTgFWATl7so6DxdKBJa7ssbZY",
    "customer_id": "W92WH6P11H4Z77CTET0RNTGFW8",
    "receipt_url": "https://squareup.com/receipt/preview/bP9m",
    "version_token": "56pRkL3slrzet2iQrTp9n0bdJVYTB9YEWdTNjQfZOPV6o",
}


def test_card_sale_maps_with_tip_fee_and_device() -> None:
    record = payment(PAYMENT, as_of=AS_OF)
    assert (record.amount, record.tip, record.fee) == (Money(1150, "USD"), Money(150, "USD"), Money(60, "USD"))
    assert (record.status, record.method, record.card_brand, record.card_last4) == (
        PaymentStatus.SUCCEEDED,
        "card",
        "VISA",
        "1111",
    )
    assert (record.device, record.payer_name, record.order_id) == ("Till 1", "A Person", "pRsjRTgFWATl7so6DxdKBJa7ssbZY")
    assert record.invoice_ids == ()  # the order is the join
    assert record.version == PAYMENT["version_token"]


def test_fee_that_square_does_not_know_yet_is_none_and_not_zero() -> None:
    assert payment({name: value for name, value in PAYMENT.items() if name != "processing_fee"}, as_of=AS_OF).fee is None


def test_declined_card_tells_why() -> None:
    raw = {"id": "p", "status": "FAILED", "source_type": "CARD", "card_details": {"errors": [{"code": "GENERIC_DECLINE"}]}}
    record = payment(raw, as_of=AS_OF)
    assert (record.status, record.failure) == (PaymentStatus.FAILED, "GENERIC_DECLINE")


@pytest.mark.parametrize(
    ("source", "method"),
    [("CASH", "cash"), ("BANK_ACCOUNT", "bank"), ("WALLET", "wallet"), ("EXTERNAL", "other"), ("NEW", "other")],
)
def test_sources_become_plain_words(source: str, method: str) -> None:
    assert payment({"id": "p", "source_type": source}, as_of=AS_OF).method == method


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("APPROVED", PaymentStatus.AUTHORIZED),
        ("PENDING", PaymentStatus.PENDING),
        ("CANCELED", PaymentStatus.CANCELED),
        ("BEAMED", PaymentStatus.UNKNOWN),
    ],
)
def test_payment_states_are_ours(word: str, status: PaymentStatus) -> None:
    assert payment({"id": "p", "status": word}, as_of=AS_OF).status is status


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("PENDING", RefundStatus.PENDING),
        ("COMPLETED", RefundStatus.SUCCEEDED),
        ("REJECTED", RefundStatus.FAILED),
        ("FAILED", RefundStatus.FAILED),
        ("NEW", RefundStatus.UNKNOWN),
    ],
)
def test_refund_states_are_ours(word: str, status: RefundStatus) -> None:
    raw = {"id": "p_r", "payment_id": "p", "order_id": "another", "amount_money": usd(5), "status": word, "reason": "Late"}
    record = refund(raw, as_of=AS_OF)
    assert (record.status, record.payment_id, record.amount, record.reason) == (status, "p", Money(5, "USD"), "Late")
