"""What a payer types on a hosted page: a card, an amount."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from providers.sandbox.square import payment_sources
from providers.sandbox.square.errors import ApiFailure
from providers.sandbox.square.money import ZERO_DECIMAL
from providers.sandbox.square.payment_sources import DECLINE_TEXTS, Source
from providers.sandbox.square.state import Square

CARD_FIELDS = ("card_number", "expiry", "cvv", "postal_code")


def source(square: Square, form: Mapping[str, str]) -> Source:
    return payment_sources.typed_card(square, *(form.get(name, "") for name in CARD_FIELDS))


def minor_units(text: str, currency: str) -> int:
    """Of an amount typed in major units; nothing for what is no amount."""
    try:
        value = Decimal(text or "0") * (1 if currency in ZERO_DECIMAL else 100)
    except InvalidOperation:
        return 0
    return int(value) if value.is_finite() and value > 0 else 0


def words(declined: ApiFailure) -> str:
    """The refusal as the page says it."""
    error = declined.errors[0]
    return DECLINE_TEXTS.get(error["code"], error["detail"])
