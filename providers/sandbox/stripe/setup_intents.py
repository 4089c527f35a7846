"""Setup intents: saving a card for later without charging it."""

from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.cards import MESSAGES
from providers.sandbox.stripe.customers import existing_customer
from providers.sandbox.stripe.errors import card_error, no_such, wrong_state
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.params import merged_metadata
from providers.sandbox.stripe.payment_methods import attach, card_behind, usable_method
from providers.sandbox.stripe.store import Record

OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")


@operation("POST /v1/setup_intents")
def create_setup_intent(call: Call) -> Record:
    params = call.params
    if params.get("customer"):
        existing_customer(call, params["customer"])
    intent_id = new_id("seti_1", length=23)
    intent: Record = {
        "id": intent_id,
        "object": "setup_intent",
        "application": call.application,
        "attach_to_self": False,
        "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
        "cancellation_reason": None,
        "client_secret": f"{intent_id}_secret_{new_id('', length=24)}",
        "created": call.now,
        "customer": params.get("customer"),
        "customer_account": None,
        "description": params.get("description"),
        "excluded_payment_method_types": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": call.livemode,
        "mandate": None,
        "metadata": merged_metadata({}, params.get("metadata")),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": None,
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": params.get("usage", "off_session"),
    }
    if params.get("payment_method"):
        intent |= {"payment_method": usable_method(call, params["payment_method"])["id"], "status": "requires_confirmation"}
    call.store.setup_intents.put(intent)
    emit(call, "setup_intent.created", intent)
    return _confirm(call, intent, params) if params.get("confirm") else intent


@operation("GET /v1/setup_intents/{intent}")
def get_setup_intent(call: Call) -> Record:
    intent = call.store.setup_intents.get(call.ids["intent"])
    if intent is None:
        raise no_such("setupintent", call.ids["intent"], param="intent")
    return intent


@operation("GET /v1/setup_intents")
def list_setup_intents(call: Call) -> bytes:
    equal = {name: call.params.get(name) for name in ("customer", "payment_method")}
    return list_answer(call, call.store.setup_intents, equal=equal)


@operation("POST /v1/setup_intents/{intent}/confirm")
def confirm_setup_intent(call: Call) -> Record:
    return _confirm(call, get_setup_intent(call), call.params)


@operation("POST /v1/setup_intents/{intent}/cancel")
def cancel_setup_intent(call: Call) -> Record:
    intent = get_setup_intent(call)
    if intent["status"] not in OPEN:
        raise wrong_state(
            f"You cannot cancel this SetupIntent because it has a status of {intent['status']}.", "setup_intent_unexpected_state"
        )
    intent |= {"status": "canceled", "cancellation_reason": call.params.get("cancellation_reason")}
    call.store.setup_intents.put(intent)
    emit(call, "setup_intent.canceled", intent)
    return intent


def _confirm(call: Call, intent: Record, params: dict[str, Any]) -> Record:
    if intent["status"] not in OPEN:
        raise wrong_state(
            f"You cannot confirm this SetupIntent because it has a status of {intent['status']}.", "setup_intent_unexpected_state"
        )
    method_id = params.get("payment_method") or intent["payment_method"]
    if not method_id:
        raise wrong_state(
            "You cannot confirm this SetupIntent because it's missing a payment method.", "setup_intent_unexpected_state"
        )
    method = usable_method(call, method_id)
    card = card_behind(call, method)
    if not card.attaches and card.decline is not None:
        code, decline_code = card.decline
        message = MESSAGES[decline_code or code]
        error = {"code": code, "message": message, "type": "card_error", "payment_method": method}
        intent |= {"status": "requires_payment_method", "payment_method": None, "last_setup_error": error}
        call.store.setup_intents.put(intent)
        emit(call, "setup_intent.setup_failed", intent)
        raise card_error(message, code=code, decline_code=decline_code, setup_intent=intent)
    if intent["customer"]:
        attach(call, method, intent["customer"])
    intent |= {"status": "succeeded", "payment_method": method["id"]}
    call.store.setup_intents.put(intent)
    emit(call, "setup_intent.succeeded", intent)
    return intent
