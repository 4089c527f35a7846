"""What discounts and taxes make of a list of lines: shared by invoices and checkout sessions. All in integer minor units."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from providers.sandbox.stripe.store import Record

HUNDRED = Decimal(100)


@dataclass(slots=True, kw_only=True)
class Line:
    """One line on its way from its amount to its total.

    discounts: (discount id, coupon) of this line alone; rates: tax rates. discounted and taxed are filled in by settle().
    """

    amount: int
    discountable: bool = True
    discounts: Sequence[tuple[str, Record]] = ()
    rates: Sequence[Record] = ()
    discounted: list[tuple[str, int]] = field(default_factory=list)
    taxed: list[tuple[Record, int, int]] = field(default_factory=list)
    """(rate, tax, taxable amount)"""

    @property
    def net(self) -> int:
        """After discounts, before exclusive tax."""
        return self.amount - sum(amount for _, amount in self.discounted)

    @property
    def inclusive_tax(self) -> int:
        return sum(tax for rate, tax, _ in self.taxed if rate["inclusive"])

    @property
    def exclusive_tax(self) -> int:
        return sum(tax for rate, tax, _ in self.taxed if not rate["inclusive"])

    @property
    def total(self) -> int:
        return self.net + self.exclusive_tax


def settle(lines: Sequence[Line], discounts: Sequence[tuple[str, Record]] = ()) -> None:
    """Apply each line's own discounts, then those of the whole, then taxes on what is left."""
    for line in lines:
        for discount_id, coupon in line.discounts:
            _discount([line], discount_id, coupon)
    for discount_id, coupon in discounts:
        _discount(lines, discount_id, coupon)
    for line in lines:
        _tax(line)


def taxes_shown(line: Line) -> list[Record]:
    """In the shape of `taxes` and `total_taxes` since 2025-03-31.basil."""
    return [
        {
            "amount": tax,
            "tax_behavior": "inclusive" if rate["inclusive"] else "exclusive",
            "tax_rate_details": {"tax_rate": rate["id"]},
            "taxability_reason": "standard_rated",
            "taxable_amount": base,
            "type": "tax_rate_details",
        }
        for rate, tax, base in line.taxed
    ]


def summed(rows: Sequence[Record], key: Any) -> list[Record]:
    """Rows with the same key as one, their amounts added; the first one's other values stay."""
    sums: dict[Any, Record] = {}
    for row in rows:
        known = sums.get(key(row))
        if known is None:
            sums[key(row)] = dict(row)
            continue
        for name in ("amount", "taxable_amount"):
            if name in row:
                known[name] += row[name]
    return list(sums.values())


def _discount(lines: Sequence[Line], discount_id: str, coupon: Record) -> None:
    open_lines = [line for line in lines if line.discountable and line.net > 0]
    if coupon["percent_off"] is not None:
        for line in open_lines:
            line.discounted.append((discount_id, _rounded(line.net * Decimal(str(coupon["percent_off"])) / HUNDRED)))
        return
    whole = sum(line.net for line in open_lines)
    left = min(coupon["amount_off"], whole)
    for line in open_lines:
        share = left if line is open_lines[-1] else min(left, _rounded(Decimal(coupon["amount_off"]) * line.net / whole))
        line.discounted.append((discount_id, share))
        left -= share


def _tax(line: Line) -> None:
    inside = sum((Decimal(str(rate["percentage"])) for rate in line.rates if rate["inclusive"]), Decimal(0))
    base = line.net - _rounded(line.net * inside / (HUNDRED + inside)) if inside else line.net
    for rate in line.rates:
        line.taxed.append((rate, _rounded(base * Decimal(str(rate["percentage"])) / HUNDRED), base))


def _rounded(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_HALF_UP))
