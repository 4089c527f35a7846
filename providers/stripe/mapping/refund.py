"""Refunds, both ways."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from stripe.params import RefundCreateParams

from providers.records import Money, Refund, RefundDraft, RefundStatus
from providers.stripe.mapping.values import Json, Words, currency_of, identifier, moment

STATUSES: Final = Words(
    "refund",
    "status",
    {
        "pending": RefundStatus.PENDING,
        "requires_action": RefundStatus.REQUIRES_ACTION,
        "succeeded": RefundStatus.SUCCEEDED,  # may still fail, up to 30 days later (Stripe docs: refunds)
        "failed": RefundStatus.FAILED,
        "canceled": RefundStatus.CANCELED,
    },
    RefundStatus.UNKNOWN,
)
REASON: Final = "payhub_reason"  # metadata key: Stripe takes only three words of its own as reason
_DUPLICATE: Final = "duplicate"
_FRAUDULENT: Final = "fraudulent"
_REQUESTED: Final = "requested_by_customer"
_METADATA_MAX_CHARS: Final = 500


def refund(raw: Json, as_of: datetime) -> Refund:
    metadata = raw.get("metadata") or {}
    return Refund(
        id=raw["id"],
        created_at=moment(raw.get("created")),
        as_of=as_of,
        raw=raw,
        payment_id=identifier(raw.get("payment_intent")) or identifier(raw.get("charge")),
        amount=Money(raw.get("amount") or 0, currency_of(raw)),
        status=STATUSES.of(raw.get("status"), as_of),
        reason=metadata.get(REASON) or raw.get("reason") or "",
        failure=raw.get("failure_reason"),
    )


def refund_parameters(draft: RefundDraft) -> RefundCreateParams:
    parameters: RefundCreateParams = {"amount": draft.amount.minor_units}
    if draft.payment_id.startswith("pi_"):
        parameters["payment_intent"] = draft.payment_id
    else:
        parameters["charge"] = draft.payment_id
    if draft.reason == _DUPLICATE:
        parameters["reason"] = "duplicate"
    elif draft.reason == _FRAUDULENT:
        parameters["reason"] = "fraudulent"
    elif draft.reason == _REQUESTED:
        parameters["reason"] = "requested_by_customer"
    elif draft.reason:
        parameters["metadata"] = {REASON: draft.reason[:_METADATA_MAX_CHARS]}
    return parameters
