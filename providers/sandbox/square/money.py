"""Amounts on the wire: an integer in the currency's smallest unit beside its ISO code."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from providers.sandbox.square.errors import invalid

PROCESSING_CURRENCIES = ("AUD", "CAD", "EUR", "GBP", "JPY", "USD")
ZERO_DECIMAL = ("JPY",)


def money(amount: int, currency: str) -> dict[str, Any]:
    return {"amount": amount, "currency": currency}


def amount_of(value: dict[str, Any] | None) -> int:
    return int(value["amount"]) if value else 0


def rounded(value: Decimal) -> int:
    """Square rounds half to even."""
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def checked(value: dict[str, Any], currency: str, field: str, *, positive: bool = False) -> int:
    """The amount of a caller's Money in this currency. Raises the documented refusals."""
    if value.get("amount") is None:
        raise invalid("MISSING_REQUIRED_PARAMETER", "Missing required parameter.", f"{field}.amount")
    if value.get("currency") is None:
        raise invalid("MISSING_REQUIRED_PARAMETER", "Missing required parameter.", f"{field}.currency")
    if value["currency"] != currency:
        raise invalid(
            "INVALID_VALUE",
            f"This merchant can only process payments in {currency}, but amount was provided in {value['currency']}",
            field,
        )
    if value["amount"] < (1 if positive else 0):
        raise invalid("VALUE_TOO_LOW", f"`{field}.amount` must be greater than {'0' if positive else '-1'}.", f"{field}.amount")
    return int(value["amount"])


def display(value: dict[str, Any]) -> str:
    """For pages: 12.34 USD, 500 JPY."""
    sign, amount = "-" if value["amount"] < 0 else "", abs(value["amount"])
    if value["currency"] in ZERO_DECIMAL:
        return f"{sign}{amount:,} {value['currency']}"
    return f"{sign}{amount // 100:,}.{amount % 100:02d} {value['currency']}"
