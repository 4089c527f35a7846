"""What GoCardless's words mean, both ways. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson

from providers import drift
from providers.errors import Rejected
from providers.records import (
    Address,
    Customer,
    CustomerDraft,
    Effect,
    Event,
    LinkStatus,
    Money,
    Payment,
    PaymentDraft,
    PaymentLink,
    PaymentLinkDraft,
    PaymentMethod,
    PaymentStatus,
    Record,
    Refund,
    RefundDraft,
    RefundStatus,
)

W = TypeVar("W")
CURRENCIES = frozenset(["AUD", "CAD", "DKK", "EUR", "GBP", "NZD", "SEK", "USD"])
NO_CURRENCY = "XXX"  # ISO 4217: no currency; only for an object that names no amount at all

# A resource keeps three texts for us (GoCardless docs: metadata). `DRAFT` tells one draft from another under the same key.
REFERENCE, DRAFT, CUSTOMER, REASON, KEY = "payhub_reference", "payhub_draft", "payhub_customer", "payhub_reason", "payhub_key"

PAYMENT_STATUSES = {
    "pending_customer_approval": PaymentStatus.REQUIRES_ACTION,
    "pending_submission": PaymentStatus.PENDING,
    "submitted": PaymentStatus.PENDING,
    "confirmed": PaymentStatus.SUCCEEDED,
    "paid_out": PaymentStatus.SUCCEEDED,
    "cancelled": PaymentStatus.CANCELED,
    "customer_approval_denied": PaymentStatus.FAILED,
    "failed": PaymentStatus.FAILED,
    "charged_back": PaymentStatus.FAILED,  # the payer's bank took the money back, and there is no appeal
}
REFUND_STATUSES = {
    "created": RefundStatus.PENDING,
    "pending_submission": RefundStatus.PENDING,
    "submitted": RefundStatus.PENDING,
    "paid": RefundStatus.SUCCEEDED,
    "cancelled": RefundStatus.CANCELED,
    "bounced": RefundStatus.FAILED,
    "funds_returned": RefundStatus.FAILED,
}
MANDATES_TO_CHARGE = frozenset(["pending_customer_approval", "pending_submission", "submitted", "active"])
LINK_STATUSES = {
    "pending": LinkStatus.ACTIVE,
    "ready_to_fulfil": LinkStatus.ACTIVE,
    "fulfilling": LinkStatus.PENDING,
    "fulfilled": LinkStatus.PENDING,  # until its payment is confirmed
    "cancelled": LinkStatus.CANCELED,
}
# Creditors name no currency of their own; where the country's is none of GoCardless's eight, it is mostly the euro.
HOME_CURRENCIES = {"GB": "GBP", "US": "USD", "CA": "CAD", "AU": "AUD", "NZ": "NZD", "SE": "SEK", "DK": "DKK"}
TOLD: Mapping[str, tuple[type[Record], str]] = {
    "customers": (Customer, "customer"),
    "mandates": (PaymentMethod, "mandate"),
    "payments": (Payment, "payment"),
    "refunds": (Refund, "refund"),
    "billing_requests": (PaymentLink, "billing_request"),
}
"""Which record an event of this resource_type is about, and under which name its links hold the id."""


def customer(raw: Mapping[str, Any], *, as_of: datetime, deleted: bool = False) -> Customer:
    get = raw.get
    given, family, company = get("given_name") or "", get("family_name") or "", get("company_name") or ""
    return Customer(
        **_about(raw, as_of),
        given_name=given,
        family_name=family,
        company_name=company,
        display_name=f"{given} {family}".strip() or company or get("email") or "",
        email=get("email") or "",
        phone=get("phone_number") or "",
        address=Address(
            line1=get("address_line1") or "",
            line2=get("address_line2") or "",
            city=get("city") or "",
            region=get("region") or "",
            postal_code=get("postal_code") or "",
            country=get("country_code") or "",
        ),
        reference=_kept(raw, REFERENCE),
        deleted=deleted,
    )


def payment(raw: Mapping[str, Any], *, as_of: datetime) -> Payment:
    """A payment names its mandate, not its customer: that is known of those made here. Fees stand on the payout only."""
    status = raw.get("status")
    meaning = _word(PAYMENT_STATUSES, status, PaymentStatus.UNKNOWN, "payment", as_of)
    return Payment(
        **_about(raw, as_of),
        amount=_money(raw, "amount"),
        status=meaning,
        customer_id=_kept(raw, CUSTOMER),
        refunded=_money(raw, "amount_refunded"),
        disputed=status == "charged_back",
        method="bank",
        failure=str(status) if meaning is PaymentStatus.FAILED else None,
        reference=_kept(raw, REFERENCE),
    )


def refund(raw: Mapping[str, Any], *, as_of: datetime) -> Refund:
    status = _word(REFUND_STATUSES, raw.get("status"), RefundStatus.UNKNOWN, "refund", as_of)
    return Refund(
        **_about(raw, as_of),
        payment_id=_links(raw).get("payment"),
        amount=_money(raw, "amount"),
        status=status,
        reason=_kept(raw, REASON) or "",
        failure=str(raw.get("status")) if status is RefundStatus.FAILED else None,
    )


def mandate(raw: Mapping[str, Any], *, as_of: datetime) -> PaymentMethod:
    """A mandate is the saved way to pay; `brand` is its scheme (bacs, sepa_core, ...)."""
    return PaymentMethod(
        **_about(raw, as_of),
        customer_id=_links(raw).get("customer"),
        method="bank",
        brand=raw.get("scheme") or "",
        enabled=raw.get("status") in MANDATES_TO_CHARGE,
    )


def link(
    raw: Mapping[str, Any], *, as_of: datetime, flow: Mapping[str, Any] | None = None, paid: Payment | None = None
) -> PaymentLink:
    """A billing request; `flow`: a way into it, None where there is none any more; `paid`: the payment it led to, as it is."""
    status = _word(LINK_STATUSES, raw.get("status"), LinkStatus.UNKNOWN, "billing_request", as_of)
    if paid is not None and paid.status is PaymentStatus.SUCCEEDED:
        status = LinkStatus.PAID
    return PaymentLink(
        **_about(raw, as_of),
        style="link",
        url=flow.get("authorisation_url") if flow else None,
        amount=_money(raw.get("payment_request") or {}, "amount"),
        status=status,
        customer_id=_links(raw).get("customer"),
        payment_id=_links(raw).get("payment_request_payment"),
        expires_at=moment(flow.get("expires_at")) if flow else None,
        reference=_kept(raw, REFERENCE),
    )


def customer_fields(draft: CustomerDraft, *, clearing: bool) -> dict[str, Any]:
    """`clearing` (an update): an empty string becomes null, which clears. Our reference is written at the making only: metadata
    are replaced as a whole, and the merchant's own stand there too."""
    wanted: dict[str, str | None] = {
        "given_name": draft.given_name,
        "family_name": draft.family_name,
        "company_name": draft.company_name,
        "email": draft.email,
        "phone_number": draft.phone,
    }
    if draft.address is not None:
        names = ("address_line1", "address_line2", "city", "region", "postal_code", "country_code")
        parts = ("line1", "line2", "city", "region", "postal_code", "country")
        wanted |= {name: getattr(draft.address, part) for name, part in zip(names, parts, strict=True)}
    fields: dict[str, Any] = {name: value or None for name, value in wanted.items() if value or (clearing and value is not None)}
    return fields if clearing else _signed(fields, {REFERENCE: draft.reference})


def payment_fields(draft: PaymentDraft) -> dict[str, Any]:
    """`draft.source` is a mandate. Raises Rejected for an invoice: there are none at GoCardless."""
    if draft.invoice_id is not None:
        raise Rejected("GoCardless has no invoices that a payment could pay.", code="no_invoices")
    fields = {**_amount(draft.amount), "links": {"mandate": draft.source}}
    if draft.description:
        fields["description"] = draft.description
    return _signed(fields, {REFERENCE: draft.reference, CUSTOMER: draft.customer_id})


def refund_fields(draft: RefundDraft, *, key: str) -> dict[str, Any]:
    """Without total_amount_confirmation, which changes from try to try."""
    _amount(draft.amount)
    fields = {"amount": draft.amount.minor_units, "links": {"payment": draft.payment_id}}
    return _signed(fields, {REASON: draft.reason, KEY: key})


def link_fields(draft: PaymentLinkDraft) -> dict[str, Any]:
    if draft.style == "embedded":
        raise Rejected("GoCardless's payment page cannot be embedded.", code="not_embedded")
    if draft.lines and sum(line.amount.minor_units for line in draft.lines) != draft.amount.minor_units:
        raise Rejected("The lines of this payment link do not make up its amount.", code="lines_differ", field="lines")
    fields: dict[str, Any] = {"payment_request": {**_amount(draft.amount), "description": draft.description}}
    if draft.customer_id:
        fields["links"] = {"customer": draft.customer_id}
    return _signed(fields, {REFERENCE: draft.reference})


def flow_fields(billing_request_id: str, draft: PaymentLinkDraft | None) -> dict[str, Any]:
    fields: dict[str, Any] = {"links": {"billing_request": billing_request_id}}
    if draft is not None:
        fields |= {"redirect_uri": draft.return_url} if draft.return_url else {}
        fields |= {"exit_uri": draft.cancel_url} if draft.cancel_url else {}
        fields |= {"prefilled_customer": {"email": draft.payer_email}} if draft.payer_email else {}
    return fields


def event(raw: Any, *, live: bool, own_account_id: str | None = None) -> Event:
    """One event, which brings ids only: one read settles what became of the record. Raises Rejected for what is none."""
    created_at = moment(raw.get("created_at")) if isinstance(raw, Mapping) else None
    if created_at is None or not all(isinstance(raw.get(name), str) and raw[name] for name in ("id", "resource_type", "action")):
        raise Rejected("This is not an event of GoCardless.", code="not_an_event")
    kind, noun = TOLD.get(raw["resource_type"], (None, ""))
    record_id = _links(raw).get(noun)
    known = kind is not None and isinstance(record_id, str)
    return Event(
        id=raw["id"],
        event_type=f"{raw['resource_type']}.{raw['action']}",
        account_id=_links(raw).get("organisation") or own_account_id,
        live=live,
        created_at=created_at,
        effect=Effect.CHANGED if known else Effect.OTHER,
        kind=kind if known else None,
        record_id=record_id if known else None,
        partial=known,
        raw=raw,
    )


def is_other_draft(fields: Mapping[str, Any], raw: Mapping[str, Any]) -> bool:
    """Whether `raw` was made from another draft than `fields`. GoCardless does not look: it names what the key has made."""
    return _kept(raw, DRAFT) not in (None, fields["metadata"][DRAFT])


def home_currency(creditor: Mapping[str, Any]) -> str:
    return HOME_CURRENCIES.get(creditor.get("country_code") or "", "EUR")


def moment(text: Any) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)


def stamp(at: datetime) -> str:
    """RFC 3339 UTC in milliseconds, rounded down."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _about(raw: Mapping[str, Any], as_of: datetime) -> dict[str, Any]:
    """What every record says; GoCardless has neither versions nor times of change."""
    return {"id": raw["id"], "created_at": moment(raw.get("created_at")), "as_of": as_of, "raw": raw}


def _links(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    links = raw.get("links")
    return links if isinstance(links, Mapping) else {}


def _kept(raw: Mapping[str, Any], name: str) -> str | None:
    metadata = raw.get("metadata")
    return metadata.get(name) if isinstance(metadata, Mapping) else None


def _money(raw: Mapping[str, Any], name: str) -> Money:
    return Money(raw.get(name) or 0, raw.get("currency") or NO_CURRENCY)


def _amount(money: Money) -> dict[str, Any]:
    if money.currency not in CURRENCIES:
        raise Rejected(f"GoCardless does not collect {money.currency}.", code="currency", field="amount")
    return {"amount": money.minor_units, "currency": money.currency}


def _signed(fields: dict[str, Any], texts: Mapping[str, str | None]) -> dict[str, Any]:
    """The fields with what we want kept, and a mark of all of it."""
    metadata = {name: text[:500] for name, text in texts.items() if text}
    mark = hashlib.sha256(orjson.dumps([fields, metadata], option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
    return {**fields, "metadata": {**metadata, DRAFT: mark}}


def _word(table: Mapping[str, W], value: Any, otherwise: W, noun: str, at: datetime) -> W:
    """The table's meaning; a new word is counted."""
    if isinstance(value, str) and value in table:
        return table[value]
    if value:
        drift.word("gocardless", noun, "status", value, at=at)
    return otherwise
