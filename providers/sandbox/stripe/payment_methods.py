"""Payment methods: /v1/payment_methods, test ids such as pm_card_visa, and cards saved for a customer."""

from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.cards import BY_NUMBER, BY_PAYMENT_METHOD, MESSAGES, TestCard, passes_luhn
from providers.sandbox.stripe.customers import ADDRESS_FIELDS, address_of, existing_customer
from providers.sandbox.stripe.errors import ApiError, card_error, no_such, refused
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.params import blank_to_none, merged_metadata, required
from providers.sandbox.stripe.store import Record

EXPIRY = (8, 2034)
FINGERPRINT_CHARS = 16


def card_of_number(number: str) -> TestCard:
    """The test card of a typed number. Raises a card error for one that is mistyped or unknown."""
    digits = "".join(letter for letter in number if letter.isdigit())
    if digits in BY_NUMBER:
        return BY_NUMBER[digits]
    if not passes_luhn(digits) or len(digits) < 12:
        raise card_error(MESSAGES["incorrect_number"], code="incorrect_number", param="number")
    message = "Your card was declined. Your request was in test mode, but used a non test card."
    raise card_error(message, code="card_declined", decline_code="test_mode_live_card")


def card_behind(call: Call, method: Record) -> TestCard:
    return BY_NUMBER[call.store.card_numbers[method["id"]]]


def new_payment_method(call: Call, card: TestCard, billing: Any = None) -> Record:
    """Store a fresh, unattached payment method for a test card."""
    method = payment_method_record(new_id("pm_1", length=23), card, call.now, call.livemode)
    if isinstance(billing, dict):
        method["billing_details"] |= {name: blank_to_none(billing.get(name)) for name in ("email", "name", "phone")}
        method["billing_details"]["address"] = address_of(billing.get("address")) or dict.fromkeys(ADDRESS_FIELDS)
    call.store.card_numbers[method["id"]] = card.number
    call.store.payment_methods.put(method)
    return method


def payment_method_record(method_id: str, card: TestCard, created: int, livemode: bool) -> Record:
    if card.kind == "us_bank_account":
        return _bank_account(method_id, card, created, livemode)
    return {
        "id": method_id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {"address": dict.fromkeys(ADDRESS_FIELDS), "email": None, "name": None, "phone": None, "tax_id": None},
        "card": {
            "brand": card.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": "US",
            "display_brand": card.brand,
            "exp_month": EXPIRY[0],
            "exp_year": EXPIRY[1],
            "fingerprint": f"twin{card.number[-12:]}",
            "funding": "credit",
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": created,
        "customer": None,
        "customer_account": None,
        "livemode": livemode,
        "metadata": {},
        "type": "card",
    }


def _bank_account(method_id: str, card: TestCard, created: int, livemode: bool) -> Record:
    return {
        "id": method_id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {"address": dict.fromkeys(ADDRESS_FIELDS), "email": None, "name": None, "phone": None, "tax_id": None},
        "created": created,
        "customer": None,
        "customer_account": None,
        "livemode": livemode,
        "metadata": {},
        "type": "us_bank_account",
        "us_bank_account": {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": "STRIPE TEST BANK",
            "financial_connections_account": None,
            "fingerprint": f"twin{card.number}",
            "last4": card.last4,
            "networks": {"preferred": "ach", "supported": ["ach"]},
            "routing_number": "110000000",
            "status_details": {},
        },
    }


def usable_method(call: Call, method_id: str, *, param: str = "payment_method") -> Record:
    """The payment method a request names; a test id makes a new one. Raises 404."""
    card = BY_PAYMENT_METHOD.get(method_id)
    if card is not None and not call.livemode:
        return new_payment_method(call, card)
    method = call.store.payment_methods.get(method_id)
    if method is None:
        raise no_such("PaymentMethod", method_id, param=param)
    return method


def attach(call: Call, method: Record, customer_id: str) -> Record:
    """Save a card for a customer. Raises a card error for cards that are declined when saved."""
    card = card_behind(call, method)
    existing_customer(call, customer_id)
    if not card.attaches and card.decline is not None:
        code, decline_code = card.decline
        raise card_error(MESSAGES[decline_code or code], code=code, decline_code=decline_code)
    if method["customer"] not in (None, customer_id):
        raise refused("The payment method you provided has already been attached to a customer.")
    method["customer"] = customer_id
    call.store.payment_methods.put(method)
    emit(call, "payment_method.attached", method)
    return method


def _described_card(params: dict[str, Any]) -> TestCard:
    """The test card or bank account that a request describes. Raises 400, 402 and 404."""
    kind = required(params, "type")
    if kind == "us_bank_account":
        return card_of_number(required(required(params, "us_bank_account"), "account_number"))
    if kind != "card":
        raise refused("The twin knows payment methods of types card and us_bank_account only.", param="type")
    details = required(params, "card")
    if not details.get("token"):
        return card_of_number(required(details, "number"))
    for card in BY_NUMBER.values():
        if f"tok_{card.brand}" == details["token"]:
            return card
    raise no_such("token", details["token"], param="card[token]")


@operation("POST /v1/payment_methods")
def create_payment_method(call: Call) -> Record:
    method = new_payment_method(call, _described_card(call.params), call.params.get("billing_details"))
    method["metadata"] = merged_metadata({}, call.params.get("metadata"))
    call.store.payment_methods.put(method)
    return method


@operation("GET /v1/payment_methods/{payment_method}")
def get_payment_method(call: Call) -> Record:
    method = call.store.payment_methods.get(call.ids["payment_method"])
    if method is None:
        raise no_such("PaymentMethod", call.ids["payment_method"])
    return method


@operation("POST /v1/payment_methods/{payment_method}")
def update_payment_method(call: Call) -> Record:
    before, method = get_payment_method(call), get_payment_method(call)
    billing = call.params.get("billing_details")
    if isinstance(billing, dict):
        method["billing_details"] |= {
            name: blank_to_none(billing[name]) for name in ("email", "name", "phone") if name in billing
        }
        if "address" in billing:
            method["billing_details"]["address"] = address_of(billing["address"])
    if "metadata" in call.params:
        method["metadata"] = merged_metadata(method["metadata"], call.params["metadata"])
    call.store.payment_methods.put(method)
    emit(call, "payment_method.updated", method, before=before)
    return method


@operation("POST /v1/payment_methods/{payment_method}/attach")
def attach_payment_method(call: Call) -> Record:
    method = usable_method(call, call.ids["payment_method"], param="id")
    return attach(call, method, required(call.params, "customer"))


@operation("POST /v1/payment_methods/{payment_method}/detach")
def detach_payment_method(call: Call) -> Record:
    before, method = get_payment_method(call), get_payment_method(call)
    if method["customer"] is None:
        raise ApiError(400, "The payment method you provided is not attached to a customer so detachment is impossible.")
    method["customer"] = None
    call.store.payment_methods.put(method)
    emit(call, "payment_method.detached", method, before=before)
    _forget_default(call, before["customer"], method["id"])
    return method


def _forget_default(call: Call, customer_id: str, method_id: str) -> None:
    """A card that is gone is nobody's default any more."""
    before, customer = call.store.customers.get(customer_id), call.store.customers.get(customer_id)
    if customer is not None and customer["invoice_settings"]["default_payment_method"] == method_id:
        customer["invoice_settings"]["default_payment_method"] = None
        call.store.customers.put(customer)
        emit(call, "customer.updated", customer, before=before)
    for subscription in call.store.subscriptions.find(customer=customer_id):
        if subscription["default_payment_method"] == method_id:
            changed = {**subscription, "default_payment_method": None}
            call.store.subscriptions.put(changed)
            emit(call, "customer.subscription.updated", changed, before=subscription)


@operation("GET /v1/payment_methods")
def list_payment_methods(call: Call) -> bytes:
    if not call.params.get("customer"):
        raise refused("Missing required param: customer.", code="parameter_missing", param="customer")
    return list_answer(call, call.store.payment_methods, equal={name: call.params.get(name) for name in ("customer", "type")})


@operation("GET /v1/customers/{customer}/payment_methods")
def list_customer_payment_methods(call: Call) -> bytes:
    existing_customer(call, call.ids["customer"], param="id")
    equal = {"customer": call.ids["customer"], "type": call.params.get("type")}
    return list_answer(call, call.store.payment_methods, equal=equal)


@operation("GET /v1/customers/{customer}/payment_methods/{payment_method}")
def get_customer_payment_method(call: Call) -> Record:
    method = get_payment_method(call)
    if method["customer"] != call.ids["customer"]:
        raise no_such("PaymentMethod", call.ids["payment_method"])
    return method
