"""The hosted pay page behind public_url, and everything else that pays an invoice."""

from typing import Any

import pytest

from tests.providers.sandbox.square.shop import Shop, TwinClient, only_error, usd


def test_paying_on_the_page_completes_invoice_order_and_payment(shop: Shop) -> None:
    invoice = shop.invoice(10_000)
    answer = shop.pay_page(invoice, email="payer@example.com")
    assert answer.status_code == 303
    assert "This invoice is paid" in shop.twin.http.get(invoice["public_url"]).text
    paid = shop.read_invoice(invoice["id"])
    assert paid["status"] == "PAID"
    assert paid["payment_requests"][0]["total_completed_amount_money"] == usd(10_000)
    assert "next_payment_amount_money" not in paid
    order = shop.get(f"/v2/orders/{invoice['order_id']}")["order"]
    assert (order["state"], order["net_amount_due_money"]) == ("COMPLETED", usd(0))
    payment = shop.get(f"/v2/payments/{order['tenders'][0]['payment_id']}")["payment"]
    assert payment["order_id"] == invoice["order_id"]
    assert payment["customer_id"] == invoice["primary_recipient"]["customer_id"]
    assert payment["application_details"]["square_product"] == "INVOICES"
    assert payment["card_details"]["card"]["last_4"] == "1111"


def test_deposit_then_balance_with_a_tip(shop: Shop) -> None:
    requests = [
        {"request_type": "DEPOSIT", "due_date": "2039-01-01", "fixed_amount_requested_money": usd(2_500)},
        {"request_type": "BALANCE", "due_date": "2039-02-01", "tipping_enabled": True},
    ]
    invoice = shop.invoice(10_000, payment_requests=requests)
    assert invoice["next_payment_amount_money"] == usd(2_500)
    shop.pay_page(invoice, tip="5.00")
    partly = shop.read_invoice(invoice["id"])
    assert (partly["status"], partly["next_payment_amount_money"]) == ("PARTIALLY_PAID", usd(7_500))
    assert shop.get(f"/v2/orders/{invoice['order_id']}")["order"]["state"] == "OPEN"
    shop.pay_page(invoice, tip="5.00")
    assert shop.read_invoice(invoice["id"])["status"] == "PAID"
    order = shop.get(f"/v2/orders/{invoice['order_id']}")["order"]
    assert order["total_tip_money"] == usd(500)
    assert [tender["amount_money"] for tender in order["tenders"]] == [usd(2_500), usd(8_000)]
    assert order["state"] == "COMPLETED"


def test_overdue_requests_are_asked_together(shop: Shop) -> None:
    requests = [
        {"request_type": "DEPOSIT", "due_date": "2020-01-01", "fixed_amount_requested_money": usd(2_500)},
        {"request_type": "BALANCE", "due_date": "2020-02-01"},
    ]
    assert shop.invoice(10_000, payment_requests=requests)["next_payment_amount_money"] == usd(10_000)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"card_number": "4000000000000002"}, "declined"),
        ({"cvv": "911"}, "CVV"),
        ({"postal_code": "99999"}, "postal code"),
        ({"expiry": "01/40"}, "expiration date"),
        ({"expiry": "01/20"}, "expired"),
        ({"card_number": "4111111111111112"}, "card number"),
    ],
)
def test_declined_cards_leave_the_invoice_open_and_a_failed_payment(shop: Shop, form: dict[str, str], words: str) -> None:
    invoice = shop.invoice()
    answer = shop.pay_page(invoice, **form)
    assert answer.status_code == 402
    assert words in answer.text
    assert shop.read_invoice(invoice["id"])["status"] == "UNPAID"
    assert [payment["status"] for payment in shop.truth()["payments"]] == ["FAILED"]
    assert shop.pay_page(invoice, card_number="4242424242424242").status_code == 303


def test_paying_twice_is_refused(shop: Shop) -> None:
    invoice = shop.invoice()
    assert shop.pay_page(invoice).status_code == 303
    assert shop.pay_page(invoice).status_code == 402
    assert len(shop.truth()["payments"]) == 1


def test_bank_transfer_is_pending_then_paid(shop: Shop, eventually: Any) -> None:
    invoice = shop.invoice(accepted_payment_methods={"card": True, "bank_account": True})
    assert "Pay from a bank account" in shop.twin.http.get(invoice["public_url"]).text
    shop.pay_page(invoice, method="bank")
    pending = shop.read_invoice(invoice["id"])
    assert pending["status"] == "PAYMENT_PENDING"
    body = {"invoice": {"version": pending["version"], "title": "x"}}
    assert shop.api.put(f"/v2/invoices/{invoice['id']}", json=body).status_code == 400
    shop.twin.advance(61)
    eventually(lambda: shop.read_invoice(invoice["id"])["status"] == "PAID")


def test_bounced_bank_transfer_opens_the_invoice_again(shop: Shop, eventually: Any) -> None:
    invoice = shop.invoice()
    shop.act("invoice_pay", invoice_id=invoice["id"], method="bank", failure="INSUFFICIENT_FUNDS")
    shop.twin.advance(61)
    eventually(lambda: shop.read_invoice(invoice["id"])["status"] == "UNPAID")
    assert shop.truth()["payments"][0]["status"] == "FAILED"


def test_cash_noted_by_the_seller_counts_as_paid(shop: Shop) -> None:
    invoice = shop.invoice(4_000)
    part = shop.act("invoice_record_cash", invoice_id=invoice["id"], amount=1_000)
    assert part["invoice"]["status"] == "PARTIALLY_PAID"
    rest = shop.act("invoice_record_cash", invoice_id=invoice["id"], amount=3_000)
    assert rest["invoice"]["status"] == "PAID"
    assert rest["payment"]["source_type"] == "CASH"


def test_no_api_pays_the_order_of_an_invoice(shop: Shop) -> None:
    invoice = shop.invoice(1_000)
    body = {
        "source_id": "cnon:card-nonce-ok",
        "idempotency_key": "k",
        "amount_money": usd(1_000),
        "order_id": invoice["order_id"],
    }
    assert only_error(shop.api.post("/v2/payments", json=body), 400)["field"] == "order_id"


def test_unknown_pay_page_is_gone(shop: Shop) -> None:
    assert shop.twin.http.get("/pay-invoice/invtmp:nothing").status_code == 410


def test_page_offers_only_what_the_seller_accepts(shop: Shop) -> None:
    invoice = shop.invoice(accepted_payment_methods={"bank_account": True})
    page = shop.twin.http.get(invoice["public_url"]).text
    assert "Pay from a bank account" in page
    assert "Card number" not in page
    assert shop.pay_page(invoice).status_code == 402
    assert shop.truth()["payments"] == []


def test_amounts_without_decimals_are_shown_and_tipped_whole(twin: TwinClient) -> None:
    shop = Shop(twin, currency="JPY")
    line = {"name": "茶", "quantity": "1", "base_price_money": {"amount": 1_500, "currency": "JPY"}}
    order = shop.order(line_items=[line])
    fields = {
        "order_id": order["id"],
        "primary_recipient": {"customer_id": shop.customer()["id"]},
        "payment_requests": [{"request_type": "BALANCE", "due_date": "2039-01-31", "tipping_enabled": True}],
        "delivery_method": "SHARE_MANUALLY",
        "accepted_payment_methods": {"card": True},
    }
    invoice = shop.publish(shop.post("/v2/invoices", {"invoice": fields})["invoice"])
    assert "1,500 JPY" in twin.http.get(invoice["public_url"]).text
    shop.pay_page(invoice, tip="100")
    assert shop.truth()["payments"][0]["total_money"] == {"amount": 1_600, "currency": "JPY"}


def test_page_lists_discounts_and_taxes_between_the_lines_and_the_total(shop: Shop) -> None:
    discount = {"name": "Friend", "amount_money": usd(550), "scope": "ORDER"}
    tax = {"name": "VAT", "percentage": "10", "scope": "ORDER"}
    order = shop.order(10_550, discounts=[discount], taxes=[tax])
    draft = {
        "order_id": order["id"],
        "location_id": shop.main,
        "primary_recipient": {"customer_id": shop.customer()["id"]},
        "payment_requests": [{"request_type": "BALANCE", "due_date": "2039-01-31"}],
        "delivery_method": "SHARE_MANUALLY",
        "accepted_payment_methods": {"card": True},
    }
    invoice = shop.publish(shop.post("/v2/invoices", {"invoice": draft})["invoice"])
    page = shop.twin.http.get(invoice["public_url"]).text
    for words in ("105.50 USD", "Friend", "-5.50 USD", "VAT", "10.00 USD", "110.00 USD"):
        assert words in page
    shop.pay_page(invoice)
    assert shop.read_invoice(invoice["id"])["status"] == "PAID"
