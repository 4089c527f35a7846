"""Invoice items and the lines of invoices: /v1/invoiceitems, /v1/invoices/{invoice}/lines, add_lines, remove_lines."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.coupons import redeem
from providers.sandbox.stripe.customers import existing_customer
from providers.sandbox.stripe.errors import no_such, refused, wrong_state
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.invoice_totals import store_totals
from providers.sandbox.stripe.lists import list_answer, sublist
from providers.sandbox.stripe.params import blank_to_none, merged_metadata, required
from providers.sandbox.stripe.price_choice import chosen_price
from providers.sandbox.stripe.price_records import amount_of
from providers.sandbox.stripe.store import Record
from providers.sandbox.stripe.tax_rates import existing_rates

MOST_ITEMS = 250
NOT_EDITABLE = "This invoice is no longer editable"


def item_record(
    item_id: str, *, amount: int, currency: str, customer: str, created: int, livemode: bool, quantity: int = 1
) -> Record:
    unit = Decimal(amount) / quantity if quantity else Decimal(amount)
    return {
        "id": item_id,
        "object": "invoiceitem",
        "amount": amount,
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "date": created,
        "description": None,
        "discountable": amount >= 0,
        "discounts": [],
        "invoice": None,
        "livemode": livemode,
        "metadata": {},
        "net_amount": amount,
        "parent": None,
        "period": {"end": created, "start": created},
        "pricing": {
            "price_details": {"price": "price_1" + item_id[-23:], "product": "prod_" + item_id[-14:]},
            "type": "price_details",
            "unit_amount_decimal": format(unit.normalize(), "f"),
        },
        "proration": False,
        "proration_details": None,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "tax_rates": [],
        "test_clock": None,
    }


def line_of(item: Record, invoice_id: str, line_id: str) -> Record:
    return {
        "id": line_id,
        "object": "line_item",
        "amount": item["amount"],
        "currency": item["currency"],
        "description": item["description"],
        "discount_amounts": [],
        "discountable": item["discountable"],
        "discounts": item["discounts"],
        "invoice": invoice_id,
        "livemode": item["livemode"],
        "metadata": item["metadata"],
        "parent": {
            "invoice_item_details": {
                "invoice_item": item["id"],
                "proration": item["proration"],
                "proration_details": {"credited_items": None},
                "subscription": ((item["parent"] or {}).get("subscription_details") or {}).get("subscription"),
            },
            "subscription_item_details": None,
            "type": "invoice_item_details",
        },
        "period": item["period"],
        "pretax_credit_amounts": [],
        "pricing": item["pricing"],
        "quantity": item["quantity"],
        "quantity_decimal": item["quantity_decimal"],
        "subscription": None,
        "subtotal": item["amount"],
        "taxes": [],
    }


def add_item(call: Call, item: Record, invoice: Record) -> Record:
    """Put an item on a draft; returns the invoice with new totals, stored, without an event."""
    lines = call.store.invoice_lines.setdefault(invoice["id"], [])
    if len(lines) >= MOST_ITEMS:
        raise refused(f"An invoice can have up to {MOST_ITEMS} items.", param="invoice")
    if item["currency"] != invoice["currency"]:
        message = f"The currency of the invoice item ({item['currency']}) must match that of the invoice ({invoice['currency']})."
        raise refused(message, param="currency")
    item["invoice"] = invoice["id"]
    call.store.invoiceitems.put(item)
    line = line_of(item, invoice["id"], new_id("il_1", length=23))
    if item["tax_rates"]:
        call.store.line_rates[line["id"]] = item["tax_rates"]
    lines.append(line)
    return store_totals(call, invoice)


def item_behind(line: Record) -> str | None:
    """The invoice item of a line; None for a line that a subscription made."""
    details = line["parent"]["invoice_item_details"]
    return str(details["invoice_item"]) if details else None


def draft_invoice(call: Call, invoice_id: str, *, param: str = "invoice") -> Record:
    invoice = call.store.invoices.get(invoice_id)
    if invoice is None:
        raise no_such("invoice", invoice_id, param=param)
    if invoice["status"] != "draft":
        raise wrong_state(NOT_EDITABLE, "invoice_not_editable")
    return invoice


def new_item(call: Call, params: Mapping[str, Any], *, customer: str, currency: str, path: str = "") -> Record:
    """An item that is not stored yet. path: where the parameters stand, `lines[0]`, empty for the request itself."""
    item_id = new_id("ii_1", length=23)
    base: dict[str, Any] = {"currency": currency, "customer": customer, "created": call.now, "livemode": call.livemode}
    price = _price_of(call, params, path)
    if price is not None:
        quantity = int(params.get("quantity", 1))
        item = item_record(item_id, amount=amount_of(price, quantity), quantity=quantity, **base)
        item["pricing"]["price_details"] = {"price": price["id"], "product": price["product"]}
        item["pricing"]["unit_amount_decimal"] = price["unit_amount_decimal"]
        product = call.store.products.get(price["product"])
        item["description"] = product["name"] if product else None
    else:
        amount, quantity = _plain_amount(params, path)
        item = item_record(item_id, amount=amount, quantity=quantity, **base)
    _describe(call, item, params, path)
    return item


def _price_of(call: Call, params: Mapping[str, Any], path: str) -> Record | None:
    """The price that an item names or describes; None if it says its amount itself."""
    named = (params.get("pricing") or {}).get("price")
    if named is not None:
        return chosen_price(call, {"price": named}, f"{path}[pricing]" if path else "pricing")
    data = params.get("price_data")
    if data and (data.get("product") or data.get("product_data")):
        return chosen_price(call, {"price_data": data}, path or "invoiceitem")
    return None


def _plain_amount(params: Mapping[str, Any], path: str) -> tuple[int, int]:
    """Amount in minor units and quantity, from `amount` or `unit_amount_decimal`."""
    quantity = params.get("quantity", 1)
    if "amount" in params:
        return int(params["amount"]), 1
    data = params.get("price_data", {})
    unit = params.get("unit_amount_decimal", data.get("unit_amount", data.get("unit_amount_decimal")))
    if unit is None:
        raise refused(
            "You must specify one of amount, unit_amount_decimal, pricing or price_data.",
            code="parameter_missing",
            param=f"{path}[amount]" if path else "amount",
        )
    try:
        amount = (Decimal(str(unit)) * quantity).to_integral_value(ROUND_HALF_UP)
    except InvalidOperation as problem:
        name = f"{path}[unit_amount_decimal]" if path else "unit_amount_decimal"
        raise refused(f"Invalid decimal: {unit}", param=name) from problem
    return int(amount), quantity


@operation("POST /v1/invoiceitems")
def create_invoice_item(call: Call) -> Record:
    params = call.params
    customer = existing_customer(call, required(params, "customer"))
    invoice = draft_invoice(call, params["invoice"]) if params.get("invoice") else None
    if invoice is not None and invoice["customer"] != customer["id"]:
        raise refused("The invoice belongs to another customer.", param="invoice")
    from_data = params.get("price_data", {}).get("currency")
    currency = params.get("currency") or from_data or (invoice or {}).get("currency") or customer["currency"]
    item = new_item(call, params, customer=customer["id"], currency=required({"currency": currency}, "currency").lower())
    if invoice is None:
        call.store.invoiceitems.put(item)
        emit(call, "invoiceitem.created", item)
        return item
    before = call.store.invoices.get(invoice["id"]) or {}
    invoice = add_item(call, item, invoice)
    emit(call, "invoiceitem.created", item)
    emit(call, "invoice.updated", invoice, before=before)
    return item


@operation("GET /v1/invoiceitems/{invoiceitem}")
def get_invoice_item(call: Call) -> Record:
    item = call.store.invoiceitems.get(call.ids["invoiceitem"])
    if item is None:
        raise no_such("invoiceitem", call.ids["invoiceitem"])
    return item


@operation("GET /v1/invoiceitems")
def list_invoice_items(call: Call) -> bytes:
    equal = {name: call.params.get(name) for name in ("customer", "invoice")}
    pending = call.params.get("pending")
    if pending is None:
        return list_answer(call, call.store.invoiceitems, equal=equal)
    return list_answer(
        call, call.store.invoiceitems, equal=equal, keep=lambda row, items: (items.field(row, "invoice") is None) == pending
    )


@operation("POST /v1/invoiceitems/{invoiceitem}")
def update_invoice_item(call: Call) -> Record:
    item = get_invoice_item(call)
    invoice = draft_invoice(call, item["invoice"]) if item["invoice"] else None
    if {"amount", "quantity", "unit_amount_decimal", "price_data", "pricing"} & set(call.params):
        unit = {} if "amount" in call.params else {"unit_amount_decimal": item["pricing"]["unit_amount_decimal"]}
        wanted = {"quantity": item["quantity"], **unit, **call.params}
        fresh = new_item(call, wanted, customer=item["customer"], currency=item["currency"])
        item |= {name: fresh[name] for name in ("amount", "net_amount", "pricing", "quantity", "quantity_decimal")}
    _describe(call, item, call.params, "")
    call.store.invoiceitems.put(item)
    if invoice is not None:
        _replace_line(call, invoice, item)
    return item


@operation("DELETE /v1/invoiceitems/{invoiceitem}")
def delete_invoice_item(call: Call) -> Record:
    item = get_invoice_item(call)
    if item["invoice"]:
        _drop_lines(call, draft_invoice(call, item["invoice"]), {item["id"]})
    call.store.invoiceitems.remove(item["id"])
    emit(call, "invoiceitem.deleted", item)
    return {"id": item["id"], "object": "invoiceitem", "deleted": True}


@operation("POST /v1/invoices/{invoice}/add_lines")
def add_lines(call: Call) -> Record:
    before = draft_invoice(call, call.ids["invoice"], param="id")
    invoice = draft_invoice(call, call.ids["invoice"], param="id")
    items = []
    for index, params in enumerate(call.params["lines"]):
        if params.get("invoice_item"):
            item = call.store.invoiceitems.get(params["invoice_item"])
            if item is None or item["invoice"]:
                raise no_such("invoiceitem", params["invoice_item"], param=f"lines[{index}][invoice_item]")
        else:
            item = new_item(call, params, customer=invoice["customer"], currency=invoice["currency"], path=f"lines[{index}]")
        items.append(item)
    if "invoice_metadata" in call.params:
        invoice["metadata"] = merged_metadata(invoice["metadata"], call.params["invoice_metadata"])
    for item in items:
        invoice = add_item(call, item, invoice)
        emit(call, "invoiceitem.created", item)
    emit(call, "invoice.updated", invoice, before=before)
    return invoice


@operation("POST /v1/invoices/{invoice}/remove_lines")
def remove_lines(call: Call) -> Record:
    before = draft_invoice(call, call.ids["invoice"], param="id")
    lines = {line["id"]: line for line in call.store.invoice_lines.get(before["id"], [])}
    items = set()
    for index, wanted in enumerate(call.params["lines"]):
        if wanted["id"] not in lines:
            raise no_such("line item", wanted["id"], param=f"lines[{index}][id]")
        item_id = item_behind(lines[wanted["id"]])
        if item_id is None:
            raise wrong_state("Lines of a subscription cannot be removed.")
        items.add(item_id)
        item = call.store.invoiceitems.get(item_id)
        if item is not None and wanted["behavior"] == "unassign":
            call.store.invoiceitems.put({**item, "invoice": None})
        elif item is not None:
            call.store.invoiceitems.remove(item_id)
    return _drop_lines(call, before, items)


@operation("POST /v1/invoices/{invoice}/lines/{line_item_id}")
def update_line(call: Call) -> Record:
    invoice = draft_invoice(call, call.ids["invoice"])
    lines = call.store.invoice_lines.get(invoice["id"], [])
    line = next((line for line in lines if line["id"] == call.ids["line_item_id"]), None)
    if line is None:
        raise no_such("line item", call.ids["line_item_id"])
    change = {name: value for name, value in call.params.items() if name != "expand"}
    update_invoice_item(call.part(ids={"invoiceitem": item_behind(line) or ""}, params=change))
    return next(line for line in lines if line["id"] == call.ids["line_item_id"])


@operation("GET /v1/invoices/{invoice}/lines")
def list_lines(call: Call) -> bytes:
    if call.ids["invoice"] not in call.store.invoices:
        raise no_such("invoice", call.ids["invoice"])
    return sublist(call, call.store.invoice_lines.get(call.ids["invoice"], []), "line item")


def _replace_line(call: Call, invoice: Record, item: Record) -> None:
    lines = call.store.invoice_lines[invoice["id"]]
    for index, line in enumerate(lines):
        if item_behind(line) == item["id"]:
            lines[index] = line_of(item, invoice["id"], line["id"])
            call.store.line_rates[line["id"]] = item["tax_rates"]
    before = call.store.invoices.get(invoice["id"]) or {}
    emit(call, "invoice.updated", store_totals(call, invoice), before=before)


def _drop_lines(call: Call, invoice: Record, item_ids: set[str]) -> Record:
    before = call.store.invoices.get(invoice["id"]) or {}
    kept = [line for line in call.store.invoice_lines.get(invoice["id"], []) if item_behind(line) not in item_ids]
    call.store.invoice_lines[invoice["id"]] = kept
    changed = store_totals(call, invoice)
    emit(call, "invoice.updated", changed, before=before)
    return changed


def _describe(call: Call, item: Record, params: Mapping[str, Any], path: str) -> None:
    if "description" in params:
        item["description"] = blank_to_none(params["description"])
    if "discountable" in params:
        item["discountable"] = params["discountable"]
    if "period" in params:
        item["period"] = {"end": params["period"]["end"], "start": params["period"]["start"]}
    if "metadata" in params:
        item["metadata"] = merged_metadata(item["metadata"], params["metadata"])
    if "tax_rates" in params:
        where = f"{path}[tax_rates]" if path else "tax_rates"
        item["tax_rates"] = existing_rates(call, blank_to_none(params["tax_rates"]) or [], where)
    if "discounts" in params:
        where = f"{path}[discounts]" if path else "discounts"
        item["discounts"] = redeem(call, blank_to_none(params["discounts"]), where, invoice_item=item["id"])
