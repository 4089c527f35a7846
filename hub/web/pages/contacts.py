"""The form of a client's contact: somebody who can be written to, and who may sign in to the portal."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from hub import db
from hub.crm import clients
from hub.crm.api.clients import ContactEdit
from hub.crm.api.shared import refusals
from hub.http import current, not_found, require
from hub.models import Client, Contact
from hub.web import forms

blueprint = Blueprint("contact_pages", __name__, url_prefix="/clients/<int:client_id>/contacts")

FIELDS = ("name", "email", "phone")


@blueprint.get("/new")
@require("manager")
def ask_create(client_id: int) -> str:
    return _page(forms.Form(), _client(client_id), None)


@blueprint.post("/new")
@require("manager")
def create(client_id: int) -> BaseResponse | tuple[str, int]:
    client, form = _client(client_id), forms.Form(dict(forms.typed(request.form, FIELDS)))
    fields = form.check(ContactEdit(), form.values)
    if not form.errors:
        with refusals(), form.refusals():
            contact = clients.add_contact(current().tenant_id, client_id, fields)
            return _saved(contact)
    return _page(form, client, None), form.status


@blueprint.get("/<int:contact_id>")
@require("manager")
def ask_edit(client_id: int, contact_id: int) -> str:
    contact = _contact(client_id, contact_id)
    return _page(forms.Form({name: getattr(contact, name) for name in FIELDS}), _client(client_id), contact)


@blueprint.post("/<int:contact_id>")
@require("manager")
def edit(client_id: int, contact_id: int) -> BaseResponse | tuple[str, int]:
    contact, form = _contact(client_id, contact_id), forms.Form(dict(forms.typed(request.form, FIELDS)))
    fields = form.check(ContactEdit(), form.values)
    if not form.errors:
        with refusals(), form.refusals():
            return _saved(clients.edit_contact(current().tenant_id, contact_id, fields))
    return _page(form, _client(client_id), contact), form.status


def _client(client_id: int) -> Client:
    with db.tenant_session(current().tenant_id) as session, refusals():
        return clients.get(session, client_id)


def _contact(client_id: int, contact_id: int) -> Contact:
    with db.tenant_session(current().tenant_id) as session, refusals():
        contact = clients.get_contact(session, contact_id)
    if contact.client_id != client_id:
        raise not_found("contact")
    return contact


def _saved(contact: Contact) -> BaseResponse:
    flash(f"{contact.name or contact.email or contact.phone} is saved.", "good")
    return redirect(f"/clients/{contact.client_id}#contacts", 303)


def _page(form: forms.Form, client: Client, contact: Contact | None) -> str:
    return render_template("clients/contact.html", form=form, client=client, contact=contact)
