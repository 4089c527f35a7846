"""Square payouts and their entries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers.records import EntryType, Money, Payout, PayoutEntry, PayoutStatus
from providers.square.mapping.values import NO_CURRENCY, day, moment, money, version_text, word

STATUSES = {"SENT": PayoutStatus.IN_TRANSIT, "PAID": PayoutStatus.PAID, "FAILED": PayoutStatus.FAILED}
BATCH = "BATCH"  # the other kind, SIMPLE (an instant or manual transfer), has no entries
# Square's ActivityType; what is listed under OTHER is known and none of ours.
ENTRY_TYPES = {
    "CHARGE": EntryType.CHARGE,
    "REFUND": EntryType.REFUND,
    "DISPUTE": EntryType.DISPUTE,
    "OPEN_DISPUTE": EntryType.DISPUTE,
    "RETURNED_PAYOUT": EntryType.PAYOUT,
    "PAYOUT": EntryType.PAYOUT,
    **dict.fromkeys(
        [
            "FEE",
            "DEPOSIT_FEE",
            "DEPOSIT_FEE_REVERSED",
            "TAX_ON_FEE",
            "THIRD_PARTY_FEE",
            "THIRD_PARTY_FEE_REFUND",
            "PROCESSING_FEE",
            "PROCESSING_FEE_REFUND",
            "UNDO_PROCESSING_FEE_REFUND",
            "PAID_SERVICE_FEE",
            "PAID_SERVICE_FEE_REFUND",
            "SUBSCRIPTION_FEE",
            "SUBSCRIPTION_FEE_PAID_REFUND",
            "SUBSCRIPTION_FEE_REFUND",
            "GIFT_CARD_LOAD_FEE",
            "GIFT_CARD_LOAD_FEE_REFUND",
            "UNDO_GIFT_CARD_LOAD_FEE_REFUND",
            "LOCAL_OFFERS_FEE",
        ],
        EntryType.FEE,
    ),
    **dict.fromkeys(
        [
            "ADJUSTMENT",
            "HOLD_ADJUSTMENT",
            "INITIAL_BALANCE_CHANGE",
            "OTHER_ADJUSTMENT",
            "RELEASE_ADJUSTMENT",
            "RESERVE_HOLD",
            "RESERVE_RELEASE",
        ],
        EntryType.ADJUSTMENT,
    ),
    **dict.fromkeys(
        [
            "APP_FEE_REFUND",
            "APP_FEE_REVENUE",
            "AUTOMATIC_BITCOIN_CONVERSIONS",
            "AUTOMATIC_BITCOIN_CONVERSIONS_REVERSED",
            "AUTOMATIC_SAVINGS",
            "AUTOMATIC_SAVINGS_REVERSED",
            "BALANCE_FOLDERS_TRANSFER",
            "BALANCE_FOLDERS_TRANSFER_REVERSED",
            "CREDIT_CARD_REPAYMENT",
            "CREDIT_CARD_REPAYMENT_REVERSED",
            "ESCHEATMENT",
            "FREE_PROCESSING",
            "GIFT_CARD_POOL_TRANSFER",
            "GIFT_CARD_POOL_TRANSFER_REVERSED",
            "LOCAL_OFFERS_CASHBACK",
            "MONEY_TRANSFER",
            "MONEY_TRANSFER_REVERSAL",
            "OTHER",
            "PERCENTAGE_PROCESSING_DEACTIVATION",
            "PERCENTAGE_PROCESSING_ENROLLMENT",
            "PERCENTAGE_PROCESSING_REPAYMENT",
            "PERCENTAGE_PROCESSING_REPAYMENT_REVERSED",
            "REDEMPTION_CODE",
            "SQUARE_CAPITAL_PAYMENT",
            "SQUARE_CAPITAL_REVERSED_PAYMENT",
            "SQUARE_PAYROLL_TRANSFER",
            "SQUARE_PAYROLL_TRANSFER_REVERSED",
        ],
        EntryType.OTHER,
    ),
}
_NOTHING = Money(0, NO_CURRENCY)


def payout(raw: Mapping[str, Any], *, as_of: datetime) -> Payout:
    """A negative amount is taken from the bank. Square gives no reason for a failure. A BATCH payout's entries are all there
    once it exists."""
    get = raw.get
    status = get("status") or ""
    return Payout(
        id=raw["id"],
        version=version_text(get("version")),
        changed_at=moment(get("updated_at")),
        created_at=moment(get("created_at")),
        as_of=as_of,
        amount=money(get("amount_money")) or _NOTHING,
        status=word(STATUSES, status, PayoutStatus.UNKNOWN, noun="payout", path="status", at=as_of),
        arrives_on=day(get("arrival_date")),
        location_id=get("location_id"),
        automatic=get("type") != "SIMPLE",
        fee=_sum(get("payout_fee")),
        is_complete=get("type") == BATCH,
        failure="failed" if status == "FAILED" else None,
        raw=raw,
    )


def _sum(fees: Any) -> Money | None:
    found: Money | None = None
    for fee in fees or ():
        amount = money(fee.get("amount_money")) if isinstance(fee, Mapping) else None
        if amount is not None:
            found = amount if found is None or found.currency != amount.currency else found + amount
    return found


def payout_entry(raw: Mapping[str, Any], *, as_of: datetime) -> PayoutEntry:
    """What it is about stands in a member named after its type: type_refund_details has payment_id and refund_id."""
    get = raw.get
    details = next((value for name, value in raw.items() if name.startswith("type_") and isinstance(value, Mapping)), {})
    gross, fee = money(get("gross_amount_money")) or _NOTHING, money(get("fee_amount_money"))
    fee = fee or Money(0, gross.currency)
    net = money(get("net_amount_money"))
    if net is None:
        net = gross - fee if gross.currency == fee.currency else gross
    return PayoutEntry(
        id=raw["id"],
        created_at=moment(get("effective_at")),
        as_of=as_of,
        payout_id=get("payout_id") or "",
        entry_type=word(ENTRY_TYPES, get("type"), EntryType.OTHER, noun="payout_entry", path="type", at=as_of),
        gross=gross,
        fee=fee,
        net=net,
        payment_id=details.get("payment_id"),
        source_id=details.get("refund_id") or details.get("dispute_id"),
        effective_at=moment(get("effective_at")),
        raw=raw,
    )
