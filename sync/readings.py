"""What a round has to read of one kind, and where each reading stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.integrations.service import provider_of
from hub.models import Cursor, Integration, RemoteRecord, SyncRun
from providers.contract import Account
from providers.records import Invoice, Page, Payout, PayoutEntry, Record, Window
from sync.kinds import KINDS, WHOLE

OVERLAP = timedelta(minutes=5)  # providers index late, and their clocks are not ours
REOPEN_AFTER = timedelta(hours=20)  # open invoices are listed anew once a day, whatever the changes said
FEED_REACH = timedelta(days=28)  # the shorter of what the providers' events feeds keep (Square docs: events-api; Stripe 30)
MARK = ""  # the part that holds a kind's high-water mark


@dataclass(frozen=True, slots=True)
class Reading:
    """One listing from its first page to its last. part: its name among the cursors. only_before: what was created since then
    is left out, because another reading of the same round has just brought it; None: nothing is. parent_id: the record within
    which it lists (a payout's entries)."""

    kind: type[Record]
    part: str
    created: Window | None = None
    changed_since: datetime | None = None
    open_only: bool = False
    only_before: datetime | None = None
    parent_id: str | None = None

    def page(self, account: Account, cursor: str | None) -> Page[Record]:
        options: dict[str, Any] = {}
        if self.created is not None:
            options["created"] = self.created
        if self.changed_since is not None:
            options["changed_since"] = self.changed_since
        if self.open_only:
            options["open_only"] = True
        if self.parent_id is not None:
            options["parent_id"] = self.parent_id
        page = account.list(self.kind, cursor=cursor, **options)
        edge = self.only_before
        if edge is None:
            return page
        kept = tuple(record for record in page.records if record.created_at is None or record.created_at < edge)
        return Page(records=kept, next_cursor=page.next_cursor)


def plan(session: Session, integration: Integration, run: SyncRun, kind: type[Record], *, started_at: datetime) -> list[Reading]:
    """The readings of one kind in this run: everything the first time and on a full run, else what changed since the mark.

    The same for every try of one run: the mark moves only once the kind is through."""
    if kind is PayoutEntry:
        return _entries_awaited(session, integration)
    found = {row.part: row for row in _cursors(session, integration.id, kind)}
    mark = found[MARK].high_water if MARK in found else None
    if run.full or mark is None:
        return _load(kind, started_at, int(integration.config.get("history_days", 90)))
    if KINDS[kind].relisted is not None:
        return _relist(kind, found.get("again"), mark, run, started_at)
    provider = provider_of(integration)
    if provider.lists_changes:
        readings = [Reading(kind, "changes", changed_since=mark - OVERLAP)]
    elif started_at - mark < FEED_REACH:
        # The round's catch-up has brought the changes; what is new is listed beside it, at the price of one page.
        readings = [Reading(kind, "changes", created=Window(since=mark - OVERLAP))]
        if not provider.capabilities[kind].told_by_events and _is_due(found.get("again"), run, started_at):
            readings.append(Reading(kind, "again", only_before=mark - OVERLAP))
    else:
        return _load(kind, started_at, int(integration.config.get("history_days", 90)))
    if kind is Invoice and _is_due(found.get("open"), run, started_at):
        readings.append(Reading(kind, "open", open_only=True))
    return readings


def _load(kind: type[Record], started_at: datetime, history_days: int) -> list[Reading]:
    if not KINDS[kind].windowed:
        return [Reading(kind, "all")]
    since = started_at - timedelta(days=history_days)
    readings = [Reading(kind, "window", created=Window(since=since))]
    if kind is Invoice:
        readings.append(Reading(kind, "open", open_only=True, only_before=since))
    return readings


def _relist(kind: type[Record], last: Cursor | None, mark: datetime, run: SyncRun, started_at: datetime) -> list[Reading]:
    """Once a day, beside what events tell: of some kinds a status moves without one (Stripe and Square docs: payouts)."""
    back = KINDS[kind].relisted
    since = mark if last is None or last.done_at is None else last.done_at
    if back is None or (started_at - since < REOPEN_AFTER and not (last is not None and _goes_on(last, run))):
        return []
    return [Reading(kind, "again", created=None if back == WHOLE else Window(since=started_at - back))]


def _entries_awaited(session: Session, integration: Integration) -> list[Reading]:
    """Of each complete payout once: what is in it does not change any more."""
    read = select(Cursor.part).where(
        Cursor.integration_id == integration.id,
        Cursor.data_type == KINDS[PayoutEntry].data_type,
        Cursor.done_at.is_not(None),
    )
    awaited = session.scalars(
        select(RemoteRecord.external_id)
        .where(
            RemoteRecord.integration_id == integration.id,
            RemoteRecord.data_type == KINDS[Payout].data_type,
            RemoteRecord.deleted_at.is_(None),
            RemoteRecord.base["is_complete"].as_boolean(),
            RemoteRecord.external_id.not_in(read),
        )
        .order_by(RemoteRecord.provider_created_at, RemoteRecord.external_id)
    )
    return [Reading(PayoutEntry, payout_id, parent_id=payout_id) for payout_id in awaited]


def standing(session: Session, reading: Reading, run: SyncRun) -> tuple[bool, str | None]:
    """(whether this run has finished the reading, the cursor to go on from: None at its beginning)."""
    for row in _cursors(session, run.integration_id, reading.kind):
        if row.part == reading.part and row.sync_run_id == run.id:
            return row.done_at is not None, row.cursor
    return False, None


def _is_due(last: Cursor | None, run: SyncRun, started_at: datetime) -> bool:
    """Of what is read once a day: never yet, or long ago, or begun in this run."""
    return last is None or last.done_at is None or started_at - last.done_at > REOPEN_AFTER or _goes_on(last, run)


def _goes_on(row: Cursor, run: SyncRun) -> bool:
    return row.sync_run_id == run.id


def _cursors(session: Session, integration_id: int, kind: type[Record]) -> Sequence[Cursor]:
    return session.scalars(
        select(Cursor).where(Cursor.integration_id == integration_id, Cursor.data_type == KINDS[kind].data_type)
    ).all()
