"""Stripe's objects as its API sends them, cut down to what is read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

AS_OF = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
CREATED = 1795240000


def customer(**changes: Any) -> dict[str, Any]:
    return {
        "id": "cus_1",
        "object": "customer",
        "created": CREATED,
        "name": "Ada Lovelace",
        "business_name": None,
        "individual_name": None,
        "email": "ada@example.com",
        "phone": None,
        "address": {"line1": "1 Row", "line2": None, "city": "London", "state": "", "postal_code": "N1", "country": "GB"},
        "metadata": {"payhub_reference": "c-7"},
        "livemode": False,
    } | changes


def line(n: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"il_{n}",
        "object": "line_item",
        "amount": 2500,
        "currency": "usd",
        "description": f"Work {n}",
        "quantity": 1,
        "quantity_decimal": "1",
        "pricing": {"type": "price_details", "unit_amount_decimal": "2500"},
    } | changes


def invoice(**changes: Any) -> dict[str, Any]:
    return {
        "id": "in_1",
        "object": "invoice",
        "created": CREATED,
        "customer": "cus_1",
        "currency": "usd",
        "status": "open",
        "number": "A-0001",
        "description": "Kitchen",
        "total": 5000,
        "amount_due": 5000,
        "amount_paid": 0,
        "amount_remaining": 5000,
        "due_date": 1796040000,
        "hosted_invoice_url": "https://invoice.stripe.com/i/x",
        "lines": {"object": "list", "data": [line(1), line(2)], "has_more": False, "url": "/v1/invoices/in_1/lines"},
        "metadata": {"payhub_reference": "i-7"},
    } | changes


def charge(**changes: Any) -> dict[str, Any]:
    return {
        "id": "ch_1",
        "object": "charge",
        "created": CREATED,
        "amount": 5000,
        "currency": "eur",
        "status": "succeeded",
        "captured": True,
        "payment_intent": "pi_1",
        "customer": "cus_1",
        "receipt_url": "https://pay.stripe.com/receipts/x",
        "billing_details": {"name": "Ada L.", "email": "ada@example.com"},
        "payment_method_details": {"type": "card", "card": {"brand": "visa", "last4": "4242", "wallet": None}},
        "balance_transaction": {"id": "txn_1", "object": "balance_transaction", "amount": 5400, "fee": 187, "currency": "usd"},
        "failure_code": None,
        "failure_message": None,
        "metadata": {},
    } | changes


def intent(**changes: Any) -> dict[str, Any]:
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "created": CREATED,
        "amount": 5000,
        "amount_received": 5000,
        "currency": "eur",
        "status": "succeeded",
        "customer": "cus_1",
        "latest_charge": charge(),
        "last_payment_error": None,
        "metadata": {"payhub_reference": "p-7"},
    } | changes


def refund(**changes: Any) -> dict[str, Any]:
    return {
        "id": "re_1",
        "object": "refund",
        "created": CREATED,
        "amount": 700,
        "currency": "jpy",
        "status": "pending",
        "reason": "requested_by_customer",
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "failure_reason": None,
        "metadata": {},
    } | changes


def event(event_type: str, obj: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "type": event_type,
        "created": CREATED,
        "livemode": False,
        "api_version": "2026-10-28.endive",
        "account": "acct_1",
        "request": {"id": "req_1", "idempotency_key": None},
        "data": {"object": obj},
    } | changes
