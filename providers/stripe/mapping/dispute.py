"""Disputes, and the evidence that answers them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from stripe.params import DisputeUpdateParamsEvidence

from providers.records import Dispute, DisputeDraft, DisputeStatus, Money
from providers.stripe.mapping.values import Json, Words, currency_of, identifier, moment

STATUSES: Final = Words(
    "dispute",
    "status",
    {
        "warning_needs_response": DisputeStatus.NEEDS_RESPONSE,
        "warning_under_review": DisputeStatus.UNDER_REVIEW,
        "warning_closed": DisputeStatus.CLOSED,
        "needs_response": DisputeStatus.NEEDS_RESPONSE,
        "under_review": DisputeStatus.UNDER_REVIEW,
        "appeal_needs_response": DisputeStatus.NEEDS_RESPONSE,
        "appeal_under_review": DisputeStatus.UNDER_REVIEW,
        "won": DisputeStatus.WON,
        "lost": DisputeStatus.LOST,  # also one that the merchant accepted: Stripe tells no difference
        "prevented": DisputeStatus.PREVENTED,
    },
    DisputeStatus.UNKNOWN,
)


def dispute(raw: Json, as_of: datetime) -> Dispute:
    status = STATUSES.of(raw.get("status"), as_of)
    details = raw.get("evidence_details") or {}
    charge_id = identifier(raw.get("charge"))
    return Dispute(
        id=raw["id"],
        created_at=moment(raw.get("created")),
        as_of=as_of,
        raw=raw,
        payment_id=identifier(raw.get("payment_intent")) or charge_id,
        charge_id=charge_id,
        amount=Money(raw.get("amount") or 0, currency_of(raw)),
        status=status,
        is_inquiry=str(raw.get("status")).startswith("warning_"),
        reason=raw.get("reason") or "",
        respond_by=moment(details.get("due_by")) if status is DisputeStatus.NEEDS_RESPONSE else None,
        evidence_submitted=bool(details.get("submission_count")),
    )


def evidence(draft: DisputeDraft) -> DisputeUpdateParamsEvidence:
    """Only what the draft names. Policies as documents are files at Stripe; ours is text, so it goes into the disclosure."""
    told: dict[str, str | None] = {
        "uncategorized_text": draft.explanation,
        "product_description": draft.product_description,
        "customer_name": draft.customer_name,
        "customer_email_address": draft.customer_email,
        "service_date": draft.service_date.isoformat() if draft.service_date else None,
        "refund_policy_disclosure": draft.refund_policy,
        "access_activity_log": draft.access_activity_log,
    }
    parameters: DisputeUpdateParamsEvidence = {}
    for name, text in told.items():
        if text is not None:
            parameters[name] = text  # type: ignore[literal-required]
    return parameters
