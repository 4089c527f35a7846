"""Amounts of money: whole minor units beside their currency, never a float."""

from __future__ import annotations

from dataclasses import dataclass

# Currencies whose minor unit is not a hundredth, as Stripe and Square count (Stripe docs: currencies). HUF and TWD are paid in
# hundredths like most; only payouts, which no one asks for here, come in whole units of them.
ZERO_DECIMAL_CURRENCIES = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
THREE_DECIMAL_CURRENCIES = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])

WHOLE_UNIT_CURRENCIES = frozenset(["ISK", "UGX"])
"""Counted in hundredths although they have none: every amount ends in 00 (Stripe docs: currencies)."""


def currency_exponent(currency: str) -> int:
    """Decimals of the currency's minor unit: 0, 2 or 3."""
    code = currency.upper()
    if code in ZERO_DECIMAL_CURRENCIES:
        return 0
    return 3 if code in THREE_DECIMAL_CURRENCIES else 2


def smallest_step(currency: str) -> int:
    """Of how many minor units every amount that can be paid is a multiple: 100 for ISK and UGX; 10 where there are three
    decimals, of which the last is not used; else 1."""
    if currency.upper() in WHOLE_UNIT_CURRENCIES:
        return 100
    return 10 if currency.upper() in THREE_DECIMAL_CURRENCIES else 1


_seen: set[str] = set()  # codes found well-formed: a page of invoices holds hundreds of amounts in one of them


def _check_currency(code: str) -> None:
    if len(code) != 3 or not code.isalpha() or not code.isupper():
        raise ValueError("currency must be three capital letters, like USD")
    _seen.add(code)


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies were put together."""


@dataclass(frozen=True, slots=True, init=False)
class Money:
    """An amount in the currency's minor unit: 1999 is 19.99 USD, and 1999 JPY. `currency` is ISO 4217 in capitals."""

    minor_units: int
    currency: str

    def __init__(self, minor_units: int, currency: str) -> None:
        """By hand, at less than half the cost of the generated one: a page of invoices holds hundreds."""
        if minor_units.__class__ is not int:
            raise TypeError(f"money is counted in whole minor units, not in {type(minor_units).__name__}")
        if currency not in _seen:
            _check_currency(currency)
        _set_minor_units(self, minor_units)
        _set_currency(self, currency)

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"cannot combine {self.currency} with {other.currency}")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor_units + other.minor_units, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor_units - other.minor_units, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor_units, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.minor_units < other.minor_units

    @property
    def exponent(self) -> int:
        return currency_exponent(self.currency)

    @property
    def smallest_step(self) -> int:
        return smallest_step(self.currency)


_set_minor_units = Money.__dict__["minor_units"].__set__
_set_currency = Money.__dict__["currency"].__set__
