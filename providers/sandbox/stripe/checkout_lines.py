"""The line items of checkout sessions and payment links, and what they come to."""

from collections.abc import Mapping, Sequence
from typing import Any

from providers.sandbox.stripe.amounts import Line, settle
from providers.sandbox.stripe.call import Call
from providers.sandbox.stripe.errors import refused
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.price_choice import chosen_price
from providers.sandbox.stripe.price_records import amount_of
from providers.sandbox.stripe.store import Record
from providers.sandbox.stripe.tax_rates import existing_rates

MOST_PAYMENT_LINES = 100
MOST_SUBSCRIPTION_LINES = 20


def lines_of(call: Call, wanted: Sequence[Mapping[str, Any]], *, most: int = MOST_PAYMENT_LINES) -> list[Record]:
    """One line per wanted item, with its whole price, its product's name and its own tax rates. Raises 400 and 404."""
    if len(wanted) > most:
        raise refused(f"You can have up to {most} line items.", param="line_items")
    lines = []
    for index, params in enumerate(wanted):
        path = f"line_items[{index}]"
        price = chosen_price(call, params, path)
        product = call.store.products.get(price["product"]) or {}
        quantity = params.get("quantity")
        if quantity is None:
            raise refused(f"Missing required param: {path}[quantity].", code="parameter_missing", param=f"{path}[quantity]")
        lines.append(
            {
                "id": new_id("li_1", length=23),
                "price": price,
                "quantity": quantity,
                "description": product.get("name"),
                "rates": existing_rates(call, params.get("tax_rates") or [], f"{path}[tax_rates]"),
            }
        )
    currencies = {line["price"]["currency"] for line in lines}
    if len(currencies) > 1:
        raise refused("All line items must have the same currency.", param="line_items")
    return lines


def is_recurring(lines: Sequence[Record]) -> bool:
    return any(line["price"]["type"] == "recurring" for line in lines)


def priced(lines: Sequence[Record], discounts: Sequence[tuple[str, Record]] = (), rates: Sequence[Record] = ()) -> list[Record]:
    """The lines as `line_items` shows them. discounts: (id, coupon); rates: for lines without rates of their own."""
    parts = [Line(amount=amount_of(line["price"], line["quantity"]), rates=line["rates"] or rates) for line in lines]
    settle(parts, discounts)
    return [
        {
            "id": line["id"],
            "object": "item",
            "amount_discount": part.amount - part.net,
            "amount_subtotal": part.amount,
            "amount_tax": part.exclusive_tax + part.inclusive_tax,
            "amount_total": part.total,
            "currency": line["price"]["currency"],
            "description": line["description"],
            "price": line["price"],
            "quantity": line["quantity"],
        }
        for line, part in zip(lines, parts, strict=True)
    ]


def list_object(items: Sequence[Record], url: str) -> Record:
    return {"object": "list", "data": list(items), "has_more": False, "url": url}
