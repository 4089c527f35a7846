"""What an invoice would be: POST /v1/invoices/create_preview, and changing several lines of a draft at once."""

from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.customers import existing_customer
from providers.sandbox.stripe.errors import refused
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.invoice_lines import draft_invoice, line_of, new_item, update_line
from providers.sandbox.stripe.invoice_records import customer_snapshot, invoice_record
from providers.sandbox.stripe.invoice_totals import with_totals
from providers.sandbox.stripe.params import merged_metadata
from providers.sandbox.stripe.store import Record
from providers.sandbox.stripe.subscription_invoices import preview_of
from providers.sandbox.stripe.subscription_records import existing_subscription


@operation("POST /v1/invoices/create_preview")
def create_preview(call: Call) -> Record:
    """Of a subscription's next invoice, or of items that are not there yet. Nothing is stored."""
    params = call.params
    if params.get("subscription"):
        subscription = existing_subscription(call, params["subscription"], param="subscription")
        invoice = preview_of(call, subscription)
        return _with_items(call, invoice, params.get("invoice_items") or [])
    if not params.get("customer"):
        raise refused("You must provide a customer or a subscription.", code="parameter_missing", param="customer")
    customer = existing_customer(call, params["customer"])
    currency = (params.get("currency") or customer["currency"] or call.account.currency).lower()
    invoice = invoice_record(
        new_id("upcoming_in_1", length=23),
        customer=customer["id"],
        currency=currency,
        created=call.now,
        livemode=call.livemode,
        country=call.account.country,
        name=call.account.name,
    )
    invoice |= customer_snapshot(customer)
    return _with_items(call, invoice, params.get("invoice_items") or [])


@operation("POST /v1/invoices/{invoice}/update_lines")
def update_lines(call: Call) -> Record:
    invoice = draft_invoice(call, call.ids["invoice"], param="id")
    for wanted in call.params["lines"]:
        change = {name: value for name, value in wanted.items() if name != "id"}
        update_line(call.part(ids={"invoice": invoice["id"], "line_item_id": wanted["id"]}, params=change))
    changed = draft_invoice(call, invoice["id"])
    if "invoice_metadata" in call.params:
        changed["metadata"] = merged_metadata(changed["metadata"], call.params["invoice_metadata"])
        call.store.invoices.put(changed)
    return changed


def _with_items(call: Call, invoice: Record, wanted: list[dict[str, Any]]) -> Record:
    lines = list(invoice["lines"]["data"])
    for index, params in enumerate(wanted):
        choice = {**params, "pricing": {"price": params["price"]}} if params.get("price") else dict(params)
        if "unit_amount" in choice:
            choice["unit_amount_decimal"] = str(choice.pop("unit_amount"))
        path = f"invoice_items[{index}]"
        item = new_item(call, choice, customer=invoice["customer"], currency=invoice["currency"], path=path)
        lines.append(line_of(item, invoice["id"], new_id("il_tmp_1", length=23)))
    return with_totals(invoice, lines)
