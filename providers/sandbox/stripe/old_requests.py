"""Older ways to ask: parameters of an older Stripe-Version turned into those of the current one."""

from typing import Any

from providers.sandbox.stripe.errors import refused
from providers.sandbox.stripe.params import Decoded
from providers.sandbox.stripe.versions import BASIL, DAHLIA, ENDIVE, OLD_UI_MODES, is_older

ASYNC_CAPTURE = "2024-04-10"
"""Before it, captures were synchronous unless asked otherwise."""
WITHOUT_METHOD_TYPES = ("POST /v1/payment_intents", "POST /v1/setup_intents")
NEW_UI_MODES = {old: new for new, old in OLD_UI_MODES.items()}


def in_current_terms(operation: str, decoded: Decoded, version: str) -> Decoded:
    """Raises ApiError for what is gone in this version."""
    asked = dict(decoded)
    takes_types = operation.startswith(WITHOUT_METHOD_TYPES) or operation == "POST /v1/checkout/sessions"
    if "payment_method_types" in asked and takes_types:
        if is_older(version, ENDIVE):
            asked["allowed_payment_method_types"] = asked.pop("payment_method_types")
        elif operation.startswith(WITHOUT_METHOD_TYPES):
            message = "`payment_method_types` is no longer supported. Use `allowed_payment_method_types`, or leave it out."
            raise refused(message, code="payment_method_types_no_longer_supported", param="payment_method_types")
    if is_older(version, ENDIVE):
        _before_endive(operation, asked)
    if is_older(version, DAHLIA) and operation == "POST /v1/checkout/sessions":
        mode = asked.get("ui_mode", "hosted")
        if mode in OLD_UI_MODES:
            raise refused(f"Invalid ui_mode: must be one of {', '.join(NEW_UI_MODES)}", param="ui_mode")
        asked["ui_mode"] = NEW_UI_MODES.get(mode, mode)
    if is_older(version, BASIL):
        _before_basil(operation, asked)
    if is_older(version, ASYNC_CAPTURE) and operation == "POST /v1/payment_intents":
        asked.setdefault("capture_method", "automatic")
    return asked


def _before_endive(operation: str, asked: dict[str, Any]) -> None:
    anchor = asked.get("billing_cycle_anchor")
    changes = operation.startswith("POST /v1/subscriptions/")
    if changes and isinstance(anchor, str):
        asked["billing_cycle_anchor"] = {"type": anchor}


def _before_basil(operation: str, asked: dict[str, Any]) -> None:
    if operation.startswith("POST /v1/invoiceitems"):
        if "price" in asked:
            asked["pricing"] = {"price": asked.pop("price")}
        if "unit_amount" in asked:
            asked["unit_amount_decimal"] = asked.pop("unit_amount")
    if operation.startswith("POST /v1/subscriptions") and isinstance(asked.get("coupon"), str):
        coupon = asked.pop("coupon")
        asked["discounts"] = {"0": {"coupon": coupon}} if coupon else ""
