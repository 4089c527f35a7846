"""Invoices: draft, open, paid, uncollectible, void (Stripe docs: invoicing/integration/workflow-transitions)."""

from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.customers import address_of, existing_customer
from providers.sandbox.stripe.errors import ApiError, card_error, no_such, refused, wrong_state
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.invoice_lines import NOT_EDITABLE, add_item
from providers.sandbox.stripe.invoice_payments import invoice_payment_record, open_default_payment
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.params import blank_to_none, merged_metadata, required
from providers.sandbox.stripe.payment_intents import cancel, confirm, existing_intent, payment_intent_record
from providers.sandbox.stripe.search import search_answer
from providers.sandbox.stripe.settle import on_invoice_money
from providers.sandbox.stripe.store import Record

DAY_SECONDS = 86400
GIVE_UP_WAITING_SECONDS = 72 * 3600
EDITABLE_WHEN_OPEN = {
    "metadata",
    "auto_advance",
    "default_payment_method",
    "payment_settings",
    "due_date",
    "days_until_due",
    "expand",
}
TEXTS = ("description", "footer", "statement_descriptor", "number")
NO_METHOD = (
    "There is no `default_payment_method` set on this Customer or Invoice. "
    "Please set either a `default_payment_method` or `default_source`."
)
NEEDS_ACTION = (
    "This payment requires additional user action before it can be completed successfully. "
    "Payment can be completed using the PaymentIntent associated with the invoice."
)


def invoice_record(
    invoice_id: str, *, customer: str, currency: str, created: int, livemode: bool, country: str, name: str
) -> Record:
    """An empty draft. country, name: the merchant's."""
    return {
        "id": invoice_id,
        "object": "invoice",
        "account_country": country,
        "account_name": name,
        "account_tax_ids": None,
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_paid_off_stripe": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": False,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None},
        "automatically_finalizes_at": None,
        "billing_reason": "manual",
        "collection_method": "charge_automatically",
        "created": created,
        "currency": currency,
        "custom_fields": None,
        "customer": customer,
        "customer_account": None,
        "customer_address": None,
        "customer_email": None,
        "customer_name": None,
        "customer_phone": None,
        "customer_shipping": None,
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": {"object": "list", "data": [], "has_more": False, "url": f"/v1/invoices/{invoice_id}/lines"},
        "livemode": livemode,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "parent": None,
        "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        "period_end": created,
        "period_start": created,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": 0,
        "statement_descriptor": None,
        "status": "draft",
        "status_details": None,
        "status_transitions": {"finalized_at": None, "marked_uncollectible_at": None, "paid_at": None, "voided_at": None},
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "test_clock": None,
        "total": 0,
        "total_discount_amounts": [],
        "total_excluding_tax": 0,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": None,
    }


def customer_snapshot(customer: Record) -> Record:
    return {
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": customer["shipping"],
        "customer_tax_exempt": customer["tax_exempt"],
    }


def existing_invoice(call: Call, invoice_id: str, *, param: str = "id") -> Record:
    invoice = call.store.invoices.get(invoice_id)
    if invoice is None:
        other = call.world.store(call.account.id, not call.livemode)
        other_mode = ("test" if call.livemode else "live") if invoice_id in other.invoices else None
        raise no_such("invoice", invoice_id, param=param, other_mode=other_mode)
    return invoice


@operation("POST /v1/invoices")
def create_invoice(call: Call) -> Record:
    params = call.params
    for name in ("subscription", "from_invoice"):
        if name in params:
            raise refused(f"The twin cannot make an invoice from {name}.", param=name)
    customer = existing_customer(call, required(params, "customer"))
    currency = (params.get("currency") or customer["currency"] or call.account.currency).lower()
    invoice = invoice_record(
        new_id("in_1", length=23),
        customer=customer["id"],
        currency=currency,
        created=call.now,
        livemode=call.livemode,
        country=call.account.country,
        name=call.account.name,
    )
    invoice |= customer_snapshot(customer) | {"application": call.application}
    _apply(call, invoice)
    if invoice["collection_method"] == "send_invoice" and invoice["due_date"] is None:
        message = "Missing required param: days_until_due or due_date, as collection_method is send_invoice."
        raise refused(message, code="parameter_missing", param="days_until_due")
    call.store.invoices.put(invoice)
    if params.get("pending_invoice_items_behavior") == "include":
        for item in call.store.invoiceitems.find(customer=customer["id"], invoice=None):
            if item["currency"] == currency:
                invoice = add_item(call, item, invoice)
    if customer["currency"] is None:
        call.store.customers.put({**customer, "currency": currency})
        emit(call, "customer.updated", {**customer, "currency": currency}, before=customer)
    emit(call, "invoice.created", invoice)
    _plan_finalization(call, invoice)
    return invoice


@operation("GET /v1/invoices/{invoice}")
def get_invoice(call: Call) -> Record:
    return existing_invoice(call, call.ids["invoice"])


@operation("GET /v1/invoices")
def list_invoices(call: Call) -> bytes:
    params = call.params
    equal = {name: params.get(name) for name in ("customer", "status", "collection_method")}
    due = params.get("due_date")
    if due is None:
        return list_answer(call, call.store.invoices, equal=equal)
    bounds = {"gte": due, "lte": due} if isinstance(due, int) else due

    def keep(row: Any, invoices: Any) -> bool:
        value = invoices.field(row, "due_date")
        return value is not None and (
            value >= bounds.get("gte", value)
            and value <= bounds.get("lte", value)
            and value > bounds.get("gt", value - 1)
            and value < bounds.get("lt", value + 1)
        )

    return list_answer(call, call.store.invoices, equal=equal, keep=keep)


@operation("GET /v1/invoices/search")
def search_invoices(call: Call) -> bytes:
    return search_answer(call, call.store.invoices)


@operation("POST /v1/invoices/{invoice}")
def update_invoice(call: Call) -> Record:
    before, invoice = get_invoice(call), get_invoice(call)
    if invoice["status"] in ("paid", "void") and set(call.params) - {"metadata", "expand"}:
        raise wrong_state(NOT_EDITABLE, "invoice_not_editable")
    if invoice["status"] != "draft" and (frozen := set(call.params) - EDITABLE_WHEN_OPEN):
        message = f"Finalized invoices can't be updated in this way ({', '.join(sorted(frozen))})"
        raise ApiError(400, message, code="invoice_not_editable", param=min(frozen))
    _apply(call, invoice)
    call.store.invoices.put(invoice)
    emit(call, "invoice.updated", invoice, before=before)
    _plan_finalization(call, invoice)
    return invoice


@operation("DELETE /v1/invoices/{invoice}")
def delete_invoice(call: Call) -> Record:
    invoice = get_invoice(call)
    if invoice["status"] != "draft":
        raise wrong_state("You can only delete draft invoices. Void this invoice instead.", "invoice_not_editable")
    for item in call.store.invoiceitems.find(invoice=invoice["id"]):
        call.store.invoiceitems.remove(item["id"])
    call.store.invoice_lines.pop(invoice["id"], None)
    call.store.invoices.remove(invoice["id"])
    emit(call, "invoice.deleted", invoice)
    return {"id": invoice["id"], "object": "invoice", "deleted": True}


@operation("POST /v1/invoices/{invoice}/finalize")
def finalize_invoice(call: Call) -> Record:
    invoice = get_invoice(call)
    if invoice["status"] != "draft":
        raise wrong_state("This invoice is already finalized, you can't re-finalize a non-draft invoice.", "invoice_not_editable")
    return finalize(call, invoice, auto_advance=call.params.get("auto_advance"))


@operation("POST /v1/invoices/{invoice}/send")
def send_invoice(call: Call) -> Record:
    invoice = get_invoice(call)
    if invoice["collection_method"] != "send_invoice":
        raise wrong_state("You can only manually send an invoice if its collection method is 'send_invoice'.")
    if invoice["status"] not in ("open", "uncollectible"):
        raise wrong_state(f"You can only send an open invoice; this one is {invoice['status']}.")
    emit(call, "invoice.sent", invoice)
    return invoice


@operation("POST /v1/invoices/{invoice}/void")
def void_invoice(call: Call) -> Record:
    before, invoice = get_invoice(call), get_invoice(call)
    if invoice["status"] not in ("open", "uncollectible"):
        raise wrong_state(f"You can only void invoices that are open or uncollectible; this one is {invoice['status']}.")
    _cancel_open_payments(call, invoice, "void_invoice")
    invoice |= {"status": "void", "auto_advance": False, "next_payment_attempt": None}
    return _transition(call, before, invoice, "voided_at", "invoice.voided")


@operation("POST /v1/invoices/{invoice}/mark_uncollectible")
def mark_uncollectible(call: Call) -> Record:
    before, invoice = get_invoice(call), get_invoice(call)
    if invoice["status"] != "open":
        raise wrong_state(f"You can only mark open invoices as uncollectible; this one is {invoice['status']}.")
    invoice |= {"status": "uncollectible", "auto_advance": False, "next_payment_attempt": None}
    return _transition(call, before, invoice, "marked_uncollectible_at", "invoice.marked_uncollectible")


@operation("POST /v1/invoices/{invoice}/pay")
def pay_invoice(call: Call) -> Record:
    invoice = get_invoice(call)
    if invoice["status"] == "paid":
        raise wrong_state("Invoice is already paid")
    if invoice["status"] not in ("open", "uncollectible"):
        raise wrong_state(f"You can only pay an open invoice; this one is {invoice['status']}.")
    if call.params.get("paid_out_of_band"):
        return pay_out_of_band(call, invoice)
    customer = call.store.customers.get(invoice["customer"]) or {"invoice_settings": {"default_payment_method": None}}
    saved = invoice["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
    method_id = call.params.get("payment_method") or saved
    if not method_id:
        raise ApiError(400, NO_METHOD, code="resource_missing", param="payment_method")
    return attempt_payment(call, invoice, method_id, off_session=call.params.get("off_session", True))


@operation("POST /v1/invoices/{invoice}/attach_payment")
def attach_payment(call: Call) -> Record:
    invoice = get_invoice(call)
    if invoice["status"] not in ("open", "uncollectible"):
        raise wrong_state(f"You can only attach a payment to an open invoice; this one is {invoice['status']}.")
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


def finalize(call: Call, invoice: Record, *, auto_advance: bool | None = None) -> Record:
    """Number, freeze, open, and collect if that is automatic. An invoice over nothing is paid at once."""
    before = existing_invoice(call, invoice["id"])
    customer = call.store.customers.get(invoice["customer"])
    if customer is not None:
        invoice |= customer_snapshot(customer)
        _number(call, invoice, customer)
        _apply_customer_balance(call, invoice, customer)
    if auto_advance is not None:
        invoice["auto_advance"] = auto_advance
    days = call.store.due_days.get(invoice["id"])
    if days is not None:
        invoice["due_date"] = call.now + days * DAY_SECONDS
    invoice |= {"status": "open", "effective_at": invoice["effective_at"] or call.now, "automatically_finalizes_at": None}
    invoice |= {"ending_balance": invoice["ending_balance"] or 0, "webhooks_delivered_at": call.now}
    invoice["status_transitions"]["finalized_at"] = call.now
    give_hosted_page(call, invoice, new_id("", length=40))
    call.store.invoices.put(invoice)
    if invoice["amount_due"] > 0:
        _open_payment(call, invoice)
    emit(call, "invoice.finalized", invoice)
    emit(call, "invoice.updated", invoice, before=before)
    if invoice["amount_due"] == 0:
        return _complete(call, existing_invoice(call, invoice["id"]), charged=False)
    _plan_overdue(call, invoice)
    return _advance(call, invoice) if invoice["auto_advance"] else invoice


def give_hosted_page(call: Call, invoice: Record, token: str) -> None:
    mode = "live" if invoice["livemode"] else "test"
    url = f"{call.world.base_url}/i/{call.account.id}/{mode}_{token}"
    call.store.hosted_tokens[f"{mode}_{token}"] = invoice["id"]
    invoice |= {"hosted_invoice_url": url + "?s=ap", "invoice_pdf": url + "/pdf?s=ap"}


def attempt_payment(call: Call, invoice: Record, method_id: str, *, off_session: bool) -> Record:
    """Charge the invoice's own payment intent. Raises a card error for a decline, after invoice.payment_failed."""
    payment = open_default_payment(call, invoice["id"])
    if payment is None:
        raise wrong_state("This invoice has no open payment.")
    intent_id = payment["payment"]["payment_intent"]
    try:
        intent = confirm(call, intent_id, {"payment_method": method_id, "off_session": off_session})
    except ApiError as problem:
        if problem.status == 402:
            _note_failure(call, invoice["id"], problem.error.get("code"))
        raise
    if intent["status"] == "requires_action":
        emit(call, "invoice.payment_action_required", existing_invoice(call, invoice["id"]))
        raise card_error(NEEDS_ACTION, code="invoice_payment_intent_requires_action", payment_intent=intent)
    return existing_invoice(call, invoice["id"])


def note_failed_attempt(call: Call, intent_id: str, code: str | None) -> None:
    """The payer failed on the bank's page: the invoice hears of it too."""
    for payment in call.store.invoice_payments.find(payment_intent=intent_id):
        _note_failure(call, payment["invoice"], code)


def _note_failure(call: Call, invoice_id: str, code: str | None) -> None:
    before, invoice = existing_invoice(call, invoice_id), existing_invoice(call, invoice_id)
    invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    call.store.invoices.put(invoice)
    emit(call, "invoice.updated", invoice, before=before)
    emit(call, "invoice.payment_failed", invoice)
    if code == "authentication_required":
        emit(call, "invoice.payment_action_required", invoice)


def credit(call: Call, payment: Record, intent: Record) -> None:
    """Money came in for an invoice: raise amount_paid, complete it when nothing remains, keep what was too much."""
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
        _resize_default_payment(call, invoice)
        return
    _complete(call, before, charged=True)


on_invoice_money.append(credit)


def pay_out_of_band(call: Call, invoice: Record) -> Record:
    """The merchant says it was paid elsewhere: the whole invoice, no charge."""
    _cancel_open_payments(call, invoice, "void_invoice")
    invoice |= {
        "amount_paid_off_stripe": invoice["amount_remaining"],
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
    }
    before = existing_invoice(call, invoice["id"])
    call.store.invoices.put(invoice)
    return _complete(call, before, charged=False)


def _complete(call: Call, before: Record, *, charged: bool) -> Record:
    invoice = existing_invoice(call, before["id"])
    _cancel_open_payments(call, invoice, "void_invoice")
    invoice |= {"status": "paid", "auto_advance": False, "attempted": True, "next_payment_attempt": None}
    invoice = _transition(call, before, invoice, "paid_at", "invoice.paid")
    if charged:
        emit(call, "invoice.payment_succeeded", invoice)
    return invoice


def _transition(call: Call, before: Record, invoice: Record, moment: str, event_type: str) -> Record:
    invoice["status_transitions"][moment] = call.now
    call.store.invoices.put(invoice)
    emit(call, "invoice.updated", invoice, before=before)
    emit(call, event_type, invoice)
    return invoice


def _open_payment(call: Call, invoice: Record) -> None:
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


def _resize_default_payment(call: Call, invoice: Record) -> None:
    payment = open_default_payment(call, invoice["id"])
    if payment is not None:
        intent = existing_intent(call, payment["payment"]["payment_intent"])
        call.store.payment_intents.put({**intent, "amount": invoice["amount_remaining"]})
        call.store.invoice_payments.put({**payment, "amount_requested": invoice["amount_remaining"]})


def _cancel_open_payments(call: Call, invoice: Record, reason: str) -> None:
    for payment in call.store.invoice_payments.find(invoice=invoice["id"]):
        if payment["status"] != "open":
            continue
        payment["status"] = "canceled"
        payment["status_transitions"]["canceled_at"] = call.now
        call.store.invoice_payments.put(payment)
        intent = existing_intent(call, payment["payment"]["payment_intent"])
        if intent["status"] not in ("succeeded", "canceled"):
            cancel(call, intent, reason)


def _number(call: Call, invoice: Record, customer: Record) -> None:
    if invoice["number"] is None:
        sequence = customer["next_invoice_sequence"]
        invoice["number"] = f"{customer['invoice_prefix']}-{sequence:04d}"
        customer["next_invoice_sequence"] = sequence + 1
        call.store.customers.put(customer)


def _apply_customer_balance(call: Call, invoice: Record, customer: Record) -> None:
    """A credit (negative balance) lowers what is due, a debit raises it."""
    balance = customer["balance"]
    invoice["starting_balance"] = balance
    wanted = invoice["total"] + balance
    invoice["amount_due"] = invoice["amount_remaining"] = max(0, wanted)
    invoice["ending_balance"] = min(0, wanted)
    if balance:
        before = dict(customer)
        customer["balance"] = invoice["ending_balance"]
        call.store.customers.put(customer)
        emit(call, "customer.updated", customer, before=before)


def _advance(call: Call, invoice: Record) -> Record:
    if invoice["collection_method"] == "send_invoice":
        emit(call, "invoice.sent", invoice)
        return invoice
    customer = call.store.customers.get(invoice["customer"])
    saved = invoice["default_payment_method"] or (customer or {}).get("invoice_settings", {}).get("default_payment_method")
    if saved:
        try:
            return attempt_payment(call.by_stripe(), invoice, saved, off_session=True)
        except ApiError:
            return existing_invoice(call, invoice["id"])
    return invoice


def _plan_finalization(call: Call, invoice: Record) -> None:
    """Advancing drafts are finalized an hour later, once invoice.created was delivered or 72 hours have passed."""
    if invoice["status"] != "draft" or not invoice["auto_advance"] or invoice["automatically_finalizes_at"] is not None:
        return
    delay = call.world.options.finalization_delay_seconds
    invoice["automatically_finalizes_at"] = int(call.now + delay)
    call.store.invoices.put(invoice)
    later = call.by_stripe()

    def due() -> None:
        with later.world.lock:
            current = later.store.invoices.get(invoice["id"])
            if current is None or current["status"] != "draft" or not current["auto_advance"]:
                return
            created = later.store.events.find(type="invoice.created")
            waiting = any(event["data"]["object"]["id"] == current["id"] and event["pending_webhooks"] for event in created)
            if waiting and later.now < current["created"] + GIVE_UP_WAITING_SECONDS:
                later.world.timetable.after(delay, due)
                return
            finalize(later, current)

    later.world.timetable.after(delay, due)


def _plan_overdue(call: Call, invoice: Record) -> None:
    if invoice["due_date"] is None:
        return
    later = call.by_stripe()

    def due() -> None:
        with later.world.lock:
            current = later.store.invoices.get(invoice["id"])
            if current is not None and current["status"] == "open":
                emit(later, "invoice.overdue", current)

    later.world.timetable.at(invoice["due_date"], due)


def _apply(call: Call, invoice: Record) -> None:
    params = call.params
    for name in TEXTS:
        if name in params:
            invoice[name] = blank_to_none(params[name])
    for name in ("auto_advance", "collection_method", "effective_at", "custom_fields"):
        if name in params:
            invoice[name] = blank_to_none(params[name])
    if "metadata" in params:
        invoice["metadata"] = merged_metadata(invoice["metadata"], params["metadata"])
    if "payment_settings" in params:
        kinds = blank_to_none(params["payment_settings"].get("payment_method_types"))
        invoice["payment_settings"]["payment_method_types"] = kinds
    if params.get("default_payment_method"):
        if params["default_payment_method"] not in call.store.payment_methods:
            raise no_such("PaymentMethod", params["default_payment_method"], param="default_payment_method")
        invoice["default_payment_method"] = params["default_payment_method"]
    if isinstance(params.get("shipping_details"), dict):
        shipping = params["shipping_details"]
        invoice["shipping_details"] = {
            "address": address_of(shipping["address"]),
            "name": shipping["name"],
            "phone": shipping.get("phone"),
        }
    _apply_due(call, invoice)


def _apply_due(call: Call, invoice: Record) -> None:
    params = call.params
    given = [name for name in ("days_until_due", "due_date") if params.get(name) is not None]
    if not given:
        return
    if invoice["collection_method"] != "send_invoice":
        raise refused(f"`{given[0]}` can only be set when collection_method is send_invoice.", param=given[0])
    if len(given) == 2:
        raise refused("You may only specify one of these parameters: days_until_due, due_date.", param="due_date")
    if "days_until_due" in params:
        call.store.due_days[invoice["id"]] = params["days_until_due"]
        invoice["due_date"] = call.now + params["days_until_due"] * DAY_SECONDS
    else:
        call.store.due_days.pop(invoice["id"], None)
        if params["due_date"] < call.now:
            raise refused("`due_date` must be in the future.", param="due_date")
        invoice["due_date"] = params["due_date"]
