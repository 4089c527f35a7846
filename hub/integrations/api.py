"""HTTP: connect a provider account, see it, configure it, disconnect it."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from apiflask.fields import Boolean, Dict, List, Nested, String
from flask import jsonify, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from hub import db, process
from hub.http.access import current, current_session, public, require
from hub.http.fields import Integer, Schema, Text
from hub.http.paging import PageQuery, page_schema, paged
from hub.http.problems import Problem
from hub.http.requests import wants_page
from hub.integrations import gate, oauth, reads, receipt, service, tokens
from hub.models import Integration, Location

ATTEMPT_COOKIE = "payhub_connect"
BASE = "/api/integrations/payments"

blueprint = APIBlueprint("integrations", __name__, tag="Integrations")


class ConnectIn(Schema):
    provider = Text(required=True, max_chars=20, metadata={"example": "stripe"})
    redirect_uri = Text(required=True, max_chars=2000, metadata={"description": "The page to return to, from the allow-list."})


class ConnectOut(Schema):
    authorization_url = String(required=True)


class ConnectedOut(Schema):
    success = Boolean(required=True)
    integration_id = Integer(required=True)


class LocationOut(Schema):
    id = String(required=True)
    name = String(required=True)
    currency = String(required=True)
    country = String(required=True)
    timezone = String(required=True)
    active = Boolean(required=True)
    is_main = Boolean(required=True)


class IntegrationOut(Schema):
    id = Integer(required=True)
    provider = String(required=True)
    name = String(required=True)
    account_id = String(required=True)
    live = Boolean(required=True)
    status = String(required=True, metadata={"description": "active, reconnect or disconnected"})
    status_reason = String(allow_none=True)
    country = String(required=True)
    currency = String(required=True)
    scopes = List(String(), required=True)
    config = Dict(required=True)
    counts = Dict(required=True, metadata={"description": "Live provider objects per kind"})
    locations = List(Nested(LocationOut), required=True)
    connected_at = String(required=True)
    disconnected_at = String(allow_none=True)
    last_sync_at = String(allow_none=True)
    last_event_at = String(allow_none=True)
    next_sync_at = String(allow_none=True)
    token_overdue = Boolean(
        required=True,
        metadata={"description": "The access could not be renewed in time, and ends soon"},
    )
    paused_until = String(
        allow_none=True,
        metadata={"description": "The provider failed several times in a row: no request begins until then. null: all is well"},
    )
    reads_this_month = Integer(
        allow_none=True, metadata={"description": "Reads of the last 30 days, where the provider grants only so many"}
    )
    read_allowance = Integer(allow_none=True, metadata={"description": "How many it grants for that time"})


class ConfigIn(Schema):
    auto_sync = Boolean()
    sync_invoices = Boolean()
    sync_payments = Boolean()
    webhook_enabled = Boolean()
    history_days = Integer()


class ReceiptOut(Schema):
    id = Integer(required=True)
    integration_id = Integer(required=True)
    provider = String(required=True)
    account_id = String(required=True)
    live = Boolean(required=True)
    disconnected_at = String(required=True)
    disconnected_by = String(required=True)
    key_destroyed = Boolean(required=True)
    destroyed_keys = List(String(), required=True, metadata={"description": "Ids of the shredded data keys"})
    revocation = String(
        allow_none=True,
        metadata={
            "description": "revoked; unreachable: the provider could not be told; by_owner: a pasted key, which only its owner"
            " can delete; none: there was nothing to revoke with; null: not known"
        },
    )
    revoked_at_provider = Boolean(required=True)
    told_at = String(allow_none=True)
    endpoints_removed = Integer(allow_none=True)
    sync_runs_stopped = Integer(required=True)
    changes_held = Integer(required=True, metadata={"description": "Edits that wait for a reconnect"})
    events_held = Integer(required=True, metadata={"description": "Received events that wait for a reconnect"})
    kept = Dict(required=True, metadata={"description": "Provider objects whose history stays, per kind"})


@blueprint.post(f"{BASE}/connect")
@require("manager", limited="connect")
@blueprint.input(ConnectIn, arg_name="body")
@blueprint.output(ConnectOut)
def connect(body: dict[str, Any]) -> dict[str, str]:
    """Begin to connect an account: the answer is a hub URL to open in the user's browser.

    Takes no Idempotency-Key: a kept answer would keep the URL, which begins the attempt for whoever opens it. A second one
    does no harm, and what is not opened within ten minutes is void."""
    caller = current()
    try:
        url = oauth.start(
            caller.tenant_id,
            body["provider"],
            body["redirect_uri"],
            actor=caller.actor,
            user_id=caller.user_id,
            external_user=caller.external_user,
        )
    except oauth.ConnectRefused as refusal:
        raise Problem(422, refusal.code, refusal.detail) from refusal
    return {"authorization_url": url}


@blueprint.get(f"{BASE}/start")
@public
@blueprint.doc(hide=True)
def start() -> BaseResponse:
    """Bind the attempt to this browser and go on to the provider."""
    try:
        cookie, url = oauth.begin(request.args.get("attempt", ""), current_session())
    except oauth.ConnectRefused as refusal:
        raise Problem(400, refusal.code, refusal.detail) from refusal
    response = redirect(url, 303)
    response.set_cookie(
        ATTEMPT_COOKIE,
        cookie,
        max_age=int(oauth.ATTEMPT_LIFETIME.total_seconds()),
        path=oauth.CALLBACK_PATH,
        httponly=True,
        secure=process.settings().secure_cookies,
        samesite="Lax",
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get(f"{BASE}/callback")
@public
@blueprint.output(ConnectedOut)
@blueprint.doc(
    responses={
        303: "In a browser: on to the page that was asked for",
        400: "Declined, expired, of another browser, or refused by the provider; `code` says which",
    }
)
def callback() -> Any:
    """The provider sends the browser back here, with a code or an error. A browser goes on to the integration's page."""
    try:
        connected = oauth.callback(request.args.to_dict(), request.cookies.get(ATTEMPT_COOKIE), current_session())
    except oauth.ConnectRefused as refusal:
        raise Problem(400, refusal.code, refusal.detail) from refusal
    if wants_page():
        response: BaseResponse = redirect(_landing_page(connected), 303)
    else:
        response = jsonify(success=True, integration_id=connected.integration_id)
    response.delete_cookie(ATTEMPT_COOKIE, path=oauth.CALLBACK_PATH)
    response.headers["Cache-Control"] = "no-store"
    return response


def _landing_page(connected: oauth.Connected) -> str:
    """The page the tenant asked for; our own integration page where it asked for one of ours."""
    joiner = "&" if "?" in connected.return_url else "?"
    return f"{connected.return_url}{joiner}connected={connected.integration_id}"


@blueprint.get(BASE)
@require("viewer", limited="connect")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(page_schema(IntegrationOut))
def list_integrations(query: dict[str, Any]) -> dict[str, Any]:
    """The tenant's integrations, newest first."""
    with db.tenant_session(current().tenant_id) as session:
        page = paged(session, select(Integration), order=(Integration.id.desc(),), **query)
        page["data"] = [_shown(session, row) for row in page["data"]]
    return page


@blueprint.get(f"{BASE}/<int:integration_id>")
@require("viewer", limited="connect")
@blueprint.output(IntegrationOut)
def show(integration_id: int) -> dict[str, Any]:
    """One integration: its status, scopes, last sync and counts."""
    return shown(current().tenant_id, integration_id)


@blueprint.patch(f"{BASE}/<int:integration_id>")
@require("manager")
@blueprint.input(ConfigIn(partial=True), arg_name="body")
@blueprint.output(IntegrationOut)
def configure(integration_id: int, body: dict[str, Any]) -> dict[str, Any]:
    """Change the switches: auto_sync, sync_invoices, sync_payments, webhook_enabled; or history_days."""
    caller = current()
    try:
        service.configure(caller.tenant_id, integration_id, body, actor=caller.actor)
    except service.IntegrationNotFound as missing:
        raise Problem(404, "integration_not_found", str(missing)) from missing
    except service.WrongConfig as wrong:
        raise Problem(422, "wrong_config", str(wrong)) from wrong
    return shown(caller.tenant_id, integration_id)


@blueprint.delete(f"{BASE}/<int:integration_id>")
@require("manager")
@blueprint.output(ReceiptOut)
def disconnect(integration_id: int) -> dict[str, Any]:
    """Disconnect: stops all work, destroys the credentials, revokes at the provider. The synced data stay."""
    caller = current()
    try:
        written = service.disconnect(caller.tenant_id, integration_id, actor=caller.actor)
    except service.IntegrationNotFound as missing:
        raise Problem(404, "integration_not_found", str(missing)) from missing
    return receipt.as_shown(written)


@blueprint.get(f"{BASE}/<int:integration_id>/disconnect-receipt")
@require("viewer")
@blueprint.output(ReceiptOut)
def disconnect_receipt(integration_id: int) -> dict[str, Any]:
    """The receipt of the last disconnect: what was revoked and destroyed, what waits, what stays."""
    tenant_id = current().tenant_id
    with db.tenant_session(tenant_id) as session:
        try:
            service.get(session, integration_id)
            return receipt.as_shown(receipt.latest(session, tenant_id, integration_id))
        except service.IntegrationNotFound as missing:
            raise Problem(404, "integration_not_found", str(missing)) from missing
        except service.ReceiptNotFound as missing:
            raise Problem(404, "receipt_not_found", str(missing)) from missing


def shown(tenant_id: int, integration_id: int) -> dict[str, Any]:
    """An integration as the API and the pages show it. Raises Problem 404."""
    with db.tenant_session(tenant_id) as session:
        try:
            row = service.get(session, integration_id)
        except service.IntegrationNotFound as missing:
            raise Problem(404, "integration_not_found", str(missing)) from missing
        return _shown(session, row)


def _shown(session: Session, row: Integration) -> dict[str, Any]:
    provider = process.providers().get(row.provider)
    allowance = provider.read_allowance if provider is not None else None
    read = reads.standing(session, row, allowance) if allowance is not None else None

    def moment(value: Any) -> str | None:
        return value.isoformat() if value else None

    return {
        "id": row.id,
        "provider": row.provider,
        "name": row.name,
        "account_id": row.account_id,
        "live": row.live,
        "status": row.status,
        "status_reason": row.status_reason,
        "country": row.country,
        "currency": row.currency,
        "scopes": row.scopes,
        "config": row.config,
        "counts": service.counts(session, row.id),
        "locations": _locations(session, row.id),
        "connected_at": moment(row.connected_at),
        "disconnected_at": moment(row.disconnected_at),
        "last_sync_at": moment(row.last_sync_at),
        "last_event_at": moment(row.last_event_at),
        "next_sync_at": moment(row.next_sync_at),
        "token_overdue": tokens.is_overdue(row),
        "paused_until": moment(gate.paused_until(row.provider, row.tenant_id, row.id)) if row.status == "active" else None,
        "reads_this_month": read.used if read is not None else None,
        "read_allowance": read.allowed if read is not None else None,
    }


def _locations(session: Any, integration_id: int) -> list[dict[str, Any]]:
    rows = session.scalars(
        select(Location).where(Location.integration_id == integration_id).order_by(Location.is_main.desc(), Location.name)
    )
    return [
        {
            "id": row.external_id,
            "name": row.name,
            "currency": row.currency,
            "country": row.country,
            "timezone": row.timezone,
            "active": row.active,
            "is_main": row.is_main,
        }
        for row in rows
    ]
