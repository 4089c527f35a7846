"""Disputes, payouts and what is in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from providers.fake.mapping.values import amount, common, day, moment, money, word, written
from providers.records import Dispute, DisputeDraft, DisputeStatus, EntryType, JsonObject, Payout, PayoutEntry, PayoutStatus


def dispute(raw: JsonObject, as_of: datetime) -> Dispute:
    return Dispute(
        **common(raw, as_of),
        payment_id=raw.get("payment_id"),
        amount=amount(raw.get("amount")),
        status=word(raw.get("status"), DisputeStatus),
        reason=raw.get("reason") or "",
        respond_by=moment(raw.get("respond_by")),
        evidence_submitted=bool(raw.get("evidence_submitted")),
    )


def payout(raw: JsonObject, as_of: datetime) -> Payout:
    return Payout(
        **common(raw, as_of),
        amount=amount(raw.get("amount")),
        status=word(raw.get("status"), PayoutStatus),
        arrives_on=day(raw.get("arrives_on")),
        automatic=bool(raw.get("automatic")),
        fee=money(raw.get("fee")),
        is_complete=bool(raw.get("is_complete")),
        failure=raw.get("failure"),
    )


def payout_entry(raw: JsonObject, as_of: datetime) -> PayoutEntry:
    return PayoutEntry(
        **common(raw, as_of),
        payout_id=raw.get("parent_id") or "",
        entry_type=word(raw.get("entry_type"), EntryType, otherwise="other"),
        gross=amount(raw.get("gross")),
        fee=amount(raw.get("fee")),
        net=amount(raw.get("net")),
        payment_id=raw.get("payment_id"),
        source_id=raw.get("source_id"),
        effective_at=moment(raw.get("effective_at")),
    )


def dispute_fields(draft: DisputeDraft) -> dict[str, Any]:
    return written(draft, *(name for name in DisputeDraft.__slots__))
