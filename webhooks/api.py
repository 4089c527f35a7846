"""HTTP: the inbox, for people who want to see what came and play it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apiflask import APIBlueprint
from apiflask.fields import Boolean, String
from marshmallow.validate import OneOf
from sqlalchemy import select

from hub import audit, db
from hub.http import Integer, PageQuery, QueryInteger, Schema, Text, current, idempotent, not_found, page_schema, paged, require
from hub.models import WebhookEvent
from webhooks import inbox

STATES = ("open", "done", "parked")

blueprint = APIBlueprint("inbox", __name__, tag="Webhook events")


class WebhookEventOut(Schema):
    id = Integer(required=True)
    integration_id = Integer(required=True, allow_none=True)
    provider = String(required=True)
    event_id = String(required=True)
    event_type = String(required=True)
    record_id = String(required=True, allow_none=True)
    live = Boolean(required=True)
    via = String(required=True, metadata={"description": "webhook, or feed for one that was missed and caught up"})
    state = String(required=True, validate=OneOf(STATES))
    outcome = String(required=True, allow_none=True)
    reason = String(required=True, allow_none=True)
    attempts = Integer(required=True)
    happened_at = String(required=True)
    received_at = String(required=True)
    done_at = String(required=True, allow_none=True)


class EventQuery(PageQuery):
    integration_id = QueryInteger(load_default=None)
    state = Text(load_default=None, validate=OneOf(STATES), max_chars=10)


class ReplayOut(Schema):
    replayed = Integer(required=True)


@blueprint.get("/api/webhook-events")
@require("viewer")
@blueprint.input(EventQuery, location="query", arg_name="query")
@blueprint.output(page_schema(WebhookEventOut))
def list_events(query: dict[str, Any]) -> dict[str, Any]:
    """Received events, newest first; payloads are not shown."""
    wanted = select(WebhookEvent)
    if query["integration_id"] is not None:
        wanted = wanted.where(WebhookEvent.integration_id == query["integration_id"])
    if query["state"] == "parked":
        wanted = wanted.where(WebhookEvent.parked_at.is_not(None), WebhookEvent.done_at.is_(None))
    elif query["state"] == "done":
        wanted = wanted.where(WebhookEvent.done_at.is_not(None))
    elif query["state"] == "open":
        wanted = wanted.where(WebhookEvent.done_at.is_(None), WebhookEvent.parked_at.is_(None))
    with db.tenant_session(current().tenant_id) as session:
        order = (WebhookEvent.received_at.desc(), WebhookEvent.id.desc())
        return paged(session, wanted, order=order, limit=query["limit"], cursor=query["cursor"], item=_shown)


@blueprint.post("/api/webhook-events/<int:row_id>/replay")
@require("manager")
@idempotent
@blueprint.output(ReplayOut)
def replay_one(row_id: int) -> Mapping[str, int]:
    """Process one event again; what it says is applied only if it is still news."""
    caller = current()
    with db.tenant_session(caller.tenant_id) as session:
        if session.scalar(select(WebhookEvent.id).where(WebhookEvent.id == row_id)) is None:
            raise not_found("event")
        inbox.replay(session, WebhookEvent.id == row_id)
        audit.record(session, caller.tenant_id, caller.actor, "webhook_event.replayed", "webhook_event", row_id)
    return {"replayed": 1}


def _shown(row: WebhookEvent) -> dict[str, Any]:
    state = "done" if row.done_at else "parked" if row.parked_at else "open"
    return {
        "id": row.id,
        "integration_id": row.integration_id,
        "provider": row.provider,
        "event_id": row.event_id,
        "event_type": row.event_type,
        "record_id": row.record_id,
        "live": row.live,
        "via": row.via,
        "state": state,
        "outcome": row.outcome,
        "reason": row.reason,
        "attempts": row.attempts,
        "happened_at": row.happened_at.isoformat(),
        "received_at": row.received_at.isoformat(),
        "done_at": row.done_at.isoformat() if row.done_at else None,
    }
