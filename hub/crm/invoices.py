"""Invoices: made here, sent by their home provider, paid on its pages or with a saved payment method."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import audit, clock, db
from hub.crm import clients, numbering, outbox
from hub.crm.errors import NotFound, Refused
from hub.integrations import service
from hub.ledger.balances import invoice_balances
from hub.models import Change, Integration, Invoice, InvoiceLine, Job, RemoteRecord, Tenant
from providers.contract import Verb
from providers.records import Payment as ProviderPayment

LINES_MAX = 100
AMOUNT_MAX = 99_999_999_999  # 12 digits is the most a card payment takes (Stripe docs: currencies)
PAYABLE = ("open", "partially_paid")
LOCAL_FIELDS = ("notes", "job_id")
DRAFT_FIELDS = ("description", "due_on", "lines", "client_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLine:
    """`amount`: the line's total in minor units of the invoice's currency; `quantity` decimal text."""

    description: str
    amount: int
    quantity: str = "1"
    unit_amount: int | None = None


def create(
    tenant_id: int,
    *,
    client_id: int,
    currency: str,
    lines: Sequence[NewLine],
    due_on: date | None,
    actor: audit.Actor,
    integration_id: int | None = None,
    job_id: int | None = None,
    description: str = "",
    notes: str = "",
    publish: bool = False,
    send: bool = False,
) -> tuple[Invoice, Change | None]:
    """A numbered invoice and, with a home integration, the last Change that carries it there.

    Without `publish` it stays a draft on both sides; `send` lets the provider mail it. Raises NotFound, Refused."""
    _check_lines(lines)
    now = clock.now()
    with db.tenant_session(tenant_id) as session:
        client = clients.get(session, client_id)
        _check_job(session, job_id, client_id)
        if integration_id is not None:
            _check_home(service.get(session, integration_id), currency)
            _check_due_day(session, due_on)
        invoice = Invoice(
            tenant_id=tenant_id,
            number=numbering.assign(session, tenant_id, [None])[0],
            client_id=client.id,
            job_id=job_id,
            integration_id=integration_id,
            status="draft",
            currency=currency,
            total=sum(line.amount for line in lines),
            description=description,
            notes=notes,
            due_on=due_on,
            created_at=now,
            updated_at=now,
            revision=1,
            provenance={},
        )
        session.add(invoice)
        session.flush()
        _write_lines(session, invoice, lines)
        audit.record(session, tenant_id, actor, "invoice.created", "invoice", invoice.id, total=invoice.total, currency=currency)
        change = None
        if integration_id is not None:
            _ensure_customer(session, invoice, client.revision, actor)
            change = _add(session, invoice, Verb.CREATE, actor)
            if publish or send:
                change = _add(session, invoice, Verb.SEND if send else Verb.PUBLISH, actor)
        return invoice, change


def edit(
    tenant_id: int, invoice_id: int, fields: Mapping[str, Any], *, actor: audit.Actor, made_from: str | None = None
) -> Invoice:
    """Change a draft, or the notes and job of any invoice. `made_from`: the `content_mark` of what the editor saw, None for any.

    Raises NotFound, Refused for what is frozen or was changed meanwhile."""
    with db.tenant_session(tenant_id) as session:
        invoice = locked(session, invoice_id)
        if made_from is not None and content_mark(invoice, lines_of(session, [invoice.id])[invoice.id]) != made_from:
            raise Refused(
                "invoice_changed",
                f"Invoice {invoice.number} was changed meanwhile. Compare it with yours; saving again writes yours over it.",
                conflict=True,
            )
        frozen = [name for name in fields if name in DRAFT_FIELDS]
        if frozen and invoice.status != "draft":
            raise Refused(
                "invoice_not_draft",
                f"Invoice {invoice.number} was issued already, so its {frozen[0].replace('_', ' ')} is fixed. "
                "Void it and make a new one.",
                field=frozen[0],
                conflict=True,
            )
        if fields.get("due_on", invoice.due_on) is None and invoice.due_on is not None and invoice.integration_id is not None:
            # Neither provider can take the day away again; ours alone without it would be a difference for good.
            raise Refused("due_date_needed", "This invoice is at a provider, where it keeps a due date.", field="due_date")
        if "job_id" in fields:
            _check_job(session, fields["job_id"], invoice.client_id)
        before = {name: getattr(invoice, name) for name in (*LOCAL_FIELDS, "description", "due_on", "client_id")}
        audited_before = _audited(invoice)
        for name, value in fields.items():
            if name == "lines":
                _check_lines(value)
                _write_lines(session, invoice, value)
                invoice.total = sum(line.amount for line in value)
            else:
                setattr(invoice, name, value)
        changed = "lines" in fields or any(getattr(invoice, name) != value for name, value in before.items())
        if not changed:
            return invoice
        invoice.revision += 1
        invoice.updated_at = clock.now()
        if frozen:
            audit.record(
                session,
                tenant_id,
                actor,
                "invoice.changed",
                "invoice",
                invoice.id,
                fields=sorted(fields),
                before=audited_before,
                after=_audited(invoice),
            )
        if frozen and invoice.integration_id is not None:
            _add(session, invoice, Verb.UPDATE, actor)
        return invoice


def act(tenant_id: int, invoice_id: int, verb: Verb, *, actor: audit.Actor) -> tuple[Invoice, Change]:
    """Publish, send or void an invoice at its home provider. Raises NotFound, Refused."""
    with db.tenant_session(tenant_id) as session:
        invoice = locked(session, invoice_id)
        if invoice.integration_id is None:
            raise Refused("invoice_without_home", "This invoice belongs to no connected account, so nothing can send it.")
        _check_home(service.get(session, invoice.integration_id), invoice.currency)
        if verb in (Verb.PUBLISH, Verb.SEND) and invoice.status not in ("draft", "scheduled", *PAYABLE):
            raise Refused("invoice_closed", f"Invoice {invoice.number} is {_said(invoice)} and cannot be sent.", conflict=True)
        if verb is Verb.VOID and invoice.status not in ("draft", "scheduled", "uncollectible", *PAYABLE):
            raise Refused("invoice_closed", f"Invoice {invoice.number} is {_said(invoice)} and cannot be voided.", conflict=True)
        audit.record(session, tenant_id, actor, f"invoice.{verb}_requested", "invoice", invoice.id)
        return invoice, _add(session, invoice, verb, actor)


def charge(tenant_id: int, integration_id: int, invoice_id: int, *, source: str, amount: int, actor: audit.Actor) -> Change:
    """Take a payment for an invoice with a saved payment method: a durable Change, so it happens once whatever crashes.

    Raises NotFound, Refused: another currency or home, more than is due, a payment under way, a provider that cannot."""
    with db.tenant_session(tenant_id) as session:
        integration = service.get(session, integration_id)
        invoice = locked(session, invoice_id)
        if invoice.integration_id != integration_id:
            raise Refused("other_home", "This invoice belongs to another connected account.", field="invoice_id")
        _check_home(integration, invoice.currency)
        provider = service.provider_of(integration)
        if not provider.supports(Verb.CREATE, ProviderPayment) or not provider.charges_invoices:
            raise Refused(
                "charge_unsupported",
                f"{provider.title} takes payment for an invoice on its own pay page only. Send the invoice's link instead.",
            )
        if invoice.status not in PAYABLE:
            raise Refused(
                "invoice_not_payable", f"Invoice {invoice.number} is {_said(invoice)}.", field="invoice_id", conflict=True
            )
        due = invoice_balances(session, [invoice.id])[invoice.id].due
        if not 0 < amount <= due:
            raise Refused(
                "amount_not_due",
                f"The amount must be from 1 to what is due, {due} minor units of {invoice.currency}.",
                field="amount",
            )
        _clear_the_way(session, invoice)
        audit.record(
            session, tenant_id, actor, "payment.requested", "invoice", invoice.id, amount=amount, currency=invoice.currency
        )
        return outbox.add_change(
            session,
            tenant_id=tenant_id,
            integration_id=integration_id,
            kind="payment",
            local_id=invoice.id,
            verb=Verb.CREATE,
            revision=invoice.revision,
            actor=actor,
            draft={"source": source, "amount": amount, "currency": invoice.currency},
        )


def _clear_the_way(session: Session, invoice: Invoice) -> None:
    """One payment at a time; one that was given up (an unknown method) is ended, so that no retry takes it besides."""
    unfinished = select(Change).where(Change.kind == "payment", Change.local_id == invoice.id, Change.done_at.is_(None))
    for change in session.scalars(unfinished.with_for_update()):
        if change.parked_at is None:
            raise Refused(
                "payment_under_way", "Another payment of this invoice is under way. Wait for its result.", conflict=True
            )
        change.done_at, change.outcome = clock.now(), "superseded"


def get(session: Session, invoice_id: int) -> Invoice:
    invoice = session.scalars(select(Invoice).where(Invoice.id == invoice_id)).one_or_none()
    if invoice is None:
        raise NotFound("invoice")
    return invoice


def locked(session: Session, invoice_id: int) -> Invoice:
    invoice = session.scalars(select(Invoice).where(Invoice.id == invoice_id).with_for_update()).one_or_none()
    if invoice is None:
        raise NotFound("invoice")
    return invoice


def lines_of(session: Session, invoice_ids: Sequence[int]) -> dict[int, list[InvoiceLine]]:
    """Lines by invoice, in order."""
    found: dict[int, list[InvoiceLine]] = {invoice_id: [] for invoice_id in invoice_ids}
    rows = session.scalars(
        select(InvoiceLine).where(InvoiceLine.invoice_id.in_(invoice_ids)).order_by(InvoiceLine.invoice_id, InvoiceLine.position)
    )
    for line in rows:
        found[line.invoice_id].append(line)
    return found


def content_mark(invoice: Invoice, lines: Sequence[InvoiceLine]) -> str:
    """Differs whenever what can be edited does. The revision would not do: it also counts what the provider adds to a draft."""
    content: list[Any] = [invoice.client_id, invoice.job_id, str(invoice.due_on), invoice.description]
    content += [[line.description, line.quantity, line.unit_amount, line.amount] for line in lines]
    return sha256(json.dumps(content).encode()).hexdigest()[:32]


def _audited(invoice: Invoice) -> dict[str, Any]:
    """What the audit log tells of an invoice before and after a change: money and who owes it by when, no words of people's."""
    due_on = invoice.due_on.isoformat() if invoice.due_on else None
    return {"total": invoice.total, "currency": invoice.currency, "due_on": due_on, "client_id": invoice.client_id}


def _said(invoice: Invoice) -> str:
    return invoice.status.replace("_", " ")


def _check_job(session: Session, job_id: int | None, client_id: int | None) -> None:
    if job_id is not None and session.scalar(select(Job.client_id).where(Job.id == job_id)) != client_id:
        raise Refused("job_of_another_client", "The job belongs to another client or does not exist.", field="job_id")


def _check_lines(lines: Sequence[NewLine]) -> None:
    if not 1 <= len(lines) <= LINES_MAX:
        raise Refused("wrong_lines", f"An invoice has from 1 to {LINES_MAX} items.", field="items")
    for line in lines:
        if type(line.amount) is not int or line.amount < 0:
            raise Refused("wrong_amount", "An item's amount is a whole number of minor units, zero or more.", field="items")
    total = sum(line.amount for line in lines)
    if not 0 < total <= AMOUNT_MAX:
        raise Refused("wrong_amount", "The invoice's total must be more than zero and at most 12 digits.", field="items")


def _check_home(integration: Integration, currency: str) -> None:
    if integration.status != "active":
        raise Refused("integration_not_active", "This account is not connected now. Reconnect it first.", conflict=True)
    provider = service.provider_of(integration)
    if provider.single_currency and integration.currency and integration.currency != currency:
        raise Refused(
            "currency_mismatch",
            f"This {provider.title} account takes {integration.currency} only, not {currency}.",
            field="currency",
        )


def _check_due_day(session: Session, due_on: date | None) -> None:
    """No provider takes an invoice that was due before it was made: said before a number is spent on it."""
    today = clock.now().astimezone(ZoneInfo(session.scalars(select(Tenant.timezone)).one())).date()
    if due_on is not None and due_on < today:
        raise Refused("due_date_in_the_past", "The due date has passed. Choose today or a later day.", field="due_date")


def _write_lines(session: Session, invoice: Invoice, lines: Sequence[NewLine]) -> None:
    session.query(InvoiceLine).filter(InvoiceLine.invoice_id == invoice.id).delete(synchronize_session=False)
    for position, line in enumerate(lines):
        session.add(
            InvoiceLine(
                tenant_id=invoice.tenant_id,
                invoice_id=invoice.id,
                position=position,
                description=line.description,
                quantity=line.quantity,
                unit_amount=line.unit_amount,
                amount=line.amount,
            )
        )
    session.flush()


def _ensure_customer(session: Session, invoice: Invoice, client_revision: int, actor: audit.Actor) -> None:
    """The client must exist at the home provider first; its creation goes into the outbox ahead of the invoice's."""
    assert invoice.integration_id is not None
    assert invoice.client_id is not None
    linked = select(RemoteRecord.external_id).where(
        RemoteRecord.integration_id == invoice.integration_id,
        RemoteRecord.data_type == "customer",
        RemoteRecord.local_id == invoice.client_id,
        RemoteRecord.deleted_at.is_(None),
    )
    waiting = select(Change.id).where(
        Change.integration_id == invoice.integration_id,
        Change.kind == "client",
        Change.local_id == invoice.client_id,
        Change.verb == Verb.CREATE,
        Change.done_at.is_(None),
        Change.parked_at.is_(None),
    )
    if session.scalar(linked.limit(1)) is None and session.scalar(waiting.limit(1)) is None:
        outbox.add_change(
            session,
            tenant_id=invoice.tenant_id,
            integration_id=invoice.integration_id,
            kind="client",
            local_id=invoice.client_id,
            verb=Verb.CREATE,
            revision=client_revision,
            actor=actor,
        )


def _add(session: Session, invoice: Invoice, verb: Verb, actor: audit.Actor) -> Change:
    assert invoice.integration_id is not None
    return outbox.add_change(
        session,
        tenant_id=invoice.tenant_id,
        integration_id=invoice.integration_id,
        kind="invoice",
        local_id=invoice.id,
        verb=verb,
        revision=invoice.revision,
        actor=actor,
    )
