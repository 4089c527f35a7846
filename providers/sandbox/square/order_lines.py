"""An order as hosted pages list it: lines, discounts, taxes, charges."""

from providers.sandbox.square.money import amount_of, display, money
from providers.sandbox.square.shelf import Record


def shown(order: Record, *, charge_words: str) -> list[tuple[str, str]]:
    """Words and amount of each row above the total; prices are those of the lines before discounts and added taxes."""
    currency = order["total_money"]["currency"]
    rows = [(_words(line), display(line["gross_sales_money"])) for line in order.get("line_items") or []]
    for discount in order.get("discounts") or []:
        rows.append((discount.get("name") or "Discount", display(money(-amount_of(discount["applied_money"]), currency))))
    for charge in order.get("service_charges") or []:
        rows.append((charge.get("name") or charge_words, display(charge["total_money"])))
    for tax in order.get("taxes") or []:
        included = " (included)" if tax["type"] == "INCLUSIVE" else ""
        rows.append((f"{tax.get('name') or 'Tax'}{included}", display(tax["applied_money"])))
    return rows


def _words(line: Record) -> str:
    """Name, variation and how many."""
    name = line.get("name") or "Item"
    variation = f", {line['variation_name']}" if line.get("variation_name") else ""
    return f"{name}{variation}{'' if line['quantity'] == '1' else ' × ' + line['quantity']}"
