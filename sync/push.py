"""The one way out: make each Change at its provider, oldest first per record, once."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session, aliased

from hub import clock, db, queue
from hub.integrations import service
from hub.models import Change, RemoteRecord
from hub.models import Invoice as InvoiceRow
from hub.work import claim, is_open, settle_done, settle_error
from providers.contract import Account
from providers.errors import (
    ActionRequired,
    Declined,
    OutcomeUnknown,
    ProviderError,
    RecordNotFound,
    Rejected,
    Transient,
    Unsupported,
    VersionConflict,
)
from providers.records import Customer, Invoice, Payment, Record
from sync import drafts, pull

KEY_PREFIX = "ph1"
KEY_LIFETIME = timedelta(hours=23)  # Stripe may forget a key after 24 hours; an older one is looked up, not sent again
BATCH_ROWS = 20
KINDS: dict[str, type[Record]] = {"client": Customer, "invoice": Invoice, "payment": Payment}

log = structlog.get_logger(__name__)


def push_integration(tenant_id: int, integration_id: int) -> None:
    """Drain the integration's due changes; of one record only the oldest unfinished one is ever under way."""
    while changes := _claim(tenant_id, integration_id):
        for change in changes:
            push_change(tenant_id, change)


def idempotency_key(change: Change) -> str:
    """29 characters, the same for every try of one attempt: prefix and base32 of BLAKE2b-128 over what identifies it."""
    identity = f"{change.tenant_id}:{change.id}:{change.revision}:{change.attempt}".encode()
    digest = hashlib.blake2b(identity, digest_size=16).digest()
    return KEY_PREFIX + base64.b32encode(digest).decode().rstrip("=").lower()


def _claim(tenant_id: int, integration_id: int) -> list[Change]:
    older = aliased(Change)
    blocked = exists(
        select(older.id).where(
            older.tenant_id == Change.tenant_id,
            older.integration_id == Change.integration_id,
            older.kind == Change.kind,
            older.local_id == Change.local_id,
            older.id < Change.id,
            older.done_at.is_(None),
        )
    )
    with db.tenant_session(tenant_id) as session:
        changes = claim(session, Change, Change.integration_id == integration_id, ~blocked, limit=BATCH_ROWS, lease_seconds=180)
        for change in changes:
            change.first_sent_at = change.first_sent_at or clock.now()
    return changes


def push_change(tenant_id: int, change: Change) -> None:
    """Make one claimed change. What goes wrong is written on its row, in words for the tenant."""
    log_fields = {"change_id": change.id, "kind": change.kind, "verb": change.verb, "integration_id": change.integration_id}
    try:
        outcome, record, sent = _make(tenant_id, change)
    except (Declined, ActionRequired) as refusal:
        _finish_refused(tenant_id, change, refusal)
        log.info("change_declined", **log_fields)
    except OutcomeUnknown as unknown:
        _settle_unknown(tenant_id, change, unknown)
        log.warning("change_outcome_unknown", **log_fields)
    except VersionConflict as conflict:
        merged = _merge_newer(tenant_id, change)
        _fail(tenant_id, change, conflict, at_once=merged)
        log.info("change_met_newer_version", **log_fields)
    except Exception as error:
        _fail(tenant_id, change, error)
        log.warning("change_failed", error=type(error).__name__, **log_fields)
    else:
        _finish(tenant_id, change, outcome, record, sent)
        log.info("change_made", outcome=outcome, **log_fields)


def _make(tenant_id: int, change: Change) -> tuple[str, Record | None, Mapping[str, Any] | None]:
    """(outcome, the record as the provider answers it, None where nothing was written; the fields that were sent, if known)."""
    kind = KINDS[change.kind]
    if change.first_sent_at is not None and clock.now() - change.first_sent_at > KEY_LIFETIME:
        found = _look_up(tenant_id, change)
        if found is not None:
            return "found", found, None
        _next_attempt(tenant_id, change)
    with db.tenant_session(tenant_id) as session:
        plan = drafts.plan(session, change)
    if plan.action == "nothing":
        return "unchanged", None, None
    key = idempotency_key(change)

    def write(account: Account) -> Record:
        record: Record
        if plan.draft is not None and plan.external_id is None:
            record = account.create(plan.draft, key=key)
        elif plan.draft is not None and plan.external_id is not None:
            record = account.update(plan.external_id, plan.draft, version=plan.version, key=key)
        else:
            record = account.perform(plan.verb, kind, plan.external_id or "", version=plan.version, key=key)
        return record

    try:
        return plan.action, service.call(tenant_id, change.integration_id, write), plan.sent
    except RecordNotFound as missing:
        if plan.external_id is None:
            # What the new record refers to (a payment method, a customer) is not there: no further try can find it.
            raise Rejected(missing.detail, code="not_found", request_id=missing.request_id) from missing
        pull.tombstone(tenant_id, change.integration_id, kind, plan.external_id, as_of=clock.now())
        return "gone", None, None


def _finish(tenant_id: int, change: Change, outcome: str, record: Record | None, sent: Mapping[str, Any] | None = None) -> None:
    """The second transaction: what the provider answered and the change's end, together."""
    if record is not None and getattr(record, "deleted", False):
        pull.tombstone(tenant_id, change.integration_id, type(record), record.id, as_of=record.as_of)
    with db.tenant_session(tenant_id) as session:
        row = _row(session, change)
        if record is not None and not getattr(record, "deleted", False):
            pull.apply_in(session, tenant_id, change.integration_id, type(record), [record], on_tie="take", sent=sent)
            row.result = drafts.result(record)
        row.outcome = outcome
        settle_done(row)
        if row.kind == "client":
            _let_invoices_go(session, row)


def _let_invoices_go(session: Session, client_change: Change) -> None:
    """Invoices that waited for their client need not wait for their next try."""
    theirs = select(InvoiceRow.id).where(InvoiceRow.client_id == client_change.local_id)
    session.execute(
        update(Change)
        .where(
            Change.integration_id == client_change.integration_id,
            Change.kind == "invoice",
            Change.local_id.in_(theirs),
            Change.waiting_since.is_not(None),
            is_open(Change),
        )
        .values(due_at=clock.now())
    )
    queue.wake_after_commit(session, "push_changes", client_change.tenant_id, client_change.integration_id)


def _finish_refused(tenant_id: int, change: Change, refusal: Rejected) -> None:
    """The payer's bank said no, or the payer must act: a result, not a failure to be tried again."""
    with db.tenant_session(tenant_id) as session:
        row = _row(session, change)
        acts = isinstance(refusal, ActionRequired)
        row.outcome = "requires_action" if acts else "declined"
        row.result = {
            "status": "requires_action" if acts else "failed",
            "next_url": refusal.next_url if isinstance(refusal, ActionRequired) else None,
            "detail": refusal.detail,
            "code": refusal.code,
        }
        settle_done(row)


def _fail(tenant_id: int, change: Change, error: Exception, *, at_once: bool = False) -> None:
    """Settle the failure; `at_once`: what stood in the way was mended, so the next try needs no pause."""
    with db.tenant_session(tenant_id) as session:
        row = _row(session, change)
        if not settle_error(row, error).park and at_once:
            row.due_at = clock.now()


def _settle_unknown(tenant_id: int, change: Change, unknown: OutcomeUnknown) -> None:
    """It may have happened: look. If it did, finish; if not, the next try is a new attempt with a new key."""
    try:
        found = _look_up(tenant_id, change)
    except Unsupported:
        # Nothing to look by, so the same key must settle it: the provider answers the first result again, or makes it now.
        _fail(tenant_id, change, Transient(unknown.detail, request_id=unknown.request_id))
        return
    except ProviderError as error:
        waits = error if isinstance(error, Transient) else Transient(error.detail, request_id=error.request_id)
        _fail(tenant_id, change, waits)
        return
    if found is not None:
        _finish(tenant_id, change, "found", found)
        return
    with db.tenant_session(tenant_id) as session:
        row = _row(session, change)
        row.attempt += 1
        row.first_sent_at = None
        settle_error(row, unknown)


def _look_up(tenant_id: int, change: Change) -> Record | None:
    """What the change was to bring about, if the provider has it: by our reference, or by the record's state."""
    kind = KINDS[change.kind]
    with db.tenant_session(tenant_id) as session:
        plan = drafts.plan(session, change)
    if plan.action == "nothing":
        return None
    find: Callable[[Account], Record | None]
    if plan.external_id is None:
        reference = plan.reference

        def find(account: Account) -> Record | None:
            return account.find_by_reference(kind, reference)
    else:
        external_id = plan.external_id

        def find(account: Account) -> Record | None:
            record = account.get(kind, external_id)
            return record if drafts.reached(change, plan, record) else None

    return service.call(tenant_id, change.integration_id, find)


def _next_attempt(tenant_id: int, change: Change) -> None:
    with db.tenant_session(tenant_id) as session:
        row = _row(session, change)
        row.attempt += 1
        row.first_sent_at = clock.now()
        change.attempt, change.first_sent_at = row.attempt, row.first_sent_at


def _merge_newer(tenant_id: int, change: Change) -> bool:
    """The provider holds a newer version: take it in (fields merge), so that the next try writes on top of it. False if it
    could not be read."""
    kind = KINDS[change.kind]
    with db.tenant_session(tenant_id) as session:
        external_id = session.scalar(
            select(RemoteRecord.external_id).where(
                RemoteRecord.integration_id == change.integration_id,
                RemoteRecord.data_type == kind.__name__.lower(),
                RemoteRecord.local_id == change.local_id,
                RemoteRecord.deleted_at.is_(None),
            )
        )
    if external_id is None:
        return False
    try:
        record = service.call(tenant_id, change.integration_id, lambda account: account.get(kind, external_id))
    except RecordNotFound:
        pull.tombstone(tenant_id, change.integration_id, kind, external_id, as_of=clock.now())
        return True
    except ProviderError as error:
        log.info("newer_version_unread", error=type(error).__name__)
        return False
    pull.apply(tenant_id, change.integration_id, kind, [record], on_tie="take")
    with db.tenant_session(tenant_id) as session:
        row = _row(session, change)
        row.attempt += 1  # the body will differ, and a key is bound to its body
        row.first_sent_at = None
    return True


def _row(session: Session, change: Change) -> Change:
    return session.scalars(select(Change).where(Change.id == change.id).with_for_update()).one()
