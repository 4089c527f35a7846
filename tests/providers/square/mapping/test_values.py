from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers.records import Money
from providers.square.mapping.values import moment, money, stamp, stamp_up


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [("", 0), (".5", 500000), (".49", 490000), (".123", 123000), (".123456", 123456), (".123456789", 123456)],
)
def test_times_of_any_precision_are_read(text: str, microsecond: int) -> None:
    assert moment(f"2026-01-02T03:04:05{text}Z") == datetime(2026, 1, 2, 3, 4, 5, microsecond, tzinfo=UTC)


@pytest.mark.parametrize("text", [None, "", "soon", 7, {}])
def test_what_is_no_time_is_none(text: Any) -> None:
    assert moment(text) is None


@pytest.mark.parametrize(
    "value", [None, {}, {"amount": 1}, {"amount": 1.5, "currency": "USD"}, {"amount": "1", "currency": "USD"}]
)
def test_what_is_no_money_is_none(value: Any) -> None:
    assert money(value) is None


def test_money_without_amount_is_zero() -> None:
    assert money({"currency": "EUR"}) == Money(0, "EUR")


def test_stamps_enclose_the_moment() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    below, above = moment(stamp(at)), moment(stamp_up(at))
    assert below is not None
    assert above is not None
    assert below <= at <= above
    assert above - below == timedelta(milliseconds=1)
