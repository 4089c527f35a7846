"""One round of one integration: push, catch up, then read every kind, page by page, until nothing is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from hub import clock, db, drift_report, rowset, work
from hub.integrations import service
from hub.models import Integration, MissingReference, SyncRun
from providers.contract import Verb
from providers.errors import CursorExpired, IntegrationRevoked, ProviderError, RecordNotFound, Transient
from providers.records import Page, Record
from sync import pull, readings
from sync.kinds import BY_DATA_TYPE, KINDS
from sync.push import push_integration
from sync.readings import Reading

LEASE_SECONDS = 120
RESTARTS_MAX = 3  # of one reading whose cursor expired
REFERENCES_PER_RUN = 1000
ANALYSE_AFTER_PAGES = frozenset([1, 4, 16, 64, 256])  # of each reading, for each fills other tables; see migration 0003
ALL = "all"
# What one odd record can cause; then the page is stored record by record, and only the odd one is left out.
UNSTORABLE = (DataError, IntegrityError, ValueError, TypeError, KeyError)

Catchup = Callable[[int, int], object]

log = structlog.get_logger(__name__)
_catchups: list[Catchup] = []


class RunEnded(Exception):
    """The run was ended from outside (a disconnect) while it was at work."""


def register_catchup(catchup: Catchup | None) -> None:
    """Have `catchup(tenant_id, integration_id)` run in each round before anything is read: missed events, from above. None:
    no catch-up."""
    _catchups[:] = [catchup] if catchup is not None else []


def run(tenant_id: int, sync_run_id: int) -> None:
    """Do a sync run, or what is left of it. Nothing if it is finished or another worker is at it.

    What goes wrong is written on its row: an outage or a rate limit makes it due later, anything final ends it as failed."""
    claimed = _claim(tenant_id, sync_run_id)
    if claimed is None:
        return
    round_ = Round(tenant_id, claimed)
    structlog.contextvars.bind_contextvars(sync_run_id=sync_run_id, integration_id=claimed.integration_id)
    try:
        round_.go()
    except RunEnded:
        log.info("sync_run_ended_from_outside")
    except Exception as error:
        _fail(tenant_id, claimed, error)
    finally:
        drift_report.keep()
        structlog.contextvars.unbind_contextvars("sync_run_id", "integration_id")


def _claim(tenant_id: int, sync_run_id: int) -> SyncRun | None:
    with db.tenant_session(tenant_id) as session:
        for row in work.claim(session, SyncRun, SyncRun.id == sync_run_id, lease_seconds=LEASE_SECONDS):
            row.started_at = row.started_at or clock.now()
            return row
    return None


def _fail(tenant_id: int, run_row: SyncRun, error: Exception) -> None:
    with db.tenant_session(tenant_id) as session:
        row = _locked(session, run_row)
        verdict = work.settle_error(row, error)
        if verdict.park or isinstance(error, IntegrationRevoked):
            # A parked run would hold up all later ones; so it ends, says why, and the next round tries anew.
            row.parked_at = None
            row.done_at = clock.now()
            row.outcome = "failed"
    if isinstance(error, ProviderError):
        log.warning("sync_run_interrupted", error=type(error).__name__, ended=row.outcome is not None)
    else:
        log.exception("sync_run_broke", error=type(error).__name__, ended=row.outcome is not None)


def _locked(session: Session, run_row: SyncRun) -> SyncRun:
    row = session.scalars(select(SyncRun).where(SyncRun.id == run_row.id).with_for_update()).one()
    if row.done_at is not None:
        raise RunEnded
    return row


class Round:
    """The work of one claimed run."""

    def __init__(self, tenant_id: int, run_row: SyncRun) -> None:
        self.tenant_id = tenant_id
        self.run = run_row
        self.integration_id = run_row.integration_id
        self.started_at: datetime = run_row.started_at or clock.now()
        self._pages = 0

    def go(self) -> None:
        provider, _ = service.open_account(self.tenant_id, self.integration_id)
        push_integration(self.tenant_id, self.integration_id)
        self._beat()
        for catchup in _catchups:
            catchup(self.tenant_id, self.integration_id)
            self._beat()
        kinds = [kind for kind in self._kinds(self.run.scope) if provider.supports(Verb.LIST, kind)]
        self._expect(kinds)
        for kind in kinds:
            self._read_kind(kind)
        self._close_references()
        self._complete()

    def _kinds(self, scope: str = ALL) -> list[type[Record]]:
        """The kinds of a scope that the tenant has left switched on."""
        with db.tenant_session(self.tenant_id) as session:
            integration = service.get(session, self.integration_id)
        kinds = KINDS if scope == ALL else [BY_DATA_TYPE[scope]]
        return [kind for kind in kinds if KINDS[kind].is_on(integration.config)]

    def _read_kind(self, kind: type[Record]) -> None:
        with db.tenant_session(self.tenant_id) as session:
            integration = service.get(session, self.integration_id)
            planned = readings.plan(session, integration, self.run, kind, started_at=self.started_at)
        for reading in planned:
            self._read(reading)
        mark = pull.CursorMove(
            part=readings.MARK,
            cursor=None,
            started_at=self.started_at,
            high_water=self.started_at,
            done=True,
            sync_run_id=self.run.id,
        )
        with db.tenant_session(self.tenant_id) as session:
            pull.move_cursor(session, self.tenant_id, self.integration_id, kind, mark)
            _progress(_locked(session, self.run), kind, finished=True)

    def _read(self, reading: Reading) -> None:
        """Page by page; the next page is fetched while this one is stored. One page repeats after a crash."""
        with db.tenant_session(self.tenant_id) as session:
            finished, cursor = readings.standing(session, reading, self.run)
        if finished:
            return
        self._pages = restarts = 0
        with ThreadPoolExecutor(1, "fetch") as fetcher:
            coming = fetcher.submit(self._fetch, reading, cursor)
            while True:
                try:
                    page = coming.result()
                except CursorExpired as expired:
                    restarts += 1
                    if restarts > RESTARTS_MAX:
                        raise Transient("The provider's listing cannot be read to its end in time.") from expired
                    coming = fetcher.submit(self._fetch, reading, None)
                    continue
                following = self._prefetch(fetcher, reading, page)
                self._store(reading, page)
                if following is None:
                    return
                coming = following

    def _prefetch(self, fetcher: ThreadPoolExecutor, reading: Reading, page: Page[Record]) -> Future[Page[Record]] | None:
        return fetcher.submit(self._fetch, reading, page.next_cursor) if page.next_cursor is not None else None

    def _fetch(self, reading: Reading, cursor: str | None) -> Page[Record]:
        return service.call(self.tenant_id, self.integration_id, lambda account: reading.page(account, cursor))

    def _store(self, reading: Reading, page: Page[Record]) -> None:
        move = pull.CursorMove(
            part=reading.part,
            cursor=page.next_cursor,
            started_at=self.started_at,
            done=page.next_cursor is None,
            sync_run_id=self.run.id,
        )
        try:
            counts = self._apply(reading.kind, page.records, move)
        except UNSTORABLE as error:
            log.warning("page_unstorable", kind=KINDS[reading.kind].data_type, error=type(error).__name__)
            counts = self._store_one_by_one(reading.kind, page.records, move)
        if counts.tied:
            self._settle_ties(reading.kind, page.records, frozenset(counts.tied))
        self._pages += 1
        if self._pages in ANALYSE_AFTER_PAGES and counts.count("created"):
            with db.tenant_session(self.tenant_id) as session:
                rowset.execute(session, "SELECT payhub_refresh_statistics()")

    def _apply(
        self, kind: type[Record], records: Iterable[Record], move: pull.CursorMove | None, *, errors: int = 0
    ) -> pull.ApplyCounts:
        """Records, cursor, counts and lease in one transaction."""
        with db.tenant_session(self.tenant_id) as session:
            counts = pull.apply_in(session, self.tenant_id, self.integration_id, kind, list(records))
            if move is not None:
                pull.move_cursor(session, self.tenant_id, self.integration_id, kind, move)
            row = _locked(session, self.run)
            _count(row, kind, counts, errors)
            work.extend_lease(row, lease_seconds=LEASE_SECONDS)
        return counts

    def _store_one_by_one(self, kind: type[Record], records: Iterable[Record], move: pull.CursorMove) -> pull.ApplyCounts:
        whole, errors = pull.ApplyCounts(), 0
        for record in records:
            try:
                whole.outcomes.update(self._apply(kind, [record], None).outcomes)
            except UNSTORABLE as error:
                errors += 1
                name = KINDS[kind].data_type
                log.error("record_unstorable", kind=name, external_id=record.id, error=type(error).__name__)
        self._apply(kind, [], move, errors=errors)
        return whole

    def _settle_ties(self, kind: type[Record], records: Iterable[Record], tied: frozenset[str]) -> None:
        """Two facts of one second differ: the provider's word of now decides, or this page's where none can be read alone."""
        provider, _ = service.open_account(self.tenant_id, self.integration_id)
        if not provider.supports(Verb.GET, kind):
            listed = [record for record in records if record.id in tied]
            pull.apply(self.tenant_id, self.integration_id, kind, listed, on_tie="take")
            return
        for external_id in tied:
            self._read_one(kind, external_id)

    def _read_one(self, kind: type[Record], external_id: str) -> None:
        try:
            record = service.call(self.tenant_id, self.integration_id, lambda account: account.get(kind, external_id))
        except RecordNotFound:
            pull.tombstone(self.tenant_id, self.integration_id, kind, external_id, as_of=clock.now())
            return
        pull.apply(self.tenant_id, self.integration_id, kind, [record], on_tie="take")

    def _close_references(self) -> None:
        """Fetch what records of ours name and no listing brought: an old invoice's customer, a refund's old payment."""
        provider, _ = service.open_account(self.tenant_id, self.integration_id)
        switched_on = self._kinds()
        for _ in range(REFERENCES_PER_RUN):
            missing = self._next_missing()
            if missing is None:
                return
            wanted_type, wanted_id = missing
            kind = BY_DATA_TYPE[wanted_type]
            if provider.supports(Verb.GET, kind) and kind in switched_on:
                self._fetch_missing(kind, wanted_id)
            self._looked(wanted_type, wanted_id)

    def _next_missing(self) -> tuple[str, str] | None:
        with db.tenant_session(self.tenant_id) as session:
            found = session.execute(
                select(MissingReference.wanted_type, MissingReference.wanted_id)
                .where(MissingReference.integration_id == self.integration_id, MissingReference.looked_at.is_(None))
                .order_by(MissingReference.since)
                .limit(1)
            ).first()
        return (found[0], found[1]) if found else None

    def _fetch_missing(self, kind: type[Record], external_id: str) -> None:
        try:
            record = service.call(self.tenant_id, self.integration_id, lambda account: account.get(kind, external_id))
        except RecordNotFound:
            return
        self._apply(kind, [record], None)

    def _looked(self, wanted_type: str, wanted_id: str) -> None:
        with db.tenant_session(self.tenant_id) as session:
            rowset.execute(
                session,
                "UPDATE missing_references SET looked_at = %(now)s WHERE integration_id = %(integration_id)s"
                " AND wanted_type = %(wanted_type)s AND wanted_id = %(wanted_id)s",
                now=clock.now(),
                integration_id=self.integration_id,
                wanted_type=wanted_type,
                wanted_id=wanted_id,
            )

    def _expect(self, kinds: Iterable[type[Record]]) -> None:
        """Show at once what there is to do."""
        with db.tenant_session(self.tenant_id) as session:
            row = _locked(session, self.run)
            for kind in kinds:
                _progress(row, kind)
                _count(row, kind, pull.ApplyCounts(), 0)

    def _beat(self) -> None:
        with db.tenant_session(self.tenant_id) as session:
            work.extend_lease(_locked(session, self.run), lease_seconds=LEASE_SECONDS)

    def _complete(self) -> None:
        with db.tenant_session(self.tenant_id) as session:
            # The integration before its run: a disconnect locks them in this order, and the other way round they deadlock.
            integration = session.scalars(
                select(Integration).where(Integration.id == self.integration_id).with_for_update()
            ).one()
            row = _locked(session, self.run)
            work.settle_done(row)
            row.outcome = "completed"
            if self.run.scope == ALL:
                integration.last_sync_at = clock.now()
        log.info("sync_run_completed", counts=row.counts)


def _count(row: SyncRun, kind: type[Record], counts: pull.ApplyCounts, errors: int) -> None:
    name = KINDS[kind].data_type
    before: dict[str, int] = row.counts.get(name) or dict.fromkeys(("seen", "created", "updated", "errors"), 0)
    seen = len(counts.outcomes)
    after = {
        "seen": before["seen"] + seen + errors,
        "created": before["created"] + counts.count("created"),
        "updated": before["updated"] + counts.count("updated"),
        "errors": before["errors"] + errors,
    }
    row.counts = {**row.counts, name: after}
    if seen or errors:
        _progress(row, kind, more=seen + errors)


def _progress(row: SyncRun, kind: type[Record], *, more: int = 0, finished: bool = False) -> None:
    name = KINDS[kind].data_type
    before: dict[str, Any] = row.progress.get(name) or {"done": 0, "expected": None, "finished": False}
    done = before["done"] + more
    expected = done if finished else before["expected"]
    row.progress = {**row.progress, name: {"done": done, "expected": expected, "finished": finished or before["finished"]}}
