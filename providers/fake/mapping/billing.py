"""What the fake provider's words mean, both ways; pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from providers.errors import Rejected
from providers.records import (
    Address,
    Customer,
    CustomerDraft,
    Draft,
    Effect,
    Endpoint,
    EndpointDraft,
    Event,
    Invoice,
    InvoiceDraft,
    InvoiceStatus,
    JsonObject,
    Line,
    Location,
    Money,
    Payment,
    PaymentDraft,
    PaymentMethod,
    PaymentStatus,
    Record,
    Refund,
    RefundDraft,
    RefundStatus,
)

# The fake's words are ours; a real provider has its own on the left. What is not in the table is UNKNOWN.
INVOICE_STATUSES = {status.value: status for status in InvoiceStatus}
PAYMENT_STATUSES = {status.value: status for status in PaymentStatus}
REFUND_STATUSES = {status.value: status for status in RefundStatus}
EFFECTS = {
    "created": Effect.CHANGED,
    "updated": Effect.CHANGED,
    "deleted": Effect.DELETED,
    "merged": Effect.MERGED,
    "disconnected": Effect.DISCONNECTED,
}
NOWHERE = "XXX"  # ISO 4217 for "no currency"


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _money(raw: Any) -> Money | None:
    if not raw or raw.get("amount") is None:
        return None
    return Money(raw["amount"], raw.get("currency") or NOWHERE)


def _common(raw: JsonObject, as_of: datetime) -> dict[str, Any]:
    version = raw.get("version")
    return {
        "id": raw["id"],
        "version": None if version is None else str(version),
        "changed_at": _moment(raw.get("changed_at")),
        "created_at": _moment(raw.get("created_at")),
        "as_of": as_of,
        "raw": raw,
    }


def customer(raw: JsonObject, as_of: datetime) -> Customer:
    address = raw.get("address") or {}
    given_name, family_name = raw.get("given_name") or "", raw.get("family_name") or ""
    company_name = raw.get("company_name") or ""
    return Customer(
        **_common(raw, as_of),
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
    status = INVOICE_STATUSES.get(raw.get("status") or "", InvoiceStatus.UNKNOWN)
    due = 0 if status is InvoiceStatus.VOID else total - paid
    return Invoice(
        **_common(raw, as_of),
        customer_id=raw.get("customer_id"),
        location_id=raw.get("location_id"),
        number=raw.get("number"),
        status=status,
        lines=tuple(
            Line(
                description=line.get("description") or "",
                amount=_money(line.get("amount")) or Money(0, currency),
                quantity=line.get("quantity") or "1",
                unit_amount=_money(line.get("unit_amount")),
            )
            for line in raw.get("lines") or ()
        ),
        total=Money(total, currency),
        paid=Money(paid, currency),
        due=Money(due, currency),
        due_on=date.fromisoformat(raw["due_on"]) if raw.get("due_on") else None,
        description=raw.get("description") or "",
        pay_url=raw.get("pay_url"),
        reference=raw.get("reference"),
        deleted=bool(raw.get("deleted")),
    )


def payment(raw: JsonObject, as_of: datetime) -> Payment:
    invoice_id = raw.get("invoice_id")
    return Payment(
        **_common(raw, as_of),
        amount=_money(raw.get("amount")) or Money(0, NOWHERE),
        status=PAYMENT_STATUSES.get(raw.get("status") or "", PaymentStatus.UNKNOWN),
        customer_id=raw.get("customer_id"),
        invoice_ids=(invoice_id,) if invoice_id else (),
        fee=_money(raw.get("fee")),
        method=raw.get("method") or "other",
        card_brand=raw.get("brand"),
        card_last4=raw.get("last4"),
        location_id=raw.get("location_id"),
        reference=raw.get("reference"),
    )


def refund(raw: JsonObject, as_of: datetime) -> Refund:
    return Refund(
        **_common(raw, as_of),
        payment_id=raw.get("payment_id"),
        amount=_money(raw.get("amount")) or Money(0, NOWHERE),
        status=REFUND_STATUSES.get(raw.get("status") or "", RefundStatus.UNKNOWN),
        reason=raw.get("reason") or "",
    )


def location(raw: JsonObject, as_of: datetime) -> Location:
    return Location(
        **_common(raw, as_of),
        name=raw.get("name") or "",
        currency=raw.get("currency") or "",
        country=raw.get("country") or "",
        timezone=raw.get("timezone") or "",
        active=bool(raw.get("active")),
        is_main=bool(raw.get("is_main")),
    )


def payment_method(raw: JsonObject, as_of: datetime) -> PaymentMethod:
    return PaymentMethod(
        **_common(raw, as_of),
        customer_id=raw.get("customer_id"),
        brand=raw.get("brand") or "",
        last4=raw.get("last4") or "",
        exp_month=raw.get("exp_month"),
        exp_year=raw.get("exp_year"),
        enabled=bool(raw.get("enabled")),
    )


def endpoint(raw: JsonObject, as_of: datetime) -> Endpoint:
    return Endpoint(
        **_common(raw, as_of),
        url=raw.get("url") or "",
        event_types=frozenset(raw.get("event_types") or ()),
        api_version=raw.get("api_version"),
        active=bool(raw.get("active")),
        secret=raw.get("secret"),
    )


KINDS: dict[type[Record], tuple[str, Callable[[JsonObject, datetime], Record]]] = {
    Customer: ("customer", customer),
    Invoice: ("invoice", invoice),
    Payment: ("payment", payment),
    Refund: ("refund", refund),
    Location: ("location", location),
    PaymentMethod: ("payment_method", payment_method),
    Endpoint: ("endpoint", endpoint),
}
"""Our kind -> the provider's word for it and the mapping of one object."""
BY_WORD = {word: (kind, read) for kind, (word, read) in KINDS.items()}


def event(raw: JsonObject, *, own_account_id: str | None = None) -> Event:
    """Raises Rejected where the object is no event (id, type and time are its least)."""
    try:
        id, event_type, created_at = raw["id"], raw["type"], datetime.fromisoformat(raw["created_at"])
    except (KeyError, TypeError, ValueError) as problem:
        raise Rejected("The delivery is not an event of the fake provider.", code="not_an_event") from problem
    if not id or not event_type:
        raise Rejected("The delivery is not an event of the fake provider.", code="not_an_event")
    about = raw.get("data") or {}
    kind, read = BY_WORD.get(about.get("kind") or "", (None, None))
    effect = EFFECTS.get(event_type.rpartition(".")[2], Effect.OTHER)
    found = about.get("object") or {}
    record_id = found.get("id")
    if effect is not Effect.DISCONNECTED and (read is None or not record_id):
        effect, kind, record_id, read = Effect.OTHER, None, None, None
    return Event(
        id=id,
        event_type=event_type,
        account_id=raw.get("account_id") or own_account_id,
        live=bool(raw.get("live")),
        created_at=created_at,
        effect=effect,
        kind=kind,
        record_id=record_id,
        snapshot=read(found, created_at) if read is not None else None,
        merged_into=about.get("merged_into") if effect is Effect.MERGED else None,
        idempotency_key=raw.get("idempotency_key"),
        raw=raw,
    )


# --- what to write: our fields that are not None, under the provider's names ---


def _written_money(amount: Money) -> dict[str, Any]:
    return {"amount": amount.minor_units, "currency": amount.currency}


def _written(draft: Draft[Any], *names: str) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(draft, name)) is not None}


def customer_fields(draft: CustomerDraft) -> dict[str, Any]:
    fields = _written(draft, "given_name", "family_name", "company_name", "email", "phone", "reference")
    if draft.address is not None:
        fields["address"] = {part: getattr(draft.address, part) for part in Address.__slots__}
    return fields


def invoice_fields(draft: InvoiceDraft) -> dict[str, Any]:
    fields = _written(draft, "customer_id", "currency", "number", "description", "location_id", "reference")
    if draft.due_on is not None:
        fields["due_on"] = draft.due_on.isoformat()
    if draft.lines is not None:
        fields["lines"] = [
            {
                "description": line.description,
                "amount": _written_money(line.amount),
                "quantity": line.quantity,
                "unit_amount": _written_money(line.unit_amount) if line.unit_amount is not None else None,
            }
            for line in draft.lines
        ]
    return fields


def payment_fields(draft: PaymentDraft) -> dict[str, Any]:
    fields = _written(draft, "source", "customer_id", "invoice_id", "location_id", "description", "reference")
    return {**fields, "amount": _written_money(draft.amount)}


def refund_fields(draft: RefundDraft) -> dict[str, Any]:
    return {**_written(draft, "payment_id", "reason"), "amount": _written_money(draft.amount)}


def endpoint_fields(draft: EndpointDraft) -> dict[str, Any]:
    return {**_written(draft, "url", "api_version", "name", "active"), "event_types": sorted(draft.event_types)}
