"""Disputes: opened by a buyer's bank, answered with evidence or accepted, decided on the clock."""

from datetime import timedelta
from typing import Any

from providers.sandbox.square import ids, payments, times
from providers.sandbox.square.balance import add_entry
from providers.sandbox.square.errors import bad_request, not_found
from providers.sandbox.square.events import record_event
from providers.sandbox.square.money import amount_of, money
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

ANSWERABLE = ("EVIDENCE_REQUIRED", "INQUIRY_EVIDENCE_REQUIRED")
OPEN = (*ANSWERABLE, "PROCESSING", "INQUIRY_PROCESSING")


def find(seller: Seller, dispute_id: str) -> Record:
    known = seller.disputes.get(dispute_id)
    if known is None:
        raise not_found("Dispute", dispute_id, "dispute_id")
    return known


def opened(
    square: Square, seller: Seller, payment: Record, *, amount: int | None, reason: str, inquiry: bool, days: float
) -> Record:
    """A buyer turned to the bank. inquiry: the bank only asks, the money stays for now. days: until evidence is due."""
    if payment["status"] != "COMPLETED" or payment["source_type"] != "CARD":
        raise bad_request("Only completed card payments can be disputed.", "payment_id")
    if dispute_of(seller, payment["id"]) is not None:
        raise bad_request("The payment is disputed already.", "payment_id")
    dispute = build(square, payment, amount=amount, reason=reason, inquiry=inquiry, days=days)
    seller.disputes.put(dispute, square.clock.timestamp())
    record_event(square, seller, "dispute.created", dispute)
    if not inquiry:
        _move_money(square, seller, dispute, -amount_of(dispute["amount_money"]))
    square.later(days * 86_400.0, lambda: _missed(square, seller, dispute["id"]))
    return dispute


def build(square: Square, payment: Record, *, amount: int | None, reason: str, inquiry: bool, days: float) -> Record:
    """The record of a new dispute, not stored."""
    moment, dispute_id = times.wire(square.now(), 3), ids.dispute()
    currency = payment["total_money"]["currency"]
    return {
        "id": dispute_id,
        "dispute_id": dispute_id,
        "amount_money": money(amount or amount_of(payment["total_money"]), currency),
        "reason": reason,
        "state": "INQUIRY_EVIDENCE_REQUIRED" if inquiry else "EVIDENCE_REQUIRED",
        "due_at": times.wire(square.now() + timedelta(days=days), 3),
        "disputed_payment": {"payment_id": payment["id"]},
        "card_brand": payment["card_details"]["card"]["card_brand"],
        "brand_dispute_id": ids.mixed(22),
        "reported_at": moment,
        "reported_date": moment,
        "created_at": moment,
        "updated_at": moment,
        "version": 1,
        "location_id": payment["location_id"],
    }


def dispute_of(seller: Seller, payment_id: str) -> Record | None:
    """The running dispute about a payment."""
    return next(
        (
            dispute
            for dispute in seller.disputes.records()
            if dispute["disputed_payment"]["payment_id"] == payment_id and dispute["state"] in OPEN
        ),
        None,
    )


def to_state(square: Square, seller: Seller, dispute: Record, state: str) -> Record:
    changed = {**dispute, "state": state, "updated_at": times.wire(square.now(), 3), "version": dispute["version"] + 1}
    seller.disputes.put(changed, square.clock.timestamp())
    record_event(square, seller, "dispute.state.updated", changed)
    return changed


def accept(square: Square, seller: Seller, dispute: Record) -> Record:
    """The seller gives in: the money stays with the buyer."""
    _require_answerable(dispute, "accepted")
    if dispute["state"] == "INQUIRY_EVIDENCE_REQUIRED":
        _move_money(square, seller, dispute, -amount_of(dispute["amount_money"]))
    return to_state(square, seller, dispute, "ACCEPTED")


def submit(square: Square, seller: Seller, dispute: Record) -> Record:
    """Hand the evidence in; the bank decides after the set time."""
    _require_answerable(dispute, "challenged")
    if not seller.evidence.get(dispute["id"]):
        raise bad_request("The dispute has no evidence to submit.", "dispute_id")
    state = "INQUIRY_PROCESSING" if dispute["state"].startswith("INQUIRY") else "PROCESSING"
    changed = to_state(square, seller, dispute, state)
    square.later(square.settings.dispute_decision_seconds, lambda: _decide_later(square, seller, dispute["id"]))
    return changed


def _require_answerable(dispute: Record, what: str) -> None:
    if dispute["state"] not in ANSWERABLE:
        raise bad_request(f"A dispute in state {dispute['state']} cannot be {what}.", "dispute_id")


def _decide_later(square: Square, seller: Seller, dispute_id: str) -> None:
    dispute = find(seller, dispute_id)
    if dispute["state"] in ("PROCESSING", "INQUIRY_PROCESSING"):
        decide(square, seller, dispute, square.settings.dispute_outcome)


def decide(square: Square, seller: Seller, dispute: Record, outcome: str) -> Record:
    """outcome: WON or LOST; an inquiry is only closed."""
    if dispute["state"].startswith("INQUIRY"):
        return to_state(square, seller, dispute, "INQUIRY_CLOSED")
    changed = to_state(square, seller, dispute, outcome)
    if outcome == "WON":
        _move_money(square, seller, dispute, amount_of(dispute["amount_money"]))
    return changed


def _missed(square: Square, seller: Seller, dispute_id: str) -> None:
    """Nobody answered in time."""
    dispute = find(seller, dispute_id)
    if dispute["state"] in ANSWERABLE:
        decide(square, seller, dispute, "LOST")


def _move_money(square: Square, seller: Seller, dispute: Record, amount: int) -> None:
    payment = payments.find(seller, dispute["disputed_payment"]["payment_id"])
    details: dict[str, Any] = {"payment_id": payment["id"], "dispute_id": dispute["id"]}
    currency = dispute["amount_money"]["currency"]
    add_entry(square, seller, dispute["location_id"], "DISPUTE", gross=amount, fee=0, currency=currency, details=details)
