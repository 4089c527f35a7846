"""The currencies that exist."""

from __future__ import annotations

from babel.numbers import list_currencies

CURRENCIES = frozenset(list_currencies())
"""ISO 4217 codes, past ones too: an old invoice may be in one."""
