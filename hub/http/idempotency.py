"""Idempotency-Key: the first answer to a POST, given again for the same key."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import structlog
from flask import Flask, Response, current_app, g, request
from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from hub import clock, db
from hub.http.access import current_or_none
from hub.http.problems import Problem
from hub.models import IdempotencyKey

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
KEY_SHAPE = re.compile(r"[\x21-\x7e]{1,255}")
RUNS_AT_MOST = timedelta(minutes=2)  # longer than any request may take; then a crashed one no longer blocks its key
KEPT_FOR = timedelta(hours=24)
KEPT_HEADERS = ("Location", "Content-Type")

V = TypeVar("V", bound=Callable[..., Any])

log = structlog.get_logger(__name__)


def idempotent(view: V) -> V:
    """Honour Idempotency-Key on this POST: a repeat with the same body gets the first answer and does nothing.

    Kept are answers to what was done (below 400, 402 for a declined payment, and what a view says by `keep_answer`). A request
    that was refused before anything happened, or failed, frees its key. Not for answers that hold a secret: they would be kept.
    Position among decorators is free. Keys belong to the tenant and live for 24 hours."""
    view.__payhub_idempotent__ = True  # type: ignore[attr-defined]
    return view


def keep_answer() -> None:
    """Something was done that stays, whatever the answer says: a repeat under the same key must not do it once more."""
    g.idempotency_keeps = True


def install(app: Flask) -> None:
    """After access.install: the key belongs to the caller's tenant."""
    app.before_request(_take_key)
    app.after_request(_keep_answer)
    app.teardown_request(_free_key)


def _take_key() -> Response | None:
    view = current_app.view_functions.get(request.endpoint or "")
    key, caller = request.headers.get(HEADER), current_or_none()
    if key is None or caller is None or request.method != "POST" or not getattr(view, "__payhub_idempotent__", False):
        return None
    if not KEY_SHAPE.fullmatch(key):
        raise Problem(422, "invalid_idempotency_key", "Invalid Idempotency-Key", "Use 1 to 255 visible ASCII characters.")
    digest = hashlib.sha256(f"{request.method} {request.full_path}\n".encode() + request.get_data()).digest()
    first = _begin(caller.tenant_id, key, digest)
    if first is None:
        g.idempotency = (caller.tenant_id, key)
        return None
    if first.request_hash != digest:
        detail = "This Idempotency-Key was sent before with another request. Use a fresh key for each thing to be done."
        raise Problem(422, "idempotency_key_reused", "Idempotency-Key used for another request", detail)
    if first.status is None:
        detail = "The first request with this Idempotency-Key is still running. Repeat it in a moment to get its answer."
        raise Problem(409, "idempotency_key_busy", "Still running", detail, headers={"Retry-After": "1"})
    assert first.body is not None
    headers = {**first.body["headers"], REPLAYED_HEADER: "true"}
    return Response(first.body["text"], first.status, headers=headers)


def _begin(tenant_id: int, key: str, digest: bytes) -> IdempotencyKey | None:
    """Take the key for this request (None), or give the row of the request that had it first. The database decides the race."""
    now = clock.now()
    fresh = {"request_hash": digest, "status": None, "body": None, "locked_until": now + RUNS_AT_MOST, "created_at": now}
    abandoned = IdempotencyKey.status.is_(None) & (IdempotencyKey.locked_until < now)
    outdated = IdempotencyKey.created_at < now - KEPT_FOR
    with db.tenant_session(tenant_id) as session:
        taken = session.execute(
            insert(IdempotencyKey)
            .values(tenant_id=tenant_id, key=key, **fresh)
            .on_conflict_do_update(index_elements=["tenant_id", "key"], set_=fresh, where=or_(abandoned, outdated))
            .returning(IdempotencyKey.key)
        ).scalar_one_or_none()
        if taken is not None:
            return None
        return session.scalars(
            select(IdempotencyKey).where(IdempotencyKey.tenant_id == tenant_id, IdempotencyKey.key == key)
        ).one()


def _keep_answer(response: Response) -> Response:
    held = g.get("idempotency")
    done = response.status_code < 400 or response.status_code == 402 or g.get("idempotency_keeps", False)
    if held is None or not done:
        return response
    tenant_id, key = held
    body = {
        "text": response.get_data(as_text=True),
        "headers": {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers},
    }
    with db.tenant_session(tenant_id) as session:
        session.execute(
            update(IdempotencyKey)
            .where(IdempotencyKey.tenant_id == tenant_id, IdempotencyKey.key == key)
            .values(status=response.status_code, body=body, locked_until=None)
        )
    g.idempotency = None
    return response


def _free_key(_: BaseException | None) -> None:
    held = g.get("idempotency")
    if held is None:
        return
    tenant_id, key = held
    try:
        with db.tenant_session(tenant_id) as session:
            session.execute(delete(IdempotencyKey).where(IdempotencyKey.tenant_id == tenant_id, IdempotencyKey.key == key))
    except DBAPIError as error:
        log.warning("idempotency_key_kept", error=type(error).__name__)  # it frees itself after RUNS_AT_MOST
