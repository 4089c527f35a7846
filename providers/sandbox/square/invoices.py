"""Invoices: what may be created, changed, published, cancelled and deleted in which state."""

from collections.abc import Mapping
from typing import Any

from providers.sandbox.square import ids, orders, times
from providers.sandbox.square.errors import bad_request, invalid, missing, not_found
from providers.sandbox.square.events import publish, record_event
from providers.sandbox.square.invoice_publishing import restart, time_charges
from providers.sandbox.square.invoice_schedule import (
    METHOD_DELIVERY,
    automatic_requests,
    is_date,
    merged_requests,
    plan_needed,
    scheduled,
)
from providers.sandbox.square.invoice_settlement import saved
from providers.sandbox.square.locations import active_location
from providers.sandbox.square.money import amount_of
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

CHANGEABLE = ("DRAFT", "SCHEDULED", "UNPAID", "PARTIALLY_PAID")
CANCELABLE = ("SCHEDULED", "UNPAID", "PARTIALLY_PAID", "PARTIALLY_REFUNDED", "PAYMENT_PENDING")
NO_METHODS = dict.fromkeys(("card", "square_gift_card", "bank_account", "buy_now_pay_later", "cash_app_pay"), False)
RECIPIENT_FIELDS = ("given_name", "family_name", "email_address", "address", "phone_number", "company_name")


def find(seller: Seller, invoice_id: str) -> Record:
    invoice = seller.invoices.get(invoice_id)
    if invoice is None:
        raise not_found("Invoice", invoice_id, "invoice_id")
    return invoice


def create(square: Square, seller: Seller, wanted: Mapping[str, Any]) -> Record:
    if not wanted.get("order_id"):
        raise missing("invoice.order_id")
    order = orders.find(seller, wanted["order_id"])
    _check_order(seller, order, wanted)
    location = active_location(seller, order["location_id"], "invoice.location_id")
    if not wanted.get("payment_requests"):
        raise missing("invoice.payment_requests")
    moment = times.wire(square.now(), 0)
    requests = scheduled(
        wanted["payment_requests"], amount_of(order["total_money"]), location["currency"], plus_plan=square.settings.invoices_plus
    )
    given = {
        name: value
        for name, value in wanted.items()
        if value is not None and name not in ("version", "payment_requests", "primary_recipient")
    }
    invoice: Record = {
        "id": ids.invoice(),
        "version": 0,
        "store_payment_method_enabled": False,
        **given,
        "location_id": location["id"],
        "payment_requests": requests,
        "delivery_method": _delivery_method(wanted),
        "accepted_payment_methods": _accepted(wanted.get("accepted_payment_methods")),
        "invoice_number": _number(seller, location["id"], wanted.get("invoice_number")),
        "status": "DRAFT",
        "timezone": location["timezone"],
        "created_at": moment,
        "updated_at": moment,
    }
    if wanted.get("primary_recipient"):
        invoice["primary_recipient"] = _recipient(seller, wanted["primary_recipient"])
    _check_whole(square, invoice)
    seller.invoices.put(invoice, square.clock.timestamp())
    seller.invoice_of_order[order["id"]] = invoice["id"]
    record_event(square, seller, "invoice.created", invoice)
    return invoice


def _check_order(seller: Seller, order: Record, wanted: Mapping[str, Any]) -> None:
    if wanted.get("location_id") not in (None, order["location_id"]):
        raise bad_request("The invoice and its order must have the same location.", "invoice.location_id")
    if order["state"] != "OPEN" or "version" not in order:
        raise bad_request("The order must be OPEN and created with the Orders API.", "invoice.order_id")
    if order["id"] in seller.invoice_of_order:
        raise bad_request("The order is already associated with an invoice.", "invoice.order_id")
    pricing = order.get("pricing_options") or {}
    if order.get("rewards") or pricing.get("auto_apply_taxes") or pricing.get("auto_apply_discounts"):
        raise bad_request("Orders with rewards or automatic taxes or discounts cannot be invoiced.", "invoice.order_id")
    if order.get("tenders"):
        raise bad_request("The order already has payments.", "invoice.order_id")


def _delivery_method(wanted: Mapping[str, Any]) -> str:
    method = wanted.get("delivery_method") or METHOD_DELIVERY.get((wanted["payment_requests"][0].get("request_method")) or "")
    if not method:
        raise missing("invoice.delivery_method")
    if method == "SMS":
        raise invalid("INVALID_VALUE", "SMS cannot be set through the API.", "invoice.delivery_method")
    return str(method)


def _accepted(methods: Mapping[str, Any] | None) -> Record:
    accepted = {**NO_METHODS, **{name: bool(value) for name, value in (methods or {}).items()}}
    if not any(accepted.values()):
        raise bad_request("At least one payment method must be accepted.", "invoice.accepted_payment_methods")
    return accepted


def _number(seller: Seller, location_id: str, wanted: str | None) -> str:
    """Unique within a location; counted up where none is given. Live answers show six digits."""
    taken = (
        {invoice["invoice_number"] for invoice in seller.invoices.records() if invoice["location_id"] == location_id}
        if wanted
        else set()
    )
    if wanted:
        if wanted in taken:
            raise bad_request(f"The invoice number `{wanted}` is already used at this location.", "invoice.invoice_number")
        return wanted
    count = seller.next_invoice_number.get(location_id, 0) + 1
    seller.next_invoice_number[location_id] = count
    return f"{count:06d}"


def _recipient(seller: Seller, wanted: Mapping[str, Any]) -> Record:
    """A snapshot of the profile, taken when the recipient is set."""
    customer_id = wanted.get("customer_id")
    if not customer_id:
        raise missing("invoice.primary_recipient.customer_id")
    profile = seller.customers.get(customer_id)
    if profile is None:
        raise invalid("NOT_FOUND", f"Customer `{customer_id}` not found.", "invoice.primary_recipient.customer_id", status=404)
    return {"customer_id": customer_id, **{name: profile[name] for name in RECIPIENT_FIELDS if profile.get(name)}}


def _check_whole(square: Square, invoice: Record) -> None:
    if automatic_requests(invoice) and invoice["delivery_method"] != "EMAIL":
        raise bad_request("Invoices with automatic payments must be delivered by EMAIL.", "invoice.delivery_method")
    if invoice.get("custom_fields") and not square.settings.invoices_plus:
        raise plan_needed("Custom fields need an Invoices Plus subscription.")
    if len(invoice.get("custom_fields") or []) > 2:
        raise invalid("ARRAY_LENGTH_TOO_LONG", "An invoice has at most 2 custom fields.", "invoice.custom_fields")
    if invoice.get("sale_or_service_date") and not is_date(invoice["sale_or_service_date"]):
        raise invalid("INVALID_DATE", "Expected a date in the form YYYY-MM-DD.", "invoice.sale_or_service_date")
    if invoice.get("scheduled_at"):
        times.parse(invoice["scheduled_at"], "invoice.scheduled_at")


def change(square: Square, seller: Seller, invoice: Record, changes: Mapping[str, Any], fields_to_clear: list[str]) -> Record:
    """A sparse update that has passed the version check: null or fields_to_clear removes a field."""
    if invoice["status"] not in CHANGEABLE:
        raise bad_request(f"An invoice in state {invoice['status']} cannot be updated.")
    wanted = {name: value for name, value in changes.items() if name != "version"} | dict.fromkeys(fields_to_clear)
    for name in ("order_id", "location_id"):
        if name in wanted and wanted[name] != invoice.get(name):
            raise bad_request(f"`{name}` cannot be changed.", f"invoice.{name}")
    if "primary_recipient" in wanted and invoice["status"] != "DRAFT":
        if (wanted["primary_recipient"] or {}).get("customer_id") != invoice["primary_recipient"]["customer_id"]:
            raise bad_request("The recipient of a published invoice cannot be changed.", "invoice.primary_recipient")
        wanted.pop("primary_recipient")
    merged = _applied(seller, invoice, wanted)
    order = orders.find(seller, invoice["order_id"])
    merged["payment_requests"] = scheduled(
        merged["payment_requests"],
        amount_of(order["total_money"]) - amount_of(order["total_tip_money"]),
        order["total_money"]["currency"],
        plus_plan=square.settings.invoices_plus,
    )
    _check_whole(square, merged)
    if invoice["status"] == "SCHEDULED":
        return restart(square, seller, merged)
    changed = saved(square, seller, merged, "invoice.updated")
    if invoice["status"] != "DRAFT":
        time_charges(square, seller, changed)
    return changed


def _applied(seller: Seller, invoice: Record, wanted: Mapping[str, Any]) -> Record:
    merged = dict(invoice)
    for name, value in wanted.items():
        if name == "payment_requests":
            merged[name] = merged_requests(invoice["payment_requests"], value or [])
        elif value is None:
            if name in ("delivery_method", "accepted_payment_methods"):
                raise bad_request(f"`{name}` cannot be cleared.", f"invoice.{name}")
            merged.pop(name, None)
        elif name == "primary_recipient":
            # Setting the same customer again keeps the old snapshot; it is refreshed by clearing first.
            known = invoice.get(name) or {}
            merged[name] = known if known.get("customer_id") == value.get("customer_id") else _recipient(seller, value)
        elif name == "accepted_payment_methods":
            merged[name] = _accepted({**invoice[name], **value})
        elif name == "invoice_number":
            merged[name] = value if value == invoice[name] else _number(seller, invoice["location_id"], value)
        elif name == "delivery_method":
            merged[name] = _delivery_method(wanted)
        else:
            merged[name] = value
    return merged


def check_order_open(seller: Seller, order_id: str) -> None:
    """An order may change together with its invoice only while nobody has paid and the invoice is open."""
    invoice = seller.invoices.get(seller.invoice_of_order.get(order_id, ""))
    if invoice is not None and invoice["status"] not in ("DRAFT", "SCHEDULED", "UNPAID"):
        raise bad_request(f"The order belongs to an invoice in state {invoice['status']} and cannot be updated.")


def order_changed(square: Square, seller: Seller, order_id: str) -> None:
    """Compute the invoice's amounts anew from its order."""
    invoice = seller.invoices.get(seller.invoice_of_order.get(order_id, ""))
    if invoice is None:
        return
    total = orders.find(seller, order_id)["total_money"]
    plus_plan = square.settings.invoices_plus
    requests = scheduled(invoice["payment_requests"], total["amount"], total["currency"], plus_plan=plus_plan)
    if requests != invoice["payment_requests"]:
        saved(square, seller, {**invoice, "payment_requests": requests}, "invoice.updated")


def cancel(square: Square, seller: Seller, invoice: Record) -> Record:
    if invoice["status"] not in CANCELABLE:
        raise bad_request(f"An invoice in state {invoice['status']} cannot be canceled.")
    changed = saved(square, seller, {**invoice, "status": "CANCELED"}, "invoice.canceled", "invoice.updated")
    orders.cancel(square, seller, invoice["order_id"])
    return changed


def delete(square: Square, seller: Seller, invoice: Record) -> None:
    if invoice["status"] != "DRAFT":
        raise bad_request("Only a draft invoice can be deleted.")
    seller.invoices.remove(invoice["id"], square.clock.timestamp())
    data = {"type": "invoice", "id": invoice["id"], "deleted": True}
    publish(square, seller, "invoice.deleted", data)
    orders.cancel(square, seller, invoice["order_id"])
