"""Pages of a client's jobs: one job with its invoices, its approval, and the form."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from hub import db
from hub.crm import clients
from hub.crm.api.clients import JobEdit
from hub.crm.api.invoices import invoices_shown
from hub.crm.api.shared import refusals
from hub.currencies import CURRENCIES
from hub.http import current, not_found, require
from hub.models import Client, Invoice, Job
from hub.web import forms, writing
from hub.web.frame import business

blueprint = Blueprint("job_pages", __name__, url_prefix="/clients/<int:client_id>/jobs")

FIELDS = ("title", "service_type", "amount", "currency", "notes")


@blueprint.get("/<int:job_id>")
@require("viewer")
def show(client_id: int, job_id: int) -> str:
    job = _job(client_id, job_id)
    with db.tenant_session(current().tenant_id) as session:
        of_this = (Invoice.job_id == job_id) & Invoice.deleted_at.is_(None)
        rows = session.scalars(select(Invoice).where(of_this).order_by(Invoice.id.desc())).all()
        return render_template(
            "clients/job.html", job=job, client=clients.get(session, client_id), invoices=invoices_shown(session, rows)
        )


@blueprint.post("/<int:job_id>/approve")
@require("manager")
def approve(client_id: int, job_id: int) -> BaseResponse:
    """Once: approving an approved job changes nothing."""
    caller = current()
    _job(client_id, job_id)
    with refusals():
        job = clients.edit_job(caller.tenant_id, job_id, {"approved": True}, actor=caller.actor)
    flash(f"“{job.title}” is approved.", "good")
    return redirect(f"/clients/{client_id}/jobs/{job_id}", 303)


@blueprint.get("/new")
@require("manager")
def ask_create(client_id: int) -> str:
    return _form(forms.Form({"currency": business().currency}), _client(client_id), None)


@blueprint.post("/new")
@require("manager")
def create(client_id: int) -> BaseResponse | tuple[str, int]:
    client, (form, fields) = _client(client_id), _submitted()
    if not form.errors:
        with refusals(), form.refusals():
            return _saved(clients.create_job(current().tenant_id, client_id, fields))
    return _form(form, client, None), form.status


@blueprint.get("/<int:job_id>/edit")
@require("manager")
def ask_edit(client_id: int, job_id: int) -> str:
    job = _job(client_id, job_id)
    amount = writing.typed_amount(job.amount, job.currency) if job.amount is not None and job.currency else ""
    values = {name: getattr(job, name) for name in FIELDS} | {"amount": amount}
    return _form(forms.Form(values | {"currency": job.currency or business().currency}), _client(client_id), job)


@blueprint.post("/<int:job_id>/edit")
@require("manager")
def edit(client_id: int, job_id: int) -> BaseResponse | tuple[str, int]:
    caller, job = current(), _job(client_id, job_id)
    form, fields = _submitted()
    if not form.errors:
        with refusals(), form.refusals():
            return _saved(clients.edit_job(caller.tenant_id, job_id, fields, actor=caller.actor))
    return _form(form, _client(client_id), job), form.status


def _submitted() -> tuple[forms.Form, dict[str, Any]]:
    form = forms.Form(dict(forms.typed(request.form, FIELDS)))
    body: dict[str, Any] = {**form.values, "amount": None}
    if form.values["amount"] and form.values["currency"] in CURRENCIES:
        try:
            body["amount"] = writing.read_amount(form.values["amount"], form.values["currency"])
        except writing.BadAmount as bad:
            form.errors["amount"] = str(bad)
    return form, form.check(JobEdit(), body)


def _client(client_id: int) -> Client:
    with db.tenant_session(current().tenant_id) as session, refusals():
        return clients.get(session, client_id)


def _job(client_id: int, job_id: int) -> Job:
    with db.tenant_session(current().tenant_id) as session, refusals():
        job = clients.get_job(session, job_id)
    if job.client_id != client_id:
        raise not_found("job")
    return job


def _saved(job: Job) -> BaseResponse:
    flash(f"“{job.title}” is saved.", "good")
    return redirect(f"/clients/{job.client_id}/jobs/{job.id}", 303)


def _form(form: forms.Form, client: Client, job: Job | None) -> str:
    return render_template("clients/job_form.html", form=form, client=client, job=job, currencies=sorted(CURRENCIES))
