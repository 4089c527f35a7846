"""How pages write money and moments, and read amounts that people typed."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, get_currency_symbol
from markupsafe import Markup

from providers.records import currency_exponent

LOCALE = "en"
AMOUNT = re.compile(r"(\d{1,3}(?:,\d{3})+|\d{1,12})(?:\.(\d+))?")
QUANTITY = re.compile(r"\d{1,6}(\.\d{1,5})?")


class BadAmount(ValueError):
    """What was typed is no amount; the text says how to write one."""


def exponent(currency: str) -> int:
    return currency_exponent(currency)


def money(minor_units: int | None, currency: str | None) -> str:
    """`1250, "USD"` as $12.50; a dash for None. The decimals are those in which the provider counts."""
    if minor_units is None or not currency:
        return "–"
    decimals = currency_exponent(currency)
    gap = "\N{NO-BREAK SPACE}" if get_currency_symbol(currency, LOCALE)[-1].isalpha() else ""
    pattern = f"¤{gap}#,##0" + (f".{'0' * decimals}" if decimals else "")
    amount = Decimal(minor_units).scaleb(-decimals)
    return format_currency(amount, currency, f"{pattern};\N{MINUS SIGN}{pattern}", LOCALE, currency_digits=False)


def typed_amount(minor_units: int, currency: str) -> str:
    """An amount as people type it: 12.50."""
    return str(Decimal(minor_units).scaleb(-currency_exponent(currency)))


def read_amount(text: str, currency: str) -> int:
    """Minor units of what was typed: "1,250.5" or "1250.50" in USD is 125050. Raises BadAmount."""
    decimals = currency_exponent(currency)
    example = "1250" + (f".{'50'.ljust(decimals, '0')}" if decimals else "")
    found = AMOUNT.fullmatch(text.strip())
    if found is None:
        raise BadAmount(f"Write an amount such as {example}.")
    whole, fraction = found.group(1).replace(",", ""), found.group(2) or ""
    if len(fraction.rstrip("0")) > decimals:
        raise BadAmount(f"{currency} has {decimals or 'no'} decimals: write an amount such as {example}.")
    return int(whole + fraction[:decimals].ljust(decimals, "0"))


def line_amount(unit_amount: int, quantity: str) -> int:
    """quantity times unit_amount in minor units. Raises BadAmount unless it comes out even."""
    if not QUANTITY.fullmatch(quantity):
        raise BadAmount("Write a quantity such as 1 or 2.5.")
    amount = Decimal(quantity) * unit_amount
    if amount != amount.to_integral_value():
        raise BadAmount("Quantity times price must come out without a fraction of the smallest coin.")
    return int(amount)


def number(value: int) -> str:
    return format_decimal(value, locale=LOCALE)


def moment(value: datetime | str | None, zone: ZoneInfo) -> Markup:
    """In the business's time zone, as a <time> element; a dash for None."""
    if value is None or value == "":
        return Markup("–")
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    text = format_datetime(at, "d MMM y, HH:mm", tzinfo=zone, locale=LOCALE)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at.isoformat(), zone.key, text)


def day(value: date | str | None) -> str:
    """A calendar day without zone; a dash for None."""
    if not value:
        return "–"
    return format_date(date.fromisoformat(value) if isinstance(value, str) else value, "d MMM y", locale=LOCALE)
