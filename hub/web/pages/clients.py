"""Pages of clients: the list, one client with its contacts, jobs, invoices and payments, and the form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from babel import Locale
from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from hub import db
from hub.crm import clients
from hub.crm.api.clients import ClientIn, client_shown, clients_shown
from hub.crm.api.invoices import invoices_shown
from hub.crm.api.shared import refusals
from hub.http import current, paged, require
from hub.ledger.api import transactions_shown
from hub.models import Change, Client, Conflict, Contact, Integration, Invoice, Job, Payment
from hub.web import forms, writing
from hub.web.disagreements import disagreements_of
from hub.web.stuck_work import stuck_changes

blueprint = Blueprint("client_pages", __name__, url_prefix="/clients")

PER_PAGE = 25
RECENT = 10
JOBS_SHOWN = 100
FIELDS = ("given_name", "family_name", "company_name", "email", "phone", "notes")
ADDRESS_PARTS = ("line1", "line2", "city", "region", "postal_code", "country")
COUNTRIES = sorted(
    (
        (code, name)
        for code, name in Locale(writing.LOCALE).territories.items()
        if len(code) == 2 and code not in ("ZZ", "EU", "EZ")
    ),
    key=lambda pair: pair[1],
)


@blueprint.get("")
@require("viewer")
def listed() -> str:
    query = request.args.get("q", "").replace("\x00", "").strip()[:200]
    archived = request.args.get("show") == "archived"
    with db.tenant_session(current().tenant_id) as session:
        wanted = clients.found(query=query, archived=archived)
        page = paged(session, wanted, order=(Client.id.desc(),), limit=PER_PAGE, cursor=request.args.get("cursor"))
        page["data"] = clients_shown(session, page["data"])
        connected = session.scalar(select(Integration.id).where(Integration.status == "active").limit(1)) is not None
    return render_template("clients/list.html", page=page, q=query, archived=archived, connected=connected)


@blueprint.get("/<int:client_id>")
@require("viewer")
def show(client_id: int) -> str:
    tenant_id = current().tenant_id
    client = client_shown(tenant_id, client_id)
    with db.tenant_session(tenant_id) as session:
        invoices = session.scalars(
            select(Invoice)
            .where(Invoice.client_id == client_id, Invoice.deleted_at.is_(None))
            .order_by(Invoice.created_at.desc(), Invoice.id.desc())
            .limit(RECENT)
        ).all()
        payments = session.scalars(
            select(Payment).where(Payment.client_id == client_id).order_by(Payment.created_at.desc()).limit(RECENT)
        ).all()
        parked = session.scalars(
            select(Change).where(
                Change.kind == "client", Change.local_id == client_id, Change.parked_at.is_not(None), Change.done_at.is_(None)
            )
        ).all()
        contacts = session.scalars(select(Contact).where(Contact.client_id == client_id).order_by(Contact.id)).all()
        jobs = session.scalars(select(Job).where(Job.client_id == client_id).order_by(Job.id.desc()).limit(JOBS_SHOWN)).all()
        integrations = {row.id: row for row in session.scalars(select(Integration))}
        of_this = (Conflict.kind == "client") & (Conflict.local_id == client_id)
        return render_template(
            "clients/show.html",
            client=client,
            contacts=contacts,
            jobs=jobs,
            disagreements=disagreements_of(session, of_this),
            names={row.id: row.name for row in integrations.values()},
            country=dict(COUNTRIES).get(client["address"].get("country", ""), client["address"].get("country", "")),
            invoices=invoices_shown(session, invoices),
            payments=transactions_shown(session, payments),
            integrations=integrations,
            parked=stuck_changes(session, parked),
        )


@blueprint.get("/new")
@require("manager")
def ask_create() -> str:
    return _form(forms.Form(), None)


@blueprint.post("/new")
@require("manager")
def create() -> BaseResponse | tuple[str, int]:
    caller = current()
    form, body = _submitted()
    if not form.errors:
        with form.refusals():
            client = clients.create(caller.tenant_id, body, actor=caller.actor)
            flash(f"{client.display_name} is saved.", "good")
            return redirect(f"/clients/{client.id}", 303)
    return _form(form, None), form.status


@blueprint.get("/<int:client_id>/edit")
@require("manager")
def ask_edit(client_id: int) -> str:
    client = client_shown(current().tenant_id, client_id)
    values = {name: client[name] for name in FIELDS}
    values |= {part: client["address"].get(part, "") for part in ADDRESS_PARTS}
    return _form(forms.Form(values), client)


@blueprint.post("/<int:client_id>/edit")
@require("manager")
def edit(client_id: int) -> BaseResponse | tuple[str, int]:
    caller = current()
    client = client_shown(caller.tenant_id, client_id)
    form, body = _submitted()
    if not form.errors:
        with refusals(), form.refusals():
            clients.edit(caller.tenant_id, client_id, body, actor=caller.actor)
            flash("The client is saved.", "good")
            return redirect(f"/clients/{client_id}", 303)
    return _form(form, client), form.status


@blueprint.post("/<int:client_id>/<any(archive, restore):action>")
@require("manager")
def archive(client_id: int, action: str) -> BaseResponse:
    caller = current()
    with refusals():
        client = clients.archive(caller.tenant_id, client_id, actor=caller.actor, archived=action == "archive")
    flash(f"{client.display_name} is {'archived' if action == 'archive' else 'back in the list'}.", "good")
    return redirect(f"/clients/{client_id}", 303)


def _submitted() -> tuple[forms.Form, dict[str, Any]]:
    values = forms.typed(request.form, (*FIELDS, *ADDRESS_PARTS))
    form = forms.Form(dict(values))
    address = {part: values.pop(part) for part in ADDRESS_PARTS}
    return form, form.check(ClientIn(), {**values, "address": address})


def _form(form: forms.Form, client: Mapping[str, Any] | None) -> str:
    return render_template("clients/form.html", form=form, client=client, countries=COUNTRIES)
