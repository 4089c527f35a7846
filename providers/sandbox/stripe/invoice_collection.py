"""Money for invoices: paying by card or elsewhere, partial payments, failed attempts."""

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.errors import ApiError, card_error, no_such, refused, wrong_state
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.invoice_payments import invoice_payment_record, open_default_payment
from providers.sandbox.stripe.invoice_records import existing_invoice, move_to
from providers.sandbox.stripe.params import required
from providers.sandbox.stripe.payment_intents import cancel, confirm, existing_intent, payment_intent_record
from providers.sandbox.stripe.settle import on_intent_failure, on_invoice_failure, on_invoice_money, on_invoice_paid
from providers.sandbox.stripe.store import Record, subscription_of

NO_METHOD = (
    "There is no `default_payment_method` set on this Customer or Invoice. "
    "Please set either a `default_payment_method` or `default_source`."
)
NEEDS_ACTION = (
    "This payment requires additional user action before it can be completed successfully. "
    "Payment can be completed using the PaymentIntent associated with the invoice."
)


@operation("POST /v1/invoices/{invoice}/pay")
def pay_invoice(call: Call) -> Record:
    invoice = existing_invoice(call, call.ids["invoice"])
    if invoice["status"] == "paid":
        raise wrong_state("Invoice is already paid")
    if invoice["status"] not in ("open", "uncollectible"):
        raise wrong_state(f"You can only pay an open invoice; this one is {invoice['status']}.")
    if call.params.get("paid_out_of_band"):
        return pay_out_of_band(call, invoice)
    method_id = call.params.get("payment_method") or saved_method(call, invoice)
    if not method_id:
        raise ApiError(400, NO_METHOD, code="resource_missing", param="payment_method")
    return attempt_payment(call, invoice, method_id, off_session=call.params.get("off_session", True))


def saved_method(call: Call, invoice: Record) -> str | None:
    """The payment method that an invoice is charged to: its own, its subscription's, its customer's."""
    subscription = call.store.subscriptions.get(subscription_of(invoice) or "") or {}
    customer = call.store.customers.get(invoice["customer"]) or {"invoice_settings": {}}
    method_id: str | None = (
        invoice["default_payment_method"]
        or subscription.get("default_payment_method")
        or customer["invoice_settings"].get("default_payment_method")
    )
    return method_id


@operation("POST /v1/invoices/{invoice}/attach_payment")
def attach_payment(call: Call) -> Record:
    invoice = existing_invoice(call, call.ids["invoice"])
    if invoice["status"] not in ("open", "uncollectible"):
        raise wrong_state(f"You can only attach a payment to an open invoice; this one is {invoice['status']}.")
    if call.params.get("payment_record"):
        return _attach_record(call, invoice, call.params["payment_record"])
    intent = existing_intent(call, required(call.params, "payment_intent"), param="payment_intent")
    if call.store.invoice_payments.find(payment_intent=intent["id"]):
        raise wrong_state("This PaymentIntent is already attached to an invoice.")
    if intent["currency"] != invoice["currency"]:
        raise refused("The PaymentIntent and the invoice have different currencies.", param="payment_intent")
    payment = invoice_payment_record(invoice, intent, created=call.now, is_default=False)
    call.store.invoice_payments.put(payment)
    if intent["status"] == "succeeded":
        payment |= {"status": "paid", "amount_paid": intent["amount_received"]}
        payment["status_transitions"]["paid_at"] = call.now
        call.store.invoice_payments.put(payment)
        credit(call, payment, intent)
    return existing_invoice(call, invoice["id"])


def _attach_record(call: Call, invoice: Record, record_id: str) -> Record:
    """Money that came in elsewhere and was reported."""
    record = call.store.payment_records.get(record_id)
    if record is None:
        raise no_such("payment_record", record_id, param="payment_record")
    if call.store.invoice_payments.find(payment_record=record_id):
        raise wrong_state("This PaymentRecord is already attached to an invoice.")
    if record["amount"]["currency"] != invoice["currency"]:
        raise refused("The PaymentRecord and the invoice have different currencies.", param="payment_record")
    paid = record["amount_guaranteed"]["value"]
    asked = {"id": record_id, "amount": record["amount"]["value"]}
    payment = invoice_payment_record(invoice, asked, created=call.now, is_default=False)
    payment["payment"] = {"payment_record": record_id, "type": "payment_record"}
    if paid:
        payment |= {"status": "paid", "amount_paid": paid}
        payment["status_transitions"]["paid_at"] = call.now
    call.store.invoice_payments.put(payment)
    if paid:
        elsewhere = existing_invoice(call, invoice["id"])
        elsewhere["amount_paid_off_stripe"] += min(paid, elsewhere["amount_remaining"])
        call.store.invoices.put(elsewhere)
        credit(call, payment, {"amount_received": paid}, charged=False)
    return existing_invoice(call, invoice["id"])


def attempt_payment(call: Call, invoice: Record, method_id: str, *, off_session: bool) -> Record:
    """Charge the invoice's own payment intent. Raises a card error for a decline, after invoice.payment_failed."""
    payment = open_default_payment(call, invoice["id"])
    if payment is None:
        raise wrong_state("This invoice has no open payment.")
    intent_id = payment["payment"]["payment_intent"]
    try:
        passed = bool(call.params.get("authenticated"))
        intent = confirm(call, intent_id, {"payment_method": method_id, "off_session": off_session, "authenticated": passed})
    except ApiError as problem:
        if problem.status == 402:
            note_failure(call, invoice["id"], problem.error.get("code"))
        raise
    if intent["status"] == "requires_action":
        emit(call, "invoice.payment_action_required", existing_invoice(call, invoice["id"]))
        raise card_error(NEEDS_ACTION, code="invoice_payment_intent_requires_action", payment_intent=intent)
    return existing_invoice(call, invoice["id"])


def note_failed_attempt(call: Call, intent_id: str, code: str | None) -> None:
    """The payer failed on the bank's page: the invoice hears of it too."""
    for payment in call.store.invoice_payments.find(payment_intent=intent_id):
        note_failure(call, payment["invoice"], code)


def note_failure(call: Call, invoice_id: str, code: str | None) -> None:
    before, invoice = existing_invoice(call, invoice_id), existing_invoice(call, invoice_id)
    invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    call.store.invoices.put(invoice)
    emit(call, "invoice.updated", invoice, before=before)
    emit(call, "invoice.payment_failed", invoice)
    if code == "authentication_required":
        emit(call, "invoice.payment_action_required", invoice)
    for follow in on_invoice_failure:
        follow(call, invoice)


def credit(call: Call, payment: Record, intent: Record, *, charged: bool = True) -> None:
    """Money came in for an invoice: raise amount_paid, complete it when nothing remains, keep what was too much.

    charged: False if it came in elsewhere than at Stripe.
    """
    before, invoice = existing_invoice(call, payment["invoice"]), existing_invoice(call, payment["invoice"])
    received = intent["amount_received"]
    paid = invoice["amount_paid"] + received
    overpaid = max(0, paid - invoice["amount_due"])
    invoice |= {
        "amount_paid": min(paid, invoice["amount_due"]),
        "amount_remaining": max(0, invoice["amount_due"] - paid),
        "amount_overpaid": invoice["amount_overpaid"] + overpaid,
        "attempted": True,
        "attempt_count": invoice["attempt_count"] + 1,
    }
    call.store.invoices.put(invoice)
    emit(call, "invoice_payment.paid", payment)
    if overpaid:
        emit(call, "invoice.overpaid", invoice)
    if invoice["amount_remaining"] > 0:
        emit(call, "invoice.updated", invoice, before=before)
        resize_default_payment(call, invoice)
        return
    complete(call, before, charged=charged)


def _bounced(call: Call, intent: Record) -> None:
    note_failed_attempt(call, intent["id"], None)


on_invoice_money.append(credit)
on_intent_failure.append(_bounced)


def pay_out_of_band(call: Call, invoice: Record) -> Record:
    """The merchant says it was paid elsewhere: the whole invoice, no charge."""
    cancel_open_payments(call, invoice, "void_invoice")
    invoice |= {
        "amount_paid_off_stripe": invoice["amount_remaining"],
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
    }
    before = existing_invoice(call, invoice["id"])
    call.store.invoices.put(invoice)
    return complete(call, before, charged=False)


def complete(call: Call, before: Record, *, charged: bool) -> Record:
    invoice = existing_invoice(call, before["id"])
    cancel_open_payments(call, invoice, "void_invoice")
    invoice |= {"status": "paid", "auto_advance": False, "attempted": True, "next_payment_attempt": None}
    invoice = move_to(call, before, invoice, "paid_at", "invoice.paid")
    if charged:
        emit(call, "invoice.payment_succeeded", invoice)
    for follow in on_invoice_paid:
        follow(call, invoice)
    return existing_invoice(call, invoice["id"])


def open_payment(call: Call, invoice: Record) -> None:
    intent = payment_intent_record(
        new_id("pi_3", length=23),
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        created=call.now,
        livemode=call.livemode,
        customer=invoice["customer"],
        description="Payment for Invoice",
        application=invoice["application"],
    )
    if invoice["payment_settings"]["payment_method_types"]:
        intent["payment_method_types"] = invoice["payment_settings"]["payment_method_types"]
    intent["automatic_payment_methods"] = None
    call.store.payment_intents.put(intent)
    call.store.invoice_payments.put(invoice_payment_record(invoice, intent, created=call.now, is_default=True))
    emit(call, "payment_intent.created", intent)


def resize_default_payment(call: Call, invoice: Record) -> None:
    """The invoice's own payment asks for what remains."""
    payment = open_default_payment(call, invoice["id"])
    if payment is not None:
        intent = existing_intent(call, payment["payment"]["payment_intent"])
        call.store.payment_intents.put({**intent, "amount": invoice["amount_remaining"]})
        call.store.invoice_payments.put({**payment, "amount_requested": invoice["amount_remaining"]})


def cancel_open_payments(call: Call, invoice: Record, reason: str) -> None:
    for payment in call.store.invoice_payments.find(invoice=invoice["id"]):
        if payment["status"] != "open":
            continue
        payment["status"] = "canceled"
        payment["status_transitions"]["canceled_at"] = call.now
        call.store.invoice_payments.put(payment)
        if payment["payment"]["type"] != "payment_intent":
            continue
        intent = existing_intent(call, payment["payment"]["payment_intent"])
        if intent["status"] not in ("succeeded", "canceled"):
            cancel(call, intent, reason)
