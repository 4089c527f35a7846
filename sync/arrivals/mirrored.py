"""Kinds of which we keep the provider's word and no row of our own: subscriptions, disputes, payouts, what is for sale."""

from __future__ import annotations

from dataclasses import fields as dataclass_fields
from datetime import date
from enum import Enum
from typing import Any

from providers.records import Money, Record
from sync.arrivals.arrival import Arrivals

_OF_EVERY_RECORD = frozenset(field.name for field in dataclass_fields(Record))


_names: dict[type[Record], tuple[str, ...]] = {}


def _own_names(kind: type[Record]) -> tuple[str, ...]:
    """The kind's own fields; what is hidden from repr (addresses and secrets for a payer's browser) is never kept."""
    names = _names.get(kind)
    if names is None:
        names = tuple(field.name for field in dataclass_fields(kind) if field.name not in _OF_EVERY_RECORD and field.repr)
        _names[kind] = names
    return names


def fields(record: Record) -> dict[str, Any]:
    """The record's own fields as JSON. An amount becomes its minor units; `currency` is that of all of them, for none of these
    kinds mixes two."""
    mapped: dict[str, Any] = {}
    for name in _own_names(type(record)):
        value = getattr(record, name)
        if isinstance(value, Money):
            mapped[name] = value.minor_units
            mapped["currency"] = value.currency
        elif isinstance(value, Enum):
            mapped[name] = value.value
        elif isinstance(value, date):  # a datetime is one, too
            mapped[name] = value.isoformat()
        elif isinstance(value, tuple):
            mapped[name] = list(value)
        else:
            mapped[name] = value
    return mapped


def absorb_page(page: Arrivals) -> None:
    """The document and its mapped fields are all there is to keep."""
