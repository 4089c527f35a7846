"""Square payments and refunds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers.records import Money, Payment, PaymentStatus, Refund, RefundStatus
from providers.square.mapping.values import NO_CURRENCY, moment, money, version_text, word

STATUSES = {
    "APPROVED": PaymentStatus.AUTHORIZED,
    "PENDING": PaymentStatus.PENDING,
    "COMPLETED": PaymentStatus.SUCCEEDED,
    "CANCELED": PaymentStatus.CANCELED,
    "FAILED": PaymentStatus.FAILED,
}
REFUND_STATUSES = {
    "PENDING": RefundStatus.PENDING,
    "COMPLETED": RefundStatus.SUCCEEDED,
    "REJECTED": RefundStatus.FAILED,
    "FAILED": RefundStatus.FAILED,
}
METHODS = {
    "CARD": "card",
    "CASH": "cash",
    "BANK_ACCOUNT": "bank",
    "WALLET": "wallet",
    "SQUARE_ACCOUNT": "wallet",
    "BUY_NOW_PAY_LATER": "other",
    "EXTERNAL": "other",
}
_NOTHING = Money(0, NO_CURRENCY)


def payment(raw: Mapping[str, Any], *, as_of: datetime) -> Payment:
    """A payment names no invoice: it meets its invoice at `order_id`. The first COMPLETED answer often lacks fee and customer,
    which come with a later update. Square leaves `refunded_money` out while nothing went back."""
    get = raw.get
    card_details = get("card_details") or {}
    card = card_details.get("card") or {}
    failures = card_details.get("errors") or (get("bank_account_details") or {}).get("errors") or ()
    device = get("device_details") or card_details.get("device_details") or {}
    whole = money(get("total_money")) or money(get("amount_money")) or _NOTHING
    fee = _fee(get("processing_fee"))
    return Payment(
        id=raw["id"],
        version=version_text(get("version_token")),
        changed_at=moment(get("updated_at")),
        created_at=moment(get("created_at")),
        as_of=as_of,
        amount=whole,
        tip=money(get("tip_money")),
        status=word(STATUSES, get("status"), PaymentStatus.UNKNOWN, noun="payment", path="status", at=as_of),
        customer_id=get("customer_id"),
        order_id=get("order_id"),
        fee=fee,
        net=whole - fee if fee is not None and fee.currency == whole.currency else None,
        refunded=money(get("refunded_money")) or Money(0, whole.currency),
        method=word(METHODS, get("source_type"), "other", noun="payment", path="source_type", at=as_of),
        card_brand=card.get("card_brand"),
        card_last4=card.get("last_4"),
        location_id=get("location_id"),
        device=device.get("device_name") or device.get("device_id"),
        payer_name=card.get("cardholder_name") or "",
        payer_email=get("buyer_email_address") or "",
        receipt_url=get("receipt_url"),
        failure=failures[0].get("code") if failures else None,
        reference=get("reference_id"),
        raw=raw,
    )


def _fee(entries: Any) -> Money | None:
    """The first fee and all later adjustments, which may be negative."""
    fee: Money | None = None
    for entry in entries or ():
        amount = money(entry.get("amount_money"))
        if amount is not None:
            fee = amount if fee is None or fee.currency != amount.currency else fee + amount
    return fee


def refund(raw: Mapping[str, Any], *, as_of: datetime) -> Refund:
    """A refund meets its payment at `payment_id` only: its order may be a separate return order. PENDING is not refunded yet."""
    get = raw.get
    status = get("status") or ""
    return Refund(
        id=raw["id"],
        changed_at=moment(get("updated_at")),
        created_at=moment(get("created_at")),
        as_of=as_of,
        payment_id=get("payment_id"),
        amount=money(get("amount_money")) or _NOTHING,
        status=word(REFUND_STATUSES, status, RefundStatus.UNKNOWN, noun="refund", path="status", at=as_of),
        reason=get("reason") or "",
        failure=status.lower() if status in ("REJECTED", "FAILED") else None,
        raw=raw,
    )
