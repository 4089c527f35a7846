"""Disputes: evidence before the deadline, decisions on the clock, money back and forth."""

from typing import Any

import pytest

from tests.providers.sandbox.square.receiver import Receiver
from tests.providers.sandbox.square.shop import NO_RETRIES, Shop, only_error, usd

DAY = 86_400


def disputed(shop: Shop, amount: int = 5_000, **fields: Any) -> dict[str, Any]:
    payment = shop.payment(amount, key=f"p-{amount}", customer_id=shop.customer()["id"])
    dispute: dict[str, Any] = shop.act("dispute_open", payment_id=payment["id"], **fields)["dispute"]
    return dispute


def state_of(shop: Shop, dispute: dict[str, Any]) -> str:
    return str(shop.get(f"/v2/disputes/{dispute['id']}")["dispute"]["state"])


def test_evidence_is_collected_submitted_and_decided(shop: Shop, receiver: Receiver, eventually: Any) -> None:
    shop.twin.control("settings", dispute_outcome="WON")
    dispute = disputed(shop, reason="NOT_RECEIVED", due_in_days=7)
    assert (dispute["state"], dispute["reason"], dispute["amount_money"]) == ("EVIDENCE_REQUIRED", "NOT_RECEIVED", usd(5_000))
    text = shop.sdk.disputes.create_evidence_text(
        dispute_id=dispute["id"], idempotency_key="e1", evidence_text="1Z9", evidence_type="TRACKING_NUMBER"
    ).evidence
    file = shop.sdk.disputes.create_evidence_file(
        dispute_id=dispute["id"],
        request={"idempotency_key": "e2", "evidence_type": "RECEIPT"},
        image_file=("receipt.png", b"\x89PNG", "image/png"),
        request_options=NO_RETRIES,
    ).evidence
    assert text is not None
    assert file is not None
    assert file.evidence_file is not None
    assert (file.evidence_file.filename, file.evidence_file.filetype) == ("receipt.png", "image/png")
    listed = list(shop.sdk.disputes.evidence.list(dispute["id"]))
    assert [entry.id for entry in listed] == [text.id, file.id]
    assert shop.api.delete(f"/v2/disputes/{dispute['id']}/evidence/{file.id}").json() == {}
    submitted = shop.sdk.disputes.submit_evidence(dispute["id"]).dispute
    assert submitted is not None
    assert (submitted.state, submitted.evidence_ids) == ("PROCESSING", [text.id])
    shop.twin.advance(DAY)
    assert state_of(shop, dispute) == "WON"
    eventually(lambda: len(receiver.of_type("dispute.state.updated")) == 2)
    assert [len(receiver.of_type(f"dispute.evidence.{what}")) for what in ("created", "deleted")] == [2, 1]
    assert receiver.of_type("dispute.created")[0]["data"]["object"]["dispute"]["id"] == dispute["id"]


def test_evidence_after_submission_and_submission_without_evidence_are_refused(shop: Shop) -> None:
    dispute = disputed(shop)
    assert only_error(shop.api.post(f"/v2/disputes/{dispute['id']}/submit-evidence"), 400)["code"] == "BAD_REQUEST"
    body = {"idempotency_key": "e1", "evidence_text": "Delivered"}
    first = shop.post(f"/v2/disputes/{dispute['id']}/evidence-text", body)
    assert shop.post(f"/v2/disputes/{dispute['id']}/evidence-text", body) == first
    shop.post(f"/v2/disputes/{dispute['id']}/submit-evidence", {})
    late = shop.api.post(f"/v2/disputes/{dispute['id']}/evidence-text", json={**body, "idempotency_key": "e2"})
    assert only_error(late, 400)["code"] == "BAD_REQUEST"


def test_missed_deadline_loses(shop: Shop) -> None:
    dispute = disputed(shop, due_in_days=2)
    shop.twin.advance(2 * DAY - 60)
    assert state_of(shop, dispute) == "EVIDENCE_REQUIRED"
    shop.twin.advance(120)
    assert state_of(shop, dispute) == "LOST"


def test_accepted_dispute_is_final(shop: Shop) -> None:
    dispute = disputed(shop)
    accepted = shop.sdk.disputes.accept(dispute["id"]).dispute
    assert accepted is not None
    assert accepted.state == "ACCEPTED"
    assert only_error(shop.api.post(f"/v2/disputes/{dispute['id']}/accept"), 400)["code"] == "BAD_REQUEST"


def test_inquiry_is_closed_and_takes_no_money(shop: Shop) -> None:
    dispute = disputed(shop, inquiry=True)
    assert dispute["state"] == "INQUIRY_EVIDENCE_REQUIRED"
    shop.post(f"/v2/disputes/{dispute['id']}/evidence-text", {"idempotency_key": "e", "evidence_text": "Here"})
    assert shop.post(f"/v2/disputes/{dispute['id']}/submit-evidence", {})["dispute"]["state"] == "INQUIRY_PROCESSING"
    shop.twin.advance(DAY)
    assert state_of(shop, dispute) == "INQUIRY_CLOSED"
    assert [entry["type"] for entry in shop.truth()["unpaid_balance"] + shop.truth()["payout_entries"]] == ["CHARGE"]


def test_list_takes_several_states_and_all_locations(shop: Shop) -> None:
    first, second = disputed(shop, 5_000), disputed(shop, 6_000)
    shop.sdk.disputes.accept(first["id"])
    assert [entry["id"] for entry in shop.get("/v2/disputes")["disputes"]] == [second["id"], first["id"]]
    assert [entry.id for entry in shop.sdk.disputes.list(states="ACCEPTED")] == [first["id"]]
    both = shop.api.get("/v2/disputes?states=ACCEPTED&states=EVIDENCE_REQUIRED").json()["disputes"]
    assert len(both) == 2
    assert shop.get("/v2/disputes", location_id=shop.second) == {}
    assert only_error(shop.api.get("/v2/disputes?states=NEW"), 400)["code"] == "INVALID_ENUM_VALUE"


def test_disputed_payment_stays_completed_and_cannot_be_refunded(shop: Shop) -> None:
    dispute = disputed(shop)
    payment_id = dispute["disputed_payment"]["payment_id"]
    assert shop.get(f"/v2/payments/{payment_id}")["payment"]["status"] == "COMPLETED"
    refused = shop.api.post("/v2/refunds", json={"idempotency_key": "r", "payment_id": payment_id, "amount_money": usd(1)})
    assert only_error(refused, 400)["code"] == "PAYMENT_NOT_REFUNDABLE_DUE_TO_DISPUTE"


@pytest.mark.parametrize(("amount", "reason"), [(8803, "DUPLICATE"), (8806, "NOT_RECEIVED")])
def test_documented_amounts_are_disputed_by_themselves(shop: Shop, amount: int, reason: str) -> None:
    payment = shop.payment(amount, key="k")
    dispute = shop.get("/v2/disputes")["disputes"][0]
    assert (dispute["reason"], dispute["disputed_payment"]["payment_id"]) == (reason, payment["id"])


@pytest.mark.parametrize("mime", ["text/plain", "application/zip"])
def test_evidence_file_of_another_type_is_refused(shop: Shop, mime: str) -> None:
    dispute = disputed(shop)
    parts = {"request": (None, '{"idempotency_key": "e"}', "application/json"), "image_file": ("a", b"x", mime)}
    refused = shop.api.post(f"/v2/disputes/{dispute['id']}/evidence-files", files=parts)
    assert only_error(refused, 400)["code"] == "UNSUPPORTED_MEDIA_TYPE"


def test_schema_key_of_dispute_events_is_a_switch(shop: Shop) -> None:
    shop.twin.control("settings", dispute_event_key="object")
    owner = shop.twin.owner()
    owner.put("/v2/events/enable")
    disputed(shop)
    events = owner.post("/v2/events", json={"query": {"filter": {"event_types": ["dispute.created"]}}}).json()["events"]
    assert list(events[0]["data"]["object"]) == ["object"]
