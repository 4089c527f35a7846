"""Moments and money as Square writes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from providers import drift
from providers.records import Money

W = TypeVar("W")

NO_CURRENCY = "XXX"  # ISO 4217: no currency; only for an object that names no amount at all


def moment(text: Any) -> datetime | None:
    """RFC 3339 with 0 to 9 fraction digits (even within one object); None where absent or not a time."""
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)


def day(text: Any) -> date | None:
    """YYYY-MM-DD; None where absent or not a day."""
    try:
        return date.fromisoformat(text) if text else None
    except (TypeError, ValueError):
        return None


def stamp(at: datetime) -> str:
    """RFC 3339 UTC in milliseconds, rounded down."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamp_up(at: datetime) -> str:
    """The same, rounded up, for the upper edge of a window."""
    return stamp(at + timedelta(milliseconds=1))


def money(value: Any) -> Money | None:
    """{"amount", "currency"}; None where absent. Square leaves out an amount of zero in places."""
    if not isinstance(value, Mapping) or not value.get("currency"):
        return None
    amount = value.get("amount")
    try:
        return Money(amount if amount is not None else 0, value["currency"])
    except (TypeError, ValueError):
        return None


def money_json(value: Money) -> dict[str, Any]:
    return {"amount": value.minor_units, "currency": value.currency}


def word(table: Mapping[str, W], value: Any, otherwise: W, *, noun: str, path: str, at: datetime) -> W:
    """The table's meaning of Square's word; `otherwise` for none, and for a new one, which is counted."""
    if not value:
        return otherwise
    try:
        return table[value]
    except (KeyError, TypeError):
        drift.word("square", noun, path, value, at=at)
        return otherwise


def version_text(value: Any) -> str | None:
    return None if value is None else str(value)
