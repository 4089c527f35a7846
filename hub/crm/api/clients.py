"""HTTP: clients, contacts and jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apiflask import APIBlueprint
from apiflask.fields import Boolean, Dict, List, Nested, String
from marshmallow.validate import Email, OneOf, Range
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import db
from hub.crm import clients, invoices
from hub.crm.api.shared import AddressSchema, Moment, moment, refusals
from hub.currencies import CURRENCIES
from hub.http import Integer, PageQuery, QueryInteger, Schema, Text, current, idempotent, page_schema, paged, require
from hub.ledger.balances import client_dues
from hub.models import Client, Contact, Job, RemoteRecord

CURRENCY = OneOf(CURRENCIES, error="Must be a currency's ISO 4217 code in capitals, like USD.")
AMOUNT = Range(0, invoices.AMOUNT_MAX, error="Must be minor units, from 0 to at most 11 digits.")

blueprint = APIBlueprint("clients", __name__, tag="Clients, contacts and jobs")


class ClientIn(Schema):
    given_name = Text(max_chars=300)
    family_name = Text(max_chars=300)
    company_name = Text(max_chars=500)
    email = Text(max_chars=254, validate=lambda value: Email()(value) if value else None)
    phone = Text(max_chars=40)
    address = Nested(AddressSchema)
    notes = Text(max_chars=5000)


class ClientEdit(ClientIn):
    archived = Boolean()


class LinkOut(Schema):
    integration_id = Integer(required=True)
    external_id = String(required=True)


class ClientOut(Schema):
    id = Integer(required=True)
    display_name = String(required=True)
    given_name = String(required=True)
    family_name = String(required=True)
    company_name = String(required=True)
    email = String(required=True)
    phone = String(required=True)
    address = Dict(required=True)
    notes = String(required=True)
    due = Dict(required=True, metadata={"description": "Minor units owed, per currency"})
    links = List(Nested(LinkOut), required=True, metadata={"description": "Its copies at the providers"})
    archived_at = Moment()
    created_at = Moment()
    updated_at = Moment()


class ClientQuery(PageQuery):
    q = Text(load_default="", max_chars=200, metadata={"description": "Part of a name, company, email or phone"})
    archived = Boolean(load_default=False)


class ContactIn(Schema):
    client_id = Integer(required=True)
    name = Text(load_default="", max_chars=300)
    email = Text(load_default="", max_chars=254, validate=lambda value: Email()(value) if value else None)
    phone = Text(load_default="", max_chars=40)


class ContactEdit(Schema):
    name = Text(max_chars=300)
    email = Text(max_chars=254, validate=lambda value: Email()(value) if value else None)
    phone = Text(max_chars=40)


class ContactOut(Schema):
    id = Integer(required=True)
    client_id = Integer(required=True)
    name = String(required=True)
    email = String(required=True)
    phone = String(required=True)
    created_at = Moment()


class OfClientQuery(PageQuery):
    client_id = QueryInteger(load_default=None)


class JobIn(Schema):
    client_id = Integer(required=True)
    title = Text(required=True, min_chars=1, max_chars=300)
    service_type = Text(load_default="", max_chars=100)
    amount = Integer(load_default=None, allow_none=True, validate=AMOUNT, metadata={"description": "Minor units"})
    currency = Text(load_default=None, allow_none=True, max_chars=3, validate=CURRENCY)
    notes = Text(load_default="", max_chars=5000)


class JobEdit(Schema):
    title = Text(min_chars=1, max_chars=300)
    service_type = Text(max_chars=100)
    amount = Integer(allow_none=True, validate=AMOUNT)
    currency = Text(allow_none=True, max_chars=3, validate=CURRENCY)
    notes = Text(max_chars=5000)
    approved = Boolean(metadata={"description": "true approves the job, once"})


class JobOut(Schema):
    id = Integer(required=True)
    client_id = Integer(required=True)
    title = String(required=True)
    service_type = String(required=True)
    amount = Integer(allow_none=True, required=True)
    currency = String(allow_none=True, required=True)
    notes = String(required=True)
    approved_at = Moment()
    created_at = Moment()


# --- clients ------------------------------------------------------------------------------------------------------------


@blueprint.get("/api/clients")
@require("viewer")
@blueprint.input(ClientQuery, location="query", arg_name="query")
@blueprint.output(page_schema(ClientOut))
def list_clients(query: dict[str, Any]) -> dict[str, Any]:
    """Clients, newest first."""
    with db.tenant_session(current().tenant_id) as session:
        page = paged(
            session,
            clients.found(query=query["q"], archived=query["archived"]),
            order=(Client.id.desc(),),
            limit=query["limit"],
            cursor=query["cursor"],
        )
        page["data"] = clients_shown(session, page["data"])
    return page


@blueprint.post("/api/clients")
@require("manager")
@idempotent
@blueprint.input(ClientIn, arg_name="body")
@blueprint.output(ClientOut, status_code=201)
def create_client(body: dict[str, Any]) -> Mapping[str, Any]:
    """A new client; each connected account gets it as a customer."""
    caller = current()
    with refusals():
        client = clients.create(caller.tenant_id, body, actor=caller.actor)
    return client_shown(caller.tenant_id, client.id)


@blueprint.get("/api/clients/<int:client_id>")
@require("viewer")
@blueprint.output(ClientOut)
def show_client(client_id: int) -> Mapping[str, Any]:
    """One client."""
    return client_shown(current().tenant_id, client_id)


@blueprint.patch("/api/clients/<int:client_id>")
@require("manager")
@blueprint.input(ClientEdit(partial=True), arg_name="body")
@blueprint.output(ClientOut)
def edit_client(client_id: int, body: dict[str, Any]) -> Mapping[str, Any]:
    """Change a client; the change reaches each linked account. `archived` hides it here and deletes nothing anywhere."""
    caller = current()
    archived = body.pop("archived", None)
    with refusals():
        clients.edit(caller.tenant_id, client_id, body, actor=caller.actor, archived=archived)
    return client_shown(caller.tenant_id, client_id)


def client_shown(tenant_id: int, client_id: int) -> Mapping[str, Any]:
    """A client as API and pages show it. Raises Problem 404."""
    with db.tenant_session(tenant_id) as session, refusals():
        return clients_shown(session, [clients.get(session, client_id)])[0]


def clients_shown(session: Session, rows: Sequence[Client]) -> list[dict[str, Any]]:
    ids = [row.id for row in rows]
    dues = client_dues(session, ids)
    links: dict[int, list[dict[str, Any]]] = {client_id: [] for client_id in ids}
    found = session.execute(
        select(RemoteRecord.local_id, RemoteRecord.integration_id, RemoteRecord.external_id).where(
            RemoteRecord.data_type == "customer", RemoteRecord.local_id.in_(ids), RemoteRecord.deleted_at.is_(None)
        )
    )
    for local_id, integration_id, external_id in found:
        links[local_id or 0].append({"integration_id": integration_id, "external_id": external_id})
    return [
        {
            "id": row.id,
            "display_name": row.display_name,
            "given_name": row.given_name,
            "family_name": row.family_name,
            "company_name": row.company_name,
            "email": row.email,
            "phone": row.phone,
            "address": row.address,
            "notes": row.notes,
            "due": dues.get(row.id, {}),
            "links": links[row.id],
            "archived_at": moment(row.archived_at),
            "created_at": moment(row.created_at),
            "updated_at": moment(row.updated_at),
        }
        for row in rows
    ]


# --- contacts -----------------------------------------------------------------------------------------------------------


@blueprint.get("/api/contacts")
@require("viewer")
@blueprint.input(OfClientQuery, location="query", arg_name="query")
@blueprint.output(page_schema(ContactOut))
def list_contacts(query: dict[str, Any]) -> dict[str, Any]:
    """Contacts, newest first."""
    wanted = select(Contact)
    if query["client_id"] is not None:
        wanted = wanted.where(Contact.client_id == query["client_id"])
    with db.tenant_session(current().tenant_id) as session:
        return paged(
            session, wanted, order=(Contact.id.desc(),), limit=query["limit"], cursor=query["cursor"], item=_contact_shown
        )


@blueprint.post("/api/contacts")
@require("manager")
@idempotent
@blueprint.input(ContactIn, arg_name="body")
@blueprint.output(ContactOut, status_code=201)
def create_contact(body: dict[str, Any]) -> Mapping[str, Any]:
    """A person at a client, who may sign in to the portal."""
    client_id = body.pop("client_id")
    with refusals():
        return _contact_shown(clients.add_contact(current().tenant_id, client_id, body))


@blueprint.get("/api/contacts/<int:contact_id>")
@require("viewer")
@blueprint.output(ContactOut)
def show_contact(contact_id: int) -> Mapping[str, Any]:
    """One contact."""
    with db.tenant_session(current().tenant_id) as session, refusals():
        return _contact_shown(clients.get_contact(session, contact_id))


@blueprint.patch("/api/contacts/<int:contact_id>")
@require("manager")
@blueprint.input(ContactEdit(partial=True), arg_name="body")
@blueprint.output(ContactOut)
def edit_contact(contact_id: int, body: dict[str, Any]) -> Mapping[str, Any]:
    """Change a contact."""
    with refusals():
        return _contact_shown(clients.edit_contact(current().tenant_id, contact_id, body))


def _contact_shown(row: Contact) -> dict[str, Any]:
    return {
        "id": row.id,
        "client_id": row.client_id,
        "name": row.name,
        "email": row.email,
        "phone": row.phone,
        "created_at": moment(row.created_at),
    }


# --- jobs ---------------------------------------------------------------------------------------------------------------


@blueprint.get("/api/jobs")
@require("viewer")
@blueprint.input(OfClientQuery, location="query", arg_name="query")
@blueprint.output(page_schema(JobOut))
def list_jobs(query: dict[str, Any]) -> dict[str, Any]:
    """Jobs, newest first."""
    wanted = select(Job)
    if query["client_id"] is not None:
        wanted = wanted.where(Job.client_id == query["client_id"])
    with db.tenant_session(current().tenant_id) as session:
        return paged(session, wanted, order=(Job.id.desc(),), limit=query["limit"], cursor=query["cursor"], item=_job_shown)


@blueprint.post("/api/jobs")
@require("manager")
@idempotent
@blueprint.input(JobIn, arg_name="body")
@blueprint.output(JobOut, status_code=201)
def create_job(body: dict[str, Any]) -> Mapping[str, Any]:
    """What invoices are for."""
    client_id = body.pop("client_id")
    with refusals():
        return _job_shown(clients.create_job(current().tenant_id, client_id, body))


@blueprint.get("/api/jobs/<int:job_id>")
@require("viewer")
@blueprint.output(JobOut)
def show_job(job_id: int) -> Mapping[str, Any]:
    """One job."""
    with db.tenant_session(current().tenant_id) as session, refusals():
        return _job_shown(clients.get_job(session, job_id))


@blueprint.patch("/api/jobs/<int:job_id>")
@require("manager")
@blueprint.input(JobEdit(partial=True), arg_name="body")
@blueprint.output(JobOut)
@blueprint.doc(responses={409: "An approved job stays approved"})
def edit_job(job_id: int, body: dict[str, Any]) -> Mapping[str, Any]:
    """Change a job, or approve it."""
    caller = current()
    with refusals():
        return _job_shown(clients.edit_job(caller.tenant_id, job_id, body, actor=caller.actor))


def _job_shown(row: Job) -> dict[str, Any]:
    return {
        "id": row.id,
        "client_id": row.client_id,
        "title": row.title,
        "service_type": row.service_type,
        "amount": row.amount,
        "currency": row.currency,
        "notes": row.notes,
        "approved_at": moment(row.approved_at),
        "created_at": moment(row.created_at),
    }
