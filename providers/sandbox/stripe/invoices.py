"""Invoices: /v1/invoices create, read, list, update, delete (Stripe docs: invoicing/integration/workflow-transitions)."""

from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.coupons import redeem
from providers.sandbox.stripe.customers import address_of, existing_customer
from providers.sandbox.stripe.errors import ApiError, no_such, refused, wrong_state
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.invoice_lifecycle import DAY_SECONDS, plan_finalization
from providers.sandbox.stripe.invoice_lines import NOT_EDITABLE, add_item
from providers.sandbox.stripe.invoice_records import customer_snapshot, existing_invoice, invoice_record
from providers.sandbox.stripe.invoice_totals import store_totals
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.params import blank_to_none, merged_metadata, required
from providers.sandbox.stripe.search import search_answer
from providers.sandbox.stripe.store import Record
from providers.sandbox.stripe.tax_rates import existing_rates

EDITABLE_WHEN_OPEN = {
    "metadata",
    "auto_advance",
    "default_payment_method",
    "payment_settings",
    "due_date",
    "days_until_due",
    "expand",
}
TEXTS = ("description", "footer", "statement_descriptor", "number")


@operation("POST /v1/invoices")
def create_invoice(call: Call) -> Record:
    params = call.params
    for name in ("subscription", "from_invoice"):
        if name in params:
            raise refused(f"The twin cannot make an invoice from {name}.", param=name)
    customer = existing_customer(call, required(params, "customer"))
    currency = (params.get("currency") or customer["currency"] or call.account.currency).lower()
    invoice = invoice_record(
        new_id("in_1", length=23),
        customer=customer["id"],
        currency=currency,
        created=call.now,
        livemode=call.livemode,
        country=call.account.country,
        name=call.account.name,
    )
    invoice |= customer_snapshot(customer) | {"application": call.application}
    _apply(call, invoice)
    if invoice["collection_method"] == "send_invoice" and invoice["due_date"] is None:
        message = "Missing required param: days_until_due or due_date, as collection_method is send_invoice."
        raise refused(message, code="parameter_missing", param="days_until_due")
    call.store.invoices.put(invoice)
    if params.get("pending_invoice_items_behavior") == "include":
        for item in call.store.invoiceitems.find(customer=customer["id"], invoice=None):
            if item["currency"] == currency:
                invoice = add_item(call, item, invoice)
    invoice = store_totals(call, invoice)
    if customer["currency"] is None:
        call.store.customers.put({**customer, "currency": currency})
        emit(call, "customer.updated", {**customer, "currency": currency}, before=customer)
    emit(call, "invoice.created", invoice)
    plan_finalization(call, invoice)
    return invoice


@operation("GET /v1/invoices/{invoice}")
def get_invoice(call: Call) -> Record:
    return existing_invoice(call, call.ids["invoice"])


@operation("GET /v1/invoices")
def list_invoices(call: Call) -> bytes:
    params = call.params
    equal = {name: params.get(name) for name in ("customer", "status", "collection_method", "subscription")}
    due = params.get("due_date")
    if due is None:
        return list_answer(call, call.store.invoices, equal=equal)
    bounds = {"gte": due, "lte": due} if isinstance(due, int) else due

    def keep(row: Any, invoices: Any) -> bool:
        value = invoices.field(row, "due_date")
        return value is not None and (
            value >= bounds.get("gte", value)
            and value <= bounds.get("lte", value)
            and value > bounds.get("gt", value - 1)
            and value < bounds.get("lt", value + 1)
        )

    return list_answer(call, call.store.invoices, equal=equal, keep=keep)


@operation("GET /v1/invoices/search")
def search_invoices(call: Call) -> bytes:
    return search_answer(call, call.store.invoices)


@operation("POST /v1/invoices/{invoice}")
def update_invoice(call: Call) -> Record:
    before, invoice = get_invoice(call), get_invoice(call)
    if invoice["status"] in ("paid", "void") and set(call.params) - {"metadata", "expand"}:
        raise wrong_state(NOT_EDITABLE, "invoice_not_editable")
    if invoice["status"] != "draft" and (frozen := set(call.params) - EDITABLE_WHEN_OPEN):
        message = f"Finalized invoices can't be updated in this way ({', '.join(sorted(frozen))})"
        raise ApiError(400, message, code="invoice_not_editable", param=min(frozen))
    _apply(call, invoice)
    call.store.invoices.put(invoice)
    if invoice["status"] == "draft":
        invoice = store_totals(call, invoice)
    emit(call, "invoice.updated", invoice, before=before)
    plan_finalization(call, invoice)
    return invoice


@operation("DELETE /v1/invoices/{invoice}")
def delete_invoice(call: Call) -> Record:
    invoice = get_invoice(call)
    if invoice["status"] != "draft":
        raise wrong_state("You can only delete draft invoices. Void this invoice instead.", "invoice_not_editable")
    for item in call.store.invoiceitems.find(invoice=invoice["id"]):
        call.store.invoiceitems.remove(item["id"])
    call.store.invoice_lines.pop(invoice["id"], None)
    call.store.invoices.remove(invoice["id"])
    emit(call, "invoice.deleted", invoice)
    return {"id": invoice["id"], "object": "invoice", "deleted": True}


def _apply(call: Call, invoice: Record) -> None:
    params = call.params
    for name in TEXTS:
        if name in params:
            invoice[name] = blank_to_none(params[name])
    for name in ("auto_advance", "collection_method", "effective_at", "custom_fields"):
        if name in params:
            invoice[name] = blank_to_none(params[name])
    if "metadata" in params:
        invoice["metadata"] = merged_metadata(invoice["metadata"], params["metadata"])
    if "payment_settings" in params:
        kinds = blank_to_none(params["payment_settings"].get("payment_method_types"))
        invoice["payment_settings"]["payment_method_types"] = kinds
    if params.get("default_payment_method"):
        if params["default_payment_method"] not in call.store.payment_methods:
            raise no_such("PaymentMethod", params["default_payment_method"], param="default_payment_method")
        invoice["default_payment_method"] = params["default_payment_method"]
    if isinstance(params.get("shipping_details"), dict):
        shipping = params["shipping_details"]
        invoice["shipping_details"] = {
            "address": address_of(shipping["address"]),
            "name": shipping["name"],
            "phone": shipping.get("phone"),
        }
    _apply_due(call, invoice)
    _apply_sums(call, invoice)


def _apply_sums(call: Call, invoice: Record) -> None:
    """Discounts and taxes; whoever called counts the totals."""
    params = call.params
    if "discounts" in params:
        owner = {"invoice": invoice["id"], "customer": invoice["customer"]}
        invoice["discounts"] = redeem(call, blank_to_none(params["discounts"]), **owner)
    if "default_tax_rates" in params:
        ids = blank_to_none(params["default_tax_rates"]) or []
        invoice["default_tax_rates"] = existing_rates(call, ids, "default_tax_rates")
    if "automatic_tax" in params:
        enabled = params["automatic_tax"]["enabled"]
        liability = {"type": "self"} if enabled else None
        invoice["automatic_tax"] |= {"enabled": enabled, "liability": liability, "status": None, "provider": None}


def _apply_due(call: Call, invoice: Record) -> None:
    params = call.params
    given = [name for name in ("days_until_due", "due_date") if params.get(name) is not None]
    if not given:
        return
    if invoice["collection_method"] != "send_invoice":
        raise refused(f"`{given[0]}` can only be set when collection_method is send_invoice.", param=given[0])
    if len(given) == 2:
        raise refused("You may only specify one of these parameters: days_until_due, due_date.", param="due_date")
    if "days_until_due" in params:
        call.store.due_days[invoice["id"]] = params["days_until_due"]
        invoice["due_date"] = call.now + params["days_until_due"] * DAY_SECONDS
    else:
        call.store.due_days.pop(invoice["id"], None)
        if params["due_date"] < call.now:
            raise refused("`due_date` must be in the future.", param="due_date")
        invoice["due_date"] = params["due_date"]
