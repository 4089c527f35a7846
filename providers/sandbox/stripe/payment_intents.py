"""Payment intents: the state machine from requires_payment_method to succeeded or canceled."""

from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.cards import MESSAGES, TestCard
from providers.sandbox.stripe.charges import (
    bounce_charge,
    capture_charge,
    charge_card,
    decline_card,
    existing_charge,
    pending_charge,
    settle_charge,
)
from providers.sandbox.stripe.customers import existing_customer
from providers.sandbox.stripe.errors import ApiError, card_error, no_such, refused, wrong_state
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.params import blank_to_none, merged_metadata, required
from providers.sandbox.stripe.payment_methods import attach, card_behind, usable_method
from providers.sandbox.stripe.search import search_answer
from providers.sandbox.stripe.settle import intent_succeeded, on_intent_failure
from providers.sandbox.stripe.store import Record

MINIMUM_AMOUNTS = {
    "gbp": 30,
    "dkk": 250,
    "nok": 300,
    "sek": 300,
    "aed": 200,
    "pln": 200,
    "ron": 200,
    "myr": 200,
    "hkd": 400,
    "jpy": 50,
}
MINIMUM_AMOUNTS |= {"krw": 50, "huf": 17500, "czk": 1500, "mxn": 1000, "thb": 1000}
USUAL_MINIMUM = 50
GREATEST_AMOUNT = 999_999_999_999
CANCELABLE = ("requires_payment_method", "requires_confirmation", "requires_action", "requires_capture")
CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
EDITABLE = (
    "description",
    "receipt_email",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)


def payment_intent_record(
    intent_id: str,
    *,
    amount: int,
    currency: str,
    created: int,
    livemode: bool,
    customer: str | None = None,
    description: str | None = None,
    application: str | None = None,
    secret: str = "",
) -> Record:
    return {
        "id": intent_id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": application,
        "application_fee_amount": None,
        "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{intent_id}_secret_{secret or new_id('', length=25)}",
        "confirmation_method": "automatic",
        "created": created,
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "description": description,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": livemode,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def existing_intent(call: Call, intent_id: str, *, param: str = "intent") -> Record:
    intent = call.store.payment_intents.get(intent_id)
    if intent is None:
        raise no_such("payment_intent", intent_id, param=param)
    return intent


@operation("POST /v1/payment_intents")
def create_payment_intent(call: Call) -> Record:
    params = call.params
    check_amount(params["amount"], params["currency"])
    if params.get("off_session") and not params.get("confirm"):
        raise refused("You may only use `off_session` when `confirm` is true.", param="off_session")
    if params.get("customer"):
        existing_customer(call, params["customer"])
    intent = payment_intent_record(
        new_id("pi_3", length=23),
        amount=params["amount"],
        currency=params["currency"].lower(),
        created=call.now,
        livemode=call.livemode,
        customer=blank_to_none(params.get("customer")),
        application=call.application,
    )
    _apply(call, intent)
    call.store.payment_intents.put(intent)
    emit(call, "payment_intent.created", intent)
    if params.get("confirm"):
        return confirm(call, intent["id"], params)
    return intent


@operation("GET /v1/payment_intents/{intent}")
def get_payment_intent(call: Call) -> Record:
    return existing_intent(call, call.ids["intent"])


@operation("POST /v1/payment_intents/{intent}")
def update_payment_intent(call: Call) -> Record:
    intent = existing_intent(call, call.ids["intent"])
    params = call.params
    if "amount" in params or "currency" in params:
        if intent["status"] not in CONFIRMABLE:
            raise unexpected_state(intent, "update the amount of")
        money = {"amount": intent["amount"], "currency": intent["currency"], **params}
        check_amount(money["amount"], money["currency"])
        intent |= {"amount": money["amount"], "currency": money["currency"].lower()}
    if params.get("customer"):
        existing_customer(call, params["customer"])
        intent["customer"] = params["customer"]
    _apply(call, intent)
    call.store.payment_intents.put(intent)
    return intent


@operation("POST /v1/payment_intents/{intent}/confirm")
def confirm_payment_intent(call: Call) -> Record:
    return confirm(call, call.ids["intent"], call.params)


@operation("POST /v1/payment_intents/{intent}/cancel")
def cancel_payment_intent(call: Call) -> Record:
    intent = existing_intent(call, call.ids["intent"])
    if intent["status"] not in CANCELABLE:
        raise unexpected_state(intent, "cancel")
    if call.store.invoice_payments.find(payment_intent=intent["id"]):
        raise wrong_state("You cannot cancel this PaymentIntent because it belongs to an invoice. Void the invoice instead.")
    return cancel(call, intent, call.params.get("cancellation_reason"))


@operation("POST /v1/payment_intents/{intent}/capture")
def capture_payment_intent(call: Call) -> Record:
    intent = existing_intent(call, call.ids["intent"])
    if intent["status"] != "requires_capture":
        raise unexpected_state(intent, "capture")
    amount: int = {"amount_to_capture": intent["amount_capturable"], **call.params}["amount_to_capture"]
    if not 0 < amount <= intent["amount_capturable"]:
        raise refused(
            "The remaining amount greater than the amount capturable.", code="amount_too_large", param="amount_to_capture"
        )
    charge = existing_charge(call, intent["latest_charge"])
    method = call.store.payment_methods.get(intent["payment_method"])
    assert method is not None
    capture_charge(call, charge, amount, card_behind(call, method))
    intent |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}
    call.store.payment_intents.put(intent)
    intent_succeeded(call, intent)
    return intent


@operation("GET /v1/payment_intents")
def list_payment_intents(call: Call) -> bytes:
    return list_answer(call, call.store.payment_intents, equal={"customer": call.params.get("customer")})


@operation("GET /v1/payment_intents/search")
def search_payment_intents(call: Call) -> bytes:
    return search_answer(call, call.store.payment_intents)


def check_amount(amount: int, currency: str) -> None:
    """Raises 400 below Stripe's minimum or beyond twelve digits."""
    if len(currency) != 3 or not currency.isalpha():
        raise refused(f"Invalid currency: {currency}. Stripe currently supports these currencies: usd, aed, …", param="currency")
    if amount < MINIMUM_AMOUNTS.get(currency.lower(), USUAL_MINIMUM):
        message = (
            "Amount must be at least $0.50 usd"
            if currency.lower() == "usd"
            else f"Amount is below the minimum for {currency.lower()}"
        )
        if amount < 1:
            raise refused("This value must be greater than or equal to 1.", code="parameter_invalid_integer", param="amount")
        raise refused(message, code="amount_too_small", param="amount")
    if amount > GREATEST_AMOUNT:
        raise refused("Amount must be no more than 999,999,999,999.", code="amount_too_large", param="amount")


def unexpected_state(intent: Record, verb: str) -> ApiError:
    message = f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}."
    return wrong_state(message, "payment_intent_unexpected_state", payment_intent=intent)


def confirm(call: Call, intent_id: str, params: dict[str, Any]) -> Record:
    """Try to take the money now. Raises a card error (402) for a decline, after recording the failed attempt."""
    intent = existing_intent(call, intent_id)
    if intent["status"] not in CONFIRMABLE:
        raise unexpected_state(intent, "confirm")
    if params.get("payment_method"):
        intent["payment_method"] = usable_method(call, params["payment_method"])["id"]
    method = call.store.payment_methods.get(intent["payment_method"] or "")
    if method is None:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method."
        )
        raise wrong_state(message, "payment_intent_unexpected_state", payment_intent=intent)
    if method["customer"] is not None and method["customer"] != intent["customer"]:
        raise refused("The provided PaymentMethod was previously attached to another customer.", param="payment_method")
    return_url = params.get("return_url") or call.world.base_url + "/done"
    card = card_behind(call, method)
    off_session = bool(params.get("off_session"))
    if needs_authentication(card, method, off_session) and not params.get("authenticated"):
        if off_session or params.get("error_on_requires_action"):
            return _fail(call, intent, method, card, ("authentication_required", "authentication_required"))
        return _ask_for_authentication(call, intent, return_url)
    return take_money(call, intent, method, card)


def needs_authentication(card: TestCard, method: Record, off_session: bool) -> bool:
    saved = method["customer"] is not None
    if card.three_d_secure == "unless_set_up":
        return not (saved and off_session)
    if card.three_d_secure == "off_session_once_set_up":
        return not off_session
    return card.three_d_secure == "always"


def take_money(call: Call, intent: Record, method: Record, card: TestCard) -> Record:
    """The bank's answer: charge and succeed, hold for capture, or decline; a bank debit is answered days later."""
    if card.delayed != "no":
        return _debit(call, intent, method, card)
    if card.decline is not None:
        return _fail(call, intent, method, card, card.decline)
    charge = charge_card(call, intent, method, card)
    intent |= {"latest_charge": charge["id"], "next_action": None, "last_payment_error": None}
    if intent["setup_future_usage"] and intent["customer"] and method["customer"] is None and method["type"] == "card":
        attach(call, method, intent["customer"])
    if intent["capture_method"] == "manual":
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        call.store.payment_intents.put(intent)
        emit(call, "payment_intent.amount_capturable_updated", intent)
        return intent
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    call.store.payment_intents.put(intent)
    intent_succeeded(call, intent)
    return intent


def _debit(call: Call, intent: Record, method: Record, card: TestCard) -> Record:
    charge = pending_charge(call, intent, method, card)
    intent |= {"status": "processing", "latest_charge": charge["id"], "next_action": None, "last_payment_error": None}
    call.store.payment_intents.put(intent)
    emit(call, "payment_intent.processing", intent)

    def due(later: Call) -> None:
        current = later.store.payment_intents.get(intent["id"])
        if current is None or current["status"] != "processing":
            return
        if card.delayed == "succeeds":
            settle_charge(later, charge["id"], card)
            current |= {"status": "succeeded", "amount_received": current["amount"]}
            later.store.payment_intents.put(current)
            intent_succeeded(later, current)
            return
        code = (card.decline or ("account_closed", None))[0]
        bounce_charge(later, charge["id"], code)
        error = {"charge": charge["id"], "code": code, "message": MESSAGES[code], "payment_method": method}
        current |= {"status": "requires_payment_method", "payment_method": None}
        current["last_payment_error"] = {**error, "type": "invalid_request_error"}
        later.store.payment_intents.put(current)
        emit(later, "payment_intent.payment_failed", current)
        for follow in on_intent_failure:
            follow(later, current)

    call.plan(call.now + call.world.options.delayed_payment_seconds, due)
    return intent


def cancel(call: Call, intent: Record, reason: str | None) -> Record:
    intent |= {
        "status": "canceled",
        "canceled_at": call.now,
        "cancellation_reason": reason,
        "amount_capturable": 0,
        "next_action": None,
    }
    call.store.payment_intents.put(intent)
    emit(call, "payment_intent.canceled", intent)
    return intent


def finish_authentication(call: Call, intent_id: str, passed: bool) -> Record:
    """The payer completes or fails the bank's 3-D Secure page. Raises a card error when the payment then fails."""
    intent = existing_intent(call, intent_id)
    if intent["status"] != "requires_action":
        raise unexpected_state(intent, "authenticate")
    method = call.store.payment_methods.get(intent["payment_method"])
    assert method is not None
    card = card_behind(call, method)
    if passed:
        return take_money(call, intent, method, card)
    intent |= {"status": "requires_payment_method", "next_action": None, "payment_method": None}
    message = (
        "The provided PaymentMethod has failed authentication. "
        "Provide payment_method_data or a new PaymentMethod to attempt this payment again."
    )
    error = {
        "code": "payment_intent_authentication_failure",
        "message": message,
        "payment_method": method,
        "type": "invalid_request_error",
    }
    return _record_failure(call, intent, error, None)


def _ask_for_authentication(call: Call, intent: Record, return_url: str) -> Record:
    url = f"{call.world.base_url}/3ds/{call.account.id}/{intent['client_secret']}"
    intent |= {
        "status": "requires_action",
        "next_action": {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": url}},
    }
    call.store.payment_intents.put(intent)
    emit(call, "payment_intent.requires_action", intent)
    return intent


def _fail(call: Call, intent: Record, method: Record, card: TestCard, reason: tuple[str, str | None]) -> Record:
    code, decline_code = reason
    if code == "authentication_required":
        message = "Your card was declined. This transaction requires authentication."
        MESSAGES.setdefault("authentication_required", message)
    message = MESSAGES[decline_code or code]
    charge = decline_card(call, intent, method, card, reason)
    intent |= {"status": "requires_payment_method", "payment_method": None, "next_action": None, "latest_charge": charge["id"]}
    error = {"charge": charge["id"], "code": code, "message": message, "payment_method": method, "type": "card_error"}
    error |= {"decline_code": decline_code} if decline_code else {}
    return _record_failure(call, intent, error, charge["id"])


def _record_failure(call: Call, intent: Record, error: Record, charge_id: str | None) -> Record:
    intent["last_payment_error"] = error
    call.store.payment_intents.put(intent)
    emit(call, "payment_intent.payment_failed", intent)
    extra: Record = {"payment_intent": intent, "payment_method": error["payment_method"]}
    extra |= {"charge": charge_id} if charge_id else {}
    raise card_error(error["message"], code=error["code"], decline_code=error.get("decline_code"), **extra)


def _apply(call: Call, intent: Record) -> None:
    params = call.params
    for name in EDITABLE:
        if name in params:
            intent[name] = blank_to_none(params[name])
    for name in ("capture_method", "confirmation_method"):
        if name in params:
            intent[name] = params[name]
    if "metadata" in params:
        intent["metadata"] = merged_metadata(intent["metadata"], params["metadata"])
    if "automatic_payment_methods" in params:
        chosen = params["automatic_payment_methods"]
        intent["automatic_payment_methods"] = {
            "allow_redirects": chosen.get("allow_redirects", "always"),
            "enabled": required(chosen, "enabled"),
        }
    if "allowed_payment_method_types" in params:
        intent["payment_method_types"] = params["allowed_payment_method_types"]
    if isinstance(params.get("shipping"), dict):
        intent["shipping"] = params["shipping"]
    if params.get("payment_method") and intent["status"] in CONFIRMABLE:
        intent["payment_method"] = usable_method(call, params["payment_method"])["id"]
        intent["status"] = "requires_confirmation"
