from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers.errors import Declined, Rejected
from providers.records import (
    Location,
    Money,
    Payment,
    PaymentDraft,
    PaymentMethod,
    PaymentStatus,
    Refund,
    RefundDraft,
    RefundStatus,
    Window,
)
from tests.contract.harness import grant_for
from tests.contract.scene import Scene, new_key
from tests.providers.square.harness import Harness


def sale(square: Harness, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = square.act("pos_sale", **{"amount": 1_250, **more})["payment"]
    return found


def test_sales_of_every_location_are_listed_and_not_only_the_main_ones(square: Harness) -> None:
    ids = {location.id for location in square.account().list(Location).records}
    sold = {sale(square, location_id=id)["id"]: id for id in ids}
    listed = {payment.id: payment.location_id for payment in Scene(square).everything(Payment)}
    assert listed == sold


def test_sale_at_the_till_has_tip_card_and_no_invoice(square: Harness) -> None:
    sold = sale(square, amount=1_000, tip=200)
    payment = square.account().get(Payment, sold["id"])
    assert (payment.amount, payment.tip) == (Money(1_200, "USD"), Money(200, "USD"))
    assert (payment.status, payment.method, payment.card_last4) == (PaymentStatus.SUCCEEDED, "card", "1111")
    assert payment.invoice_ids == ()
    assert square.account().get(Payment, sale(square, method="cash")["id"]).method == "cash"


def test_payment_changed_lately_is_found_although_it_is_older_than_a_year(lonely: Harness) -> None:
    """ListPayments shows one year of creation unless told otherwise, whatever change is asked for."""
    old = sale(lonely)["id"]
    lonely.twin.control("POST", "clock", {"advance_seconds": 400 * 86_400})
    lonely.credentials = lonely.provider.exchange(lonely.new_callback("again"), grant_for(lonely.provider, "again"))
    since = lonely.account().get(Payment, old).as_of
    lonely.edit(Payment, old)
    lonely.twin.control("POST", "clock", {"advance_seconds": 5})  # the refund is through, and with it the payment changed
    assert [payment.id for payment in Scene(lonely).everything(Payment, changed_since=since)] == [old]
    assert old in {payment.id for payment in Scene(lonely).everything(Payment)}
    refunds = Scene(lonely).everything(Refund)
    assert [refund.payment_id for refund in refunds] == [old]


def test_fee_that_comes_later_is_none_first_and_then_known(lonely: Harness) -> None:
    lonely.twin.control("POST", "settings", {"fee_delay_seconds": 30.0})
    payment = lonely.account().get(Payment, sale(lonely)["id"])
    assert payment.fee is None
    lonely.twin.control("POST", "clock", {"advance_seconds": 31})
    later = lonely.account().get(Payment, payment.id)
    deadline = 50
    while later.fee is None and deadline:
        later, deadline = lonely.account().get(Payment, payment.id), deadline - 1
    assert later.fee is not None
    assert later.fee.minor_units > 0


def test_invoice_cannot_be_paid_through_the_api_and_is_not_tried(square: Harness) -> None:
    account, seen = square.account(), square.requests()
    draft = PaymentDraft(amount=Money(100, "USD"), source="cnon:card-nonce-ok", invoice_id="inv:0-1")
    with pytest.raises(Rejected, match="pay link") as refused:
        account.create(draft, key=new_key())
    assert refused.value.code == "invoice_not_payable_by_api"
    assert square.requests() == seen


def test_payment_in_another_currency_is_refused_before_it_is_tried(square: Harness) -> None:
    with pytest.raises(Rejected, match="USD"):
        square.account().create(PaymentDraft(amount=Money(100, "EUR"), source="cnon:card-nonce-ok"), key=new_key())


@pytest.mark.parametrize("status", [400, 402])
@pytest.mark.parametrize(
    ("source", "code"), [("cnon:card-nonce-declined", "GENERIC_DECLINE"), ("cnon:card-nonce-rejected-cvv", "CVV_FAILURE")]
)
def test_declined_card_is_declined_and_says_why(square: Harness, source: str, code: str, status: int) -> None:
    square.twin.control("POST", "settings", {"decline_status": status})
    with pytest.raises(Declined) as declined:
        square.account().create(PaymentDraft(amount=Money(100, "USD"), source=source), key=new_key())
    assert declined.value.code == code


def test_payment_at_another_location_is_taken_there(square: Harness) -> None:
    away = next(location for location in square.account().list(Location).records if not location.is_main)
    draft = PaymentDraft(
        amount=Money(100, "USD"), source="cnon:card-nonce-ok", location_id=away.id, reference="r-1", description="x"
    )
    made = square.account().create(draft, key=new_key())
    assert (made.location_id, made.reference) == (away.id, "r-1")


def test_refund_is_pending_first_and_then_done(lonely: Harness) -> None:
    lonely.twin.control("POST", "settings", {"refund_delay_seconds": 30.0})
    sold = sale(lonely)
    made = lonely.account().create(RefundDraft(payment_id=sold["id"], amount=Money(250, "USD"), reason="Late"), key=new_key())
    assert (made.status, made.reason) == (RefundStatus.PENDING, "Late")
    lonely.twin.control("POST", "clock", {"advance_seconds": 31})
    tries = 50
    while lonely.account().get(Refund, made.id).status is RefundStatus.PENDING and tries:
        tries -= 1
    assert lonely.account().get(Refund, made.id).status is RefundStatus.SUCCEEDED


def test_refunds_of_all_locations_are_listed_by_window_and_by_change(square: Harness) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    ids = set()
    for location in square.account().list(Location).records:
        sold = sale(square, location_id=location.id)
        ids.add(square.act("payment_refund", payment_id=sold["id"], amount=100)["refund"]["id"])
    scene = Scene(square)
    assert {refund.id for refund in scene.everything(Refund, created=Window(since=since))} == ids
    assert {refund.id for refund in scene.everything(Refund, changed_since=since)} == ids


def test_saved_cards_come_in_pages_of_25_without_their_numbers(square: Harness) -> None:
    ids = set(square.seed(PaymentMethod, 27))
    found = Scene(square).everything(PaymentMethod)
    assert {card.id for card in found} == ids
    assert all(len(card.last4) == 4 and card.brand and card.customer_id for card in found)
