"""The price as a record, and what so many units of it cost."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from providers.sandbox.stripe.store import Record


def price_record(
    price_id: str,
    *,
    product: str,
    currency: str,
    unit_amount_decimal: str,
    created: int,
    livemode: bool,
    recurring: Mapping[str, Any] | None = None,
) -> Record:
    """recurring: interval and, if not 1, interval_count; None for a one-time price."""
    unit = Decimal(unit_amount_decimal)
    whole = unit == unit.to_integral_value()
    return {
        "id": price_id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": created,
        "currency": currency,
        "custom_unit_amount": None,
        "livemode": livemode,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": product,
        "recurring": _recurring(recurring),
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if recurring else "one_time",
        "unit_amount": int(unit) if whole else None,
        "unit_amount_decimal": decimal_text(unit),
    }


def decimal_text(value: Decimal) -> str:
    """Without exponent and idle zeros: 1250, 0.5."""
    return format(value.normalize(), "f") if value else "0"


def amount_of(price: Record, quantity: int) -> int:
    """Minor units for so many; fractions of a cent are rounded on the sum."""
    return int((Decimal(price["unit_amount_decimal"]) * quantity).to_integral_value(ROUND_HALF_UP))


def _recurring(wanted: Mapping[str, Any] | None) -> Record | None:
    if not wanted:
        return None
    return {
        "interval": wanted["interval"],
        "interval_count": wanted.get("interval_count", 1),
        "meter": None,
        "trial_period_days": wanted.get("trial_period_days"),
        "usage_type": wanted.get("usage_type", "licensed"),
    }
