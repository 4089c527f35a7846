"""Payments: a PaymentIntent with its latest charge, or a charge that never had an intent."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from providers.records import Money, Payment, PaymentStatus
from providers.stripe.errors import lay_text
from providers.stripe.mapping.values import NO_CURRENCY, Json, currency_of, identifier, moment, reference_of

INTENT_STATUSES: Final = {
    "requires_payment_method": PaymentStatus.PENDING,
    "requires_confirmation": PaymentStatus.PENDING,
    "requires_action": PaymentStatus.REQUIRES_ACTION,
    "processing": PaymentStatus.PENDING,
    "requires_capture": PaymentStatus.AUTHORIZED,
    "succeeded": PaymentStatus.SUCCEEDED,
    "canceled": PaymentStatus.CANCELED,
}
CHARGE_STATUSES: Final = {
    "succeeded": PaymentStatus.SUCCEEDED,
    "pending": PaymentStatus.PENDING,
    "failed": PaymentStatus.FAILED,
}
_BANK: Final = (
    "ach_credit_transfer ach_debit acss_debit au_becs_debit bacs_debit bancontact customer_balance eps fpx giropay ideal "
    "multibanco nz_bank_account p24 pay_by_bank payto pix sepa_credit_transfer sepa_debit sofort trustly us_bank_account"
)
_WALLET: Final = (
    "alipay amazon_pay apple_pay bizum blik cashapp google_pay grabpay kakao_pay link mb_way mobilepay naver_pay payco paynow "
    "paypal paypay promptpay revolut_pay samsung_pay satispay swish twint wechat wechat_pay"
)
METHODS: Final = {
    "card": "card",
    "card_present": "card",
    "interac_present": "card",
    "kr_card": "card",
    **dict.fromkeys(_BANK.split(), "bank"),
    **dict.fromkeys(_WALLET.split(), "wallet"),
}
_NOTHING: Final[Json] = {}


def was_tried(raw: Json) -> bool:
    """Whether anybody has tried to pay: each open invoice carries an intent from the start, which is no payment yet."""
    return (
        raw.get("status") not in ("requires_payment_method", "requires_confirmation")
        or raw.get("latest_charge") is not None
        or raw.get("last_payment_error") is not None
    )


def payment(raw: Json, as_of: datetime, invoice_ids: tuple[str, ...] = ()) -> Payment:
    """A PaymentIntent. Fee, card and payer are known only where `latest_charge` is expanded."""
    currency = (raw.get("currency") or NO_CURRENCY).upper()
    latest = raw.get("latest_charge")
    charge: Json = latest if latest.__class__ is dict else _NOTHING
    problem = raw.get("last_payment_error")
    status = INTENT_STATUSES.get(raw.get("status") or "", PaymentStatus.UNKNOWN)
    if status is PaymentStatus.PENDING and raw["status"] == "requires_payment_method" and (problem or latest):
        status = PaymentStatus.FAILED
    received = raw.get("amount_received") if status is PaymentStatus.SUCCEEDED else None
    method, brand, last4 = _method(charge)
    payer = charge.get("billing_details") or _NOTHING
    return Payment(
        id=raw["id"],
        created_at=moment(raw.get("created")),
        as_of=as_of,
        raw=raw,
        amount=Money(received or raw.get("amount") or 0, currency),
        tip=_tip(raw, currency),
        status=status,
        customer_id=identifier(raw.get("customer")),
        invoice_ids=invoice_ids,
        charge_id=identifier(latest),
        fee=_fee(charge),
        method=method,
        card_brand=brand,
        card_last4=last4,
        payer_name=payer.get("name") or "",
        payer_email=payer.get("email") or raw.get("receipt_email") or "",
        receipt_url=charge.get("receipt_url"),
        failure=(lay_text(problem.get("message")) or problem.get("code")) if problem else None,
        reference=reference_of(raw),
    )


def bare_charge(raw: Json, as_of: datetime, invoice_ids: tuple[str, ...] = ()) -> Payment:
    """A charge that belongs to no PaymentIntent: made by older integrations."""
    method, brand, last4 = _method(raw)
    status = CHARGE_STATUSES.get(raw.get("status") or "", PaymentStatus.UNKNOWN)
    if status is PaymentStatus.SUCCEEDED and raw.get("captured") is False:
        status = PaymentStatus.AUTHORIZED
    payer = raw.get("billing_details") or _NOTHING
    return Payment(
        id=raw["id"],
        created_at=moment(raw.get("created")),
        as_of=as_of,
        raw=raw,
        amount=Money(raw.get("amount") or 0, currency_of(raw)),
        status=status,
        customer_id=identifier(raw.get("customer")),
        invoice_ids=invoice_ids,
        charge_id=raw["id"],
        fee=_fee(raw),
        method=method,
        card_brand=brand,
        card_last4=last4,
        payer_name=payer.get("name") or "",
        payer_email=payer.get("email") or raw.get("receipt_email") or "",
        receipt_url=raw.get("receipt_url"),
        failure=lay_text(raw.get("failure_message")) or raw.get("failure_code"),
        reference=reference_of(raw),
    )


def _fee(charge: Json) -> Money | None:
    """In the settlement currency; None until Stripe has made the balance transaction, or where it is not expanded."""
    transaction: Any = charge.get("balance_transaction")
    if transaction.__class__ is not dict or transaction.get("fee") is None:
        return None
    return Money(transaction["fee"], currency_of(transaction))


def _tip(intent: Json, currency: str) -> Money | None:
    details = intent.get("amount_details")
    tip = details.get("tip") if details else None
    tipped = tip.get("amount") if tip else None
    return Money(tipped, currency) if tipped else None


def _method(charge: Json) -> tuple[str, str | None, str | None]:
    """Our word for the method, card brand and last four digits."""
    details = charge.get("payment_method_details")
    if not details:
        return "other", None, None
    kind = details.get("type") or ""
    card = details.get(kind)
    if card.__class__ is not dict:
        return METHODS.get(kind, "other"), None, None
    method = "wallet" if card.get("wallet") else METHODS.get(kind, "other")
    return method, card.get("brand"), card.get("last4")
