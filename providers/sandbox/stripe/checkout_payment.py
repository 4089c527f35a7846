"""A payer fills in a checkout page: the payment, subscription or saved card, and the session that completes by it."""

from collections.abc import Mapping
from typing import Any

from providers.sandbox.stripe.call import Call
from providers.sandbox.stripe.cards import MESSAGES, TestCard
from providers.sandbox.stripe.checkout_records import details_of, existing_session, wishes_of
from providers.sandbox.stripe.checkout_sessions import shown_lines
from providers.sandbox.stripe.customers import create_customer
from providers.sandbox.stripe.errors import card_error, wrong_state
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.invoice_collection import complete as complete_invoice
from providers.sandbox.stripe.invoice_lifecycle import finalize
from providers.sandbox.stripe.invoice_lines import add_item, new_item
from providers.sandbox.stripe.invoice_payments import invoice_payment_record
from providers.sandbox.stripe.invoice_records import customer_snapshot, existing_invoice, invoice_record
from providers.sandbox.stripe.invoice_totals import store_totals
from providers.sandbox.stripe.params import merged_metadata
from providers.sandbox.stripe.payment_intents import (
    confirm,
    existing_intent,
    needs_authentication,
    payment_intent_record,
)
from providers.sandbox.stripe.payment_methods import attach, card_of_number, new_payment_method
from providers.sandbox.stripe.settle import on_intent_failure, on_intent_success
from providers.sandbox.stripe.setup_intents import confirm_setup, existing_setup_intent, on_setup_success
from providers.sandbox.stripe.store import Record
from providers.sandbox.stripe.subscriptions import create_subscription

FROM_DATA = ("description", "receipt_email", "setup_future_usage", "statement_descriptor", "statement_descriptor_suffix")
NEEDS_BANK = "needs_bank"
"""Answer of pay(): the payer must pass 3-D Secure first; then pay again with `authenticated`."""


def pay(call: Call, session_id: str, form: Mapping[str, str], *, authenticated: bool = False) -> Record | str:
    """Submit the page: number (or account_number), email, name. Returns the session, or NEEDS_BANK, or raises a card error.

    A payment that needs 3-D Secure comes back open; its payment intent has the bank's page as next_action.
    """
    session = existing_session(call, session_id)
    if session["status"] != "open":
        raise wrong_state(f"This Checkout Session is {session['status']} and can no longer be paid.")
    wishes = wishes_of(call, session_id)
    details = session["customer_details"] or {}
    email = form.get("email") or details.get("email")
    name = form.get("name") or details.get("name")
    wishes["payer"] = {"email": email, "name": name}
    if session["mode"] == "payment" and session["amount_total"] == 0:
        return complete(call, session, paid=False)
    card = card_of_number(form.get("account_number") or form.get("number") or "")
    method = new_payment_method(call, card, {"email": email or "", "name": name or ""})
    if session["mode"] == "payment":
        return _pay_once(call, session, method, wishes)
    if session["mode"] == "setup":
        _set_up(call, session, method)
        return existing_session(call, session_id)
    if needs_authentication(card, method, False) and not authenticated:
        return NEEDS_BANK
    return _subscribe(call, session, method, card, wishes)


def complete(call: Call, session: Record, *, paid: bool) -> Record:
    """checkout.session.completed. paid: False for what needs no payment, or whose money is still on its way."""
    wishes = wishes_of(call, session["id"])
    payer = wishes.get("payer") or {}
    _give_customer(call, session, payer)
    intent = call.store.payment_intents.get(session["payment_intent"] or "")
    delayed = intent is not None and intent["status"] == "processing"
    free = session["mode"] == "setup" or (session["amount_total"] == 0)
    session |= {"status": "complete", "url": None, "customer_details": details_of(payer.get("email"), payer.get("name"))}
    session["payment_status"] = "no_payment_required" if free else ("paid" if paid and not delayed else "unpaid")
    session["collected_information"] = {"business_name": None, "individual_name": None, "shipping_details": None}
    if session["mode"] == "payment" and session["invoice_creation"]["enabled"] and paid:
        session["invoice"] = _invoice_for(call, session, wishes)
    call.store.checkout_sessions.put(session)
    _count_for_link(call, session)
    emit(call, "checkout.session.completed", session)
    return session


def _pay_once(call: Call, session: Record, method: Record, wishes: dict[str, Any]) -> Record:
    """The payment intent is made by the first attempt and used by the next ones."""
    data = wishes["payment_intent_data"]
    if session["payment_intent"] is None:
        intent = payment_intent_record(
            new_id("pi_3", length=23),
            amount=session["amount_total"],
            currency=session["currency"],
            created=call.now,
            livemode=call.livemode,
            customer=session["customer"],
            application=call.world.client_id(call.livemode) if wishes.get("by_platform") else None,
        )
        intent |= {name: data[name] for name in FROM_DATA if name in data}
        intent["capture_method"] = data.get("capture_method", intent["capture_method"])
        intent["metadata"] = merged_metadata({}, data.get("metadata"))
        intent["payment_method_types"] = session["payment_method_types"]
        call.store.payment_intents.put(intent)
        emit(call, "payment_intent.created", intent)
        session["payment_intent"] = intent["id"]
        call.store.checkout_sessions.put(session)
    back = f"{call.world.base_url}/c/pay/{session['id']}/return"
    intent = confirm(call, session["payment_intent"], {"payment_method": method["id"], "return_url": back})
    session = existing_session(call, session["id"])
    if session["status"] == "open" and intent["status"] in ("processing", "requires_capture"):
        return complete(call, session, paid=False)
    return session


def _set_up(call: Call, session: Record, method: Record) -> None:
    intent = existing_setup_intent(call, session["setup_intent"])
    if session["customer"] and intent["customer"] is None:
        call.store.setup_intents.put({**intent, "customer": session["customer"]})
        intent = existing_setup_intent(call, session["setup_intent"])
    back = f"{call.world.base_url}/c/pay/{session['id']}/return"
    confirm_setup(call, intent, {"payment_method": method["id"], "return_url": back})


def _subscribe(call: Call, session: Record, method: Record, card: TestCard, wishes: dict[str, Any]) -> Record:
    """The subscription comes into being only with its payment: a declined card leaves nothing behind."""
    if card.decline is not None:
        code, decline_code = card.decline
        raise card_error(MESSAGES[decline_code or code], code=code, decline_code=decline_code)
    _give_customer(call, session, wishes["payer"])
    attach(call, method, session["customer"])
    data = wishes["subscription_data"]
    recurring = [line for line in wishes["lines"] if line["price"]["type"] == "recurring"]
    once = [line for line in wishes["lines"] if line["price"]["type"] != "recurring"]
    params: dict[str, Any] = {
        "customer": session["customer"],
        "items": [{"price": line["price"]["id"], "quantity": line["quantity"]} for line in recurring],
        "add_invoice_items": [{"price": line["price"]["id"], "quantity": line["quantity"]} for line in once],
        "default_payment_method": method["id"],
        "payment_behavior": "error_if_incomplete",
        "metadata": data.get("metadata") or {},
        "discounts": [{"discount": discount_id} for discount_id, _ in wishes.get("discounts", ())],
        "authenticated": True,
    }
    params |= {name: data[name] for name in ("description", "trial_period_days", "trial_settings") if name in data}
    subscription = create_subscription(call.with_params(**params))
    session |= {"subscription": subscription["id"], "invoice": subscription["latest_invoice"]}
    return complete(call, session, paid=True)


def _give_customer(call: Call, session: Record, payer: Mapping[str, Any]) -> None:
    if session["customer"] is None and session["customer_creation"] == "always":
        values = {name: value for name, value in payer.items() if value}
        session["customer"] = create_customer(call.with_params(**values))["id"]


def _invoice_for(call: Call, session: Record, wishes: dict[str, Any]) -> str | None:
    """invoice_creation: a paid invoice over the same lines, settled by the session's payment intent."""
    data = session["invoice_creation"]["invoice_data"]
    if session["customer"] is None:
        values = {name: value for name, value in wishes["payer"].items() if value}
        session["customer"] = create_customer(call.with_params(**values))["id"]
    customer = call.store.customers.get(session["customer"]) or {}
    invoice = invoice_record(
        new_id("in_1", length=23),
        customer=session["customer"],
        currency=session["currency"],
        created=call.now,
        livemode=call.livemode,
        country=call.account.country,
        name=call.account.name,
    )
    invoice |= customer_snapshot(customer) | {"description": data["description"], "footer": data["footer"]}
    invoice["metadata"] = data["metadata"]
    call.store.invoices.put(invoice)
    for line in shown_lines(call, session):
        wanted = {"amount": line["amount_total"], "description": line["description"]}
        item = new_item(call, wanted, customer=session["customer"], currency=session["currency"])
        invoice = add_item(call, item, invoice)
    invoice = store_totals(call, invoice)
    emit(call, "invoice.created", invoice)
    intent = existing_intent(call, session["payment_intent"])
    payment = invoice_payment_record(invoice, intent, created=call.now, is_default=True)
    payment |= {"status": "paid", "amount_paid": intent["amount_received"]}
    payment["status_transitions"]["paid_at"] = call.now
    finalize(call, {**invoice, "auto_advance": False}, collect=False)
    call.store.invoice_payments.put(payment)
    before = existing_invoice(call, invoice["id"])
    paid = {**before, "amount_paid": before["amount_due"], "amount_remaining": 0}
    call.store.invoices.put(paid)
    complete_invoice(call, before, charged=True)
    return str(invoice["id"])


def _count_for_link(call: Call, session: Record) -> None:
    link = call.store.payment_links.get(session["payment_link"] or "")
    if link is not None and link["restrictions"]:
        link["restrictions"]["completed_sessions"]["count"] += 1
        call.store.payment_links.put(link)


def _after_success(call: Call, intent: Record) -> None:
    for session in call.store.checkout_sessions.find(payment_intent=intent["id"]):
        if session["status"] == "open":
            complete(call, session, paid=True)
        elif session["payment_status"] == "unpaid":
            session["payment_status"] = "paid"
            if session["mode"] == "payment" and session["invoice_creation"]["enabled"]:
                session["invoice"] = _invoice_for(call, session, wishes_of(call, session["id"]))
            call.store.checkout_sessions.put(session)
            emit(call, "checkout.session.async_payment_succeeded", session)


def _after_failure(call: Call, intent: Record) -> None:
    for session in call.store.checkout_sessions.find(payment_intent=intent["id"]):
        if session["status"] == "complete" and session["payment_status"] == "unpaid":
            emit(call, "checkout.session.async_payment_failed", session)


def _after_setup(call: Call, intent: Record) -> None:
    session_id = call.store.session_of_setup.get(intent["id"])
    session = call.store.checkout_sessions.get(session_id or "")
    if session is not None and session["status"] == "open":
        complete(call, session, paid=False)


on_intent_success.append(_after_success)
on_intent_failure.append(_after_failure)
on_setup_success.append(_after_setup)
