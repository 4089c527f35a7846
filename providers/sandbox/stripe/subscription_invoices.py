"""Invoices that a subscription makes: their lines, prorations and the attempt to collect them."""

from decimal import ROUND_HALF_UP, Decimal

from providers.sandbox.stripe.call import Call
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.invoice_lifecycle import DAY_SECONDS
from providers.sandbox.stripe.invoice_lines import add_item, item_record
from providers.sandbox.stripe.invoice_records import customer_snapshot, invoice_record
from providers.sandbox.stripe.invoice_totals import store_totals, with_totals
from providers.sandbox.stripe.price_records import amount_of
from providers.sandbox.stripe.store import Record


def subscription_invoice(call: Call, subscription: Record, reason: str, *, free: bool = False) -> Record:
    """A stored draft for the current period, with invoice.created. free: a trial, over nothing."""
    invoice = draft_for(call, subscription, reason)
    call.store.invoices.put(invoice)
    call.store.invoice_lines[invoice["id"]] = subscription_lines(call, subscription, invoice["id"], free=free)
    for item in call.store.invoiceitems.find(customer=subscription["customer"], invoice=None):
        ours = ((item["parent"] or {}).get("subscription_details") or {}).get("subscription") in (None, subscription["id"])
        if ours and item["currency"] == subscription["currency"]:
            invoice = add_item(call, item, invoice)
    invoice = store_totals(call, invoice)
    emit(call, "invoice.created", invoice)
    return invoice


def draft_for(call: Call, subscription: Record, reason: str) -> Record:
    """An empty draft in the subscription's name, not stored."""
    invoice = invoice_record(
        new_id("in_1", length=23),
        customer=subscription["customer"],
        currency=subscription["currency"],
        created=call.now,
        livemode=call.livemode,
        country=call.account.country,
        name=call.account.name,
    )
    customer = call.store.customers.get(subscription["customer"])
    details = {"metadata": subscription["metadata"], "subscription": subscription["id"]}
    invoice |= customer_snapshot(customer) if customer else {}
    invoice |= {
        "application": subscription["application"],
        "auto_advance": True,
        "billing_reason": reason,
        "collection_method": subscription["collection_method"],
        "default_tax_rates": subscription["default_tax_rates"],
        "description": subscription["description"],
        "discounts": _discounts(call, subscription),
        "parent": {"quote_details": None, "subscription_details": details, "type": "subscription_details"},
    }
    invoice["automatic_tax"] |= {name: subscription["automatic_tax"][name] for name in ("enabled", "liability")}
    if subscription["collection_method"] == "send_invoice":
        call.store.due_days[invoice["id"]] = subscription["days_until_due"] or 0
        invoice["due_date"] = call.now + (subscription["days_until_due"] or 0) * DAY_SECONDS
    return invoice


def subscription_lines(call: Call, subscription: Record, invoice_id: str, *, free: bool = False) -> list[Record]:
    lines = []
    for item in subscription["items"]["data"]:
        line = _line(call, subscription, item, invoice_id, free)
        if item["tax_rates"]:
            call.store.line_rates[line["id"]] = item["tax_rates"]
        lines.append(line)
    return lines


def preview_of(call: Call, subscription: Record) -> Record:
    """What the next invoice will be; not stored, with an id that names no object."""
    invoice = draft_for(call, subscription, "upcoming")
    invoice["id"] = f"upcoming_{invoice['id']}"
    invoice = with_totals(invoice, subscription_lines(call, subscription, invoice["id"]))
    invoice["period_start"] = subscription["items"]["data"][0]["current_period_start"]
    invoice["period_end"] = invoice["created"] = subscription["items"]["data"][0]["current_period_end"]
    return invoice


def prorate(call: Call, subscription: Record, old: list[Record], new: list[Record]) -> None:
    """Pending items that give back what is unused of the old items and charge the rest of the period for the new ones."""
    start = subscription["items"]["data"][0]["current_period_start"] if subscription["items"]["data"] else call.now
    end = subscription["items"]["data"][0]["current_period_end"] if subscription["items"]["data"] else call.now
    share = Decimal(max(0, end - call.now)) / max(1, end - start)
    for sign, items, text in ((-1, old, "Unused time on"), (1, new, "Remaining time on")):
        for item in items:
            whole = amount_of(item["price"], item["quantity"] or 1)
            amount = sign * int((whole * share).to_integral_value(ROUND_HALF_UP))
            pending = item_record(
                new_id("ii_1", length=23),
                amount=amount,
                currency=subscription["currency"],
                customer=subscription["customer"],
                created=call.now,
                livemode=call.livemode,
            )
            price = {"price": item["price"]["id"], "product": item["price"]["product"]}
            pending["pricing"] = {**pending["pricing"], "price_details": price}
            details = {"subscription": subscription["id"], "subscription_item": item["id"]}
            pending |= {
                "description": f"{text} {product_name(call, item)}",
                "discountable": False,
                "parent": {"subscription_details": details, "type": "subscription_details"},
                "period": {"end": end, "start": call.now},
                "proration": True,
            }
            call.store.invoiceitems.put(pending)
            emit(call, "invoiceitem.created", pending)


def product_name(call: Call, item: Record) -> str:
    product = call.store.products.get(item["price"]["product"])
    return str(product["name"]) if product else "a deleted product"


def _line(call: Call, subscription: Record, item: Record, invoice_id: str, free: bool) -> Record:
    price, quantity = item["price"], item["quantity"] or 1
    amount = 0 if free else amount_of(price, quantity)
    recurring = price["recurring"]
    every = f"every {recurring['interval_count']} {recurring['interval']}s" if recurring["interval_count"] > 1 else ""
    text = f"{quantity} × {product_name(call, item)} ({every or 'per ' + recurring['interval']})"
    return {
        "id": new_id("il_1", length=23),
        "object": "line_item",
        "amount": amount,
        "currency": subscription["currency"],
        "description": f"Trial period for {product_name(call, item)}" if free else text,
        "discount_amounts": [],
        "discountable": True,
        "discounts": item["discounts"],
        "invoice": invoice_id,
        "livemode": call.livemode,
        "metadata": subscription["metadata"],
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        "period": {"end": item["current_period_end"], "start": item["current_period_start"]},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": "0" if free else price["unit_amount_decimal"],
        },
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": subscription["id"],
        "subtotal": amount,
        "taxes": [],
    }


def _discounts(call: Call, subscription: Record) -> list[str]:
    """Those that still hold: a coupon for once holds until the first invoice, one for some months until its end."""
    first = not call.store.invoices.find(subscription=subscription["id"])
    held = []
    for discount_id in subscription["discounts"]:
        discount, coupon = call.store.discounts.get(discount_id), call.store.coupon_of_discount[discount_id]
        over = discount is None or (discount["end"] is not None and discount["end"] <= call.now)
        if not over and (coupon["duration"] != "once" or first):
            held.append(discount_id)
    return held
