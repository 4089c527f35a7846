"""How money reaches an invoice: card on the pay page, bank transfer, cash noted by the seller, card on file, refunds."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from providers.sandbox.square import orders, payment_sources, payments, times
from providers.sandbox.square.errors import ApiFailure, bad_request
from providers.sandbox.square.events import record_event
from providers.sandbox.square.invoice_schedule import amount_left, automatic_requests, filled, next_amount, open_amount
from providers.sandbox.square.money import amount_of, money
from providers.sandbox.square.payment_sources import Source
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

PAYABLE = ("UNPAID", "PARTIALLY_PAID")
NOTED_TYPES = ("CHECK", "BANK_TRANSFER", "OTHER")


def today_of(square: Square, invoice: Record) -> str:
    return square.now().astimezone(ZoneInfo(invoice["timezone"])).date().isoformat()


def saved(square: Square, seller: Seller, invoice: Record, *event_types: str) -> Record:
    """Store a changed invoice: next version, updated_at, what is asked next, then its events in this order."""
    changed = {**invoice, "version": invoice["version"] + 1, "updated_at": times.wire(square.now(), 0)}
    changed.pop("next_payment_amount_money", None)
    if changed["status"] in ("UNPAID", "PARTIALLY_PAID", "SCHEDULED"):
        currency = changed["payment_requests"][0]["computed_amount_money"]["currency"]
        changed["next_payment_amount_money"] = money(next_amount(changed, today_of(square, changed)), currency)
    seller.invoices.put(changed, square.clock.timestamp())
    for event_type in event_types:
        record_event(square, seller, event_type, changed)
    return changed


def pay(
    square: Square, seller: Seller, invoice: Record, source: Source, *, amount: int, tip: int = 0, fields: Mapping[str, Any]
) -> Record:
    """Take a payment for an invoice; returns the payment. Raises ApiFailure for a decline or a wrong state."""
    if invoice["status"] not in PAYABLE:
        raise bad_request(f"An invoice in state {invoice['status']} cannot be paid.")
    if not 0 < amount <= amount_left(invoice):
        raise bad_request("The amount is not open on the invoice.")
    order = orders.find(seller, invoice["order_id"])
    payment = payments.take(
        square, seller, source, amount=amount, tip=tip, order=order, product="INVOICES", fields=_fields(invoice, fields)
    )
    if payment["status"] == "PENDING":
        saved(square, seller, {**_current(seller, invoice), "status": "PAYMENT_PENDING"}, "invoice.updated")
        square.later(square.settings.bank_settle_seconds, lambda: _bank_ended(square, seller, invoice["id"], payment["id"]))
    else:
        _received(square, seller, _current(seller, invoice), amount)
    return payment


def _fields(invoice: Record, fields: Mapping[str, Any]) -> Record:
    customer_id = (invoice.get("primary_recipient") or {}).get("customer_id")
    return {"customer_id": customer_id, **fields} if customer_id else dict(fields)


def _current(seller: Seller, invoice: Record) -> Record:
    return seller.invoices.get(invoice["id"]) or invoice


def _received(square: Square, seller: Seller, invoice: Record, amount: int) -> None:
    requests = filled(invoice["payment_requests"], amount)
    changed = {**invoice, "payment_requests": requests}
    changed["status"] = "PARTIALLY_PAID" if amount_left(changed) else "PAID"
    saved(square, seller, changed, "invoice.payment_made", "invoice.updated")


def _bank_ended(square: Square, seller: Seller, invoice_id: str, payment_id: str) -> None:
    """Runs after the payment itself has settled, which was timed first."""
    invoice = seller.invoices.get(invoice_id)
    payment = payments.find(seller, payment_id)
    if invoice is None or invoice["status"] != "PAYMENT_PENDING":
        return
    if payment["status"] == "COMPLETED":
        _received(square, seller, invoice, amount_of(payment["amount_money"]))
        return
    paid = any(amount_of(request["total_completed_amount_money"]) for request in invoice["payment_requests"])
    saved(square, seller, {**invoice, "status": "PARTIALLY_PAID" if paid else "UNPAID"}, "invoice.updated")


def record_by_hand(square: Square, seller: Seller, invoice: Record, amount: int, method: str) -> Record:
    """The seller notes in the Dashboard that money came in. method: CASH, or one of NOTED_TYPES."""
    currency = invoice["payment_requests"][0]["computed_amount_money"]["currency"]
    if method == "CASH":
        cash = {"buyer_supplied_money": money(amount, currency), "change_back_money": money(0, currency)}
        return pay(square, seller, invoice, Source(source_type="CASH"), amount=amount, fields={"cash_details": cash})
    details = {"external_details": {"type": method, "source": "Recorded by the seller"}}
    return pay(square, seller, invoice, Source(source_type="EXTERNAL"), amount=amount, fields=details)


def charge_due(square: Square, seller: Seller, invoice_id: str) -> None:
    """Charge the cards on file of requests due by now; a failure is told and leaves the invoice open."""
    invoice = seller.invoices.get(invoice_id)
    if invoice is None or invoice["status"] not in PAYABLE:
        return
    for request in automatic_requests(invoice):
        current = _current(seller, invoice)
        if request["due_date"] > today_of(square, current):
            continue
        customer_id = current["primary_recipient"]["customer_id"]
        try:
            source = payment_sources.from_source_id(square, seller, request["card_id"], customer_id)
            pay(square, seller, current, source, amount=open_amount(request), fields={})
        except ApiFailure:
            if current.get("subscription_id") and not square.settings.subscription_charge_failed_event:
                continue
            record_event(square, seller, "invoice.scheduled_charge_failed", _current(seller, invoice))


def refunded(square: Square, seller: Seller, order_id: str) -> None:
    """After a completed refund on the invoice's order."""
    invoice = seller.invoices.get(seller.invoice_of_order.get(order_id, ""))
    if invoice is None:
        return
    taken = [payments.find(seller, payment_id) for payment_id in seller.order_payments.get(order_id, [])]
    back = sum(amount_of(payment.get("refunded_money")) for payment in taken)
    whole = back >= sum(amount_of(payment["total_money"]) for payment in taken)
    status = "REFUNDED" if whole and not amount_left(invoice) else "PARTIALLY_REFUNDED"
    saved(square, seller, {**invoice, "status": status}, "invoice.refunded", "invoice.updated")
