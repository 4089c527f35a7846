"""Restricted keys: which permission an operation needs, and the refusal that names it."""

from collections.abc import Iterable

from providers.sandbox.core.twin import ControlError
from providers.sandbox.stripe.errors import ApiError
from providers.sandbox.stripe.world import Key

RESOURCE_OF_PATH = {
    "account": "account",
    "account_links": "account_link",
    "accounts": "account",
    "balance": "balance",
    "balance_transactions": "balance_transaction_source",
    "billing_portal": "customer_portal",
    "charges": "charge",
    "checkout": "checkout_session",
    "coupons": "coupon",
    "credit_notes": "credit_note",
    "customers": "customer",
    "disputes": "dispute",
    "events": "event",
    "invoice_payments": "invoice",
    "invoiceitems": "invoice",
    "invoices": "invoice",
    "payment_intents": "payment_intent",
    "payment_links": "payment_links",
    "payment_methods": "payment_method",
    "payment_records": "payment_record",
    "payouts": "payout",
    "prices": "plan",
    "products": "product",
    "refunds": "charge",
    "setup_intents": "setup_intent",
    "subscription_items": "subscription",
    "subscriptions": "subscription",
    "tax_ids": "customer",
    "tax_rates": "tax_rate",
    "webhook_endpoints": "webhook",
}
"""First part of the path after /v1 -> the resource in a permission's name. Stripe documents the message of a refusal but no list
of names: these follow the names seen in such messages (rak_charge_read, rak_customer_write …)."""
NAMES = frozenset(f"{resource}_{right}" for resource in RESOURCE_OF_PATH.values() for right in ("read", "write"))


def check_permission(key: Key, operation: str, redacted_key: str) -> None:
    """Raises 403 naming what a restricted key lacks for `GET /v1/customers`."""
    if key.permissions is None:
        return
    method, path = operation.split(" ")
    resource = RESOURCE_OF_PATH.get(path.split("/")[2], "unknown")
    right = "read" if method == "GET" else "write"
    if f"{resource}_{right}" in key.permissions or f"{resource}_write" in key.permissions:
        return
    message = (
        f"The provided key '{redacted_key}' does not have the required permissions for this endpoint on account "
        f"'{key.account_id}'. Having the 'rak_{resource}_{right}' permission would allow this request to continue."
    )
    raise ApiError(403, message, executed=False)


def check_names(wanted: Iterable[str]) -> frozenset[str]:
    """Permissions by name, with or without `rak_`. Raises ControlError."""
    names = frozenset(name.removeprefix("rak_") for name in wanted)
    if unknown := names - NAMES:
        raise ControlError(f"unknown permission {', '.join(sorted(unknown))}; there are: {', '.join(sorted(NAMES))}")
    return names
