"""Stripe's basic values: moments, numbers, words, ids that may be expanded, our marks in metadata, what is never kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Generic, TypeVar

from providers import drift
from providers.errors import Rejected
from providers.records import Money

Json = dict[str, Any]
T = TypeVar("T")

REFERENCE: Final = "payhub_reference"  # metadata key of our own id
UNFINISHED: Final = "payhub_unfinished"  # metadata key of a draft whose lines are still to come
NO_CURRENCY: Final = "XXX"  # ISO 4217's code for none: what is left of a deleted draft names no currency
SECRETS: Final = ("client_secret", "confirmation_secret")
NESTED_SECRETS: Final = ("payment_intent", "setup_intent", "latest_invoice", "last_payment_error", "last_setup_error")


class Words(Generic[T]):
    """One field's words in ours; a word in no table is counted as drift and means `unknown`, no word at all as well."""

    __slots__ = ("_field", "_noun", "_table", "_unknown")

    def __init__(self, noun: str, field: str, table: Mapping[str, T], unknown: T) -> None:
        self._noun, self._field, self._table, self._unknown = noun, field, table, unknown

    def of(self, word: Any, at: datetime) -> T:
        if word.__class__ is str and word in self._table:
            return self._table[word]
        if word is not None:
            drift.word("stripe", self._noun, self._field, word, at=at)
        return self._unknown


def moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def day(seconds: int | None) -> date | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).date()


def number(value: Any) -> int | None:
    """A whole number told as such or as decimal text; None where it is absent or a fraction of the minor unit."""
    if value is None or value.__class__ is int:
        return value
    if value.__class__ is str and value.isdecimal():
        return int(value)
    try:
        decimal = Decimal(str(value))
        return int(decimal) if decimal == decimal.to_integral_value() else None
    except (InvalidOperation, OverflowError):
        return None


def without_secrets(raw: Json) -> Json:
    """The same object without what opens a payer's page to its holder: it is for that browser only, and never kept."""
    for name in SECRETS:
        raw.pop(name, None)
    for name in NESTED_SECRETS:
        inner = raw.get(name)
        if inner.__class__ is dict:
            without_secrets(inner)
    return raw


def currency_of(raw: Mapping[str, Any]) -> str:
    currency = raw.get("currency")
    return currency.upper() if currency else NO_CURRENCY


def identifier(value: Any) -> str | None:
    """The id of a field that holds an id or, expanded, the object."""
    if value.__class__ is dict:
        value = value.get("id")
    return value or None


def metadata_of(raw: Mapping[str, Any]) -> Mapping[str, str]:
    return raw.get("metadata") or {}


def reference_of(raw: Mapping[str, Any]) -> str | None:
    metadata = raw.get("metadata")
    return (metadata.get(REFERENCE) or None) if metadata else None


def noon(day: date) -> int:
    """Stripe keeps moments where we keep a day. Noon UTC is that same day in all but the outermost time zones."""
    return int(datetime.combine(day, time(12), UTC).timestamp())


def last_second(day: date) -> int:
    """For today, once noon has passed: Stripe takes no due date in the past."""
    return int(datetime.combine(day, time(23, 59, 59), UTC).timestamp())


def representable(*amounts: Money) -> None:
    """Raise Rejected for an amount that Stripe could not take, before it is asked: it counts ISK and UGX in hundredths that must
    be none, and the last digit of dinars and rials must be zero (Stripe docs: currencies)."""
    for amount in amounts:
        if amount.minor_units % amount.smallest_step:
            raise Rejected(
                f"{amount.currency} is paid in steps of {amount.smallest_step} of its smallest unit only; round the amount.",
                code="amount_not_representable",
                field="amount",
            )
