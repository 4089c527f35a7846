"""Invoice payments: which payment intents pay which invoice, /v1/invoice_payments."""

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.errors import no_such, refused
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.store import Record


def invoice_payment_record(
    invoice: Record, intent: Record, *, created: int, is_default: bool, payment_id: str | None = None
) -> Record:
    return {
        "id": payment_id or new_id("inpay_1", length=23),
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": intent["amount"],
        "created": created,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": is_default,
        "livemode": invoice["livemode"],
        "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }


def open_default_payment(call: Call, invoice_id: str) -> Record | None:
    payments = call.store.invoice_payments.find(invoice=invoice_id)
    return next((payment for payment in payments if payment["is_default"] and payment["status"] == "open"), None)


@operation("GET /v1/invoice_payments")
def list_invoice_payments(call: Call) -> bytes:
    payment = call.params.get("payment", {})
    if payment and payment.get("type") not in ("payment_intent", "payment_record"):
        raise refused("The twin knows payments of types payment_intent and payment_record only.", param="payment[type]")
    equal = {
        "payment_intent": payment.get("payment_intent"),
        "payment_record": payment.get("payment_record"),
        "invoice": call.params.get("invoice"),
        "status": call.params.get("status"),
    }
    return list_answer(call, call.store.invoice_payments, equal=equal)


@operation("GET /v1/invoice_payments/{invoice_payment}")
def get_invoice_payment(call: Call) -> Record:
    payment = call.store.invoice_payments.get(call.ids["invoice_payment"])
    if payment is None:
        raise no_such("invoice payment", call.ids["invoice_payment"])
    return payment
