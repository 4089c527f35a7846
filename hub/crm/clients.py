"""Clients, contacts and jobs: the CRM's records that need no provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from hub import audit, clock, db
from hub.crm import outbox
from hub.crm.errors import NotFound, Refused
from hub.crm.keys import email_key, phone_key
from hub.models import Client, Contact, Job, Tenant
from providers.contract import Verb

NAME_FIELDS = ("given_name", "family_name", "company_name")
SYNCED_FIELDS = (*NAME_FIELDS, "email", "phone", "address")
EDITABLE_FIELDS = (*SYNCED_FIELDS, "notes")


def create(tenant_id: int, fields: Mapping[str, Any], *, actor: audit.Actor) -> Client:
    """A new client, which each connected provider learns of. Raises Refused when there is nothing to call it by."""
    now = clock.now()
    with db.tenant_session(tenant_id) as session:
        client = Client(tenant_id=tenant_id, created_at=now, updated_at=now, revision=1, provenance={}, address={})
        _set(client, fields)
        if not client.display_name:
            raise Refused("client_without_name", "A client needs a name, a company, an email address or a phone number.")
        session.add(client)
        session.flush()
        for integration in outbox.active_integrations(session):
            _push(session, client, integration.id, Verb.CREATE, actor)
        return client


def edit(
    tenant_id: int, client_id: int, fields: Mapping[str, Any], *, actor: audit.Actor, archived: bool | None = None
) -> Client:
    """Change a client here and at each linked provider; `archived` hides or restores it. Raises NotFound, Refused."""
    with db.tenant_session(tenant_id) as session:
        client = locked(session, client_id)
        if archived is not None:
            _archive(session, client, archived, actor)
        before = {name: getattr(client, name) for name in EDITABLE_FIELDS}
        _set(client, fields)
        if not client.display_name:
            raise Refused("client_without_name", "A client needs a name, a company, an email address or a phone number.")
        changed = [name for name in EDITABLE_FIELDS if getattr(client, name) != before[name]]
        if not changed:
            return client
        client.revision += 1
        client.updated_at = clock.now()
        stamp = {"by": actor.kind, "at": client.updated_at.isoformat()}
        client.provenance = {**client.provenance, **dict.fromkeys(changed, stamp)}
        if set(changed) & set(SYNCED_FIELDS):
            for integration_id in outbox.linked_integrations(session, "customer", client.id):
                _push(session, client, integration_id, Verb.UPDATE, actor)
        return client


def archive(tenant_id: int, client_id: int, *, actor: audit.Actor, archived: bool = True) -> Client:
    """Hide a client, or bring it back. Nothing is deleted at a provider."""
    with db.tenant_session(tenant_id) as session:
        client = locked(session, client_id)
        _archive(session, client, archived, actor)
        return client


def _archive(session: Session, client: Client, archived: bool, actor: audit.Actor) -> None:
    client.archived_at = clock.now() if archived else None
    client.updated_at = clock.now()
    action = "client.archived" if archived else "client.restored"
    audit.record(session, client.tenant_id, actor, action, "client", client.id)


def _push(session: Session, client: Client, integration_id: int, verb: Verb, actor: audit.Actor) -> None:
    outbox.add_change(
        session,
        tenant_id=client.tenant_id,
        integration_id=integration_id,
        kind="client",
        local_id=client.id,
        verb=verb,
        revision=client.revision,
        actor=actor,
    )


def _set(client: Client, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if name not in EDITABLE_FIELDS:
            raise Refused("unknown_field", f"A client has no field {name}.", field=name)
        setattr(client, name, {part: text for part, text in value.items() if text} if name == "address" else value)
    name = " ".join(part for part in (client.given_name or "", client.family_name or "") if part)
    client.display_name = name or client.company_name or client.email or client.phone or ""
    client.email_key = email_key(client.email or "")
    client.phone_key = phone_key(client.phone or "", (client.address or {}).get("country", ""))


def get(session: Session, client_id: int) -> Client:
    client = session.scalars(select(Client).where(Client.id == client_id)).one_or_none()
    if client is None:
        raise NotFound("client")
    return client


def locked(session: Session, client_id: int) -> Client:
    client = session.scalars(select(Client).where(Client.id == client_id).with_for_update()).one_or_none()
    if client is None:
        raise NotFound("client")
    return client


def found(*, query: str = "", archived: bool = False) -> Select[Client]:
    """Clients whose name, company, email or phone holds `query`."""
    wanted = select(Client).where(Client.archived_at.is_not(None) if archived else Client.archived_at.is_(None))
    if query:
        escaped = query.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        pattern = f"%{escaped}%"
        wanted = wanted.where(
            Client.display_name.ilike(pattern)
            | Client.company_name.ilike(pattern)
            | Client.email.ilike(pattern)
            | Client.phone.ilike(pattern)
        )
    return wanted


# --- contacts -----------------------------------------------------------------------------------------------------------


def add_contact(tenant_id: int, client_id: int, fields: Mapping[str, str]) -> Contact:
    with db.tenant_session(tenant_id) as session:
        get(session, client_id)
        now = clock.now()
        contact = Contact(tenant_id=tenant_id, client_id=client_id, created_at=now, updated_at=now, **fields)
        _check_reachable(contact)
        session.add(contact)
        session.flush()
        return contact


def edit_contact(tenant_id: int, contact_id: int, fields: Mapping[str, str]) -> Contact:
    with db.tenant_session(tenant_id) as session:
        contact = get_contact(session, contact_id)
        for name, value in fields.items():
            setattr(contact, name, value)
        _check_reachable(contact)
        contact.updated_at = clock.now()
        return contact


def _check_reachable(contact: Contact) -> None:
    if not contact.email and not contact.phone:
        raise Refused("contact_unreachable", "A contact needs an email address or a phone number.", field="email")


def get_contact(session: Session, contact_id: int) -> Contact:
    contact = session.scalars(select(Contact).where(Contact.id == contact_id)).one_or_none()
    if contact is None:
        raise NotFound("contact")
    return contact


# --- jobs ---------------------------------------------------------------------------------------------------------------


def create_job(tenant_id: int, client_id: int, fields: Mapping[str, Any]) -> Job:
    with db.tenant_session(tenant_id) as session:
        get(session, client_id)
        now = clock.now()
        job = Job(tenant_id=tenant_id, client_id=client_id, created_at=now, updated_at=now, **fields)
        _give_currency(session, job)
        session.add(job)
        session.flush()
        return job


def edit_job(tenant_id: int, job_id: int, fields: Mapping[str, Any], *, actor: audit.Actor) -> Job:
    """Change a job; `approved` true approves it, once: the first approval's time stays."""
    with db.tenant_session(tenant_id) as session:
        job = session.scalars(select(Job).where(Job.id == job_id).with_for_update()).one_or_none()
        if job is None:
            raise NotFound("job")
        before = {"amount": job.amount, "currency": job.currency}
        for name, value in fields.items():
            if name == "approved":
                _approve(session, job, value, actor)
            else:
                setattr(job, name, value)
        _give_currency(session, job)
        after = {"amount": job.amount, "currency": job.currency}
        if after != before:
            audit.record(session, tenant_id, actor, "job.changed", "job", job.id, before=before, after=after)
        job.updated_at = clock.now()
        return job


def _give_currency(session: Session, job: Job) -> None:
    """An amount without a currency is in the tenant's."""
    if job.amount is not None and job.currency is None:
        job.currency = session.scalars(select(Tenant.currency)).one()


def _approve(session: Session, job: Job, approved: bool, actor: audit.Actor) -> None:
    if approved and job.approved_at is None:
        job.approved_at = clock.now()
        audit.record(session, job.tenant_id, actor, "job.approved", "job", job.id)
    elif not approved and job.approved_at is not None:
        raise Refused("job_approved", "An approved job cannot be made unapproved.", field="approved", conflict=True)


def get_job(session: Session, job_id: int) -> Job:
    job = session.scalars(select(Job).where(Job.id == job_id)).one_or_none()
    if job is None:
        raise NotFound("job")
    return job
