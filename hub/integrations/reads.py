"""How many reads each integration makes, where its provider grants only so many.

Counted in Redis (in the process while Redis is away) and added to PostgreSQL every few seconds, one statement for all. What
a lost Redis or a killed process had not handed over is missing: the count is for a warning, and approximate."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

import structlog
from redis import Redis
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hub import clock, db, rowset
from hub.models import Integration, Payment, ProviderReads
from hub.shared_state import SharedState
from providers.contract import ReadAllowance

WINDOW = timedelta(days=30)
WARNING_SHARE = 0.8
KEPT_AT_MOST_SECONDS = 10.0

_KEY = "payhub:reads"
_COUNT = "return redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])"
_DRAIN = "local all = redis.call('HGETALL', KEYS[1]) redis.call('DEL', KEYS[1]) return all"
_ADD = """
INSERT INTO provider_reads AS kept (tenant_id, integration_id, day, reads)
SELECT r.tenant_id, r.integration_id, r.day, r.reads FROM {rows} AS r
  JOIN integrations i ON i.tenant_id = r.tenant_id AND i.id = r.integration_id
 ORDER BY 1, 2, 3
ON CONFLICT (tenant_id, integration_id, day) DO UPDATE SET reads = kept.reads + excluded.reads
"""

Counts = Counter[tuple[int, int, date]]

log = structlog.get_logger(__name__)


class ReadCounter:
    """One process's way of counting; the counts themselves are shared while Redis is there."""

    def __init__(self, redis: Redis | None) -> None:
        self._shared = SharedState(redis)
        self._local: Counts = Counter()
        self._handed_over_at = clock.monotonic()
        self._lock = threading.Lock()

    def count(self, tenant_id: int, integration_id: int) -> None:
        """No transaction may be open: what had to be kept here for too long is stored now."""
        day = clock.now().date()
        if self._shared.run(_COUNT, [_KEY], [f"{tenant_id}:{integration_id}:{day.isoformat()}", 1]) is None:
            with self._lock:
                self._local[(tenant_id, integration_id, day)] += 1
        if self._local and clock.monotonic() - self._handed_over_at > KEPT_AT_MOST_SECONDS:
            self.hand_over()

    def hand_over(self) -> int:
        """Add what was counted to PostgreSQL; how many reads that were. If the database is away they are kept here."""
        with self._lock:
            counts, self._local = self._local, Counter()
            self._handed_over_at = clock.monotonic()
        found = self._shared.run(_DRAIN, [_KEY], []) or []
        for name, number in zip(found[::2], found[1::2], strict=True):
            tenant_id, integration_id, day = name.decode().split(":")
            counts[(int(tenant_id), int(integration_id), date.fromisoformat(day))] += int(number)
        if not counts:
            return 0
        try:
            _store(counts)
        except SQLAlchemyError as error:
            log.warning("reads_not_stored", error=type(error).__name__)
            with self._lock:
                self._local += counts
            return 0
        return counts.total()


def _store(counts: Counts) -> None:
    rows = [
        {"tenant_id": tenant_id, "integration_id": integration_id, "day": day, "reads": number}
        for (tenant_id, integration_id, day), number in counts.items()
    ]
    columns = {"tenant_id": "bigint", "integration_id": "bigint", "day": "date", "reads": "bigint"}
    with db.system_session() as session:
        rowset.run(session, _ADD, columns, rows)


@dataclass(frozen=True, slots=True)
class ReadStanding:
    """Reads within the last 30 days, and how many the provider grants for that time."""

    used: int
    allowed: int

    @property
    def near_the_end(self) -> bool:
        return self.used >= self.allowed * WARNING_SHARE


def standing(session: Session, row: Integration, allowance: ReadAllowance) -> ReadStanding:
    """As far as it is counted: some seconds ago."""
    since = clock.now() - WINDOW
    used = session.scalar(
        select(func.coalesce(func.sum(ProviderReads.reads), 0)).where(
            ProviderReads.integration_id == row.id, ProviderReads.day > since.date()
        )
    )
    payments = session.scalar(
        select(func.count()).select_from(Payment).where(Payment.integration_id == row.id, Payment.paid_at >= since)
    )
    return ReadStanding(int(used or 0), max(allowance.floor, allowance.reads_per_payment * int(payments or 0)))
