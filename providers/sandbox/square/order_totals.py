"""What an order costs: lines, discounts, service charges, taxes, in that order, rounded half to even."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from providers.sandbox.square import ids
from providers.sandbox.square.errors import invalid
from providers.sandbox.square.money import amount_of, checked, money, rounded
from providers.sandbox.square.shelf import Record


def priced(order: Record, currency: str) -> Record:
    """The order with every computed amount; raises the documented refusals for bad quantities, money or percentages."""
    lines = [
        _gross_line(line, currency, f"order.line_items[{index}]") for index, line in enumerate(order.get("line_items") or [])
    ]
    _apply_discounts(order, lines, currency)
    _apply_taxes(order, lines, currency)
    charges = [_charge(charge, lines, currency) for charge in order.get("service_charges") or []]
    for line in lines:
        line["total_money"] = money(
            line["gross_sales_money"]["amount"]
            - line["total_discount_money"]["amount"]
            + line["total_tax_money"]["amount"]
            - line.pop("_inclusive_tax", 0),
            currency,
        )
    charged = sum(charge["total_money"]["amount"] for charge in charges)
    tip = sum(amount_of(tender.get("tip_money")) for tender in order.get("tenders") or [])
    sums = {
        "total_money": sum(line["total_money"]["amount"] for line in lines) + charged + tip,
        "total_tax_money": sum(line["total_tax_money"]["amount"] for line in lines),
        "total_discount_money": sum(line["total_discount_money"]["amount"] for line in lines),
        "total_tip_money": tip,
        "total_service_charge_money": charged,
    }
    result = {**order, **{name: money(amount, currency) for name, amount in sums.items()}}
    for name, parts in (("line_items", lines), ("service_charges", charges)):
        if parts:
            result[name] = parts
    return with_due(result, currency)


def with_due(order: Record, currency: str) -> Record:
    """net_amounts (less returns) and net_amount_due_money, from totals and tenders."""
    returned = amount_of((order.get("return_amounts") or {}).get("total_money"))
    # A tender's amount includes its tip.
    paid = sum(amount_of(tender.get("amount_money")) for tender in order.get("tenders") or [])
    net = {
        "total_money": money(order["total_money"]["amount"] - returned, currency),
        "tax_money": order["total_tax_money"],
        "discount_money": order["total_discount_money"],
        "tip_money": order["total_tip_money"],
        "service_charge_money": order["total_service_charge_money"],
    }
    due = max(0, order["total_money"]["amount"] - paid) if order.get("state") != "CANCELED" else 0
    return {**order, "net_amounts": net, "net_amount_due_money": money(due, currency)}


def _gross_line(line: Record, currency: str, field: str) -> Record:
    quantity = _decimal(line["quantity"], f"{field}.quantity")
    if quantity <= 0:
        raise invalid("INVALID_VALUE", "Quantity must be greater than zero.", f"{field}.quantity")
    if line.get("base_price_money") is None:
        raise invalid("MISSING_REQUIRED_PARAMETER", "An ad hoc line item needs a base price.", f"{field}.base_price_money")
    base = checked(line["base_price_money"], currency, f"{field}.base_price_money")
    gross = rounded(quantity * base)
    return {
        **line,
        "uid": line.get("uid") or ids.uid(),
        "item_type": line.get("item_type") or "ITEM",
        "variation_total_price_money": money(gross, currency),
        "gross_sales_money": money(gross, currency),
        "total_tax_money": money(0, currency),
        "total_discount_money": money(0, currency),
        "total_service_charge_money": money(0, currency),
    }


def _apply_discounts(order: Record, lines: list[Record], currency: str) -> None:
    for discount in order.get("discounts") or []:
        discount.setdefault("uid", ids.uid())
        discount.setdefault("scope", "ORDER")
        discount.setdefault("type", "FIXED_PERCENTAGE" if discount.get("percentage") else "FIXED_AMOUNT")
        chosen = _chosen(discount, lines, "applied_discounts", "discount_uid")
        bases = [line["gross_sales_money"]["amount"] - line["total_discount_money"]["amount"] for line in chosen]
        if discount.get("percentage"):
            share = _decimal(discount["percentage"], "order.discounts.percentage") / 100
            parts = [rounded(base * share) for base in bases]
        else:
            parts = spread(min(amount_of(discount.get("amount_money")), sum(bases)), bases)
        discount["applied_money"] = money(sum(parts), currency)
        for line, part in zip(chosen, parts, strict=True):
            line["total_discount_money"] = money(line["total_discount_money"]["amount"] + part, currency)
            _note_applied(line, "applied_discounts", "discount_uid", discount["uid"], money(part, currency))


def _apply_taxes(order: Record, lines: list[Record], currency: str) -> None:
    for tax in order.get("taxes") or []:
        tax.setdefault("uid", ids.uid())
        tax.setdefault("scope", "ORDER")
        tax.setdefault("type", "ADDITIVE")
        share = _decimal(tax.get("percentage") or "0", "order.taxes.percentage") / 100
        total = 0
        for line in _chosen(tax, lines, "applied_taxes", "tax_uid"):
            base = line["gross_sales_money"]["amount"] - line["total_discount_money"]["amount"]
            inclusive = tax["type"] == "INCLUSIVE"
            part = rounded(base - Decimal(base) / (1 + share)) if inclusive else rounded(base * share)
            total += part
            line["total_tax_money"] = money(line["total_tax_money"]["amount"] + part, currency)
            if inclusive:
                line["_inclusive_tax"] = line.get("_inclusive_tax", 0) + part
            _note_applied(line, "applied_taxes", "tax_uid", tax["uid"], money(part, currency))
        tax["applied_money"] = money(total, currency)


def _charge(charge: Record, lines: list[Record], currency: str) -> Record:
    subtotal = sum(line["gross_sales_money"]["amount"] - line["total_discount_money"]["amount"] for line in lines)
    if charge.get("percentage"):
        amount = rounded(subtotal * _decimal(charge["percentage"], "order.service_charges.percentage") / 100)
    else:
        amount = amount_of(charge.get("amount_money"))
    computed = {
        "applied_money": money(amount, currency),
        "total_money": money(amount, currency),
        "total_tax_money": money(0, currency),
    }
    return {**charge, "uid": charge.get("uid") or ids.uid(), **computed}


def _chosen(part: Record, lines: list[Record], applied: str, uid_name: str) -> list[Record]:
    """The lines a tax or discount applies to: all of them, or those that name it."""
    if part["scope"] == "ORDER":
        return lines
    return [line for line in lines if any(entry.get(uid_name) == part["uid"] for entry in line.get(applied) or [])]


def _note_applied(line: Record, applied: str, uid_name: str, uid: str, amount: Record) -> None:
    entries = [dict(entry) for entry in line.get(applied) or []]
    known = next((entry for entry in entries if entry.get(uid_name) == uid), None)
    if known is None:
        known = {"uid": ids.uid(), uid_name: uid}
        entries.append(known)
    known.setdefault("uid", ids.uid())
    known["applied_money"] = amount
    line[applied] = entries


def spread(amount: int, weights: Iterable[int]) -> list[int]:
    """Split an amount by weights so that the parts add up exactly; the last part takes the remainder."""
    shares = list(weights)
    total, rest, parts = sum(shares), amount, []
    for index, weight in enumerate(shares):
        part = rest if index == len(shares) - 1 else (amount * weight // total if total else 0)
        parts.append(part)
        rest -= part
    return parts


def _decimal(text: Any, field: str) -> Decimal:
    try:
        value = Decimal(text)
    except (InvalidOperation, TypeError):
        value = Decimal("NaN")
    if not value.is_finite():
        raise invalid("INVALID_VALUE", f"`{text}` is not a decimal number.", field)
    return value
