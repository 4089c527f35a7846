"""The invoice state machine and the hosted page of the Stripe twin."""

from typing import Any

import pytest
import stripe

from tests.providers.sandbox.receiver import Receiver, wait_until
from tests.providers.sandbox.stripe.conftest import BAKERY, Platform


def refusal(call: Any, *arguments: Any) -> stripe.StripeError:
    with pytest.raises(stripe.StripeError) as caught:
        call(*arguments)
    return caught.value


def draft(platform: Platform, **params: Any) -> Any:
    wanted = {"customer": platform.customer().id, "currency": "usd", **params}
    return platform.v1.invoices.create(wanted, platform.as_bakery)


def test_new_invoice_is_an_empty_draft_without_number_or_page(platform: Platform) -> None:
    invoice = draft(platform)
    assert (invoice.status, invoice.number, invoice.hosted_invoice_url, invoice.total) == ("draft", None, None, 0)
    assert invoice.auto_advance is False


def test_finalizing_numbers_freezes_and_opens_a_payment(platform: Platform) -> None:
    invoice = platform.open_invoice(2500)
    assert (invoice.status, invoice.amount_due, invoice.amount_remaining) == ("open", 2500, 2500)
    assert invoice.number.endswith("-0001")
    payments = platform.invoice(invoice.id, "payments.data.payment.payment_intent").payments.data
    assert [(payment.status, payment.is_default, payment.amount_requested) for payment in payments] == [("open", True, 2500)]
    assert payments[0].payment.payment_intent.status == "requires_payment_method"
    error = refusal(platform.v1.invoices.update, invoice.id, {"description": "later"}, platform.as_bakery)
    assert error.code == "invoice_not_editable"
    assert refusal(platform.v1.invoices.finalize_invoice, invoice.id, {}, platform.as_bakery).http_status == 400


def test_pending_items_join_only_when_asked(platform: Platform) -> None:
    customer = platform.customer()
    platform.v1.invoice_items.create({"customer": customer.id, "amount": 700, "currency": "usd"}, platform.as_bakery)
    platform.v1.invoice_items.create({"customer": customer.id, "amount": 900, "currency": "eur"}, platform.as_bakery)
    assert draft(platform, customer=customer.id).total == 0
    assert draft(platform, customer=customer.id, pending_invoice_items_behavior="include").total == 700


def test_items_of_another_currency_are_refused(platform: Platform) -> None:
    invoice = draft(platform)
    params = {"customer": invoice.customer, "invoice": invoice.id, "amount": 500, "currency": "eur"}
    assert refusal(platform.v1.invoice_items.create, params, platform.as_bakery).http_status == 400


def test_quantity_times_unit_amount_is_rounded_half_up(platform: Platform) -> None:
    invoice = draft(platform)
    params = {
        "customer": invoice.customer,
        "invoice": invoice.id,
        "quantity": 3,
        "unit_amount_decimal": "10.5",
        "currency": "usd",
    }
    item = platform.v1.invoice_items.create(params, platform.as_bakery)
    assert (item.amount, item.quantity) == (32, 3)


def test_lines_beyond_ten_are_paged(platform: Platform) -> None:
    invoice = draft(platform)
    lines = [{"amount": 100 + number, "description": f"Line {number}"} for number in range(23)]
    filled = platform.v1.invoices.add_lines(invoice.id, {"lines": lines}, platform.as_bakery)
    assert (len(filled.lines.data), filled.lines.has_more) == (10, True)
    page = platform.v1.invoices.line_items.list(invoice.id, {"limit": 10}, platform.as_bakery)
    assert [line.description for line in page.auto_paging_iter()] == [f"Line {number}" for number in range(23)]
    assert filled.total == sum(line["amount"] for line in lines)  # type: ignore[misc]


def test_due_date_needs_send_invoice(platform: Platform) -> None:
    error = refusal(platform.v1.invoices.create, {"customer": platform.customer().id, "days_until_due": 5}, platform.as_bakery)
    assert error.http_status == 400


def test_payer_pays_on_the_hosted_page_and_everything_follows(platform: Platform, receiver: Receiver) -> None:
    platform.endpoint(receiver)
    invoice = platform.open_invoice(2500)
    assert "25.00 USD" in platform.http.get(invoice.hosted_invoice_url).text
    assert platform.pay_page(invoice).status_code == 303
    paid = platform.invoice(invoice.id, "payments.data.payment.payment_intent")
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 2500, 0)
    intent = paid.payments.data[0].payment.payment_intent
    assert (intent.status, intent.amount_received) == ("succeeded", 2500)
    assert platform.v1.charges.retrieve(intent.latest_charge, {}, platform.as_bakery).paid is True
    receiver.wait_for_type("invoice.payment_succeeded")
    order = [
        name
        for name in receiver.types()
        if name in ("charge.succeeded", "payment_intent.succeeded", "invoice.paid", "invoice_payment.paid")
    ]
    assert order == ["charge.succeeded", "payment_intent.succeeded", "invoice_payment.paid", "invoice.paid"]
    assert "Invoice paid" in platform.http.get(invoice.hosted_invoice_url).text


def test_declined_card_leaves_the_invoice_open_and_tells(platform: Platform, receiver: Receiver) -> None:
    platform.endpoint(receiver, "invoice.payment_failed", "charge.failed", "payment_intent.payment_failed")
    invoice = platform.open_invoice()
    answer = platform.pay_page(invoice, "4000000000009995")
    assert answer.status_code == 402
    assert "insufficient funds" in answer.text
    after = platform.invoice(invoice.id)
    assert (after.status, after.attempt_count, after.attempted) == ("open", 1, True)
    receiver.wait_for(3)
    assert set(receiver.types()) == {"invoice.payment_failed", "charge.failed", "payment_intent.payment_failed"}


def test_mistyped_number_is_refused_without_a_charge(platform: Platform) -> None:
    invoice = platform.open_invoice()
    assert "card number is incorrect" in platform.pay_page(invoice, "4242424242424241").text
    assert platform.v1.charges.list({}, platform.as_bakery).data == []


@pytest.mark.parametrize(("decision", "status"), [("complete", "paid"), ("fail", "open")])
def test_three_d_secure_is_completed_or_failed_on_the_banks_page(platform: Platform, decision: str, status: str) -> None:
    invoice = platform.open_invoice()
    answer = platform.pay_page(invoice, "4000002760003184")
    bank = answer.headers["Location"]
    assert "Confirm your payment" in platform.http.get(bank).text
    back = platform.http.post(bank, data={"decision": decision})
    assert back.headers["Location"].startswith(invoice.hosted_invoice_url)
    assert platform.invoice(invoice.id).status == status


def test_saved_card_pays_by_api_and_a_missing_one_is_named(platform: Platform) -> None:
    invoice = platform.open_invoice()
    assert "default_payment_method" in str(refusal(platform.v1.invoices.pay, invoice.id, {}, platform.as_bakery))
    platform.act("save_card", customer_id=invoice.customer)
    assert platform.v1.invoices.pay(invoice.id, {}, platform.as_bakery).status == "paid"
    assert refusal(platform.v1.invoices.pay, invoice.id, {}, platform.as_bakery).http_status == 400


def test_paid_out_of_band_has_no_charge(platform: Platform) -> None:
    invoice = platform.open_invoice()
    paid = platform.v1.invoices.pay(invoice.id, {"paid_out_of_band": True}, platform.as_bakery)
    assert (paid.status, paid.amount_remaining) == ("paid", 0)
    assert platform.v1.charges.list({}, platform.as_bakery).data == []
    intents = platform.v1.payment_intents.list({}, platform.as_bakery).data
    assert [intent.status for intent in intents] == ["canceled"]


def test_void_and_uncollectible_follow_the_table(platform: Platform) -> None:
    voided = platform.v1.invoices.void_invoice(platform.open_invoice().id, {}, platform.as_bakery)
    assert (voided.status, voided.status_transitions.voided_at is not None) == ("void", True)
    assert refusal(platform.v1.invoices.pay, voided.id, {"paid_out_of_band": True}, platform.as_bakery).http_status == 400
    lost = platform.v1.invoices.mark_uncollectible(platform.open_invoice().id, {}, platform.as_bakery)
    assert platform.v1.invoices.pay(lost.id, {"paid_out_of_band": True}, platform.as_bakery).status == "paid"
    assert refusal(platform.v1.invoices.void_invoice, draft(platform).id, {}, platform.as_bakery).http_status == 400


def test_only_drafts_can_be_deleted(platform: Platform) -> None:
    invoice = draft(platform)
    assert platform.v1.invoices.delete(invoice.id, {}, platform.as_bakery).deleted is True
    assert refusal(platform.v1.invoices.retrieve, invoice.id, {}, platform.as_bakery).http_status == 404
    assert refusal(platform.v1.invoices.delete, platform.open_invoice().id, {}, platform.as_bakery).http_status == 400


def test_sending_needs_send_invoice_and_says_invoice_sent(platform: Platform, receiver: Receiver) -> None:
    platform.endpoint(receiver, "invoice.sent")
    invoice = platform.open_invoice()
    platform.v1.invoices.send_invoice(invoice.id, {}, platform.as_bakery)
    assert receiver.wait_for_type("invoice.sent")["data"]["object"]["id"] == invoice.id
    automatic = draft(platform)
    assert refusal(platform.v1.invoices.send_invoice, automatic.id, {}, platform.as_bakery).http_status == 400


def test_partial_payments_add_up_until_paid(platform: Platform) -> None:
    invoice = platform.open_invoice(3000)
    part = platform.act("pay_invoice_part", invoice_id=invoice.id, amount=1000)
    assert (part["status"], part["amount_paid"], part["amount_remaining"]) == ("open", 1000, 2000)
    assert "20.00 USD" in platform.http.get(invoice.hosted_invoice_url).text
    platform.pay_page(invoice)
    paid = platform.invoice(invoice.id, "payments")
    assert (paid.status, paid.amount_paid) == ("paid", 3000)
    assert sorted(payment.amount_paid for payment in paid.payments.data) == [1000, 2000]


def test_invoice_over_nothing_is_paid_when_finalized(platform: Platform) -> None:
    invoice = draft(platform)
    assert platform.v1.invoices.finalize_invoice(invoice.id, {}, platform.as_bakery).status == "paid"


def test_advancing_draft_finalizes_after_an_hour_of_the_twins_clock(platform: Platform) -> None:
    invoice = draft(platform, auto_advance=True, collection_method="send_invoice", days_until_due=3)
    platform.v1.invoices.add_lines(invoice.id, {"lines": [{"amount": 800}]}, platform.as_bakery)
    assert platform.invoice(invoice.id).status == "draft"
    platform.control("clock", advance_seconds=3601)
    wait_until(lambda: platform.invoice(invoice.id).status == "open")


def test_overdue_is_an_event_and_not_a_status(platform: Platform, receiver: Receiver) -> None:
    platform.endpoint(receiver, "invoice.overdue")
    invoice = platform.open_invoice()
    platform.control("clock", advance_seconds=31 * 86400)
    assert receiver.wait_for_type("invoice.overdue")["data"]["object"]["id"] == invoice.id
    assert platform.invoice(invoice.id).status == "open"


def test_lists_filter_by_status_customer_and_due_date(platform: Platform) -> None:
    first, second = platform.open_invoice(), platform.open_invoice()
    platform.pay_page(second)

    def listed(**params: Any) -> list[str]:
        return [invoice.id for invoice in platform.v1.invoices.list(params, platform.as_bakery).data]

    assert listed(status="open") == [first.id]
    assert listed(status="paid") == [second.id]
    assert listed(customer=first.customer) == [first.id]
    assert listed(due_date={"gte": first.due_date}) == [second.id, first.id]
    assert listed(due_date={"lt": first.due_date}) == []


def test_intent_leads_to_its_invoice_by_invoice_payments(platform: Platform) -> None:
    invoice = platform.open_invoice()
    platform.pay_page(invoice)
    [intent] = platform.v1.payment_intents.list({}, platform.as_bakery).data
    wanted = {"payment": {"type": "payment_intent", "payment_intent": intent.id}}
    [payment] = platform.v1.invoice_payments.list(wanted, platform.as_bakery).data
    assert (payment.invoice, payment.status, payment.amount_paid) == (invoice.id, "paid", 2500)


def test_merchant_makes_and_sends_an_invoice_in_the_dashboard(platform: Platform) -> None:
    customer = platform.act("create_customer", name="Grace")
    invoice = platform.act("create_invoice", customer_id=customer["id"], amount=4200, currency="usd")
    assert (invoice["status"], invoice["amount_due"]) == ("open", 4200)
    declined = platform.act("pay_invoice", invoice_id=invoice["id"], card="4000000000000002")
    assert declined["declined"]["decline_code"] == "generic_decline"
    assert platform.act("pay_invoice", invoice_id=invoice["id"])["status"] == "paid"


def test_unknown_action_and_refused_act_are_explained(platform: Platform) -> None:
    answer = platform.http.post("/_twin/act", json={"account_id": BAKERY, "action": "dance"})
    assert answer.status_code == 400
    assert "unknown action dance" in answer.json()["error"]
    answer = platform.http.post("/_twin/act", json={"account_id": BAKERY, "action": "void_invoice", "invoice_id": "in_none"})
    assert "resource_missing" in answer.json()["error"]
