"""The form of a new invoice: several items, without JavaScript."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from babel.numbers import list_currencies
from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from hub import clock, db
from hub.crm import invoices
from hub.crm.api.shared import refusals
from hub.http import current, require
from hub.models import Client, Integration, Job
from hub.web import forms, invoice_items, writing
from hub.web.frame import business, provider_title
from hub.web.pages.invoices import tell_outcome

blueprint = Blueprint("new_invoice", __name__, url_prefix="/invoices/new")

CLIENTS_OFFERED = 500
DUE_DAYS = 14
FIELDS = ("client_id", "job_id", "integration_id", "currency", "due_date", "description", "notes")
CURRENCY_CODES = sorted(code for code in list_currencies(writing.LOCALE) if len(code) == 3)


@blueprint.get("")
@require("manager")
def ask() -> str:
    with db.tenant_session(current().tenant_id) as session:
        home = session.scalars(
            select(Integration).where(Integration.status == "active").order_by(Integration.id).limit(1)
        ).one_or_none()
        job = _job(session, request.args.get("job", ""))
    values = {
        "client_id": str(job.client_id) if job else request.args.get("client", ""),
        "job_id": str(job.id) if job else "",
        "integration_id": str(home.id) if home else "",
        "currency": (home.currency if home else "") or business().currency,
        "due_date": (clock.now().astimezone(business().zone).date() + timedelta(days=DUE_DAYS)).isoformat(),
    }
    rows = invoice_items.empty_rows(invoice_items.ROWS)
    if job is not None:
        rows[0] = {**rows[0], "description": job.title}
        if job.amount is not None and job.currency is not None:
            values["currency"] = job.currency
            rows[0] = {**rows[0], "price": writing.typed_amount(job.amount, job.currency)}
    return _page(forms.Form(values), rows)


@blueprint.post("")
@require("manager")
def create() -> BaseResponse | tuple[str, int] | str:
    caller = current()
    form, items = forms.Form(dict(forms.typed(request.form, FIELDS))), invoice_items.typed_rows()
    if request.form.get("do") == "more":
        return _page(form, [*items, *invoice_items.empty_rows(invoice_items.MORE_ROWS)])
    if form.values["currency"] in CURRENCY_CODES:
        lines = invoice_items.read_lines(form, items, form.values["currency"])
    else:
        lines, form.errors["currency"] = [], "Choose a currency."
    due_on = forms.read_day(form, "due_date")
    client_id, integration_id = forms.whole_number(form.values["client_id"]), forms.whole_number(form.values["integration_id"])
    if client_id is None:
        form.errors.setdefault("client_id", "Choose whom the invoice is for.")
    issue = request.form.get("do") in ("issue", "send")
    if issue and integration_id is None:
        form.errors.setdefault("integration_id", "Choose the account that collects the money, or save a draft.")
    if not form.errors and client_id is not None:
        with refusals(), form.refusals():
            invoice, change = invoices.create(
                caller.tenant_id,
                client_id=client_id,
                currency=form.values["currency"],
                lines=lines,
                due_on=due_on,
                integration_id=integration_id,
                job_id=forms.whole_number(form.values["job_id"]),
                description=form.values["description"],
                notes=form.values["notes"],
                publish=issue,
                send=request.form.get("do") == "send",
                actor=caller.actor,
            )
            if change is not None and issue:
                tell_outcome(invoice.number, change, "sent" if request.form.get("do") == "send" else "issued")
            else:
                flash(f"Invoice {invoice.number} is saved as a draft.", "good")
            return redirect(f"/invoices/{invoice.id}", 303)
    return _page(form, items), form.status


def _page(form: forms.Form, items: Sequence[invoice_items.Row]) -> str:
    with db.tenant_session(current().tenant_id) as session:
        clients, more = _clients(session, forms.whole_number(form.values["client_id"]))
        job = _job(session, form.values["job_id"])
        homes = session.scalars(select(Integration).where(Integration.status == "active").order_by(Integration.id)).all()
    form.values.setdefault("currency", business().currency)
    return render_template(
        "invoices/form.html",
        form=form,
        items=items,
        job=job,
        clients=clients,
        more_clients=more,
        homes=[
            (row.id, f"{provider_title(row.provider)}: {row.name}" + (f" ({row.currency})" if row.currency else ""))
            for row in homes
        ],
        currencies=CURRENCY_CODES,
    )


def _job(session: Session, text: str) -> Job | None:
    number = forms.whole_number(text)
    return session.scalars(select(Job).where(Job.id == number)).one_or_none() if number is not None else None


def _clients(session: Session, chosen: int | None) -> tuple[list[tuple[int, str]], bool]:
    """The newest clients and the chosen one, by name; whether there are more."""
    wanted = select(Client.id, Client.display_name, Client.email).where(Client.archived_at.is_(None))
    rows = session.execute(wanted.order_by(Client.id.desc()).limit(CLIENTS_OFFERED + 1)).all()
    found = {row.id: row for row in rows[:CLIENTS_OFFERED]}
    if chosen is not None and chosen not in found:
        found |= {row.id: row for row in session.execute(wanted.where(Client.id == chosen))}
    named = [(row.id, f"{row.display_name} · {row.email}" if row.email else row.display_name) for row in found.values()]
    return sorted(named, key=lambda pair: pair[1].lower()), len(rows) > CLIENTS_OFFERED
