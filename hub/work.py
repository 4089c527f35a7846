"""Durable work: claim rows, settle them, and decide what a failure means for the next try."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from sqlalchemy import ColumnElement, and_, or_, select, tuple_, update
from sqlalchemy.orm import Session

from hub import clock
from hub.models.base import WorkRow
from providers.errors import CircuitOpen, IntegrationRevoked, PermissionMissing, RateLimited, Rejected, Transient, Unsupported

LEASE_SECONDS = 60
MAX_RETRIES = 3
OUTAGE_PATIENCE = timedelta(hours=72)
FIRST_BACKOFF_SECONDS = 2.0
LONGEST_BACKOFF_SECONDS = 900.0
RECONNECT_RECHECK = timedelta(hours=6)

W = TypeVar("W", bound=WorkRow)

log = structlog.get_logger(__name__)
_jitter = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of work that failed. `park`: give up until a person retries; else try again at `due_at`."""

    park: bool
    due_at: datetime
    counted: bool
    reason: str


def is_open(model: type[W]) -> ColumnElement[bool]:
    """Rows neither done nor parked."""
    return and_(model.done_at.is_(None), model.parked_at.is_(None))


def is_due(model: type[W], now: datetime) -> ColumnElement[bool]:
    """Open rows whose time has come and that nobody holds."""
    return and_(is_open(model), model.due_at <= now, or_(model.lease_until.is_(None), model.lease_until < now))


def claim(
    session: Session,
    model: type[W],
    *where: ColumnElement[bool],
    limit: int = 1,
    lease_seconds: int = LEASE_SECONDS,
    order_by: Sequence[Any] = (),
) -> list[W]:
    """Lease due rows to this worker for `lease_seconds`; rows that another one holds are skipped.

    The caller commits at once (leaves its session), so that the lease is visible before any provider is called."""
    now = clock.now()
    keys = list(model.__mapper__.primary_key)  # type: ignore[attr-defined]
    chosen = (
        select(*keys)
        .where(is_due(model, now), *where)
        .order_by(*(order_by or (model.due_at, *keys)))
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    statement = (
        update(model)
        .where(tuple_(*keys).in_(select(*chosen.c)))
        .values(lease_until=now + timedelta(seconds=lease_seconds))
        .returning(model)
        .execution_options(synchronize_session=False)
    )
    rows = list(session.scalars(statement))
    sort_keys = [key.key for key in keys]
    return sorted(rows, key=lambda row: [getattr(row, name) for name in sort_keys])


def extend_lease(row: WorkRow, *, lease_seconds: int = LEASE_SECONDS) -> None:
    row.lease_until = clock.now() + timedelta(seconds=lease_seconds)


def settle_done(row: WorkRow) -> None:
    """The work is finished."""
    row.done_at = clock.now()
    row.lease_until = None
    row.waiting_since = None
    row.reason = None


def settle_error(row: WorkRow, error: Exception) -> Verdict:
    """Write on the row what the failure means; the caller logs and commits."""
    verdict = judge(error, attempts=row.attempts, waiting_since=row.waiting_since)
    now = clock.now()
    row.lease_until = None
    row.reason = verdict.reason
    if verdict.counted:
        row.attempts += 1
        row.waiting_since = None  # the provider answered: whatever outage there was has ended
    else:
        row.waiting_since = row.waiting_since or now
    if verdict.park:
        row.parked_at = now
    else:
        row.due_at = verdict.due_at
    return verdict


def judge(error: Exception, *, attempts: int, waiting_since: datetime | None) -> Verdict:
    """An outage or a rate limit is waited out, not counted; a refusal is parked at once; anything else gets three retries."""
    now = clock.now()
    if isinstance(error, RateLimited) and error.retry_after_seconds is not None:
        wait = timedelta(seconds=error.retry_after_seconds * (1 + _jitter.random() * 0.1))
        return Verdict(False, now + wait, False, "The provider asked us to slow down; this goes on by itself.")
    if isinstance(error, Transient):
        waited = now - waiting_since if waiting_since else timedelta()
        if waited > OUTAGE_PATIENCE:
            reason = "The provider could not be reached for three days. Press retry when it is back."
            return Verdict(True, now, False, reason)
        # The longer the outage, the longer the pause: a tenth of what was waited already.
        seconds = min(max(FIRST_BACKOFF_SECONDS, waited.total_seconds() / 10), LONGEST_BACKOFF_SECONDS)
        if isinstance(error, CircuitOpen):
            seconds = max(seconds, error.retry_after_seconds * (1.4 + _jitter.random() * 0.1))  # never before it ends
        return Verdict(False, now + _jittered(seconds), False, f"Waiting for the provider: {error.detail}")
    if isinstance(error, IntegrationRevoked):
        return Verdict(
            False, now + RECONNECT_RECHECK, False, "The connection has ended. Reconnect the account, and this goes on."
        )
    if isinstance(error, PermissionMissing | Rejected | Unsupported):
        return Verdict(True, now, True, error.detail)
    if attempts >= MAX_RETRIES:
        return Verdict(True, now, True, f"It failed {attempts + 1} times, last with: {_lay_reason(error)}")
    return Verdict(False, now + backoff(attempts), True, _lay_reason(error))


def backoff(attempts: int) -> timedelta:
    """Exponential with jitter: about 2, 8, 32 seconds."""
    return _jittered(min(FIRST_BACKOFF_SECONDS * 4**attempts, LONGEST_BACKOFF_SECONDS))


def retry(row: WorkRow) -> None:
    """A person asks for another round of tries."""
    row.parked_at = None
    row.done_at = None
    row.attempts = 0
    row.waiting_since = None
    row.due_at = clock.now()
    row.lease_until = None
    row.reason = None


def _jittered(seconds: float) -> timedelta:
    return timedelta(seconds=seconds * (0.75 + _jitter.random() * 0.5))


def _lay_reason(error: Exception) -> str:
    """Our own errors carry words for people; anything else is a bug whose text could hold anything."""
    detail = getattr(error, "detail", None)
    return detail if isinstance(detail, str) else f"an unexpected problem on our side ({type(error).__name__})"
