"""The form by which a draft is changed: its items, due day, message, job. What is issued stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from hub import db
from hub.crm import invoices, outbox
from hub.crm.api.invoices import InvoiceEdit
from hub.crm.api.shared import refusals
from hub.http import current, require
from hub.models import Change, Client, Integration, Invoice, InvoiceLine, Job
from hub.web import forms, invoice_items
from hub.web.frame import provider_title
from hub.web.pages.invoices import WAIT_SECONDS
from providers.contract import Verb

blueprint = Blueprint("draft_invoice", __name__, url_prefix="/invoices/<int:invoice_id>/edit")

FIELDS = ("due_date", "description", "job_id", "made_from")


@blueprint.get("")
@require("manager")
def ask(invoice_id: int) -> BaseResponse | str:
    invoice, lines = _invoice(invoice_id)
    if invoice.status != "draft":
        return _fixed(invoice)
    values = {
        "due_date": invoice.due_on.isoformat() if invoice.due_on else "",
        "description": invoice.description,
        "job_id": str(invoice.job_id or ""),
        "made_from": invoices.content_mark(invoice, lines),
    }
    return _page(forms.Form(values), invoice, [invoice_items.row_of(line, invoice.currency) for line in lines])


@blueprint.post("")
@require("manager")
def save(invoice_id: int) -> BaseResponse | tuple[str, int] | str:
    caller = current()
    invoice, lines = _invoice(invoice_id)
    if invoice.status != "draft":
        return _fixed(invoice)
    form, rows = forms.Form(dict(forms.typed(request.form, FIELDS))), invoice_items.typed_rows()
    if request.form.get("do") == "more":
        return _page(form, invoice, [*rows, *invoice_items.empty_rows(invoice_items.MORE_ROWS)])
    fields = _read(form, rows, invoice, lines)
    if not form.errors:
        with refusals(), form.refusals():
            made_from = form.values["made_from"]
            invoice = invoices.edit(caller.tenant_id, invoice_id, fields, actor=caller.actor, made_from=made_from)
            _tell(invoice)
            return redirect(f"/invoices/{invoice_id}", 303)
    form.values["made_from"] = invoices.content_mark(invoice, lines)
    return _page(form, invoice, rows), form.status


def _read(form: forms.Form, rows: Sequence[invoice_items.Row], invoice: Invoice, lines: Sequence[InvoiceLine]) -> dict[str, Any]:
    """The fields to change, as hub.crm.invoices.edit takes them; lines only where they differ."""
    fields = form.check(InvoiceEdit(), {"description": form.values["description"]})
    fields |= {"due_on": forms.read_day(form, "due_date"), "job_id": forms.whole_number(form.values["job_id"])}
    typed = invoice_items.read_lines(form, rows, invoice.currency, standing=lines)
    return fields if invoice_items.same_lines(typed, lines) else {**fields, "lines": typed}


def _invoice(invoice_id: int) -> tuple[Invoice, list[InvoiceLine]]:
    with db.tenant_session(current().tenant_id) as session, refusals():
        invoice = invoices.get(session, invoice_id)
        return invoice, invoices.lines_of(session, [invoice_id])[invoice_id]


def _fixed(invoice: Invoice) -> BaseResponse:
    flash(f"Invoice {invoice.number} was issued, so it is fixed. Void it and make a new one.", "bad")
    return redirect(f"/invoices/{invoice.id}", 303)


def _tell(invoice: Invoice) -> None:
    """Wait a little for the provider, then say how far the edit has come."""
    with db.tenant_session(invoice.tenant_id) as session:
        change = _update_of(session, invoice)
    if change is None:
        flash("The draft is saved.", "good")
        return
    change = outbox.wait(change.tenant_id, change.id, seconds=WAIT_SECONDS)
    if change.parked_at is not None:
        flash(f"The draft is saved here, but not at the provider: {change.reason}", "bad")
    elif change.done_at is not None:
        flash("The draft is saved, here and at the provider.", "good")
    else:
        flash("The draft is saved here and on its way to the provider.", "busy")


def _update_of(session: Session, invoice: Invoice) -> Change | None:
    of_this = (Change.kind == "invoice") & (Change.local_id == invoice.id) & (Change.revision == invoice.revision)
    return session.scalars(select(Change).where(of_this, Change.verb == Verb.UPDATE).limit(1)).one_or_none()


def _page(form: forms.Form, invoice: Invoice, rows: Sequence[invoice_items.Row]) -> str:
    with db.tenant_session(current().tenant_id) as session:
        client = session.scalars(select(Client).where(Client.id == invoice.client_id)).one_or_none()
        home = session.scalars(select(Integration).where(Integration.id == invoice.integration_id)).one_or_none()
        jobs = session.scalars(select(Job).where(Job.client_id == invoice.client_id).order_by(Job.id.desc())).all()
    return render_template(
        "invoices/edit.html",
        form=form,
        invoice=invoice,
        items=rows,
        client=client,
        provider=provider_title(home.provider) if home else "",
        jobs=[(job.id, job.title) for job in jobs],
    )
