"""What all kinds share: times, days, money, and the fields of a draft that are to be written."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from providers.records import Draft, JsonObject, Line, Money

NOWHERE = "XXX"  # ISO 4217 for "no currency"
W = TypeVar("W", bound=StrEnum)


def moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def day(text: Any) -> date | None:
    return date.fromisoformat(text) if text else None


def money(raw: Any) -> Money | None:
    if not raw or raw.get("amount") is None:
        return None
    return Money(raw["amount"], raw.get("currency") or NOWHERE)


def amount(raw: Any) -> Money:
    return money(raw) or Money(0, NOWHERE)


def word(text: Any, words: type[W], *, otherwise: str = "unknown") -> W:
    """The fake's words are ours; a real provider has its own and a table. What is not among them is UNKNOWN."""
    try:
        return words(text)
    except ValueError:
        return words(otherwise)


def common(raw: JsonObject, as_of: datetime) -> dict[str, Any]:
    version = raw.get("version")
    return {
        "id": raw["id"],
        "version": None if version is None else str(version),
        "changed_at": moment(raw.get("changed_at")),
        "created_at": moment(raw.get("created_at")),
        "as_of": as_of,
        "raw": raw,
    }


# --- what to write: our fields that are not None, under the provider's names ---


def written_money(value: Money) -> dict[str, Any]:
    return {"amount": value.minor_units, "currency": value.currency}


def written_line(line: Line) -> dict[str, Any]:
    return {
        "description": line.description,
        "amount": written_money(line.amount),
        "quantity": line.quantity,
        "unit_amount": written_money(line.unit_amount) if line.unit_amount is not None else None,
    }


def written(draft: Draft[Any], *names: str) -> dict[str, Any]:
    """Money, days and times as JSON has them."""
    fields: dict[str, Any] = {}
    for name in names:
        value = getattr(draft, name)
        if value is not None:
            fields[name] = written_money(value) if isinstance(value, Money) else _plain(value)
    return fields


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
