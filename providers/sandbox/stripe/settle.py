"""What follows when money comes or fails to come: events, and whoever waits for it: invoices, subscriptions, checkout."""

from collections.abc import Callable

from providers.sandbox.stripe.call import Call
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.store import Record

on_invoice_money: list[Callable[[Call, Record, Record], None]] = []
"""Called with the paid invoice payment and the intent; invoices register here, as they in turn confirm intents."""
on_intent_success: list[Callable[[Call, Record], None]] = []
"""Called with an intent that has succeeded, after its invoice heard of it."""
on_intent_failure: list[Callable[[Call, Record], None]] = []
"""Called with an intent whose delayed payment failed in the end."""
on_invoice_paid: list[Callable[[Call, Record], None]] = []
on_invoice_failure: list[Callable[[Call, Record], None]] = []
"""Called with an invoice that an attempt did not pay, or that is overdue."""


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
    for follow in on_intent_success:
        follow(call, intent)
