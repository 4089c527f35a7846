"""Which fields, event types and versions we know of Stripe's: those of the SDK's pin, and those that older versions had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, get_args

import stripe

from providers import drift
from providers.stripe.mapping.values import Json
from providers.stripe.settings import API_VERSION

VERSIONS: Final = frozenset(["2023-10-16", "2024-04-10", "2025-03-31.basil", "2026-06-24.dahlia", API_VERSION])
"""Snapshots in these can be read as they are; of any other version the record is read again in ours."""

# What went away since 2023-10-16 (Stripe docs: changelog; stripe-python CHANGELOG 12.0.0, 13.0.0).
_GONE: Final[Mapping[str, str]] = {
    "customer": "deleted default_currency",
    "invoice": "deleted application_fee_amount charge discount paid paid_out_of_band payment_intent quote rendering_options "
    "subscription subscription_details subscription_proration_date tax total_tax_amounts transfer_data",
    "line_item": "amount_excluding_tax invoice_item plan price proration proration_details subscription_item tax_amounts "
    "tax_rates type unit_amount_excluding_tax",
    "charge": "invoice",
    "payment_intent": "charges invoice",
    "subscription": "current_period_end current_period_start discount invoice_customer_balance_settings plan quantity",
    "subscription_item": "plan",
    "checkout.session": "shipping_details",
}
_OBJECTS: Final[Mapping[str, type[Any]]] = {
    "balance_transaction": stripe.BalanceTransaction,
    "charge": stripe.Charge,
    "checkout.session": stripe.checkout.Session,
    "customer": stripe.Customer,
    "dispute": stripe.Dispute,
    "invoice": stripe.Invoice,
    "line_item": stripe.InvoiceLineItem,
    "payment_intent": stripe.PaymentIntent,
    "payment_link": stripe.PaymentLink,
    "payment_method": stripe.PaymentMethod,
    "payout": stripe.Payout,
    "refund": stripe.Refund,
    "setup_intent": stripe.SetupIntent,
    "subscription": stripe.Subscription,
    "subscription_item": stripe.SubscriptionItem,
}
FIELDS: Final[Mapping[str, frozenset[str]]] = {
    noun: frozenset(kind.__annotations__) | frozenset(_GONE.get(noun, "").split()) for noun, kind in _OBJECTS.items()
}
EVENT_TYPES: Final[frozenset[str]] = frozenset(get_args(stripe.Event.__annotations__["type"]))
_INNER: Final[Mapping[str, tuple[str, str]]] = {
    "invoice": ("lines", "line_item"),
    "subscription": ("items", "subscription_item"),
    "payment_intent": ("latest_charge", "charge"),
}


def notice(documents: Sequence[Json], at: datetime) -> None:
    """Count the fields that are new to us, in some of these documents of one noun, and one level further in the first."""
    if not documents:
        return
    noun = documents[0].get("object")
    known = FIELDS.get(noun) if isinstance(noun, str) else None
    if known is None or not isinstance(noun, str):
        return
    drift.fields("stripe", noun, documents, known, at=at)
    if noun in _INNER:
        field, inner_noun = _INNER[noun]
        inner = documents[0].get(field)
        parts: Any = inner.get("data", [inner]) if isinstance(inner, dict) else None
        if parts and isinstance(parts, list):
            drift.fields("stripe", noun, parts[:1], FIELDS[inner_noun], at=at, under=f"{field}.")


def notice_event(event_type: str, version: object, at: datetime) -> None:
    """Count a type or a version of an event that was never heard of."""
    if event_type not in EVENT_TYPES:
        drift.word("stripe", "event", "type", event_type, at=at)
    if version is not None and version not in VERSIONS:
        drift.word("stripe", "event", "api_version", f"v{version}", at=at)
