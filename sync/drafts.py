"""What a Change means now: the local row as the provider is to have it, compared with what both sides last agreed on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.models import Change, Client, Invoice, InvoiceLine, RemoteRecord
from providers.contract import Verb
from providers.errors import Rejected, Transient
from providers.records import (
    Address,
    CustomerDraft,
    Draft,
    InvoiceDraft,
    InvoiceStatus,
    Line,
    Money,
    PaymentDraft,
    Record,
)
from providers.records import Customer as ProviderCustomer
from providers.records import Invoice as ProviderInvoice
from providers.records import Payment as ProviderPayment

CLIENT_FIELDS = ("given_name", "family_name", "company_name", "email", "phone", "address")
ADDRESS_PARTS = ("line1", "line2", "city", "region", "postal_code", "country")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to ask of the provider. external_id is None where the record is to be created; `reference` is our own name for it;
    `verb` is what to perform, where the action is that. sent: the mapped fields that the draft says, as our row had them."""

    action: Literal["create", "update", "perform", "nothing"]
    reference: str
    draft: Draft[Any] | None = None
    external_id: str | None = None
    version: str | None = None
    verb: Verb = Verb.GET
    sent: Mapping[str, Any] | None = None


def reference(kind: str, local_id: int) -> str:
    """Our own id as the provider keeps it for us: "payhub:client:12"."""
    return f"payhub:{kind}:{local_id}"


def plan(session: Session, change: Change) -> Plan:
    """Read inside a tenant session, before any request. Raises Rejected for what cannot be written, Transient for what waits
    for another change."""
    if change.kind == "client":
        return _plan_client(session, change)
    if change.kind == "invoice":
        return _plan_invoice(session, change)
    return _plan_payment(session, change)


def _remote(session: Session, change: Change, data_type: str, local_id: int) -> RemoteRecord | None:
    return session.scalars(
        select(RemoteRecord)
        .where(
            RemoteRecord.integration_id == change.integration_id,
            RemoteRecord.data_type == data_type,
            RemoteRecord.local_id == local_id,
            RemoteRecord.deleted_at.is_(None),
        )
        .order_by(RemoteRecord.first_seen_at)
        .limit(1)
    ).one_or_none()


# --- clients ------------------------------------------------------------------------------------------------------------


def _plan_client(session: Session, change: Change) -> Plan:
    client = session.scalars(select(Client).where(Client.id == change.local_id)).one()
    name = reference("client", client.id)
    remote = _remote(session, change, "customer", client.id)
    if remote is None:
        if change.verb != Verb.CREATE:
            return Plan(action="nothing", reference=name)
        return Plan(action="create", reference=name, draft=customer_draft(client, name=name), sent=_client_fields(client))
    changed = _client_changes(client, remote.base)
    if not changed:
        return Plan(action="nothing", reference=name, external_id=remote.external_id)
    return Plan(
        action="update",
        reference=name,
        draft=customer_draft(client, only=changed),
        external_id=remote.external_id,
        version=remote.version,
        sent={field: value for field, value in _client_fields(client).items() if field in changed},
    )


def _client_fields(client: Client) -> dict[str, Any]:
    fields = {field: getattr(client, field) for field in CLIENT_FIELDS}
    return {**fields, "address": {part: client.address.get(part) or "" for part in ADDRESS_PARTS}}


def customer_draft(client: Client, *, only: frozenset[str] | None = None, name: str | None = None) -> CustomerDraft:
    """The client as a draft; `only` these fields, all where None."""
    values: dict[str, Any] = {field: getattr(client, field) for field in CLIENT_FIELDS if field != "address"}
    values["address"] = Address(**{part: client.address.get(part, "") for part in ADDRESS_PARTS})
    chosen = {field: value for field, value in values.items() if only is None or field in only}
    if only is None:
        chosen = {field: value for field, value in chosen.items() if value not in ("", Address())}
    return CustomerDraft(**chosen, reference=name)


def _client_changes(client: Client, base: dict[str, Any] | None) -> frozenset[str]:
    """Fields in which we differ from the last agreement."""
    agreed = base or {}
    return frozenset(
        field
        for field in CLIENT_FIELDS
        if _plain(getattr(client, field)) != _plain(agreed.get(field, {} if field == "address" else ""))
    )


def _plain(value: Any) -> Any:
    return {part: text for part, text in value.items() if text} if isinstance(value, dict) else (value or "")


# --- invoices -----------------------------------------------------------------------------------------------------------


def _plan_invoice(session: Session, change: Change) -> Plan:
    invoice = session.scalars(select(Invoice).where(Invoice.id == change.local_id)).one()
    name = reference("invoice", invoice.id)
    remote = _remote(session, change, "invoice", invoice.id)
    if remote is None:
        if change.verb != Verb.CREATE:
            raise Rejected("The invoice does not exist at the provider, so this could not be done.", code="invoice_missing")
        draft = _invoice_draft(session, change, invoice, name)
        return Plan(action="create", reference=name, draft=draft, sent=_invoice_fields(session, invoice))
    nothing = Plan(action="nothing", reference=name, external_id=remote.external_id, version=remote.version)
    if change.verb == Verb.CREATE:
        return nothing
    if change.verb == Verb.UPDATE:
        if invoice.status != "draft":
            raise Rejected("The invoice was issued meanwhile and is fixed. Void it and make a new one.", code="issued")
        draft = _invoice_draft(session, change, invoice, None)
        return replace(nothing, action="update", draft=draft, sent=_invoice_fields(session, invoice))
    if change.verb == Verb.PUBLISH and invoice.status != "draft":
        return nothing
    if change.verb in (Verb.PUBLISH, Verb.SEND) and invoice.status == "draft":
        _check_total(invoice, remote)
    if change.verb == Verb.VOID and invoice.status == "void":
        return nothing
    # A draft was never issued, so there is nothing to void: it is deleted (both providers refuse to void one).
    undoes_draft = change.verb == Verb.VOID and invoice.status == "draft"
    return replace(nothing, action="perform", verb=Verb.DELETE if undoes_draft else Verb(change.verb))


def _check_total(invoice: Invoice, remote: RemoteRecord) -> None:
    """The last look before a payer is asked for money: both sides mean the same sum."""
    theirs = (remote.base or {}).get("total")
    if theirs is not None and theirs != invoice.total:
        raise Rejected(
            "The draft at the provider has another total than here, so it was not issued. Compare the two, correct one, retry.",
            code="totals_differ",
        )


def _invoice_draft(session: Session, change: Change, invoice: Invoice, name: str | None) -> InvoiceDraft:
    # In this order: whoever finishes the client's change between the two reads has linked the customer by the second.
    waiting = _client_change(session, change, invoice)
    customer = _remote(session, change, "customer", invoice.client_id or 0)
    if customer is None:
        raise _customer_missing(waiting)
    lines = _lines(session, invoice)
    delivered = select(Change.id).where(
        Change.kind == "invoice", Change.local_id == invoice.id, Change.verb == Verb.SEND, Change.done_at.is_(None)
    )
    return InvoiceDraft(
        customer_id=customer.external_id,
        currency=invoice.currency,
        lines=tuple(
            Line(
                description=line.description,
                amount=Money(line.amount, invoice.currency),
                quantity=line.quantity,
                unit_amount=Money(line.unit_amount, invoice.currency) if line.unit_amount is not None else None,
            )
            for line in lines
        ),
        due_on=invoice.due_on,
        number=invoice.number if name else None,
        # In an update an empty text clears what the provider has; a creation has nothing to clear.
        description=invoice.description if name is None else invoice.description or None,
        location_id=invoice.location_id,
        deliver=session.scalar(delivered.limit(1)) is not None,
        reference=name,
    )


def _invoice_fields(session: Session, invoice: Invoice) -> dict[str, Any]:
    return {
        "currency": invoice.currency,
        "total": invoice.total,
        "lines": [
            {
                "description": line.description,
                "quantity": line.quantity,
                "unit_amount": line.unit_amount,
                "amount": line.amount,
            }
            for line in _lines(session, invoice)
        ],
        "due_on": invoice.due_on.isoformat() if invoice.due_on else None,
        "description": invoice.description,
    }


def _lines(session: Session, invoice: Invoice) -> Sequence[InvoiceLine]:
    return session.scalars(select(InvoiceLine).where(InvoiceLine.invoice_id == invoice.id).order_by(InvoiceLine.position)).all()


def _client_change(session: Session, change: Change, invoice: Invoice) -> Change | None:
    return session.scalars(
        select(Change)
        .where(
            Change.integration_id == change.integration_id,
            Change.kind == "client",
            Change.local_id == invoice.client_id,
            Change.done_at.is_(None),
        )
        .limit(1)
    ).one_or_none()


def _customer_missing(waiting: Change | None) -> Exception:
    """The client's own change comes first; if that was given up, so is this."""
    if waiting is None:
        return Rejected("The invoice's client is not known to the provider. Save the client again, then retry.", code="no_client")
    if waiting.parked_at is not None:
        return Rejected(f"The invoice's client could not be created there: {waiting.reason}", code="client_parked")
    return Transient("The invoice's client is being created there first.")


# --- payments -----------------------------------------------------------------------------------------------------------


def _plan_payment(session: Session, change: Change) -> Plan:
    invoice = session.scalars(select(Invoice).where(Invoice.id == change.local_id)).one()
    name = reference("payment", change.id)
    remote = _remote(session, change, "invoice", invoice.id)
    if remote is None:
        raise Rejected("The invoice does not exist at the provider, so it cannot be paid there.", code="invoice_missing")
    customer = _remote(session, change, "customer", invoice.client_id or 0)
    draft = PaymentDraft(
        amount=Money(change.draft["amount"], change.draft["currency"]),
        source=change.draft["source"],
        customer_id=customer.external_id if customer else None,
        invoice_id=remote.external_id,
        reference=name,
    )
    return Plan(action="create", reference=name, draft=draft)


# --- answers ------------------------------------------------------------------------------------------------------------


def reached(change: Change, wanted: Plan, record: Record) -> bool:
    """Whether the record already is what the change was to make of it."""
    if isinstance(record, ProviderInvoice):
        if change.verb == Verb.VOID:
            return record.status is InvoiceStatus.VOID
        if change.verb in (Verb.PUBLISH, Verb.SEND):
            return record.status is not InvoiceStatus.DRAFT
        return False
    if isinstance(record, ProviderCustomer) and isinstance(wanted.draft, CustomerDraft):
        pairs = [(getattr(wanted.draft, field), getattr(record, field)) for field in CLIENT_FIELDS]
        return all(ours is None or ours == theirs for ours, theirs in pairs)
    return False


def result(record: Record) -> dict[str, Any]:
    """What callers that wait for the change want to know. No secret, no payload."""
    if isinstance(record, ProviderInvoice):
        return {"external_id": record.id, "status": record.status, "url": record.pay_url}
    if isinstance(record, ProviderPayment):
        return {"external_id": record.id, "status": record.status, "receipt_url": record.receipt_url, "detail": record.failure}
    return {"external_id": record.id}
