"""Stripe's basic values: moments, amounts, ids that may be expanded, our marks in metadata."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any, Final

from providers.records import Money

Json = dict[str, Any]

REFERENCE: Final = "payhub_reference"  # metadata key of our own id
UNFINISHED: Final = "payhub_unfinished"  # metadata key of a draft whose lines are still to come
NO_CURRENCY: Final = "XXX"  # ISO 4217's code for none: what is left of a deleted draft names no currency


def moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def currency_of(raw: Mapping[str, Any]) -> str:
    currency = raw.get("currency")
    return currency.upper() if currency else NO_CURRENCY


def amount(minor_units: int | None, currency: str) -> Money:
    return Money(minor_units or 0, currency)


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
