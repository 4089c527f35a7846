"""Pages of connected accounts: the overview, one account, its switches, sync now, and how it ends."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from hub import audit, db, process
from hub.http import current, not_found, require
from hub.integrations import receipt as receipts
from hub.integrations import service
from hub.integrations.api import shown
from hub.integrations.sync_requests import request_sync
from hub.models import Conflict, Integration
from hub.web import forms, words
from hub.web.disagreements import disagreements_of
from hub.web.runs import latest_runs, standing, standing_of
from hub.web.stuck_work import stuck_work

blueprint = Blueprint("integration_pages", __name__, url_prefix="/integrations")


@blueprint.get("")
@require("viewer", limited="connect")
def overview() -> str:
    with db.tenant_session(current().tenant_id) as session:
        rows = list(session.scalars(select(Integration).order_by(Integration.disconnected_at.is_not(None), Integration.id)))
        counts = {row.id: service.counts(session, row.id) for row in rows}
    living = [row for row in rows if row.status != "disconnected"]
    ended = [row for row in rows if row.status == "disconnected"]
    return render_template("integrations/overview.html", living=living, ended=ended, counts=counts)


@blueprint.get("/<int:integration_id>")
@require("viewer", limited="connect")
def show(integration_id: int) -> str:
    return _page(integration_id, forms.Form())


def _page(integration_id: int, form: forms.Form) -> str:
    tenant_id = current().tenant_id
    integration = shown(tenant_id, integration_id)
    with db.tenant_session(tenant_id) as session:
        runs = latest_runs(session, integration_id)
        stuck = stuck_work(session, integration_id)
        disagreements = disagreements_of(session, Conflict.integration_id == integration_id)
    form.values = {"history_days": integration["config"].get("history_days", 90), **form.values}
    return render_template(
        "integrations/show.html",
        integration=integration,
        runs=runs,
        run_word=words.run,
        stuck=stuck,
        disagreements=disagreements,
        progress=standing(runs),
        form=form,
    )


@blueprint.get("/<int:integration_id>/progress")
@require("viewer", limited="connect")
def progress(integration_id: int) -> dict[str, Any]:
    """How the sync stands, for the bar that moves."""
    with db.tenant_session(current().tenant_id) as session:
        if session.scalar(select(Integration.id).where(Integration.id == integration_id)) is None:
            raise not_found("integration")
        return standing_of(session, integration_id).shown()


@blueprint.post("/<int:integration_id>/sync")
@require("manager")
def sync_now(integration_id: int) -> BaseResponse:
    caller = current()
    with db.tenant_session(caller.tenant_id) as session:
        row = session.scalars(select(Integration).where(Integration.id == integration_id)).one_or_none()
        if row is None:
            raise not_found("integration")
        if row.status != "active":
            flash("This account is not connected, so nothing can be synced. Reconnect it first.", "bad")
        else:
            by = f"{caller.actor.kind}:{caller.actor.id}"
            request_sync(session, caller.tenant_id, integration_id, kind="manual", requested_by=by)
            audit.record(session, caller.tenant_id, caller.actor, "sync.requested", "integration", integration_id)
            flash("The sync has been asked for.", "good")
    return redirect(f"/integrations/{integration_id}", 303)


@blueprint.post("/<int:integration_id>/settings")
@require("manager")
def configure(integration_id: int) -> BaseResponse | tuple[str, int]:
    caller = current()
    changes: dict[str, Any] = {name: name in request.form for name in service.CONFIG_SWITCHES}
    form = forms.Form(forms.typed(request.form, ("history_days",)))
    days = form.values["history_days"]
    if not days.isascii() or not days.isdigit() or len(days) > 6 or int(days) not in service.HISTORY_DAYS_RANGE:
        form.errors["history_days"] = "Write a whole number of days from 1 to 3650."
        return _page(integration_id, form), form.status
    changes["history_days"] = int(days)
    try:
        service.configure(caller.tenant_id, integration_id, changes, actor=caller.actor)
    except service.IntegrationNotFound as missing:
        raise not_found("integration") from missing
    flash("The settings are saved.", "good")
    return redirect(f"/integrations/{integration_id}", 303)


@blueprint.get("/<int:integration_id>/disconnect")
@require("manager")
def ask_disconnect(integration_id: int) -> str:
    return render_template("integrations/disconnect.html", integration=shown(current().tenant_id, integration_id))


@blueprint.post("/<int:integration_id>/disconnect")
@require("manager")
def disconnect(integration_id: int) -> BaseResponse:
    caller = current()
    try:
        service.disconnect(caller.tenant_id, integration_id, actor=caller.actor)
    except service.IntegrationNotFound as missing:
        raise not_found("integration") from missing
    return redirect(f"/integrations/{integration_id}/disconnected", 303)


@blueprint.get("/<int:integration_id>/disconnected")
@require("viewer")
def receipt(integration_id: int) -> str | BaseResponse:
    """The receipt of the last disconnect; also of an account that is connected again since."""
    tenant_id = current().tenant_id
    integration = shown(tenant_id, integration_id)
    with db.tenant_session(tenant_id) as session:
        try:
            written = receipts.latest(session, tenant_id, integration_id)
        except service.ReceiptNotFound:
            return redirect(f"/integrations/{integration_id}", 303)
    return render_template(
        "integrations/disconnected.html",
        integration=integration,
        receipt=written,
        reconnectable=integration["status"] == "disconnected" and process.providers().get(written.provider),
    )
