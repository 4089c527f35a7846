"""What an invoice comes to: its lines, less discounts, plus taxes."""

from providers.sandbox.stripe.amounts import Line, settle, summed, taxes_shown
from providers.sandbox.stripe.call import Call
from providers.sandbox.stripe.store import Record
from providers.sandbox.stripe.tax_rates import automatic_rate

EMBEDDED_LINES = 10


def with_totals(invoice: Record, lines: list[Record]) -> Record:
    """The invoice with its first lines and the sums of all of them; discounts and taxes as the lines show them."""
    subtotal = sum(line["amount"] for line in lines)
    discounts = summed([row for line in lines for row in line["discount_amounts"]], lambda row: row["discount"])
    taxes = summed([row for line in lines for row in line["taxes"]], lambda row: row["tax_rate_details"]["tax_rate"])
    inclusive = sum(row["amount"] for row in taxes if row["tax_behavior"] == "inclusive")
    exclusive = sum(row["amount"] for row in taxes if row["tax_behavior"] == "exclusive")
    net = subtotal - sum(row["amount"] for row in discounts)
    invoice["lines"] = {
        "object": "list",
        "data": lines[:EMBEDDED_LINES],
        "has_more": len(lines) > EMBEDDED_LINES,
        "url": f"/v1/invoices/{invoice['id']}/lines",
    }
    due = max(0, net + exclusive)
    return invoice | {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - inclusive,
        "total": net + exclusive,
        "total_excluding_tax": net - inclusive,
        "total_discount_amounts": discounts,
        "total_taxes": taxes,
        "amount_due": due,
        "amount_remaining": due,
    }


def store_totals(call: Call, invoice: Record) -> Record:
    """Count a draft anew and store it; no event."""
    lines = call.store.invoice_lines.get(invoice["id"], [])
    _price(call, invoice, lines)
    changed = with_totals(invoice, lines)
    call.store.invoices.put(changed)
    return changed


def _price(call: Call, invoice: Record, lines: list[Record]) -> None:
    common = invoice["default_tax_rates"]
    if invoice["automatic_tax"]["enabled"]:
        located = invoice["customer_address"] is not None
        invoice["automatic_tax"] |= {"status": "complete" if located else "requires_location_inputs", "provider": "stripe"}
        common = [automatic_rate(call)] if located else []
    parts = [
        Line(
            amount=line["amount"],
            discountable=line["discountable"],
            discounts=_coupons(call, line["discounts"]),
            rates=call.store.line_rates.get(line["id"]) or common,
        )
        for line in lines
    ]
    settle(parts, _coupons(call, invoice["discounts"]))
    for line, part in zip(lines, parts, strict=True):
        line["discount_amounts"] = [{"amount": amount, "discount": discount_id} for discount_id, amount in part.discounted]
        line["taxes"] = taxes_shown(part)


def _coupons(call: Call, discount_ids: list[str]) -> list[tuple[str, Record]]:
    return [(discount_id, call.store.coupon_of_discount[discount_id]) for discount_id in discount_ids]
