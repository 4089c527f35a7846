"""Setup intents: saving a card for later without charging it."""

from collections.abc import Callable, Mapping
from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.cards import MESSAGES, TestCard
from providers.sandbox.stripe.customers import existing_customer
from providers.sandbox.stripe.errors import ApiError, card_error, no_such, wrong_state
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.params import blank_to_none, merged_metadata
from providers.sandbox.stripe.payment_methods import attach, card_behind, usable_method
from providers.sandbox.stripe.store import Record

AUTHENTICATION_FAILED = (
    "The provided PaymentMethod has failed authentication. "
    "You can provide payment_method_data or a new PaymentMethod to attempt to fulfill this SetupIntent again."
)
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")


on_setup_success: list[Callable[[Call, Record], None]] = []
"""Called with a setup intent that has succeeded: checkout sessions in setup mode complete by it."""


@operation("POST /v1/setup_intents")
def create_setup_intent(call: Call) -> Record:
    intent = new_setup_intent(call, call.params)
    return confirm_setup(call, intent, call.params) if call.params.get("confirm") else intent


def new_setup_intent(call: Call, params: Mapping[str, Any]) -> Record:
    """Store a setup intent and emit setup_intent.created."""
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
        "payment_method_types": params.get("allowed_payment_method_types") or ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": params.get("usage", "off_session"),
    }
    if params.get("payment_method"):
        intent |= {"payment_method": usable_method(call, params["payment_method"])["id"], "status": "requires_confirmation"}
    call.store.setup_intents.put(intent)
    emit(call, "setup_intent.created", intent)
    return intent


def existing_setup_intent(call: Call, intent_id: str) -> Record:
    intent = call.store.setup_intents.get(intent_id)
    if intent is None:
        raise no_such("setupintent", intent_id, param="intent")
    return intent


@operation("GET /v1/setup_intents/{intent}")
def get_setup_intent(call: Call) -> Record:
    return existing_setup_intent(call, call.ids["intent"])


@operation("POST /v1/setup_intents/{intent}")
def update_setup_intent(call: Call) -> Record:
    intent, params = get_setup_intent(call), call.params
    if intent["status"] not in OPEN:
        raise unexpected(intent, "update")
    if params.get("customer"):
        intent["customer"] = existing_customer(call, params["customer"])["id"]
    if "description" in params:
        intent["description"] = blank_to_none(params["description"])
    if "metadata" in params:
        intent["metadata"] = merged_metadata(intent["metadata"], params["metadata"])
    if params.get("payment_method"):
        intent |= {"payment_method": usable_method(call, params["payment_method"])["id"], "status": "requires_confirmation"}
    call.store.setup_intents.put(intent)
    return intent


@operation("GET /v1/setup_intents")
def list_setup_intents(call: Call) -> bytes:
    equal = {name: call.params.get(name) for name in ("customer", "payment_method")}
    return list_answer(call, call.store.setup_intents, equal=equal)


@operation("POST /v1/setup_intents/{intent}/confirm")
def confirm_setup_intent(call: Call) -> Record:
    return confirm_setup(call, get_setup_intent(call), call.params)


@operation("POST /v1/setup_intents/{intent}/cancel")
def cancel_setup_intent(call: Call) -> Record:
    intent = get_setup_intent(call)
    if intent["status"] not in OPEN:
        raise unexpected(intent, "cancel")
    intent |= {"status": "canceled", "cancellation_reason": call.params.get("cancellation_reason")}
    call.store.setup_intents.put(intent)
    emit(call, "setup_intent.canceled", intent)
    return intent


def unexpected(intent: Record, verb: str) -> ApiError:
    message = f"You cannot {verb} this SetupIntent because it has a status of {intent['status']}."
    return wrong_state(message, "setup_intent_unexpected_state", setup_intent=intent)


def confirm_setup(call: Call, intent: Record, params: Mapping[str, Any]) -> Record:
    """Save the card, after 3-D Secure where the card asks for it. Raises a card error (402) for one that cannot be saved."""
    if intent["status"] not in OPEN:
        raise unexpected(intent, "confirm")
    method_id = params.get("payment_method") or intent["payment_method"]
    if not method_id:
        raise wrong_state(
            "You cannot confirm this SetupIntent because it's missing a payment method.", "setup_intent_unexpected_state"
        )
    method = usable_method(call, method_id)
    card = card_behind(call, method)
    intent["payment_method"] = method["id"]
    if card.three_d_secure != "never":
        url = f"{call.world.base_url}/3ds/{call.account.id}/{intent['client_secret']}"
        back = params.get("return_url") or call.world.base_url + "/done"
        intent |= {
            "status": "requires_action",
            "next_action": {"type": "redirect_to_url", "redirect_to_url": {"return_url": back, "url": url}},
        }
        call.store.setup_intents.put(intent)
        emit(call, "setup_intent.requires_action", intent)
        return intent
    return _save(call, intent, method, card)


def finish_setup_authentication(call: Call, intent_id: str, passed: bool) -> Record:
    """The payer completes or fails the bank's page. Raises a card error when the card is not saved."""
    intent = existing_setup_intent(call, intent_id)
    if intent["status"] != "requires_action":
        raise unexpected(intent, "authenticate")
    method = call.store.payment_methods.get(intent["payment_method"])
    assert method is not None
    if passed:
        return _save(call, intent, method, card_behind(call, method))
    raise _failed(call, intent, method, "setup_intent_authentication_failure", None, AUTHENTICATION_FAILED)


def _save(call: Call, intent: Record, method: Record, card: TestCard) -> Record:
    if not card.attaches and card.decline is not None:
        code, decline_code = card.decline
        raise _failed(call, intent, method, code, decline_code, MESSAGES[decline_code or code])
    if intent["customer"]:
        attach(call, method, intent["customer"])
    intent |= {"status": "succeeded", "payment_method": method["id"], "next_action": None, "last_setup_error": None}
    call.store.setup_intents.put(intent)
    emit(call, "setup_intent.succeeded", intent)
    for follow in on_setup_success:
        follow(call, intent)
    return intent


def _failed(call: Call, intent: Record, method: Record, code: str, decline_code: str | None, message: str) -> ApiError:
    error = {"code": code, "message": message, "type": "card_error", "payment_method": method}
    error |= {"decline_code": decline_code} if decline_code else {}
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "next_action": None,
        "last_setup_error": error,
    }
    call.store.setup_intents.put(intent)
    emit(call, "setup_intent.setup_failed", intent)
    return card_error(message, code=code, decline_code=decline_code, setup_intent=intent)
