"""What follows when a payment intent succeeds: its event, and the invoice it pays."""

from collections.abc import Callable

from providers.sandbox.stripe.call import Call
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.store import Record

on_invoice_money: list[Callable[[Call, Record, Record], None]] = []
"""Called with the paid invoice payment and the intent; invoices register here, as they in turn confirm intents."""


def intent_succeeded(call: Call, intent: Record) -> None:
    emit(call, "payment_intent.succeeded", intent)
    for payment in call.store.invoice_payments.find(payment_intent=intent["id"]):
        if payment["status"] != "open":
            continue
        payment |= {"status": "paid", "amount_paid": intent["amount_received"]}
        payment["status_transitions"]["paid_at"] = call.now
        call.store.invoice_payments.put(payment)
        for settle in on_invoice_money:
            settle(call, payment, intent)
