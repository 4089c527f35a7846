"""Publishing: from DRAFT to SCHEDULED, UNPAID or paid by card on file, with the temporary link to the pay page."""

import secrets
from datetime import datetime
from zoneinfo import ZoneInfo

from providers.sandbox.square import times
from providers.sandbox.square.errors import bad_request
from providers.sandbox.square.invoice_schedule import amount_left, automatic_requests
from providers.sandbox.square.invoice_settlement import charge_due, saved
from providers.sandbox.square.locations import active_location
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

PAY_PAGE_LIFE_SECONDS = 30 * 86_400.0
"""public_url is documented as temporary, without a figure; this is ours."""


def publish(square: Square, seller: Seller, invoice: Record) -> Record:
    """Raises 400 where the state or the recipient's contact data forbid it."""
    if invoice["status"] != "DRAFT":
        raise bad_request(f"An invoice in state {invoice['status']} cannot be published.")
    _check_recipient(seller, invoice)
    active_location(seller, invoice["location_id"], "invoice.location_id")
    return restart(square, seller, invoice, published=True)


def _check_recipient(seller: Seller, invoice: Record) -> None:
    field = "invoice.primary_recipient.customer_id"
    recipient = invoice.get("primary_recipient")
    if not recipient:
        raise bad_request("Primary recipient customer id is required to publish", field)
    profile = seller.customers.get(recipient["customer_id"])
    if profile is None:
        raise bad_request("The recipient's customer profile does not exist", field)
    if not profile.get("email_address") and (invoice["delivery_method"] == "EMAIL" or automatic_requests(invoice)):
        raise bad_request("Payer email is required", field)
    if not profile.get("email_address") and not profile.get("phone_number"):
        raise bad_request("Payer email or phone number is required", field)


def restart(square: Square, seller: Seller, invoice: Record, *, published: bool = False) -> Record:
    """From DRAFT or SCHEDULED to SCHEDULED, UNPAID or what automatic payments make of it."""
    first = "invoice.published" if published else "invoice.updated"
    start = _start(invoice)
    if start is not None and start > square.now():
        changed = saved(square, seller, {**invoice, "status": "SCHEDULED"}, first)
        square.later((start - square.now()).total_seconds(), lambda: _begin(square, seller, invoice["id"]))
        return changed
    changed = saved(square, seller, _opened(square, seller, invoice), first)
    time_charges(square, seller, changed)
    return seller.invoices.get(invoice["id"]) or changed


def _start(invoice: Record) -> datetime | None:
    return times.parse(invoice["scheduled_at"], "invoice.scheduled_at") if invoice.get("scheduled_at") else None


def _begin(square: Square, seller: Seller, invoice_id: str) -> None:
    invoice = seller.invoices.get(invoice_id)
    start = _start(invoice) if invoice else None
    if invoice is None or invoice["status"] != "SCHEDULED" or start is None or start > square.now():
        return
    time_charges(square, seller, saved(square, seller, _opened(square, seller, invoice), "invoice.updated"))


def _opened(square: Square, seller: Seller, invoice: Record) -> Record:
    status = "UNPAID" if amount_left(invoice) else "PAID"
    return {**invoice, "status": status, "public_url": new_pay_page(square, seller, invoice["id"])}


def new_pay_page(square: Square, seller: Seller, invoice_id: str) -> str:
    token = secrets.token_urlsafe(24)
    square.pay_pages[token] = (seller.id, invoice_id, square.clock.timestamp() + PAY_PAGE_LIFE_SECONDS)
    return f"{square.base_url}/pay-invoice/invtmp:{token}"


def refreshed(square: Square, seller: Seller, invoice: Record) -> Record:
    """A read gives a new temporary link when the old one has ended; this is no change of the invoice."""
    url = invoice.get("public_url")
    if url is None or invoice["status"] == "CANCELED":
        return invoice
    page = square.pay_pages.get(url.rpartition(":")[2])
    if page is not None and page[2] > square.clock.timestamp():
        return invoice
    fresh = {**invoice, "public_url": new_pay_page(square, seller, invoice["id"])}
    seller.invoices.put(fresh, square.clock.timestamp())
    return fresh


def time_charges(square: Square, seller: Seller, invoice: Record) -> None:
    """Charge cards on file now, or at the start of the due day in the invoice's time zone."""
    for request in automatic_requests(invoice):
        due = datetime.fromisoformat(request["due_date"]).replace(tzinfo=ZoneInfo(invoice["timezone"]))
        wait_seconds = (due - square.now()).total_seconds()
        if wait_seconds > 0:
            square.later(wait_seconds, lambda: charge_due(square, seller, invoice["id"]))
    charge_due(square, seller, invoice["id"])
