"""Saved payment methods: tokens and display data only."""

from __future__ import annotations

from datetime import datetime

from providers.records import PaymentMethod
from providers.stripe.mapping.payment import METHODS
from providers.stripe.mapping.values import Json, identifier, moment


def payment_method(raw: Json, as_of: datetime) -> PaymentMethod:
    """`brand` is the card's or the bank's name, else the method's type."""
    kind = raw.get("type") or ""
    details = raw.get(kind)
    if details.__class__ is not dict:
        details = {}
    return PaymentMethod(
        id=raw["id"],
        created_at=moment(raw.get("created")),
        as_of=as_of,
        raw=raw,
        customer_id=identifier(raw.get("customer")),
        method="wallet" if details.get("wallet") else METHODS.get(kind, "other"),
        brand=details.get("brand") or details.get("bank_name") or kind,
        last4=details.get("last4") or "",
        exp_month=details.get("exp_month"),
        exp_year=details.get("exp_year"),
        enabled=raw.get("customer") is not None,  # a detached method can never be used again
    )
