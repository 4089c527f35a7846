"""The one way in for whatever a provider says: a page of records becomes rows of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub import clock, db, rowset
from hub.ledger.settle import settle
from hub.models import Cursor
from providers.records import Record
from sync.arrivals.arrival import SAME_SECOND, Arrival, Arrivals, Outcome, Stored, judge
from sync.kinds import KINDS, Kind, arrival

OnTie = Literal["report", "take"]

# hashtext: the lock space is ours alone; a collision only makes two integrations take turns.
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('payhub.pull'), %(integration_id)s::int)"
# Looked up one by one through the key: on a table that was never analysed, `= ANY` was planned as a scan.
_STORED = """
SELECT d.* FROM unnest(%(ids)s::text[]) AS wanted(id) CROSS JOIN LATERAL (
    SELECT external_id, version, changed_at, as_of, fingerprint, local_id, deleted_at, base::text
    FROM integration_data
    WHERE integration_id = %(integration_id)s AND data_type = %(data_type)s AND external_id = wanted.id FOR UPDATE) d
"""
_COLUMNS = {
    "external_id": "text",
    "data": "jsonb",
    "version": "text",
    "changed_at": "timestamptz",
    "provider_created_at": "timestamptz",
    "as_of": "timestamptz",
    "fingerprint": "bytea",
    "base": "jsonb",
    "local_id": "bigint",
    "group_key": "text",
    "deleted_at": "timestamptz",
    "merged_into": "text",
}
_STORE = f"""
INSERT INTO integration_data AS d (tenant_id, integration_id, data_type, {", ".join(_COLUMNS)}, first_seen_at, seen_at)
SELECT %(tenant_id)s, %(integration_id)s, %(data_type)s, {", ".join(_COLUMNS)}, %(now)s, %(now)s FROM {{rows}} r
ORDER BY external_id
ON CONFLICT (tenant_id, integration_id, data_type, external_id) DO UPDATE SET
    data = excluded.data, version = excluded.version, changed_at = excluded.changed_at,
    provider_created_at = coalesce(excluded.provider_created_at, d.provider_created_at),
    as_of = greatest(excluded.as_of, d.as_of), fingerprint = excluded.fingerprint, base = excluded.base,
    local_id = coalesce(excluded.local_id, d.local_id), group_key = coalesce(excluded.group_key, d.group_key),
    deleted_at = excluded.deleted_at, merged_into = excluded.merged_into, seen_at = excluded.seen_at
"""
# An unchanged object was still true at that moment: an older fact that comes late must lose against it.
_STILL_TRUE = """
UPDATE integration_data d SET as_of = r.as_of, seen_at = %(now)s FROM {rows} r
WHERE d.integration_id = %(integration_id)s AND d.data_type = %(data_type)s AND d.external_id = r.external_id
  AND d.as_of < r.as_of
"""


@dataclass(slots=True)
class ApplyCounts:
    """What became of a page. `outcomes`: external id -> created, updated, unchanged (an echo too), stale (an older fact: dropped)
    or tied (another fact of the same second is stored and differs: nothing was written, `Account.get` must settle it)."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def count(self, outcome: Outcome) -> int:
        return sum(1 for found in self.outcomes.values() if found == outcome)

    @property
    def tied(self) -> list[str]:
        return [external_id for external_id, outcome in self.outcomes.items() if outcome == "tied"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorMove:
    """Where the reading of one kind stands once this page is in (see hub.models.sync.Cursor). high_water None: as it was."""

    part: str
    cursor: str | None
    started_at: datetime
    high_water: datetime | None = None
    done: bool = False
    sync_run_id: int | None = None


def apply(
    tenant_id: int,
    integration_id: int,
    kind: type[Record],
    records: Sequence[Record],
    *,
    cursor: CursorMove | None = None,
    on_tie: OnTie = "report",
) -> ApplyCounts:
    """Store a page of records of one kind and what follows from them, in one transaction that also moves the cursor.

    on_tie: what to do with a record that is neither older nor newer than the stored one but differs: "report" leaves the row
    alone (see ApplyCounts.tied), "take" believes it; pass "take" with the answer of an `Account.get` made to settle a tie.
    A kind that the engine does not keep leaves nothing behind."""
    with db.tenant_session(tenant_id) as session:
        counts = apply_in(session, tenant_id, integration_id, kind, records, on_tie=on_tie)
        if cursor is not None:
            move_cursor(session, tenant_id, integration_id, kind, cursor)
    return counts


def apply_in(
    session: Session,
    tenant_id: int,
    integration_id: int,
    kind: type[Record],
    records: Sequence[Record],
    *,
    on_tie: OnTie = "report",
    sent: Mapping[str, Any] | None = None,
) -> ApplyCounts:
    """`apply` inside the caller's transaction (a tenant session), which then settles its own rows with it. sent: the records
    answer a write of ours that said these fields."""
    engine = KINDS.get(kind)
    # What we are still making there is no fact yet: linked by its reference it would pass for the finished one.
    records = [record for record in records if not getattr(record, "unfinished", False)]
    if engine is None or not records:
        return ApplyCounts()
    page = _open_page(session, tenant_id, integration_id)
    items = _newest_of_each(records)
    stored = _load(page, engine, list(items))
    counts = ApplyCounts()
    for external_id, item in items.items():
        item.stored = stored.get(external_id)
        item.sent = sent
        item.local_id = item.stored.local_id if item.stored else None
        counts.outcomes[external_id] = judge(item, item.stored, take_ties=on_tie == "take")
    changed = [item for item in items.values() if counts.outcomes[item.id] in ("created", "updated")]
    page.items = [item for item in changed if not item.deleted]
    if page.items:
        engine.absorb(page)
    gone = [item for item in changed if item.deleted]
    redrawn = [item for item in items.values() if item.only_document_differs]
    if changed or redrawn:
        _store(page, engine, [_stored_row(item) for item in (*changed, *redrawn)])
    _remove(page, engine, [item.local_id for item in gone if item.local_id is not None])
    same = [item for item in items.values() if counts.outcomes[item.id] == "unchanged" and not item.only_document_differs]
    _still_true(page, engine, same)
    _settle(page)
    return counts


def tombstone(tenant_id: int, integration_id: int, kind: type[Record], external_id: str, *, as_of: datetime) -> Outcome:
    """The record is gone at the provider since `as_of`; an unknown one is remembered as gone. Only a newer fact lifts it."""
    return _bury(tenant_id, integration_id, kind, external_id, as_of=as_of, merged_into=None)


def merged(tenant_id: int, integration_id: int, kind: type[Record], external_id: str, *, into: str, as_of: datetime) -> Outcome:
    """The record was merged into another one at the provider: a tombstone that names the survivor; what names the old one
    belongs to the survivor's row from now on."""
    return _bury(tenant_id, integration_id, kind, external_id, as_of=as_of, merged_into=into)


def move_cursor(session: Session, tenant_id: int, integration_id: int, kind: type[Record], move: CursorMove) -> None:
    """Write where the reading stands; in the transaction of the page it follows."""
    values = {
        "cursor": move.cursor,
        "started_at": move.started_at,
        "done_at": clock.now() if move.done else None,
        "sync_run_id": move.sync_run_id,
    }
    if move.high_water is not None:
        values["high_water"] = move.high_water
    key = {
        "tenant_id": tenant_id,
        "integration_id": integration_id,
        "data_type": KINDS[kind].data_type,
        "part": move.part,
    }
    session.execute(insert(Cursor).values(**key, **values).on_conflict_do_update(index_elements=list(key), set_=values))


def _open_page(session: Session, tenant_id: int, integration_id: int) -> Arrivals:
    """One page of an integration at a time: then what was read before writing is still so when it is written."""
    rowset.execute(session, _ONE_AT_A_TIME, integration_id=integration_id)
    return Arrivals(session=session, tenant_id=tenant_id, integration_id=integration_id, now=clock.now(), items=[])


def _newest_of_each(records: Sequence[Record]) -> dict[str, Arrival]:
    items: dict[str, Arrival] = {}
    for record in records:
        if record.id not in items or items[record.id].record.as_of <= record.as_of:
            items[record.id] = arrival(record)
    return items


def _load(page: Arrivals, kind: Kind, ids: list[str]) -> dict[str, Stored]:
    found = rowset.execute(page.session, _STORED, integration_id=page.integration_id, data_type=kind.data_type, ids=sorted(ids))
    return {external_id: Stored(*columns) for external_id, *columns in found}


def _stored_row(item: Arrival) -> dict[str, Any]:
    record = item.record
    return {
        "external_id": record.id,
        "data": item.data,
        "version": record.version,
        "changed_at": record.changed_at,
        "provider_created_at": record.created_at,
        "as_of": record.as_of,
        "fingerprint": item.fingerprint,
        "base": item.fields_text,
        "local_id": item.local_id,
        "group_key": item.group_key,
        "deleted_at": record.as_of if item.deleted else None,
    }


def _store(page: Arrivals, kind: Kind, rows: Sequence[dict[str, Any]]) -> None:
    rowset.run(
        page.session,
        _STORE,
        _COLUMNS,
        rows,
        tenant_id=page.tenant_id,
        integration_id=page.integration_id,
        data_type=kind.data_type,
        now=page.now,
    )


def _still_true(page: Arrivals, kind: Kind, items: Sequence[Arrival]) -> None:
    rows = [{"external_id": item.id, "as_of": item.record.as_of} for item in items]
    if rows:
        rowset.run(
            page.session,
            _STILL_TRUE,
            {"external_id": "text", "as_of": "timestamptz"},
            rows,
            integration_id=page.integration_id,
            data_type=kind.data_type,
            now=page.now,
        )


def _remove(page: Arrivals, kind: Kind, local_ids: Sequence[int]) -> None:
    if local_ids and kind.remove is not None:
        kind.remove(page, local_ids)


def _settle(page: Arrivals) -> None:
    settle(page.session, invoice_ids=page.touched.invoice_ids, payment_ids=page.touched.payment_ids)


def _bury(
    tenant_id: int, integration_id: int, record_kind: type[Record], external_id: str, *, as_of: datetime, merged_into: str | None
) -> Outcome:
    kind = KINDS.get(record_kind)
    if kind is None:
        return "unchanged"
    with db.tenant_session(tenant_id) as session:
        page = _open_page(session, tenant_id, integration_id)
        stored = _load(page, kind, [external_id, *([merged_into] if merged_into else [])])
        known = stored.get(external_id)
        if known is not None:
            if known.deleted_at is not None:
                return "unchanged"
            if as_of < known.as_of - SAME_SECOND:
                return "stale"
        survivor = stored[merged_into].local_id if merged_into and merged_into in stored else None
        if known is None:
            blank = {"external_id": external_id, "data": "{}", "fingerprint": b"", "as_of": as_of, "local_id": survivor}
            _store(page, kind, [{**blank, "deleted_at": as_of, "merged_into": merged_into}])
            return "created"
        rowset.execute(
            session,
            "UPDATE integration_data SET deleted_at = %(as_of)s, as_of = greatest(as_of, %(as_of)s), seen_at = %(now)s,"
            " merged_into = %(merged_into)s, local_id = coalesce(%(survivor)s, local_id)"
            " WHERE integration_id = %(integration_id)s AND data_type = %(data_type)s AND external_id = %(external_id)s",
            integration_id=integration_id,
            data_type=kind.data_type,
            external_id=external_id,
            as_of=as_of,
            now=page.now,
            merged_into=merged_into,
            survivor=survivor,
        )
        if known.local_id is not None:
            _remove(page, kind, [known.local_id])
        _settle(page)
    return "updated"
