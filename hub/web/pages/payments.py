"""Pages of payments: the list, and one payment with its invoices and refunds."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from flask import Blueprint, render_template, request
from sqlalchemy import Select, select

from hub import db
from hub.http import current, not_found, paged, require
from hub.ledger.api import transactions_shown
from hub.models import Client, Integration, Location, Payment, Refund
from hub.web.frame import business

blueprint = Blueprint("payment_pages", __name__, url_prefix="/payments")

PER_PAGE = 25
STATUSES = ("succeeded", "pending", "requires_action", "failed", "canceled")


@blueprint.get("")
@require("viewer")
def listed() -> str:
    sought = {name: request.args.get(name, "").replace("\x00", "").strip()[:200] for name in ("q", "status", "since", "until")}
    with db.tenant_session(current().tenant_id) as session:
        order = (Payment.created_at.desc(), Payment.id.desc())
        page = paged(session, _found(sought), order=order, limit=PER_PAGE, cursor=request.args.get("cursor"))
        page["data"] = transactions_shown(session, page["data"])
    return render_template("payments/list.html", page=page, sought=sought, statuses=STATUSES)


def _found(sought: dict[str, str]) -> Select[Payment]:
    wanted = select(Payment)
    if sought["q"]:
        escaped = sought["q"].replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        pattern = f"%{escaped}%"
        of_clients = select(Client.id).where(Client.display_name.ilike(pattern) | Client.email.ilike(pattern))
        wanted = wanted.where(
            Payment.payer_name.ilike(pattern)
            | Payment.payer_email.ilike(pattern)
            | Payment.client_id.in_(of_clients)
            | (Payment.external_id == sought["q"])
            | (Payment.card_last4 == sought["q"])
        )
    if sought["status"] in STATUSES:
        wanted = wanted.where(Payment.status == sought["status"])
    since, until = _midnight(sought["since"]), _midnight(sought["until"], plus_days=1)
    if since is not None:
        wanted = wanted.where(Payment.created_at >= since)
    if until is not None:
        wanted = wanted.where(Payment.created_at < until)
    return wanted


def _midnight(day: str, *, plus_days: int = 0) -> datetime | None:
    """When the day begins in the business's time zone; None for what is no day, which then filters nothing."""
    try:
        return datetime.combine(date.fromisoformat(day) + timedelta(days=plus_days), time(), business().zone)
    except (ValueError, OverflowError):
        return None


@blueprint.get("/<int:payment_id>")
@require("viewer")
def show(payment_id: int) -> str:
    with db.tenant_session(current().tenant_id) as session:
        row = session.scalars(select(Payment).where(Payment.id == payment_id)).one_or_none()
        if row is None:
            raise not_found("payment")
        home = session.scalars(select(Integration).where(Integration.id == row.integration_id)).one_or_none()
        place = session.scalars(
            select(Location.name).where(Location.integration_id == row.integration_id, Location.external_id == row.location_id)
        ).one_or_none()
        refunds = session.scalars(select(Refund).where(Refund.payment_id == payment_id).order_by(Refund.id)).all()
        return render_template(
            "payments/show.html",
            payment=transactions_shown(session, [row])[0],
            refunds=refunds,
            home=home,
            place=place,
            payer_email=row.payer_email,
        )
