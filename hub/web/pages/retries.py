"""The retry buttons: a person asks for another round of tries of work that was given up."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from hub import audit, db, queue, work
from hub.http import current, not_found, require
from hub.identity.paths import own_path
from hub.models import Change, WebhookEvent

blueprint = Blueprint("retries", __name__, url_prefix="/integrations/<int:integration_id>")


@blueprint.post("/changes/<int:change_id>/retry")
@require("manager")
def change(integration_id: int, change_id: int) -> BaseResponse:
    caller = current()
    with db.tenant_session(caller.tenant_id) as session:
        row = session.scalars(
            select(Change)
            .where(Change.id == change_id, Change.integration_id == integration_id, Change.done_at.is_(None))
            .with_for_update()
        ).one_or_none()
        if row is None:
            raise not_found("unfinished change")
        if row.parked_at is not None:
            work.retry(row)
            audit.record(session, caller.tenant_id, caller.actor, "change.retried", "change", change_id)
            queue.wake_after_commit(session, "push_changes", caller.tenant_id, integration_id)
    return _back(integration_id)


@blueprint.post("/events/<int:event_id>/retry")
@require("manager")
def event(integration_id: int, event_id: int) -> BaseResponse:
    caller = current()
    with db.tenant_session(caller.tenant_id) as session:
        row = session.scalars(
            select(WebhookEvent)
            .where(WebhookEvent.id == event_id, WebhookEvent.integration_id == integration_id, WebhookEvent.done_at.is_(None))
            .with_for_update()
        ).one_or_none()
        if row is None:
            raise not_found("unfinished event")
        if row.parked_at is not None:
            work.retry(row)
            audit.record(session, caller.tenant_id, caller.actor, "webhook_event.retried", "webhook_event", event_id)
            queue.wake_after_commit(session, "process_events", caller.tenant_id, integration_id)
    return _back(integration_id)


def _back(integration_id: int) -> BaseResponse:
    flash("It is being tried again.", "good")
    wanted = request.form.get("next")
    return redirect(own_path(wanted) if wanted else f"/integrations/{integration_id}", 303)
