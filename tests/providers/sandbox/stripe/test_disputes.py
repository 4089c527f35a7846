"""Disputes of the Stripe twin: by test cards and by the merchant's bank, answered, missed, won and lost."""

from typing import Any

import pytest
import stripe

from tests.providers.sandbox.stripe.conftest import Platform

FRAUD, NOT_RECEIVED, INQUIRY = "4000000000000259", "4000000000002685", "4000000000001976"


def disputed(platform: Platform, card: str = FRAUD, amount: int = 4000) -> Any:
    """The dispute that follows a payment with this card."""
    intent = platform.act("take_payment", amount=amount, card=card)
    platform.pass_days(0.01)
    [dispute] = platform.v1.disputes.list({"payment_intent": intent["id"]}, platform.as_bakery).data
    return dispute


def answer(platform: Platform, dispute: Any, text: str, **more: Any) -> Any:
    params = {"evidence": {"uncategorized_text": text}, **more}
    return platform.v1.disputes.update(dispute.id, params, platform.as_bakery)


def test_dispute_card_pays_and_is_disputed_and_the_money_leaves(platform: Platform) -> None:
    dispute = disputed(platform)
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "fraudulent", 4000)
    assert dispute.evidence_details.due_by == dispute.created + 7 * 86400
    charge = platform.v1.charges.retrieve(dispute.charge, {}, platform.as_bakery)
    assert charge.disputed
    rows = platform.v1.balance_transactions.list({"source": dispute.id}, platform.as_bakery).data
    assert [(row.type, row.reporting_category, row.amount, row.fee) for row in rows] == [("adjustment", "dispute", -4000, 1500)]
    assert platform.event_types("charge.dispute.*") == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]


def test_reason_follows_the_card(platform: Platform) -> None:
    assert disputed(platform, NOT_RECEIVED).reason == "product_not_received"


@pytest.mark.parametrize(("text", "outcome", "back"), [("winning_evidence", "won", 4000), ("losing_evidence", "lost", 0)])
def test_submitted_evidence_decides(platform: Platform, text: str, outcome: str, back: int) -> None:
    dispute = disputed(platform)
    sent = answer(platform, dispute, text)
    assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
    platform.pass_days(0.01)
    done = platform.v1.disputes.retrieve(dispute.id, {}, platform.as_bakery)
    assert done.status == outcome
    assert sum(row.amount for row in done.balance_transactions) == back - 4000
    events = platform.event_types("charge.dispute.*")
    assert events[-1] == "charge.dispute.closed"
    assert ("charge.dispute.funds_reinstated" in events) == (outcome == "won")


def test_staged_evidence_is_not_submitted(platform: Platform) -> None:
    dispute = disputed(platform)
    kept = answer(platform, dispute, "winning_evidence", submit=False)
    assert (kept.status, kept.evidence_details.has_evidence, kept.evidence_details.submission_count) == (
        "needs_response",
        True,
        0,
    )
    assert platform.v1.disputes.update(dispute.id, {"submit": True}, platform.as_bakery).status == "under_review"


def test_other_evidence_waits_for_the_bank(platform: Platform) -> None:
    dispute = disputed(platform)
    answer(platform, dispute, "We have a signature")
    platform.pass_days(30)
    assert platform.v1.disputes.retrieve(dispute.id, {}, platform.as_bakery).status == "under_review"
    assert platform.act("resolve_dispute", dispute_id=dispute.id, outcome="won")["status"] == "won"


def test_missed_deadline_loses(platform: Platform) -> None:
    dispute = disputed(platform)
    platform.pass_days(8)
    lost = platform.v1.disputes.retrieve(dispute.id, {}, platform.as_bakery)
    assert (lost.status, lost.evidence_details.past_due) == ("lost", True)
    with pytest.raises(stripe.InvalidRequestError):
        answer(platform, dispute, "winning_evidence")


def test_closing_gives_in(platform: Platform) -> None:
    dispute = disputed(platform)
    assert platform.v1.disputes.close(dispute.id, {}, platform.as_bakery).status == "lost"


def test_inquiry_takes_no_money_and_ends_quietly(platform: Platform) -> None:
    dispute = disputed(platform, INQUIRY)
    assert (dispute.status, dispute.is_charge_refundable, dispute.balance_transactions) == ("warning_needs_response", True, [])
    assert answer(platform, dispute, "see receipt").status == "warning_under_review"
    platform.act("resolve_dispute", dispute_id=dispute.id, outcome="warning_closed")
    charge = platform.v1.charges.retrieve(dispute.charge, {}, platform.as_bakery)
    assert not charge.disputed


def test_inquiry_can_escalate(platform: Platform) -> None:
    dispute = disputed(platform, INQUIRY)
    answer(platform, dispute, "escalate_inquiry_evidence")
    platform.pass_days(0.01)
    worse = platform.v1.disputes.retrieve(dispute.id, {}, platform.as_bakery)
    assert (worse.status, len(worse.balance_transactions)) == ("needs_response", 1)


def test_any_payment_can_be_disputed_once(platform: Platform) -> None:
    intent = platform.act("take_payment", amount=900)
    assert platform.act("dispute", payment_intent=intent["id"])["status"] == "needs_response"
    refused = platform.http.post(
        "/_twin/act",
        json={"account_id": "acct_1SandboxBakery0001", "action": "dispute", "payment_intent": intent["id"]},
    )
    assert refused.status_code == 400
