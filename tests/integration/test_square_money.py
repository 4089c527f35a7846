"""Square's own ways: merges, deposits, tips, adjusted fees, tokens that age."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hub import clock, queue
from hub.models import Client, Payment, Refund
from sync import schedule
from tests.integration.scene import Scene, Shop

EMAIL = "ada@example.com"


@pytest.fixture
def shop(scene: Scene) -> Shop:
    connected = scene.connect("square")
    queue.run_pending()
    return connected


def customer_of(shop: Shop, given: str = "Ada", **fields: Any) -> str:
    return str(shop.act("customer_create", given_name=given, family_name="Byron", **fields)["customer"]["id"])


def invoice_of(shop: Shop, amount: int = 12_500, **more: Any) -> str:
    return str(
        shop.act("invoice_create", customer_id=customer_of(shop, email_address=EMAIL), amount=amount, **more)["invoice"]["id"]
    )


def test_merged_customers_are_one_here_and_their_invoices_are_its(shop: Shop) -> None:
    first, second = customer_of(shop, email_address=EMAIL), customer_of(shop, "Augusta", phone_number="+14155550123")
    invoice_id = str(shop.act("invoice_create", customer_id=second, amount=5_000)["invoice"]["id"])
    shop.hear()
    survivor = str(shop.act("customers_merge", customer_ids=[first, second])["customer"]["id"])
    shop.hear()
    assert set(shop.remotes("customer")) == {survivor}
    merged = [shop.remote("customer", gone) for gone in {first, second} - {survivor}]
    assert {remote.merged_into for remote in merged if remote is not None} == {survivor}
    client, invoice = shop.client(survivor), shop.invoice(invoice_id)
    assert client is not None
    assert invoice is not None
    assert invoice.client_id in {row.id for row in shop.rows(Client)}
    assert client.email == EMAIL


def test_deposit_and_balance_are_two_payments_of_one_invoice(shop: Shop) -> None:
    due = clock.now().date()
    later = (due + timedelta(days=14)).isoformat()
    requests = [
        {"request_type": "DEPOSIT", "due_date": due.isoformat(), "percentage_requested": "20"},
        {"request_type": "BALANCE", "due_date": later},
    ]
    external_id = invoice_of(shop, payment_requests=requests)
    shop.act("invoice_pay", invoice_id=external_id, amount=2_500)
    shop.hear()
    invoice = shop.invoice(external_id)
    assert invoice is not None
    assert (invoice.status, invoice.total, invoice.due_on) == ("partially_paid", 12_500, due + timedelta(days=14))
    assert (shop.balance(external_id).paid, shop.balance(external_id).due) == (2_500, 10_000)
    shop.act("invoice_pay", invoice_id=external_id, amount=10_000)
    shop.hear()
    invoice = shop.invoice(external_id)
    assert invoice is not None
    assert (invoice.status, shop.balance(external_id).paid, shop.balance(external_id).due) == ("paid", 12_500, 0)
    assert len(shop.remotes("payment")) == 2


def test_tip_is_paid_but_settles_nothing_of_the_invoice(shop: Shop) -> None:
    external_id = invoice_of(shop)
    shop.act("invoice_pay", invoice_id=external_id, tip=1_000)
    shop.hear()
    payment = shop.row(Payment)
    assert (payment.amount, payment.tip) == (13_500, 1_000)
    assert (shop.balance(external_id).paid, shop.balance(external_id).due) == (12_500, 0)


def test_fee_that_is_adjusted_later_is_taken_over(shop: Shop) -> None:
    payment_id = shop.act("pos_sale", amount=10_000)["payment"]["id"]
    shop.twin.advance(60)
    shop.hear()
    shop.act("payment_adjust_fee", payment_id=payment_id, amount=-50)
    shop.hear()
    (raw,) = shop.truth()["payments"]
    payment = shop.row(Payment)
    assert payment.fee == sum(entry["amount_money"]["amount"] for entry in raw["processing_fee"])


def test_cash_noted_by_the_seller_pays_the_invoice(shop: Shop) -> None:
    external_id = invoice_of(shop)
    shop.act("invoice_record_cash", invoice_id=external_id)
    shop.hear()
    invoice = shop.invoice(external_id)
    assert invoice is not None
    assert (invoice.status, shop.balance(external_id).due) == ("paid", 0)
    assert shop.row(Payment).method == "cash"


def test_bank_payment_that_bounces_leaves_the_invoice_owed(shop: Shop) -> None:
    external_id = invoice_of(shop)
    shop.act("invoice_pay", invoice_id=external_id, method="bank", failure="INSUFFICIENT_FUNDS")
    shop.hear()
    assert shop.balance(external_id).paid == 0
    shop.twin.advance(7 * 86_400)
    shop.hear()
    (raw,) = shop.truth()["payments"]
    assert raw["status"] == "FAILED"
    assert shop.row(Payment).status == "failed"
    assert (shop.balance(external_id).paid, shop.balance(external_id).due) == (0, 12_500)


def test_refund_is_counted_when_it_is_done(shop: Shop) -> None:
    external_id = invoice_of(shop)
    payment_id = shop.act("invoice_pay", invoice_id=external_id)["payment"]["id"]
    shop.hear()
    shop.act("payment_refund", payment_id=payment_id, amount=2_500)
    shop.hear()
    shop.twin.advance(86_400)
    shop.hear()
    (raw,) = shop.truth()["refunds"]
    assert raw["status"] == "COMPLETED"
    assert shop.row(Refund).status == "succeeded"
    assert (shop.balance(external_id).paid, shop.balance(external_id).refunded) == (12_500, 2_500)


def let_pass(shop: Shop, time: timedelta) -> None:
    """On both sides; then what is due of refreshes is done."""
    clock.advance(time)
    shop.twin.advance(time.total_seconds())
    schedule.plan_refreshes()
    queue.run_pending()


def test_token_is_refreshed_before_it_is_seven_days_old_and_the_connection_goes_on(shop: Shop) -> None:
    before = shop.integration()
    assert before.refresh_due_at is not None
    waiting = before.refresh_due_at - clock.now()  # its own place in the round, by which refreshes are spread over the week
    assert timedelta() < waiting < timedelta(days=7)
    let_pass(shop, waiting - timedelta(minutes=1))
    assert shop.integration().credentials_revision == before.credentials_revision
    let_pass(shop, timedelta(minutes=2))
    after = shop.integration()
    assert after.credentials_revision == before.credentials_revision + 1
    assert after.sealed_credentials != before.sealed_credentials
    assert after.status == "active"
    shop.sync()


def test_token_that_ends_before_its_time_is_refreshed_by_whoever_meets_it(shop: Shop) -> None:
    customer_id = customer_of(shop)
    shop.twin.advance(31 * 86_400)
    shop.sync()
    assert shop.client(customer_id) is not None
    assert shop.integration().status == "active"
