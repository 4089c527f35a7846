"""Charges: made by payment intents; their balance transaction arrives late with asynchronous capture."""

from collections.abc import Callable
from typing import Any

from providers.sandbox.stripe.balance import book, processing_fee
from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.cards import MESSAGES, TestCard
from providers.sandbox.stripe.customers import ADDRESS_FIELDS
from providers.sandbox.stripe.errors import no_such
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.params import blank_to_none, merged_metadata
from providers.sandbox.stripe.search import search_answer
from providers.sandbox.stripe.store import Record

on_charge_success: list[Callable[[Call, Record, TestCard], None]] = []
"""Called with each charge that succeeded, captured or not: test cards may dispute it later."""
IN_PERSON: Record = {
    "amount_authorized": None,
    "emv_auth_data": None,
    "generated_card": None,
    "incremental_authorization_supported": False,
    "location": None,
    "network_transaction_id": None,
    "overcapture_supported": False,
    "reader": None,
    "receipt": None,
}
"""What a charge tells about a card on a reader beside what its payment method tells."""


def charge_record(charge_id: str, intent: Record, method: Record, card: TestCard, *, created: int) -> Record:
    """A succeeded, captured charge for the whole amount, without its balance transaction."""
    return {
        "id": charge_id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"],
        "amount_refunded": 0,
        "application": intent["application"],
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "SANDBOX",
        "captured": True,
        "created": created,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": intent["livemode"],
        "metadata": intent["metadata"],
        "on_behalf_of": None,
        "outcome": outcome(None),
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _method_details(method, card, intent["amount"]),
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": f"https://pay.stripe.com/receipts/payment/{charge_id}",
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": None,
    }


def outcome(reason: str | None) -> Record:
    """reason: decline code, None for an authorized charge."""
    return {
        "advice_code": None if reason is None else "try_again_later",
        "network_advice_code": None,
        "network_decline_code": None if reason is None else "01",
        "network_status": "approved_by_network" if reason is None else "declined_by_network",
        "reason": reason,
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": "Payment complete."
        if reason is None
        else "The bank did not return any further details with this decline.",
        "type": "authorized" if reason is None else "issuer_declined",
    }


def _method_details(method: Record, card: TestCard, amount: int) -> Record:
    if method["type"] == "card_present":
        present = {name: value for name, value in method["card_present"].items() if name != "networks"}
        return {"card_present": {**present, **IN_PERSON, "network": card.brand}, "type": "card_present"}
    if method["type"] == "us_bank_account":
        names = ("account_holder_type", "account_type", "bank_name", "fingerprint", "last4", "routing_number")
        debit = {name: method["us_bank_account"][name] for name in names}
        return {"us_bank_account": {**debit, "mandate": None, "payment_reference": None}, "type": "us_bank_account"}
    shown = method["card"]
    details: dict[str, Any] = {
        name: shown[name] for name in ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding")
    }
    details |= {
        "amount_authorized": amount,
        "authorization_code": "123456",
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": shown["last4"],
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card.brand,
        "network_token": {"used": False},
        "network_transaction_id": None,
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": None,
        "transaction_link_id": None,
        "wallet": None,
    }
    return {"card": details, "type": "card"}


def card_present_method(method: Record, card: TestCard) -> Record:
    """The same card tapped on a reader in the shop."""
    shown = method["card"]
    present = {
        "brand": card.brand,
        "brand_product": None,
        "cardholder_name": None,
        "country": shown["country"],
        "exp_month": shown["exp_month"],
        "exp_year": shown["exp_year"],
        "fingerprint": shown["fingerprint"],
        "funding": shown["funding"],
        "last4": card.last4,
        "networks": shown["networks"],
        "offline": None,
        "preferred_locales": ["en"],
        "read_method": "contactless_emv",
    }
    billing = {"address": dict.fromkeys(ADDRESS_FIELDS), "email": None, "name": None, "phone": None, "tax_id": None}
    return {**method, "type": "card_present", "card_present": present, "billing_details": billing}


def charge_card(call: Call, intent: Record, method: Record, card: TestCard) -> Record:
    """Charge an intent's amount and emit charge.succeeded, or for manual capture an uncaptured charge."""
    charge = charge_record(new_id("ch_3", length=23), intent, method, card, created=call.now)
    manual = intent["capture_method"] == "manual"
    if manual:
        charge |= {"captured": False, "amount_captured": 0}
    elif intent["capture_method"] == "automatic":
        _book_charge(call, charge, card)
    call.store.charges.put(charge)
    emit(call, "charge.succeeded", charge)
    if not manual and intent["capture_method"] == "automatic_async":
        book_later(call, charge["id"], card)
    for follow in on_charge_success:
        follow(call, charge, card)
    return charge


def decline_card(call: Call, intent: Record, method: Record, card: TestCard, reason: tuple[str, str | None]) -> Record:
    """A failed charge, with charge.failed. reason: code and decline code."""
    charge = charge_record(new_id("ch_3", length=23), intent, method, card, created=call.now)
    code, decline_code = reason
    message = MESSAGES[decline_code or code]
    charge |= {"status": "failed", "paid": False, "captured": False, "amount_captured": 0, "receipt_url": None}
    charge |= {"failure_code": code, "failure_message": message, "outcome": outcome(decline_code or code)}
    call.store.charges.put(charge)
    emit(call, "charge.failed", charge)
    return charge


def pending_charge(call: Call, intent: Record, method: Record, card: TestCard) -> Record:
    """A bank debit on its way, with charge.pending."""
    charge = charge_record(new_id("py_3", length=23), intent, method, card, created=call.now)
    charge |= {"status": "pending", "paid": True}
    call.store.charges.put(charge)
    emit(call, "charge.pending", charge)
    return charge


def settle_charge(call: Call, charge_id: str, card: TestCard) -> None:
    """A pending charge comes good."""
    charge = existing_charge(call, charge_id)
    charge["status"] = "succeeded"
    _book_charge(call, charge, card)
    call.store.charges.put(charge)
    emit(call, "charge.succeeded", charge)


def bounce_charge(call: Call, charge_id: str, code: str) -> None:
    charge = existing_charge(call, charge_id)
    charge |= {"status": "failed", "paid": False, "captured": False, "amount_captured": 0, "receipt_url": None}
    charge |= {"failure_code": code, "failure_message": MESSAGES[code], "outcome": outcome(code)}
    call.store.charges.put(charge)
    emit(call, "charge.failed", charge)


def capture_charge(call: Call, charge: Record, amount: int, card: TestCard) -> Record:
    charge |= {"captured": True, "amount_captured": amount}
    _book_charge(call, charge, card)
    call.store.charges.put(charge)
    emit(call, "charge.captured", charge)
    return charge


def book_later(call: Call, charge_id: str, card: TestCard) -> None:
    """Asynchronous capture: the balance transaction and charge.updated come after the answer."""

    def arrive(later: Call) -> None:
        before, charge = later.store.charges.get(charge_id), later.store.charges.get(charge_id)
        if charge is None or charge["balance_transaction"] is not None:
            return
        _book_charge(later, charge, card)
        later.store.charges.put(charge)
        emit(later, "charge.updated", charge, before=before)

    call.plan(call.world.clock.timestamp() + call.world.options.balance_transaction_lag_seconds, arrive)


def book_now_if_waiting(call: Call, charge: Record, card: TestCard) -> None:
    """A refund needs the money to be on the balance: what was still on its way arrives first."""
    if charge["balance_transaction"] is None and charge["captured"]:
        before = dict(charge)
        _book_charge(call, charge, card)
        call.store.charges.put(charge)
        emit(call.by_stripe(), "charge.updated", charge, before=before)


def _book_charge(call: Call, charge: Record, card: TestCard) -> None:
    amount = charge["amount_captured"]
    transaction = book(
        call,
        kind="charge",
        amount=amount,
        fee=processing_fee(amount),
        currency=charge["currency"],
        source=charge["id"],
        at_once=card.available_at_once,
    )
    charge["balance_transaction"] = transaction["id"]


def existing_charge(call: Call, charge_id: str, *, param: str = "charge") -> Record:
    charge = call.store.charges.get(charge_id)
    if charge is None:
        raise no_such("charge", charge_id, param=param)
    return charge


@operation("GET /v1/charges")
def list_charges(call: Call) -> bytes:
    equal = {name: call.params.get(name) for name in ("payment_intent", "customer", "transfer_group")}
    return list_answer(call, call.store.charges, equal=equal)


@operation("GET /v1/charges/search")
def search_charges(call: Call) -> bytes:
    return search_answer(call, call.store.charges)


@operation("GET /v1/charges/{charge}")
def get_charge(call: Call) -> Record:
    return existing_charge(call, call.ids["charge"], param="id")


@operation("POST /v1/charges/{charge}")
def update_charge(call: Call) -> Record:
    before, charge = get_charge(call), get_charge(call)
    for name in ("description", "receipt_email", "transfer_group"):
        if name in call.params:
            charge[name] = blank_to_none(call.params[name])
    if "metadata" in call.params:
        charge["metadata"] = merged_metadata(charge["metadata"], call.params["metadata"])
    call.store.charges.put(charge)
    emit(call, "charge.updated", charge, before=before)
    return charge
