"""What is GoCardless's own, beside the shared suite. Against the twin."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import orjson
import pytest

from providers import drift
from providers.contract import Verb
from providers.errors import RateLimited, RecordNotFound, Rejected
from providers.gocardless import mapping
from providers.gocardless.account import OUR_CREATES_REACH
from providers.gocardless.errors import Intent, translate
from providers.records import (
    Customer,
    LinkStatus,
    Money,
    Payment,
    PaymentDraft,
    PaymentLink,
    PaymentLinkDraft,
    PaymentMethod,
    PaymentStatus,
    Refund,
    RefundDraft,
    RefundStatus,
)
from tests.contract.scene import Scene, new_key, new_reference
from tests.providers.gocardless.harness import Harness, build
from tests.providers.sandbox.receiver import receiving

NOW = datetime(2026, 11, 25, tzinfo=UTC)
DAY_SECONDS = 86_400


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    with build() as harness:
        yield harness


@pytest.fixture
def scene(harness: Harness) -> Scene:
    return Scene(harness)


def test_second_part_of_a_payment_is_refunded_though_the_sum_must_be_told(scene: Scene, harness: Harness) -> None:
    [payment_id] = harness.seed(Payment, 1)
    for amount in (300, 400):
        scene.account.create(RefundDraft(payment_id=payment_id, amount=Money(amount, "GBP")), key=new_key())
    assert scene.account.get(Payment, payment_id).refunded == Money(700, "GBP")


def test_refund_that_bounced_has_failed_and_leaves_room_for_another(scene: Scene, harness: Harness) -> None:
    [payment_id] = harness.seed(Payment, 1)
    whole = scene.account.get(Payment, payment_id).amount
    lost = scene.account.create(RefundDraft(payment_id=payment_id, amount=whole), key=new_key())
    harness.act("refund_bounce", id=lost.id)
    assert scene.account.get(Refund, lost.id).status is RefundStatus.FAILED
    assert scene.account.create(RefundDraft(payment_id=payment_id, amount=whole), key=new_key()).id != lost.id


def test_payment_on_a_mandate_that_ended_is_refused_in_words(scene: Scene, harness: Harness) -> None:
    [mandate] = harness.seed(PaymentMethod, 1)
    harness.act("mandate_cancel", id=mandate)
    assert scene.account.get(PaymentMethod, mandate).enabled is False
    with pytest.raises(Rejected) as refused:
        scene.account.create(PaymentDraft(amount=Money(500, "GBP"), source=mandate), key=new_key())
    assert refused.value.code == "mandate_is_inactive"
    assert "mandate is no longer active" in refused.value.detail


def test_payment_that_was_charged_back_is_lost_and_disputed(scene: Scene, harness: Harness) -> None:
    [payment_id] = harness.seed(Payment, 1)
    harness.act("payment_charge_back", id=payment_id)
    found = scene.account.get(Payment, payment_id)
    assert (found.status, found.disputed, found.failure) == (PaymentStatus.FAILED, True, "charged_back")


def test_link_is_told_with_a_new_address_at_each_look_and_leads_back_to_us(scene: Scene, harness: Harness) -> None:
    draft = PaymentLinkDraft(amount=Money(700, "GBP"), description="Tap", return_url="https://hub.example/back")
    made = scene.account.create(draft, key=new_key())
    again = scene.account.get(PaymentLink, made.id)
    assert made.url
    assert again.url
    assert made.url != again.url
    page = harness.twin.http.get(made.url)
    assert "Corner Shop" in page.text
    paid = harness.twin.http.post(made.url, data={"decision": "pay", "given_name": "Ada", "family_name": "Lovelace"})
    assert paid.headers["location"].startswith("https://hub.example/back?")
    found = scene.account.get(PaymentLink, made.id)
    assert (found.status, found.url) == (LinkStatus.PAID, None)


@pytest.mark.parametrize("currency", ["JPY", "CHF"])
def test_currency_that_is_not_collected_is_refused_without_a_request(scene: Scene, harness: Harness, currency: str) -> None:
    draft, seen = PaymentLinkDraft(amount=Money(100, currency), description="Tap"), harness.requests()
    with pytest.raises(Rejected):
        scene.account.create(draft, key=new_key())
    assert harness.requests() == seen


def test_id_that_could_leave_its_path_is_not_sent(scene: Scene, harness: Harness) -> None:
    seen = harness.requests()
    for id in ("../events", "CU1/x", "", "CU1?limit=1"):
        with pytest.raises(RecordNotFound):
            scene.account.get(Customer, id)
    assert harness.requests() == seen


def test_lookup_of_a_reference_ends_at_what_is_too_old_to_be_in_doubt(scene: Scene, harness: Harness) -> None:
    """Else each lookup would read the whole account."""
    with build() as own:
        own.seed(Customer, 250)
        own.twin.control("POST", "clock", {"advance_seconds": OUR_CREATES_REACH.total_seconds() + DAY_SECONDS})
        seen = own.requests()
        assert own.account().find_by_reference(Customer, new_reference()) is None
        assert own.requests() == seen + 1


def test_customer_without_a_whole_name_is_refused_with_the_field(scene: Scene) -> None:
    with pytest.raises(Rejected) as refused:
        scene.account.create(replace(scene.customer_draft(), family_name=None), key=new_key())
    assert refused.value.field == "family_name"


def test_limit_is_waited_out_until_the_time_that_is_named() -> None:
    headers = {"RateLimit-Reset": "Wed, 25 Nov 2026 10:01:00 GMT", "Date": "Wed, 25 Nov 2026 10:00:18 GMT"}
    error = translate(httpx.Response(429, headers=headers, content=b"{}"), Intent.READ)
    assert isinstance(error, RateLimited)
    assert error.retry_after_seconds == 42


def test_words_of_tomorrow_are_unknown_counted_and_break_nothing() -> None:
    drift.forget()
    raw = {"id": "PM1", "status": "teleported", "amount": 5, "currency": "GBP", "links": None, "metadata": None}
    assert mapping.payment(raw, as_of=NOW).status is PaymentStatus.UNKNOWN
    assert mapping.refund(raw, as_of=NOW).status is RefundStatus.UNKNOWN
    assert mapping.link(raw, as_of=NOW).status is LinkStatus.UNKNOWN
    assert mapping.mandate({"id": "MD1"}, as_of=NOW).enabled is False
    assert mapping.customer({"id": "CU1"}, as_of=NOW).email == ""
    assert {(one.kind, one.word) for one in drift.take()} == {
        (noun, "teleported") for noun in ("payment", "refund", "billing_request")
    }


def test_link_that_was_paid_cannot_be_canceled_and_its_reason_is_told(scene: Scene, harness: Harness) -> None:
    link = scene.account.create(scene.link_draft(), key=new_key())
    harness.pay_link(link.id)
    with pytest.raises(Rejected, match="too late"):
        scene.perform(Verb.CANCEL, link)


def test_twin_delivers_what_the_clock_brings_signed_and_together() -> None:
    """Three days on: the payments are submitted, then confirmed."""
    with build() as harness, receiving() as receiver:
        harness.twin.control("POST", "settings", {"webhook_url": receiver.url})
        [mandate] = harness.seed(PaymentMethod, 1)
        made = harness.account().create(PaymentDraft(amount=Money(900, "GBP"), source=mandate), key=new_key())
        harness.twin.control("POST", "clock", {"advance_seconds": 3 * DAY_SECONDS + 60})
        assert harness.twin.control("GET", "deliveries?wait=5")["idle"]
        assert harness.account().get(Payment, made.id).status is PaymentStatus.SUCCEEDED
        told = []
        for received in receiver.received:
            wanted = hmac.digest(harness.twin.ready["webhook_secret"].encode(), received.body, hashlib.sha256).hex()
            assert received.headers["Webhook-Signature"] == wanted
            told += [event["action"] for event in orjson.loads(received.body)["events"]]
        assert told == ["created", "submitted", "confirmed"]
