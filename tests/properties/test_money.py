"""Money adds up exactly, never mixes currencies, and cannot be made of anything but whole minor units."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.records import (
    THREE_DECIMAL_CURRENCIES,
    WHOLE_UNIT_CURRENCIES,
    ZERO_DECIMAL_CURRENCIES,
    CurrencyMismatch,
    Money,
    currency_exponent,
    smallest_step,
)

CURRENCIES = ("USD", "EUR", "GBP", "JPY", "KRW", "BHD", "KWD", "ISK")
minor_units = st.integers(min_value=-(2**63), max_value=2**63 - 1)
currencies = st.sampled_from(CURRENCIES)


@st.composite
def amounts(draw: st.DrawFn, count: int = 3) -> list[Money]:
    """Some amounts of one currency."""
    currency = draw(currencies)
    return [Money(draw(minor_units), currency) for _ in range(count)]


@given(amounts())
def test_addition_is_exact_whatever_the_order(three: list[Money]) -> None:
    a, b, c = three
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert (a + b).minor_units == a.minor_units + b.minor_units


@given(amounts(count=2))
def test_subtraction_undoes_addition(two: list[Money]) -> None:
    a, b = two
    assert (a + b) - b == a
    assert a - b == a + -b
    assert a - a == Money(0, a.currency)
    assert Money(0, a.currency) - (Money(0, a.currency) - a) == a


@given(amounts(count=2))
def test_order_is_that_of_the_minor_units(two: list[Money]) -> None:
    a, b = two
    assert (a < b) is (a.minor_units < b.minor_units)
    assert sorted([a, b])[0].minor_units == min(a.minor_units, b.minor_units)


@given(minor_units, minor_units, currencies, currencies)
def test_two_currencies_never_combine(a: int, b: int, one: str, other: str) -> None:
    mine, theirs = Money(a, one), Money(b, other)
    if one == other:
        assert (mine + theirs).currency == one
        return
    for combine in (Money.__add__, Money.__sub__, Money.__lt__):
        with pytest.raises(CurrencyMismatch):
            combine(mine, theirs)
    assert mine != theirs


@given(st.one_of(st.floats(), st.booleans(), st.decimals(), st.fractions(), st.text(), st.none()))
def test_only_whole_numbers_make_money(value: float | bool | Decimal | Fraction | str | None) -> None:
    with pytest.raises(TypeError):
        Money(value, "USD")  # type: ignore[arg-type]


@given(st.text(max_size=5).filter(lambda text: not (len(text) == 3 and text.isalpha() and text.isupper())))
def test_only_three_capitals_make_a_currency(text: str) -> None:
    with pytest.raises(ValueError):
        Money(1, text)


@given(minor_units, currencies)
def test_equal_money_hashes_equally(value: int, currency: str) -> None:
    assert len({Money(value, currency), Money(value, currency)}) == 1


def test_exponents_are_those_of_the_currencies() -> None:
    assert [currency_exponent(code) for code in ("USD", "usd", "JPY", "KWD", "ISK", "HUF")] == [2, 2, 0, 3, 2, 2]
    assert not ZERO_DECIMAL_CURRENCIES & THREE_DECIMAL_CURRENCIES
    assert Money(1999, "JPY").exponent == 0


@given(st.integers(min_value=-(10**9), max_value=10**9), st.sampled_from(["ISK", "UGX", "KWD", "USD", "JPY", "HUF"]))
def test_an_amount_made_of_steps_is_whole_in_what_people_can_pay(steps: int, currency: str) -> None:
    """ISK and UGX are counted in hundredths that are none; the third decimal of a dinar is not used."""
    step = smallest_step(currency)
    amount = Money(steps * step, currency)
    assert amount.smallest_step == step
    shown = Decimal(amount.minor_units).scaleb(-amount.exponent)
    payable_decimals = {"ISK": 0, "UGX": 0, "JPY": 0, "KWD": 2, "USD": 2, "HUF": 2}[currency]
    assert shown == round(shown, payable_decimals)
    if step > 1:
        odd = Decimal(amount.minor_units + 1).scaleb(-amount.exponent)
        assert odd != round(odd, payable_decimals)


def test_every_currency_has_one_kind_of_minor_unit() -> None:
    assert not WHOLE_UNIT_CURRENCIES & (ZERO_DECIMAL_CURRENCIES | THREE_DECIMAL_CURRENCIES)
    assert [smallest_step(code) for code in ("ISK", "ugx", "KWD", "JPY", "USD", "HUF", "TWD")] == [100, 100, 10, 1, 1, 1, 1]
