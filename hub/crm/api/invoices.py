"""HTTP: invoices, making them at a provider, and paying them with a saved payment method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from apiflask import APIBlueprint
from apiflask.fields import Boolean, Date, List, Nested, String
from marshmallow.validate import OneOf, Range, Regexp
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import clock, db
from hub.crm import invoices, outbox
from hub.crm.api.clients import CURRENCY
from hub.crm.api.shared import Moment, moment, refusals
from hub.http import (
    Integer,
    PageQuery,
    Problem,
    QueryInteger,
    Schema,
    Text,
    current,
    idempotent,
    keep_answer,
    page_schema,
    paged,
    require,
)
from hub.ledger.balances import invoice_balances, shown_status
from hub.models import Change, Invoice, Tenant
from hub.models.crm import INVOICE_STATUSES
from providers.contract import Verb

BASE = "/api/integrations/payments"
ANSWER_WITHIN_SECONDS = 20.0
QUANTITY = Regexp(r"^\d{1,6}(\.\d{1,5})?\Z", error='Must be a decimal number as text, like "1" or "1.5".')
# Every provider's tokens begin with a letter (pm_…, card_…, ccof:…); a card number typed here must not reach the outbox.
PAYMENT_METHOD = Regexp(
    r"^[A-Za-z][\w:.-]*\Z", error="Must be a saved payment method's id, like pm_…; card numbers are not taken here."
)
PAYMENT_WORDS = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed", "requires_action": "requires_action"}

blueprint = APIBlueprint("invoices", __name__, tag="Invoices")


class ItemIn(Schema):
    description = Text(required=True, min_chars=1, max_chars=500)
    amount = Integer(required=True, validate=Range(min=0), metadata={"description": "The line's total, minor units"})
    quantity = Text(load_default="1", max_chars=12, validate=QUANTITY)


class ItemOut(Schema):
    description = String(required=True)
    amount = Integer(required=True)
    quantity = String(required=True)
    unit_amount = Integer(required=True, allow_none=True)


class InvoiceIn(Schema):
    client_id = Integer(required=True)
    currency = Text(required=True, max_chars=3, validate=CURRENCY)
    items = List(Nested(ItemIn), required=True)
    due_date = Date(load_default=None, allow_none=True)
    integration_id = Integer(load_default=None, allow_none=True, metadata={"description": "The account it is collected by"})
    job_id = Integer(load_default=None, allow_none=True)
    description = Text(load_default="", max_chars=1500)
    notes = Text(load_default="", max_chars=5000)


class InvoiceEdit(Schema):
    items = List(Nested(ItemIn))
    due_date = Date(allow_none=True)
    job_id = Integer(allow_none=True)
    description = Text(max_chars=1500)
    notes = Text(max_chars=5000)


class InvoiceOut(Schema):
    id = Integer(required=True)
    number = String(required=True)
    client_id = Integer(required=True, allow_none=True)
    job_id = Integer(required=True, allow_none=True)
    integration_id = Integer(required=True, allow_none=True)
    status = String(required=True, metadata={"description": "The provider's status, or overdue"})
    currency = String(required=True)
    total = Integer(required=True)
    paid = Integer(required=True)
    refunded = Integer(required=True)
    due = Integer(required=True)
    due_date = String(required=True, allow_none=True)
    description = String(required=True)
    notes = String(required=True)
    url = String(required=True, allow_none=True, metadata={"description": "The pay page; temporary at Square"})
    provider_number = String(required=True, allow_none=True)
    items = List(Nested(ItemOut), required=True)
    created_at = Moment()
    updated_at = Moment()


class InvoiceQuery(PageQuery):
    client_id = QueryInteger(load_default=None)
    job_id = QueryInteger(load_default=None)
    integration_id = QueryInteger(load_default=None)
    status = Text(load_default=None, max_chars=20, validate=OneOf(INVOICE_STATUSES))
    due_before = Date(load_default=None)


class CreateInvoiceIn(Schema):
    client_id = Integer(required=True)
    amount = Integer(required=True, validate=Range(min=1), metadata={"description": "Minor units; the items' sum"})
    currency = Text(required=True, max_chars=3, validate=CURRENCY)
    due_date = Date(load_default=None, allow_none=True)
    items = List(Nested(ItemIn), required=True)
    description = Text(load_default="", max_chars=1500)
    job_id = Integer(load_default=None, allow_none=True)
    send = Boolean(load_default=False, metadata={"description": "Let the provider mail it to the client"})


class CreateInvoiceOut(Schema):
    invoice_id = Integer(required=True)
    url = String(required=True, allow_none=True)
    status = String(required=True)


class ProcessPaymentIn(Schema):
    invoice_id = Integer(required=True)
    payment_method_id = Text(
        required=True, min_chars=3, max_chars=255, validate=PAYMENT_METHOD, metadata={"description": "A saved method's token"}
    )
    amount = Integer(required=True, validate=Range(min=1), metadata={"description": "Minor units of the invoice's currency"})
    currency = Text(max_chars=3, validate=CURRENCY, metadata={"description": "If given, must be the invoice's"})


class ProcessPaymentOut(Schema):
    payment_id = String(required=True, allow_none=True)
    status = String(required=True, validate=OneOf(["succeeded", "failed", "pending", "requires_action"]))
    receipt_url = String(required=True, allow_none=True)
    next_url = String(required=True, allow_none=True)
    detail = String(allow_none=True)


@blueprint.get("/api/invoices")
@require("viewer")
@blueprint.input(InvoiceQuery, location="query", arg_name="query")
@blueprint.output(page_schema(InvoiceOut))
def list_invoices(query: dict[str, Any]) -> dict[str, Any]:
    """Invoices, newest first."""
    wanted = select(Invoice).where(Invoice.deleted_at.is_(None))
    for column in ("client_id", "job_id", "integration_id", "status"):
        if query[column] is not None:
            wanted = wanted.where(getattr(Invoice, column) == query[column])
    if query["due_before"] is not None:
        wanted = wanted.where(Invoice.due_on < query["due_before"])
    with db.tenant_session(current().tenant_id) as session:
        order = (Invoice.created_at.desc(), Invoice.id.desc())
        page = paged(session, wanted, order=order, limit=query["limit"], cursor=query["cursor"])
        page["data"] = invoices_shown(session, page["data"])
    return page


@blueprint.post("/api/invoices")
@require("manager")
@idempotent
@blueprint.input(InvoiceIn, arg_name="body")
@blueprint.output(InvoiceOut, status_code=201)
def create_invoice(body: dict[str, Any]) -> Mapping[str, Any]:
    """A numbered draft; with an integration it is drafted there too."""
    caller = current()
    with refusals():
        invoice, _ = invoices.create(
            caller.tenant_id,
            client_id=body["client_id"],
            currency=body["currency"],
            lines=_lines(body["items"]),
            due_on=body["due_date"],
            integration_id=body["integration_id"],
            job_id=body["job_id"],
            description=body["description"],
            notes=body["notes"],
            actor=caller.actor,
        )
    return invoice_shown(caller.tenant_id, invoice.id)


@blueprint.get("/api/invoices/<int:invoice_id>")
@require("viewer")
@blueprint.output(InvoiceOut)
def show_invoice(invoice_id: int) -> Mapping[str, Any]:
    """One invoice with its items and balance."""
    return invoice_shown(current().tenant_id, invoice_id)


@blueprint.patch("/api/invoices/<int:invoice_id>")
@require("manager")
@blueprint.input(InvoiceEdit(partial=True), arg_name="body")
@blueprint.output(InvoiceOut)
@blueprint.doc(responses={409: "The invoice was issued, and what is to change is fixed by that"})
def edit_invoice(invoice_id: int, body: dict[str, Any]) -> Mapping[str, Any]:
    """Change a draft; of an issued invoice only the notes and the job."""
    caller = current()
    fields = dict(body)
    if "due_date" in fields:
        fields["due_on"] = fields.pop("due_date")
    if "items" in fields:
        fields["lines"] = _lines(fields.pop("items"))
    with refusals():
        invoices.edit(caller.tenant_id, invoice_id, fields, actor=caller.actor)
    return invoice_shown(caller.tenant_id, invoice_id)


@blueprint.post("/api/invoices/<int:invoice_id>/<any(publish, send, void):action>")
@require("manager")
@idempotent
@blueprint.output(InvoiceOut, status_code=202)
def act_on_invoice(invoice_id: int, action: str) -> Mapping[str, Any]:
    """Publish, send or void an invoice at its provider. Durable: it happens even if the provider is away now."""
    caller = current()
    with refusals():
        _, change = invoices.act(caller.tenant_id, invoice_id, Verb(action), actor=caller.actor)
    _finished(outbox.wait(caller.tenant_id, change.id, seconds=ANSWER_WITHIN_SECONDS), invoice_id=invoice_id)
    return invoice_shown(caller.tenant_id, invoice_id)


@blueprint.post(f"{BASE}/<int:integration_id>/create-invoice")
@require("manager")
@idempotent
@blueprint.input(CreateInvoiceIn, arg_name="body")
@blueprint.output(CreateInvoiceOut, status_code=201)
@blueprint.doc(responses={202: "Made and safe; the provider is away, so it has no pay page yet"})
def create_at_provider(integration_id: int, body: dict[str, Any]) -> Any:
    """An issued invoice at the connected account, with its pay page. 202 with no url yet where the provider is away: the
    invoice is safe and issued as soon as it is back."""
    caller = current()
    lines = _lines(body["items"])
    total = sum(line.amount for line in lines)
    if total != body["amount"]:
        raise Problem(
            422,
            "amount_mismatch",
            f"The items add up to {total}, not to {body['amount']}.",
            errors=[{"field": "amount", "message": "Must equal the sum of the items."}],
        )
    with refusals():
        invoice, change = invoices.create(
            caller.tenant_id,
            client_id=body["client_id"],
            currency=body["currency"],
            lines=lines,
            due_on=body["due_date"],
            integration_id=integration_id,
            job_id=body["job_id"],
            description=body["description"],
            publish=True,
            send=body["send"],
            actor=caller.actor,
        )
    keep_answer()
    if change is not None:
        _finished(outbox.wait(caller.tenant_id, change.id, seconds=ANSWER_WITHIN_SECONDS), invoice_id=invoice.id)
    shown = invoice_shown(caller.tenant_id, invoice.id)
    answer = {"invoice_id": invoice.id, "url": shown["url"], "status": shown["status"]}
    return answer if shown["url"] else (answer, 202)


@blueprint.post(f"{BASE}/<int:integration_id>/process-payment")
@require("manager")
@idempotent
@blueprint.input(ProcessPaymentIn, arg_name="body")
@blueprint.output(ProcessPaymentOut)
def process_payment(integration_id: int, body: dict[str, Any]) -> Any:
    """Take a payment for an invoice with a saved payment method. A declined card is an answer (failed), not an error; pending
    means: it goes on, the invoice tells the result."""
    caller = current()
    with refusals():
        if "currency" in body:
            with db.tenant_session(caller.tenant_id) as session:
                if invoices.get(session, body["invoice_id"]).currency != body["currency"]:
                    message = "The invoice is in another currency."
                    raise Problem(422, "currency_mismatch", message, errors=[{"field": "currency", "message": message}])
        change = invoices.charge(
            caller.tenant_id,
            integration_id,
            body["invoice_id"],
            source=body["payment_method_id"],
            amount=body["amount"],
            actor=caller.actor,
        )
    keep_answer()
    change = outbox.wait(caller.tenant_id, change.id, seconds=ANSWER_WITHIN_SECONDS)
    _finished(change, invoice_id=body["invoice_id"])
    result = change.result or {}
    word = PAYMENT_WORDS.get(str(result.get("status")), "pending") if change.done_at else "pending"
    return {
        "payment_id": result.get("external_id"),
        "status": word,
        "receipt_url": result.get("receipt_url"),
        "next_url": result.get("next_url"),
        "detail": result.get("detail"),
    }


def _finished(change: Change, *, invoice_id: int) -> None:
    """A parked change is told as a problem with the reason a person can act on, and the invoice that waits for it."""
    if change.parked_at is not None:
        reason = change.reason or "The provider refused this."
        raise Problem(422, "provider_refused", reason, more={"invoice_id": invoice_id})


def _lines(items: Sequence[Mapping[str, Any]]) -> list[invoices.NewLine]:
    return [
        invoices.NewLine(description=item["description"], amount=item["amount"], quantity=item.get("quantity", "1"))
        for item in items
    ]


def invoice_shown(tenant_id: int, invoice_id: int) -> Mapping[str, Any]:
    """An invoice as API and pages show it. Raises Problem 404."""
    with db.tenant_session(tenant_id) as session, refusals():
        return invoices_shown(session, [invoices.get(session, invoice_id)])[0]


def invoices_shown(session: Session, rows: Sequence[Invoice]) -> list[dict[str, Any]]:
    ids = [row.id for row in rows]
    balances = invoice_balances(session, ids)
    lines = invoices.lines_of(session, ids)
    today = clock.now().astimezone(ZoneInfo(session.scalars(select(Tenant.timezone)).one())).date()
    return [
        {
            "id": row.id,
            "number": row.number,
            "client_id": row.client_id,
            "job_id": row.job_id,
            "integration_id": row.integration_id,
            "status": shown_status(row.status, balances[row.id].due, row.due_on, today),
            "currency": row.currency,
            "total": row.total,
            "paid": balances[row.id].paid,
            "refunded": balances[row.id].refunded,
            "due": balances[row.id].due,
            "due_date": row.due_on.isoformat() if row.due_on else None,
            "description": row.description,
            "notes": row.notes,
            "url": row.pay_url,
            "provider_number": row.provider_number,
            "items": [
                {
                    "description": line.description,
                    "amount": line.amount,
                    "quantity": line.quantity,
                    "unit_amount": line.unit_amount,
                }
                for line in lines[row.id]
            ],
            "created_at": moment(row.created_at),
            "updated_at": moment(row.updated_at),
        }
        for row in rows
    ]
