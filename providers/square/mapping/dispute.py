"""Square disputes and the texts that are kept as evidence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers.records import Dispute, DisputeDraft, DisputeStatus, Money
from providers.square.mapping.values import NO_CURRENCY, moment, money, version_text, word

STATES = {
    "INQUIRY_EVIDENCE_REQUIRED": DisputeStatus.NEEDS_RESPONSE,
    "INQUIRY_PROCESSING": DisputeStatus.UNDER_REVIEW,
    "INQUIRY_CLOSED": DisputeStatus.CLOSED,
    "EVIDENCE_REQUIRED": DisputeStatus.NEEDS_RESPONSE,
    "PROCESSING": DisputeStatus.UNDER_REVIEW,
    "WON": DisputeStatus.WON,
    "LOST": DisputeStatus.LOST,
    "ACCEPTED": DisputeStatus.ACCEPTED,
}
SUBMITTED = frozenset(["INQUIRY_PROCESSING", "PROCESSING", "WON"])
TEXT_MAX_CHARS = 500  # CreateDisputeEvidenceText


def dispute(raw: Mapping[str, Any], *, as_of: datetime) -> Dispute:
    """Square asks for no money back while it is only an inquiry. It does not tell whether evidence of a lost one was submitted;
    it counts as submitted where any was uploaded. Older versions call the id `dispute_id`."""
    get = raw.get
    state = get("state") or ""
    status = word(STATES, state, DisputeStatus.UNKNOWN, noun="dispute", path="state", at=as_of)
    paid = get("disputed_payment") or {}
    lost_with_evidence = state in ("LOST", "INQUIRY_CLOSED") and bool(get("evidence_ids"))
    return Dispute(
        id=get("id") or raw["dispute_id"],
        version=version_text(get("version")),
        changed_at=moment(get("updated_at")),
        created_at=moment(get("created_at")),
        as_of=as_of,
        payment_id=paid.get("payment_id"),
        amount=money(get("amount_money")) or Money(0, NO_CURRENCY),
        status=status,
        is_inquiry=isinstance(state, str) and state.startswith("INQUIRY"),
        reason=get("reason") or "",
        respond_by=moment(get("due_at")) if status is DisputeStatus.NEEDS_RESPONSE else None,
        evidence_submitted=state in SUBMITTED or lost_with_evidence,
        location_id=get("location_id"),
        raw=raw,
    )


def evidence_texts(draft: DisputeDraft) -> dict[str, str]:
    """Square's type of evidence and its text; an empty text takes it away."""
    who = [part for part in (draft.customer_name, draft.customer_email) if part]
    named = draft.customer_name is not None or draft.customer_email is not None
    texts = {
        "REBUTTAL_EXPLANATION": draft.explanation,
        "PRODUCT_OR_SERVICE_DESCRIPTION": draft.product_description,
        "CARDHOLDER_INFORMATION": ", ".join(who) if named else None,
        "SERVICE_RECEIVED_DOCUMENTATION": f"Service date: {draft.service_date.isoformat()}" if draft.service_date else None,
        "CANCELLATION_OR_REFUND_DOCUMENTATION": draft.refund_policy,
        "ONLINE_OR_APP_ACCESS_LOG": draft.access_activity_log,
    }
    return {type: text for type, text in texts.items() if text is not None}
