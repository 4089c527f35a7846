"""Disputes: made by test cards, answered with evidence, decided by the bank; /v1/disputes.

Texts that decide a test dispute are documented (Stripe docs: testing#disputes): `winning_evidence`, `losing_evidence` and, for an
inquiry, `escalate_inquiry_evidence` as uncategorized_text. Other evidence stays under review until POST /_twin/act resolves it.
"""

from typing import Any

from providers.sandbox.stripe.balance import book
from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.cards import TestCard
from providers.sandbox.stripe.charges import existing_charge, on_charge_success
from providers.sandbox.stripe.errors import no_such, wrong_state
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.params import blank_to_none, merged_metadata
from providers.sandbox.stripe.store import Record

ANSWER_DAYS = 7
INQUIRY_DAYS = 20
DISPUTE_FEE_MINOR_UNITS = 1500
OPEN = ("needs_response", "warning_needs_response")
UNDER_REVIEW = {"needs_response": "under_review", "warning_needs_response": "warning_under_review"}
REASON_CODES = {"fraudulent": "10.4", "product_not_received": "13.1", "general": "13.7"}
EVIDENCE_FIELDS = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)


def dispute_record(dispute_id: str, charge: Record, *, reason: str, inquiry: bool, created: int, network: str) -> Record:
    """An unanswered dispute without its balance transactions. network: the card's brand."""
    return {
        "id": dispute_id,
        "object": "dispute",
        "amount": charge["amount"] - charge["amount_refunded"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": created,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE_FIELDS), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": created + (INQUIRY_DAYS if inquiry else ANSWER_DAYS) * 86400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": inquiry,
        "livemode": charge["livemode"],
        "metadata": {},
        "network_reason_code": REASON_CODES[reason],
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": network,
                "case_type": "inquiry" if inquiry else "chargeback",
                "network": network,
                "network_reason_code": REASON_CODES[reason],
            },
            "type": "card",
        },
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }


def open_dispute(call: Call, charge_id: str, reason: str, *, inquiry: bool = False) -> Record:
    """The bank disputes a charge: charge.dispute.created, and unless it only inquires, the money leaves at once."""
    charge = existing_charge(call, charge_id)
    if charge["status"] != "succeeded" or charge["refunded"] or charge["disputed"]:
        raise wrong_state(f"Charge {charge_id} cannot be disputed: it failed, is refunded or is disputed already.")
    card = charge["payment_method_details"].get("card") or charge["payment_method_details"].get("card_present") or {}
    dispute = dispute_record(
        new_id("du_1", length=23),
        charge,
        reason=reason,
        inquiry=inquiry,
        created=call.now,
        network=card.get("network") or "visa",
    )
    if not inquiry:
        _withdraw(call, dispute)
    call.store.disputes.put(dispute)
    _mark_charge(call, charge, disputed=True)
    emit(call, "charge.dispute.created", dispute)
    if not inquiry:
        emit(call, "charge.dispute.funds_withdrawn", dispute)
    due_by = dispute["evidence_details"]["due_by"]
    call.plan(due_by + 1, lambda later: _miss(later, dispute["id"]))
    return dispute


def resolve(call: Call, dispute_id: str, outcome: str) -> Record:
    """The bank decides: won, lost or, for an inquiry, warning_closed; `needs_response` turns an inquiry into a chargeback."""
    before, dispute = existing_dispute(call, dispute_id), existing_dispute(call, dispute_id)
    if dispute["status"] in ("won", "lost", "warning_closed", "prevented"):
        raise wrong_state(f"This dispute is already closed; its status is {dispute['status']}.")
    inquiry = dispute["status"].startswith("warning_")
    if outcome == "needs_response" and inquiry:
        return _escalate(call, dispute, before)
    if outcome not in (("warning_closed", "lost") if inquiry else ("won", "lost")):
        raise wrong_state(f"A dispute that is {dispute['status']} cannot become {outcome}.")
    dispute["status"] = outcome
    if outcome == "won":
        transaction = book(
            call,
            kind="adjustment",
            amount=dispute["amount"],
            currency=dispute["currency"],
            source=dispute["id"],
            category="dispute_reversal",
            description=f"Chargeback reversal for {dispute['charge']}",
        )
        dispute["balance_transactions"] = [*dispute["balance_transactions"], transaction]
    call.store.disputes.put(dispute)
    if outcome in ("won", "warning_closed"):
        _mark_charge(call, existing_charge(call, dispute["charge"]), disputed=outcome == "won")
    emit(call, "charge.dispute.updated", dispute, before=before)
    if outcome == "won":
        emit(call, "charge.dispute.funds_reinstated", dispute)
    emit(call, "charge.dispute.closed", dispute)
    return dispute


def existing_dispute(call: Call, dispute_id: str) -> Record:
    dispute = call.store.disputes.get(dispute_id)
    if dispute is None:
        raise no_such("dispute", dispute_id, param="dispute")
    return dispute


@operation("GET /v1/disputes")
def list_disputes(call: Call) -> bytes:
    equal = {name: call.params.get(name) for name in ("charge", "payment_intent")}
    return list_answer(call, call.store.disputes, equal=equal)


@operation("GET /v1/disputes/{dispute}")
def get_dispute(call: Call) -> Record:
    return existing_dispute(call, call.ids["dispute"])


@operation("POST /v1/disputes/{dispute}")
def update_dispute(call: Call) -> Record:
    """Evidence is submitted unless submit=false, which only keeps it."""
    before, dispute, params = get_dispute(call), get_dispute(call), call.params
    if "metadata" in params:
        dispute["metadata"] = merged_metadata(dispute["metadata"], params["metadata"])
    submits = params.get("submit", "evidence" in params)
    if "evidence" in params or params.get("submit"):
        if dispute["status"] not in OPEN:
            raise wrong_state(f"This dispute is {dispute['status']}; evidence can no longer be changed.")
        _keep_evidence(dispute, params.get("evidence") or {})
        if submits:
            _submit(call, dispute)
    call.store.disputes.put(dispute)
    emit(call, "charge.dispute.updated", dispute, before=before)
    return dispute


@operation("POST /v1/disputes/{dispute}/close")
def close_dispute(call: Call) -> Record:
    """The merchant gives in; an inquiry ends without a loss on record."""
    dispute = get_dispute(call)
    if dispute["status"] not in OPEN:
        raise wrong_state(f"This dispute cannot be closed because it is {dispute['status']}.")
    return resolve(call, dispute["id"], "lost")


def _keep_evidence(dispute: Record, given: dict[str, Any]) -> None:
    for name, value in given.items():
        dispute["evidence"][name] = ({} if name == "enhanced_evidence" else None) if value == "" else blank_to_none(value)
    dispute["evidence_details"]["has_evidence"] = any(dispute["evidence"][name] for name in EVIDENCE_FIELDS)


def _submit(call: Call, dispute: Record) -> None:
    details = dispute["evidence_details"]
    details |= {"submission_count": details["submission_count"] + 1, "submission_method": "manual"}
    dispute["status"] = UNDER_REVIEW[dispute["status"]]
    inquiry = dispute["status"] == "warning_under_review"
    text = dispute["evidence"]["uncategorized_text"]
    outcome = {
        "winning_evidence": "warning_closed" if inquiry else "won",
        "losing_evidence": "lost",
        "escalate_inquiry_evidence": "needs_response" if inquiry else None,
    }.get(text or "")
    if outcome is not None:
        call.plan(call.now + call.world.options.dispute_lag_seconds, lambda later: _decide(later, dispute["id"], outcome))


def _decide(call: Call, dispute_id: str, outcome: str) -> None:
    dispute = call.store.disputes.get(dispute_id)
    if dispute is not None and dispute["status"] in UNDER_REVIEW.values():
        resolve(call, dispute_id, outcome)


def _miss(call: Call, dispute_id: str) -> None:
    """The deadline passed without an answer: lost, or an inquiry that came to nothing."""
    dispute = call.store.disputes.get(dispute_id)
    if dispute is None or dispute["status"] not in OPEN or call.now <= dispute["evidence_details"]["due_by"]:
        return
    inquiry = dispute["status"] == "warning_needs_response"
    dispute["evidence_details"]["past_due"] = not dispute["evidence_details"]["submission_count"]
    call.store.disputes.put(dispute)
    resolve(call, dispute_id, "warning_closed" if inquiry else "lost")


def _escalate(call: Call, dispute: Record, before: Record) -> Record:
    dispute |= {"status": "needs_response", "is_charge_refundable": False}
    dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
    dispute["evidence_details"]["due_by"] = call.now + ANSWER_DAYS * 86400
    _withdraw(call, dispute)
    call.store.disputes.put(dispute)
    emit(call, "charge.dispute.updated", dispute, before=before)
    emit(call, "charge.dispute.funds_withdrawn", dispute)
    call.plan(dispute["evidence_details"]["due_by"] + 1, lambda later: _miss(later, dispute["id"]))
    return dispute


def _withdraw(call: Call, dispute: Record) -> None:
    transaction = book(
        call,
        kind="adjustment",
        amount=-dispute["amount"],
        currency=dispute["currency"],
        source=dispute["id"],
        fee=DISPUTE_FEE_MINOR_UNITS,
        fee_text="Dispute fee",
        category="dispute",
        description=f"Chargeback withdrawal for {dispute['charge']}",
    )
    dispute["balance_transactions"] = [*dispute["balance_transactions"], transaction]


def _mark_charge(call: Call, charge: Record, *, disputed: bool) -> None:
    before = dict(charge)
    charge["disputed"] = disputed
    call.store.charges.put(charge)
    emit(call, "charge.updated", charge, before=before)


def _by_card(call: Call, charge: Record, card: TestCard) -> None:
    if card.dispute is None:
        return
    reason, inquiry = card.dispute, card.inquiry

    def due(later: Call) -> None:
        current = later.store.charges.get(charge["id"])
        if current is not None and current["captured"] and not current["disputed"] and not current["refunded"]:
            open_dispute(later, charge["id"], reason, inquiry=inquiry)

    call.plan(call.now + call.world.options.dispute_lag_seconds, due)


on_charge_success.append(_by_card)
