"""Customers, invoices, payments, refunds, locations, and where our events are sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from providers.fake.mapping.values import NOWHERE, amount, common, day, money, word, written, written_line, written_money
from providers.records import (
    Address,
    Customer,
    CustomerDraft,
    Endpoint,
    EndpointDraft,
    Instalment,
    InstalmentKind,
    Invoice,
    InvoiceDraft,
    InvoiceStatus,
    JsonObject,
    Line,
    Location,
    Money,
    Payment,
    PaymentDraft,
    PaymentStatus,
    Refund,
    RefundDraft,
    RefundStatus,
)


def customer(raw: JsonObject, as_of: datetime) -> Customer:
    address = raw.get("address") or {}
    given_name, family_name = raw.get("given_name") or "", raw.get("family_name") or ""
    company_name = raw.get("company_name") or ""
    return Customer(
        **common(raw, as_of),
        given_name=given_name,
        family_name=family_name,
        company_name=company_name,
        display_name=f"{given_name} {family_name}".strip() or company_name,
        email=raw.get("email") or "",
        phone=raw.get("phone") or "",
        address=Address(**{part: address.get(part) or "" for part in Address.__slots__}),
        reference=raw.get("reference"),
        deleted=bool(raw.get("deleted")),
    )


def invoice(raw: JsonObject, as_of: datetime) -> Invoice:
    currency = raw.get("currency") or NOWHERE
    total, paid = raw.get("total") or 0, raw.get("paid") or 0
    status = word(raw.get("status"), InvoiceStatus)
    due = 0 if status is InvoiceStatus.VOID else total - paid
    return Invoice(
        **common(raw, as_of),
        customer_id=raw.get("customer_id"),
        location_id=raw.get("location_id"),
        number=raw.get("number"),
        status=status,
        lines=tuple(
            Line(
                description=line.get("description") or "",
                amount=money(line.get("amount")) or Money(0, currency),
                quantity=line.get("quantity") or "1",
                unit_amount=money(line.get("unit_amount")),
            )
            for line in raw.get("lines") or ()
        ),
        total=Money(total, currency),
        paid=Money(paid, currency),
        due=Money(due, currency),
        instalments=tuple(
            Instalment(
                kind=word(part.get("kind"), InstalmentKind),
                amount=amount(part.get("amount")),
                due_on=day(part.get("due_on")),
                paid=money(part.get("paid")),
            )
            for part in raw.get("instalments") or ()
        ),
        due_on=day(raw.get("due_on")),
        description=raw.get("description") or "",
        pay_url=raw.get("pay_url"),
        reference=raw.get("reference"),
        deleted=bool(raw.get("deleted")),
    )


def payment(raw: JsonObject, as_of: datetime) -> Payment:
    invoice_id = raw.get("invoice_id")
    whole, fee = amount(raw.get("amount")), money(raw.get("fee"))
    return Payment(
        **common(raw, as_of),
        amount=whole,
        status=word(raw.get("status"), PaymentStatus),
        customer_id=raw.get("customer_id"),
        invoice_ids=(invoice_id,) if invoice_id else (),
        fee=fee,
        net=whole - fee if fee is not None and fee.currency == whole.currency else None,
        refunded=Money(raw.get("refunded") or 0, whole.currency),
        disputed=bool(raw.get("disputed")),
        method=raw.get("method") or "other",
        card_brand=raw.get("brand"),
        card_last4=raw.get("last4"),
        location_id=raw.get("location_id"),
        device=raw.get("device"),
        reference=raw.get("reference"),
    )


def refund(raw: JsonObject, as_of: datetime) -> Refund:
    return Refund(
        **common(raw, as_of),
        payment_id=raw.get("payment_id"),
        amount=amount(raw.get("amount")),
        status=word(raw.get("status"), RefundStatus),
        reason=raw.get("reason") or "",
    )


def location(raw: JsonObject, as_of: datetime) -> Location:
    return Location(
        **common(raw, as_of),
        name=raw.get("name") or "",
        currency=raw.get("currency") or "",
        country=raw.get("country") or "",
        timezone=raw.get("timezone") or "",
        active=bool(raw.get("active")),
        is_main=bool(raw.get("is_main")),
    )


def endpoint(raw: JsonObject, as_of: datetime) -> Endpoint:
    return Endpoint(
        **common(raw, as_of),
        url=raw.get("url") or "",
        event_types=frozenset(raw.get("event_types") or ()),
        api_version=raw.get("api_version"),
        active=bool(raw.get("active")),
        secret=raw.get("secret"),
    )


# --- what to write: our fields that are not None, under the provider's names ---


def customer_fields(draft: CustomerDraft) -> dict[str, Any]:
    fields = written(draft, "given_name", "family_name", "company_name", "email", "phone", "reference")
    if draft.address is not None:
        fields["address"] = {part: getattr(draft.address, part) for part in Address.__slots__}
    return fields


def invoice_fields(draft: InvoiceDraft) -> dict[str, Any]:
    fields = written(draft, "customer_id", "currency", "number", "description", "location_id", "reference", "due_on")
    if draft.instalments is not None:
        fields["instalments"] = [
            {"kind": part.kind, "amount": written_money(part.amount), "due_on": part.due_on and part.due_on.isoformat()}
            for part in draft.instalments
        ]
    if draft.lines is not None:
        fields["lines"] = [written_line(line) for line in draft.lines]
    return fields


def payment_fields(draft: PaymentDraft) -> dict[str, Any]:
    fields = written(draft, "source", "customer_id", "invoice_id", "location_id", "description", "reference")
    return {**fields, "amount": written_money(draft.amount)}


def refund_fields(draft: RefundDraft) -> dict[str, Any]:
    return {**written(draft, "payment_id", "reason"), "amount": written_money(draft.amount)}


def endpoint_fields(draft: EndpointDraft) -> dict[str, Any]:
    return {**written(draft, "url", "api_version", "name", "active"), "event_types": sorted(draft.event_types)}
