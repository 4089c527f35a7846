"""Payments: a PaymentIntent with its latest charge, or a charge that never had an intent."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from providers.records import Money, Payment, PaymentStatus
from providers.stripe.errors import lay_text
from providers.stripe.mapping.values import (
    NO_CURRENCY,
    Json,
    Words,
    currency_of,
    identifier,
    moment,
    reference_of,
    without_secrets,
)

INTENT_STATUSES: Final = Words(
    "payment_intent",
    "status",
    {
        "requires_payment_method": PaymentStatus.PENDING,
        "requires_confirmation": PaymentStatus.PENDING,
        "requires_action": PaymentStatus.REQUIRES_ACTION,
        "processing": PaymentStatus.PENDING,
        "requires_capture": PaymentStatus.AUTHORIZED,
        "succeeded": PaymentStatus.SUCCEEDED,
        "canceled": PaymentStatus.CANCELED,
    },
    PaymentStatus.UNKNOWN,
)
CHARGE_STATUSES: Final = Words(
    "charge",
    "status",
    {
        "succeeded": PaymentStatus.SUCCEEDED,
        "pending": PaymentStatus.PENDING,
        "failed": PaymentStatus.FAILED,
    },
    PaymentStatus.UNKNOWN,
)
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
    """A PaymentIntent. Fee, card, payer and refunds are known only where `latest_charge` is expanded."""
    currency = (raw.get("currency") or NO_CURRENCY).upper()
    latest = raw.get("latest_charge")
    charge: Json = latest if latest.__class__ is dict else _NOTHING
    problem = raw.get("last_payment_error")
    status = INTENT_STATUSES.of(raw.get("status"), as_of)
    if status is PaymentStatus.PENDING and raw["status"] == "requires_payment_method" and (problem or latest):
        status = PaymentStatus.FAILED
    received = raw.get("amount_received") if status is PaymentStatus.SUCCEEDED else None
    method, brand, last4, location_id, device = _method(charge)
    fee, net = _fee_and_net(charge)
    payer = charge.get("billing_details") or _NOTHING
    return Payment(
        id=raw["id"],
        created_at=moment(raw.get("created")),
        as_of=as_of,
        raw=without_secrets(raw),
        amount=Money(received or raw.get("amount") or 0, currency),
        tip=_tip(raw, currency),
        status=status,
        customer_id=identifier(raw.get("customer")),
        invoice_ids=invoice_ids or _named_invoice(raw),
        charge_id=identifier(latest),
        fee=fee,
        net=net,
        refunded=_refunded(charge, currency),
        disputed=charge.get("disputed") is True,
        method=method,
        card_brand=brand,
        card_last4=last4,
        location_id=location_id,
        device=device,
        payer_name=payer.get("name") or "",
        payer_email=payer.get("email") or raw.get("receipt_email") or "",
        receipt_url=charge.get("receipt_url"),
        failure=(lay_text(problem.get("message")) or problem.get("code")) if problem else None,
        reference=reference_of(raw),
    )


def bare_charge(raw: Json, as_of: datetime, invoice_ids: tuple[str, ...] = ()) -> Payment:
    """A charge that belongs to no PaymentIntent: made by older integrations."""
    method, brand, last4, location_id, device = _method(raw)
    fee, net = _fee_and_net(raw)
    status = CHARGE_STATUSES.of(raw.get("status"), as_of)
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
        invoice_ids=invoice_ids or _named_invoice(raw),
        charge_id=raw["id"],
        fee=fee,
        net=net,
        refunded=_refunded(raw, currency_of(raw)),
        disputed=raw.get("disputed") is True,
        method=method,
        card_brand=brand,
        card_last4=last4,
        location_id=location_id,
        device=device,
        payer_name=payer.get("name") or "",
        payer_email=payer.get("email") or raw.get("receipt_email") or "",
        receipt_url=raw.get("receipt_url"),
        failure=lay_text(raw.get("failure_message")) or raw.get("failure_code"),
        reference=reference_of(raw),
    )


def _named_invoice(raw: Json) -> tuple[str, ...]:
    """Until basil an intent and a charge named their invoice."""
    invoice_id = identifier(raw.get("invoice"))
    return () if invoice_id is None else (invoice_id,)


def _fee_and_net(charge: Json) -> tuple[Money | None, Money | None]:
    """In the settlement currency; None until Stripe has made the balance transaction, or where it is not expanded."""
    transaction: Any = charge.get("balance_transaction")
    if transaction.__class__ is not dict or transaction.get("fee") is None:
        return None, None
    currency, net = currency_of(transaction), transaction.get("net")
    return Money(transaction["fee"], currency), None if net is None else Money(net, currency)


def _refunded(charge: Json, currency: str) -> Money | None:
    """None where the charge is not expanded."""
    refunded = charge.get("amount_refunded")
    return None if refunded is None else Money(refunded, currency)


def _tip(intent: Json, currency: str) -> Money | None:
    details = intent.get("amount_details")
    tip = details.get("tip") if details else None
    tipped = tip.get("amount") if tip else None
    return Money(tipped, currency) if tipped else None


def _method(charge: Json) -> tuple[str, str | None, str | None, str | None, str | None]:
    """Our word for the method, card brand, last four digits, and of a sale in person the terminal's location and reader."""
    details = charge.get("payment_method_details")
    if not details:
        return "other", None, None, None, None
    kind = details.get("type") or ""
    card = details.get(kind)
    if card.__class__ is not dict:
        return METHODS.get(kind, "other"), None, None, None, None
    method = "wallet" if card.get("wallet") else METHODS.get(kind, "other")
    return method, card.get("brand"), card.get("last4"), card.get("location"), card.get("reader")
