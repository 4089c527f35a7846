"""The checkout session as a record."""

from typing import Any

from providers.sandbox.stripe.call import Call
from providers.sandbox.stripe.customers import ADDRESS_FIELDS
from providers.sandbox.stripe.errors import no_such
from providers.sandbox.stripe.store import Record


def session_record(session_id: str, mode: str, *, created: int, expires_at: int, livemode: bool) -> Record:
    """An open hosted session without amounts and addresses."""
    return {
        "id": session_id,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": None,
        "amount_total": None,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": None,
        "client_reference_id": None,
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": created,
        "currency": None,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {"after_submit": None, "shipping_address": None, "submit": None, "terms_of_service_acceptance": None},
        "customer": None,
        "customer_account": None,
        "customer_creation": None,
        "customer_details": None,
        "customer_email": None,
        "discounts": [],
        "expires_at": expires_at,
        "invoice": None,
        "invoice_creation": None,
        "livemode": livemode,
        "locale": None,
        "metadata": {},
        "mode": mode,
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "always" if mode == "subscription" else "if_required",
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_status": "no_payment_required" if mode == "setup" else "unpaid",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": None,
        "subscription": None,
        "success_url": None,
        "total_details": None if mode == "setup" else {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": None,
        "wallet_options": None,
    }


def details_of(email: str | None, name: str | None = None) -> Record:
    return {
        "address": dict.fromkeys(ADDRESS_FIELDS),
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": name,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def existing_session(call: Call, session_id: str) -> Record:
    session = call.store.checkout_sessions.get(session_id)
    if session is None:
        other = call.world.store(call.account.id, not call.livemode)
        other_mode = ("test" if call.livemode else "live") if session_id in other.checkout_sessions else None
        raise no_such("checkout.session", session_id, param="session", other_mode=other_mode)
    return session


def filled(url: str | None, session_id: str) -> str | None:
    """success_url and return_url may name the session as {CHECKOUT_SESSION_ID}."""
    return url.replace("{CHECKOUT_SESSION_ID}", session_id) if url else None


def wishes_of(call: Call, owner_id: str) -> dict[str, Any]:
    """What was asked for beside what the session or link shows: lines, payment_intent_data, subscription_data …"""
    return call.store.checkout_wishes.get(owner_id, {"lines": []})
