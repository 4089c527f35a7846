"""Payment intents, charges, balance transactions, saved cards and refunds of the Stripe twin."""

from typing import Any

import pytest
import stripe

from tests.providers.sandbox.receiver import Receiver, wait_until
from tests.providers.sandbox.stripe.conftest import Platform


def pay(platform: Platform, **params: Any) -> Any:
    wanted = {"amount": 10_000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True, **params}
    return platform.v1.payment_intents.create(wanted, platform.as_bakery)


def declined(platform: Platform, **params: Any) -> stripe.CardError:
    with pytest.raises(stripe.CardError) as caught:
        pay(platform, **params)
    return caught.value


def test_confirmed_intent_succeeds_with_a_charge_and_no_invoice_field(platform: Platform) -> None:
    intent = pay(platform, metadata={"hub": "1"}, expand=["latest_charge"])
    assert (intent.status, intent.amount_received, intent.latest_charge.paid) == ("succeeded", 10_000, True)
    assert intent.latest_charge.metadata.to_dict() == {"hub": "1"}
    assert "invoice" not in intent.to_dict()


def test_fee_arrives_late_with_charge_updated(platform: Platform, receiver: Receiver) -> None:
    platform.control("clock", frozen=True)
    platform.endpoint(receiver, "charge.updated")
    intent = pay(platform, expand=["latest_charge"])
    assert intent.latest_charge.balance_transaction is None
    platform.control("clock", advance_seconds=2)
    event = receiver.wait_for_type("charge.updated")
    assert event["data"]["previous_attributes"] == {"balance_transaction": None}
    assert event["request"] == {"id": None, "idempotency_key": None}
    charge = platform.v1.charges.retrieve(intent.latest_charge.id, {"expand": ["balance_transaction"]}, platform.as_bakery)
    booked = charge.balance_transaction
    assert (booked.amount, booked.fee, booked.net, booked.type) == (10_000, 320, 9_680, "charge")


def test_synchronous_capture_has_its_fee_at_once(platform: Platform) -> None:
    intent = pay(platform, capture_method="automatic", expand=["latest_charge.balance_transaction"])
    assert intent.latest_charge.balance_transaction.fee == 320


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
    ],
)
def test_decline_is_402_and_the_intent_wants_another_method(
    platform: Platform, method: str, code: str, decline_code: str | None
) -> None:
    error = declined(platform, payment_method=method)
    assert error.error is not None
    assert error.error.payment_intent is not None
    assert (error.http_status, error.code, error.error.decline_code) == (402, code, decline_code)
    intent = platform.v1.payment_intents.retrieve(error.error.payment_intent.id, {}, platform.as_bakery)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error.code == code
    assert platform.v1.charges.list({}, platform.as_bakery).data[0].status == "failed"


def test_off_session_three_d_secure_is_declined_and_on_session_asks(platform: Platform) -> None:
    assert declined(platform, payment_method="pm_card_authenticationRequired", off_session=True).code == "authentication_required"
    intent = pay(platform, payment_method="pm_card_authenticationRequired", return_url="http://127.0.0.1:1/back")
    assert intent.status == "requires_action"
    answer = platform.http.post(intent.next_action.redirect_to_url.url, data={"decision": "complete"})
    assert answer.headers["Location"].startswith("http://127.0.0.1:1/back?payment_intent=pi_")
    assert platform.v1.payment_intents.retrieve(intent.id, {}, platform.as_bakery).status == "succeeded"


def test_manual_capture_holds_then_takes_a_part(platform: Platform) -> None:
    intent = pay(platform, capture_method="manual")
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 10_000)
    captured = platform.v1.payment_intents.capture(intent.id, {"amount_to_capture": 4_000}, platform.as_bakery)
    assert (captured.status, captured.amount_received) == ("succeeded", 4_000)


def test_states_refuse_what_is_too_late(platform: Platform) -> None:
    intent = pay(platform)
    for call in (platform.v1.payment_intents.cancel, platform.v1.payment_intents.confirm):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            call(intent.id, {}, platform.as_bakery)
        assert caught.value.code == "payment_intent_unexpected_state"
    waiting = platform.v1.payment_intents.create({"amount": 500, "currency": "usd"}, platform.as_bakery)
    assert platform.v1.payment_intents.cancel(waiting.id, {}, platform.as_bakery).status == "canceled"


def test_declined_cards_cannot_be_saved_and_saved_ones_are_listed(platform: Platform) -> None:
    customer = platform.customer()
    with pytest.raises(stripe.CardError):
        platform.v1.payment_methods.attach("pm_card_visa_chargeDeclined", {"customer": customer.id}, platform.as_bakery)
    saved = platform.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id}, platform.as_bakery)
    listed = platform.v1.payment_methods.list({"customer": customer.id, "type": "card"}, platform.as_bakery).data
    assert [method.id for method in listed] == [saved.id]
    intent = pay(platform, payment_method=saved.id, customer=customer.id, off_session=True)
    assert (intent.status, intent.customer) == ("succeeded", customer.id)


def test_setup_intent_saves_a_card(platform: Platform) -> None:
    customer = platform.customer()
    params = {
        "customer": customer.id,
        "payment_method": "pm_card_mastercard",
        "confirm": True,
        "return_url": "http://127.0.0.1:1/",
    }
    intent = platform.v1.setup_intents.create(params, platform.as_bakery)
    assert intent.status == "succeeded"
    assert platform.v1.payment_methods.retrieve(intent.payment_method, {}, platform.as_bakery).customer == customer.id


def test_in_person_payment_is_card_present_without_customer_or_invoice(platform: Platform) -> None:
    taken = platform.act("take_payment", amount=1250, in_person=True)
    charge = platform.v1.charges.retrieve(taken["latest_charge"], {}, platform.as_bakery)
    assert (charge.payment_method_details.type, charge.customer, charge.amount) == ("card_present", None, 1250)


def test_partial_refunds_add_up_and_only_the_full_one_sets_refunded(platform: Platform, receiver: Receiver) -> None:
    platform.endpoint(receiver, "charge.refunded", "refund.created")
    intent = pay(platform)
    platform.v1.refunds.create({"payment_intent": intent.id, "amount": 3_000}, platform.as_bakery)
    charge = platform.v1.charges.retrieve(intent.latest_charge, {}, platform.as_bakery)
    assert (charge.amount_refunded, charge.refunded) == (3_000, False)
    with pytest.raises(stripe.InvalidRequestError):
        platform.v1.refunds.create({"payment_intent": intent.id, "amount": 7_001}, platform.as_bakery)
    rest = platform.v1.refunds.create({"charge": intent.latest_charge, "expand": ["balance_transaction"]}, platform.as_bakery)
    assert (rest.amount, rest.balance_transaction.amount, rest.balance_transaction.fee) == (7_000, -7_000, 0)
    assert platform.v1.charges.retrieve(intent.latest_charge, {}, platform.as_bakery).refunded is True
    with pytest.raises(stripe.InvalidRequestError) as caught:
        platform.v1.refunds.create({"payment_intent": intent.id}, platform.as_bakery)
    assert caught.value.code == "charge_already_refunded"
    receiver.wait_for(4)
    assert receiver.types().count("charge.refunded") == 2


def test_refund_may_fail_later_and_give_the_money_back(platform: Platform, receiver: Receiver) -> None:
    platform.endpoint(receiver, "refund.failed")
    intent = pay(platform, payment_method="pm_card_refundFail")
    refund = platform.v1.refunds.create({"payment_intent": intent.id}, platform.as_bakery)
    assert refund.status == "succeeded"
    platform.control("clock", advance_seconds=10)
    assert receiver.wait_for_type("refund.failed")["data"]["object"]["failure_balance_transaction"].startswith("txn_")
    assert platform.v1.charges.retrieve(intent.latest_charge, {}, platform.as_bakery).amount_refunded == 0


def test_refund_may_be_pending_first(platform: Platform) -> None:
    intent = pay(platform, payment_method="pm_card_pendingRefund")
    refund = platform.v1.refunds.create({"payment_intent": intent.id}, platform.as_bakery)
    assert refund.status == "pending"
    platform.control("clock", advance_seconds=10)
    wait_until(lambda: platform.v1.refunds.retrieve(refund.id, {}, platform.as_bakery).status == "succeeded")


def test_refund_has_no_livemode_and_lists_by_intent(platform: Platform) -> None:
    first, second = pay(platform), pay(platform)
    refund = platform.v1.refunds.create({"payment_intent": first.id, "reason": "duplicate"}, platform.as_bakery)
    platform.v1.refunds.create({"payment_intent": second.id}, platform.as_bakery)
    assert "livemode" not in refund.to_dict()
    listed = platform.v1.refunds.list({"payment_intent": first.id}, platform.as_bakery).data
    assert [found.id for found in listed] == [refund.id]
