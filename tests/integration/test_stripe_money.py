"""Money at Stripe as it really goes: late fees, refunds that fail, parts, saved cards."""

from __future__ import annotations

import pytest

from hub import queue
from hub.ledger import balances
from hub.models import Payment, Refund
from tests.integration.scene import Scene, Shop

REFUND_FAILS_LATER = "4000000000005126"


@pytest.fixture
def shop(scene: Scene) -> Shop:
    connected = scene.connect("stripe")
    queue.run_pending()
    return connected


def invoice_of(shop: Shop, amount: int = 12_500, **more: object) -> str:
    customer_id = shop.act("create_customer", name="Ada Byron", email="ada@example.com")["id"]
    return str(shop.act("create_invoice", customer_id=customer_id, amount=amount, **more)["id"])


def test_fee_that_comes_after_the_payment_is_taken_over(shop: Shop) -> None:
    external_id = invoice_of(shop)
    shop.act("pay_invoice", invoice_id=external_id)
    fee = shop.until("the payment's fee", lambda: next((p.fee for p in shop.rows(Payment) if p.fee is not None), None))
    assert fee == shop.truth()["balance_transactions"][0]["fee"]


def test_refund_that_fails_later_gives_nothing_back(shop: Shop) -> None:
    external_id = invoice_of(shop)
    shop.act("pay_invoice", invoice_id=external_id, card=REFUND_FAILS_LATER)
    shop.hear()
    (payment_id,) = shop.remotes("payment")
    refund_id = shop.act("refund", payment_intent=payment_id)["id"]
    shop.hear()
    before = shop.balance(external_id)
    if shop.row(Refund).status != "failed":
        assert before.refunded == 12_500
        shop.act("fail_refund", refund_id=refund_id)
        shop.hear()
    refund = shop.row(Refund)
    assert refund.status == "failed"
    assert refund.failure
    assert (shop.balance(external_id).paid, shop.balance(external_id).refunded) == (12_500, 0)


def test_payments_of_parts_add_up(shop: Shop) -> None:
    external_id = invoice_of(shop)
    shop.act("pay_invoice_part", invoice_id=external_id, amount=5_000)
    shop.hear()
    invoice = shop.invoice(external_id)
    assert invoice is not None
    assert (invoice.status, shop.balance(external_id).due) == ("partially_paid", 7_500)
    shop.act("pay_invoice_part", invoice_id=external_id, amount=7_500)
    shop.hear()
    invoice = shop.invoice(external_id)
    assert invoice is not None
    assert (invoice.status, shop.balance(external_id).paid, shop.balance(external_id).due) == ("paid", 12_500, 0)
    assert sorted(payment.amount for payment in shop.rows(Payment, status="succeeded")) == [5_000, 7_500]


def test_invoice_marked_paid_by_the_merchant_is_paid_without_a_payment(shop: Shop) -> None:
    external_id = invoice_of(shop)
    shop.act("pay_invoice_out_of_band", invoice_id=external_id)
    shop.hear()
    invoice = shop.invoice(external_id)
    assert invoice is not None
    assert (invoice.status, shop.balance(external_id).due) == ("paid", 0)


def test_declined_payment_leaves_the_invoice_open(shop: Shop) -> None:
    external_id = invoice_of(shop)
    shop.act("pay_invoice", invoice_id=external_id, card="4000000000000002")
    shop.hear()
    invoice = shop.invoice(external_id)
    assert invoice is not None
    assert (invoice.status, shop.balance(external_id).due) == ("open", 12_500)


def test_uncollectible_invoice_is_written_off(shop: Shop) -> None:
    external_id = invoice_of(shop)
    shop.hear()
    shop.act("mark_uncollectible", invoice_id=external_id)
    shop.hear()
    invoice = shop.invoice(external_id)
    assert invoice is not None
    assert invoice.status == "uncollectible"


def test_saved_card_pays_an_invoice_by_process_payment_once(shop: Shop) -> None:
    external_id = invoice_of(shop)
    customer_id = shop.truth()["customers"][0]["id"]
    card = shop.act("save_card", customer_id=customer_id)["id"]
    shop.hear()
    invoice = shop.invoice(external_id)
    assert invoice is not None
    body = {"invoice_id": invoice.id, "amount": 12_500, "currency": "USD", "payment_method_id": card}
    answer = shop.api_while_working("POST", f"/api/integrations/payments/{shop.integration_id}/process-payment", body)
    assert answer["status"] == "succeeded", answer
    shop.hear()
    invoice = shop.invoice(external_id)
    assert invoice is not None
    assert invoice.status == "paid"
    assert (shop.balance(external_id).paid, shop.balance(external_id).due) == (12_500, 0)
    assert len([intent for intent in shop.truth()["payment_intents"] if intent["status"] == "succeeded"]) == 1
    assert len(shop.remotes("payment")) == 1


def test_sale_in_person_is_a_payment_without_an_invoice(shop: Shop) -> None:
    intent = shop.act("take_payment", amount=700, in_person=True)
    shop.hear()
    payment = shop.local(Payment, "payment", intent["id"])
    assert payment is not None
    assert (payment.amount, payment.status, payment.method) == (700, "succeeded", "card")


def test_books_balance_after_all_of_it(shop: Shop) -> None:
    external_id = invoice_of(shop)
    shop.act("pay_invoice", invoice_id=external_id)
    shop.act("take_payment", amount=700)
    shop.hear()
    for payment_id in shop.remotes("payment"):
        shop.act("refund", payment_intent=payment_id, amount=100)
    shop.hear()
    totals = shop.in_tenant(balances.account_totals)
    assert totals
    assert sum(totals.values()) == 0
