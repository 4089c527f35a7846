"""Pages of invoices: the list, one invoice, and what can be done with it."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from hub import clock, db
from hub.crm import invoices, outbox
from hub.crm.api.invoices import invoice_shown, invoices_shown
from hub.crm.api.shared import refusals
from hub.crm.errors import Refused
from hub.http import current, paged, require
from hub.ledger.api import transactions_shown
from hub.ledger.balances import OVERDUE_FROM, invoice_due
from hub.models import Allocation, Change, Client, Conflict, Integration, Invoice, Job, Payment
from hub.web.disagreements import disagreements_of
from hub.web.frame import business
from hub.web.stuck_work import stuck_changes
from providers.contract import Verb

blueprint = Blueprint("invoice_pages", __name__, url_prefix="/invoices")

PER_PAGE = 25
WAIT_SECONDS = 8.0  # for the provider's answer, so that the page can show it; the change itself is durable
FILTERS = {
    "draft": "Drafts",
    "unpaid": "To be paid",
    "overdue": "Overdue",
    "paid": "Paid",
    "refunded": "Refunded",
    "void": "Void",
}
UNPAID = ("open", "partially_paid", "pending", "scheduled", "failed", "unknown")
DONE = {Verb.PUBLISH: "issued", Verb.SEND: "sent", Verb.VOID: "void"}


@blueprint.get("")
@require("viewer")
def listed() -> str:
    query = request.args.get("q", "").replace("\x00", "").strip()[:200]
    status = request.args.get("status", "")
    with db.tenant_session(current().tenant_id) as session:
        wanted = _found(query, status if status in FILTERS else "")
        order = (Invoice.created_at.desc(), Invoice.id.desc())
        page = paged(session, wanted, order=order, limit=PER_PAGE, cursor=request.args.get("cursor"))
        rows = page["data"]
        names = _client_names(session, rows)
        page["data"] = invoices_shown(session, rows)
    return render_template("invoices/list.html", page=page, q=query, status=status, filters=FILTERS, names=names)


def _found(query: str, status: str) -> Select[Invoice]:
    wanted = select(Invoice).where(Invoice.deleted_at.is_(None))
    if query:
        escaped = query.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        pattern = f"%{escaped}%"
        of_clients = select(Client.id).where(Client.display_name.ilike(pattern) | Client.email.ilike(pattern))
        wanted = wanted.where(
            Invoice.number.ilike(pattern)
            | Invoice.provider_number.ilike(pattern)
            | Invoice.description.ilike(pattern)
            | Invoice.client_id.in_(of_clients)
        )
    if status:
        wanted = wanted.where(_has(status))
    return wanted


def _has(status: str) -> ColumnElement[bool]:
    if status == "overdue":
        today = clock.now().astimezone(business().zone).date()
        return Invoice.status.in_(OVERDUE_FROM) & (Invoice.due_on < today) & (invoice_due() > 0)
    codes = {"unpaid": UNPAID, "refunded": ("refunded", "partially_refunded"), "void": ("void", "uncollectible")}
    return Invoice.status.in_(codes.get(status, (status,)))


def _client_names(session: Session, rows: list[Invoice]) -> dict[int, str]:
    ids = {row.client_id for row in rows if row.client_id is not None}
    return dict(session.execute(select(Client.id, Client.display_name).where(Client.id.in_(ids))).all())


@blueprint.get("/<int:invoice_id>")
@require("viewer")
def show(invoice_id: int) -> str:
    tenant_id = current().tenant_id
    invoice = invoice_shown(tenant_id, invoice_id)
    with db.tenant_session(tenant_id) as session:
        paying = select(Allocation.payment_id).where(Allocation.invoice_id == invoice_id)
        payments = session.scalars(select(Payment).where(Payment.id.in_(paying)).order_by(Payment.created_at.desc())).all()
        of_this = (Change.kind.in_(("invoice", "payment"))) & (Change.local_id == invoice_id) & Change.done_at.is_(None)
        changes = list(session.scalars(select(Change).where(of_this).order_by(Change.id)))
        home = session.scalars(select(Integration).where(Integration.id == invoice["integration_id"])).one_or_none()
        of_invoice = (Conflict.kind == "invoice") & (Conflict.local_id == invoice_id)
        return render_template(
            "invoices/show.html",
            invoice=invoice,
            job=session.scalars(select(Job).where(Job.id == invoice["job_id"])).one_or_none(),
            disagreements=disagreements_of(session, of_invoice),
            status=session.scalar(select(Invoice.status).where(Invoice.id == invoice_id)),
            client=session.scalars(select(Client).where(Client.id == invoice["client_id"])).one_or_none(),
            home=home,
            payments=transactions_shown(session, payments),
            parked=stuck_changes(session, [row for row in changes if row.parked_at is not None]),
            going_on=[row for row in changes if row.parked_at is None],
            payable=invoices.PAYABLE,
        )


@blueprint.get("/<int:invoice_id>/void")
@require("manager")
def ask_void(invoice_id: int) -> str:
    return render_template("invoices/void.html", invoice=invoice_shown(current().tenant_id, invoice_id))


@blueprint.post("/<int:invoice_id>/<any(publish, send, void):action>")
@require("manager")
def act(invoice_id: int, action: str) -> BaseResponse:
    caller = current()
    verb = Verb(action)
    with refusals():
        try:
            invoice, change = invoices.act(caller.tenant_id, invoice_id, verb, actor=caller.actor)
            tell_outcome(invoice.number, change, DONE[verb])
        except Refused as refused:
            flash(refused.detail, "bad")
    return redirect(f"/invoices/{invoice_id}", 303)


@blueprint.post("/<int:invoice_id>/notes")
@require("manager")
def note(invoice_id: int) -> BaseResponse:
    caller = current()
    text = request.form.get("notes", "").replace("\x00", "").strip()[:5000]
    with refusals():
        invoices.edit(caller.tenant_id, invoice_id, {"notes": text}, actor=caller.actor)
    flash("The notes are saved.", "good")
    return redirect(f"/invoices/{invoice_id}", 303)


def tell_outcome(number: str, change: Change, done: str) -> None:
    """Wait a little for the provider, then say what became of the change."""
    change = outbox.wait(change.tenant_id, change.id, seconds=WAIT_SECONDS)
    if change.parked_at is not None:
        flash(f"Invoice {number} could not be {done}: {change.reason}", "bad")
    elif change.done_at is not None:
        flash(f"Invoice {number} is {done}.", "good")
    else:
        flash(f"Invoice {number} is on its way to the provider. This page shows the result when it is there.", "busy")
