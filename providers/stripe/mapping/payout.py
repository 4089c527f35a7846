"""Payouts, and the balance transactions that are in them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from providers.records import EntryType, Money, Payout, PayoutEntry, PayoutStatus
from providers.stripe.errors import lay_text
from providers.stripe.mapping.values import Json, Words, currency_of, day, identifier, moment, without_secrets

STATUSES: Final = Words(
    "payout",
    "status",
    {
        "pending": PayoutStatus.PENDING,
        "in_transit": PayoutStatus.IN_TRANSIT,
        "paid": PayoutStatus.PAID,
        "failed": PayoutStatus.FAILED,
        "canceled": PayoutStatus.CANCELED,
    },
    PayoutStatus.UNKNOWN,
)
# By reporting_category, which Stripe advises for accounting; the type decides where that is missing or says less.
CATEGORIES: Final[Mapping[str, EntryType]] = {
    "charge": EntryType.CHARGE,
    "charge_failure": EntryType.CHARGE,
    "refund": EntryType.REFUND,
    "partial_capture_reversal": EntryType.REFUND,
    "refund_failure": EntryType.REFUND_FAILURE,
    "dispute": EntryType.DISPUTE,
    "dispute_reversal": EntryType.DISPUTE_REVERSAL,
    "fee": EntryType.FEE,
    "network_cost": EntryType.FEE,
    "tax": EntryType.FEE,
    "payout": EntryType.PAYOUT,
    "payout_reversal": EntryType.PAYOUT,
    "other_adjustment": EntryType.ADJUSTMENT,
}
TYPES: Final[Mapping[str, EntryType]] = {
    "charge": EntryType.CHARGE,
    "payment": EntryType.CHARGE,
    "refund": EntryType.REFUND,
    "payment_refund": EntryType.REFUND,
    "payment_failure_refund": EntryType.REFUND,
    "refund_failure": EntryType.REFUND_FAILURE,
    "adjustment": EntryType.ADJUSTMENT,
    "stripe_fee": EntryType.FEE,
    "application_fee": EntryType.FEE,
    "payout": EntryType.PAYOUT,
    "payout_failure": EntryType.PAYOUT,
    "payout_cancel": EntryType.PAYOUT,
}


def payout(raw: Json, as_of: datetime) -> Payout:
    """`fee` is known where the balance transaction is expanded: instant payouts cost, standard ones do not."""
    currency = currency_of(raw)
    transaction = raw.get("balance_transaction")
    fee = transaction.get("fee") if transaction.__class__ is dict else None
    automatic = raw.get("automatic") is not False
    return Payout(
        id=raw["id"],
        created_at=moment(raw.get("created")),
        as_of=as_of,
        raw=raw,
        amount=Money(raw.get("amount") or 0, currency),
        status=STATUSES.of(raw.get("status"), as_of),
        arrives_on=day(raw.get("arrival_date")),
        automatic=automatic,
        fee=Money(fee, currency) if fee else None,
        is_complete=automatic and raw.get("reconciliation_status") == "completed",
        failure=lay_text(raw.get("failure_message")) or raw.get("failure_code"),
    )


def is_payout_itself(raw: Json, payout_id: str) -> bool:
    """Stripe lists the payout's own movement, minus everything, among its entries; without it their nets add up to it."""
    return raw.get("type") == "payout" and identifier(raw.get("source")) in (payout_id, None)


def entry(raw: Json, as_of: datetime, payout_id: str) -> PayoutEntry:
    """A balance transaction with its source expanded: charge, refund and dispute name their payment there."""
    currency = currency_of(raw)
    fee: int = raw.get("fee") or 0
    gross: int = raw.get("amount") or 0
    net = raw.get("net")
    told: Any = raw.get("source")
    source: Json = told if told.__class__ is dict else {}
    noun = source.get("object")
    charge_id = source.get("id") if noun == "charge" else identifier(source.get("charge"))
    return PayoutEntry(
        id=raw["id"],
        created_at=moment(raw.get("created")),
        as_of=as_of,
        raw=without_secrets(raw),
        payout_id=payout_id,
        entry_type=_entry_type(raw, gross, noun),
        gross=Money(gross, currency),
        fee=Money(fee, currency),
        net=Money(gross - fee if net is None else net, currency),
        payment_id=identifier(source.get("payment_intent")) or charge_id,
        charge_id=charge_id,
        source_id=identifier(told),
        effective_at=moment(raw.get("available_on")),
    )


def _entry_type(raw: Json, gross: int, source_noun: object) -> EntryType:
    category, kind = raw.get("reporting_category"), raw.get("type")
    found = CATEGORIES.get(category or "") or TYPES.get(kind or "") or EntryType.OTHER
    if found is EntryType.ADJUSTMENT and source_noun == "dispute":
        return EntryType.DISPUTE if gross < 0 else EntryType.DISPUTE_REVERSAL
    return found
