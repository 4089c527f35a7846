"""One incoming record beside what we have stored of it, and the page it came in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Literal

import orjson
from sqlalchemy.orm import Session

from hub import rowset
from hub.redaction import as_kept
from providers.records import Record

Outcome = Literal["created", "updated", "unchanged", "stale", "tied"]
Fields = Mapping[str, Any]

SAME_SECOND = timedelta(seconds=1)  # providers stamp answers and events to the second: within one, order is not known
DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Stored:
    """What integration_data holds of one object. base: JSON text of the mapped fields at the last agreement."""

    version: str | None
    changed_at: datetime | None
    as_of: datetime
    fingerprint: bytes
    local_id: int | None
    deleted_at: datetime | None
    base: str | None


@dataclass(slots=True)
class Arrival:
    """One record on its way in. fields_text, data: the mapped fields and the document as JSON text. local_id: our row, known
    once linked or created. sent: the fields of ours that this record answers, None where it answers no write."""

    record: Record
    fields: Fields
    fields_text: str
    data: str
    fingerprint: bytes
    group_key: str | None
    stored: Stored | None = None
    local_id: int | None = None
    sent: Fields | None = None

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def base(self) -> dict[str, Any] | None:
        """The fields both sides last agreed on; None before the first agreement."""
        if self.stored is None or self.stored.base is None:
            return None
        base: dict[str, Any] = orjson.loads(self.stored.base)
        return base

    def agreed(self, ours: Fields) -> Fields | None:
        """The base of a merge with our row as it is now. What was sent and stays so is agreed, however the provider writes it;
        what we changed again while the answer was on its way is an edit of ours that is still to go out."""
        if self.sent is None:
            return self.base
        fresh = {name: value if ours.get(name) == value else self.fields[name] for name, value in self.sent.items()}
        return {**(self.base or {}), **fresh}

    @property
    def deleted(self) -> bool:
        return bool(getattr(self.record, "deleted", False))

    @property
    def says_the_same(self) -> bool:
        """Nothing to absorb; the document may still differ in what we do not map."""
        if self.stored is None or self.deleted != (self.stored.deleted_at is not None):
            return False
        return self.fingerprint[:DIGEST_BYTES] == self.stored.fingerprint[:DIGEST_BYTES]

    @property
    def only_document_differs(self) -> bool:
        if self.stored is None or not self.says_the_same:
            return False
        return self.fingerprint != self.stored.fingerprint and self.record.as_of >= self.stored.as_of


@dataclass(slots=True)
class Touched:
    """Rows whose money may have moved."""

    invoice_ids: set[int] = field(default_factory=set)
    payment_ids: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Arrivals:
    """Those records of a page that say something new, in one transaction of one integration."""

    session: Session
    tenant_id: int
    integration_id: int
    now: datetime
    items: Sequence[Arrival]
    touched: Touched = field(default_factory=Touched)

    def local_ids(self, data_type: str, external_ids: Iterable[str]) -> dict[str, int]:
        """Our rows of those provider objects that we have linked."""
        wanted = sorted(set(external_ids))
        if not wanted:
            return {}
        found = rowset.execute(
            self.session,
            "SELECT d.* FROM unnest(%(wanted)s::text[]) AS wanted(id) CROSS JOIN LATERAL ("
            " SELECT external_id, local_id FROM integration_data WHERE integration_id = %(integration_id)s"
            " AND data_type = %(data_type)s AND external_id = wanted.id AND local_id IS NOT NULL OFFSET 0) d",
            integration_id=self.integration_id,
            data_type=data_type,
            wanted=wanted,
        )
        return dict(map(tuple, found))

    def miss(self, data_type: str, references: Iterable[tuple[str, str, str]]) -> None:
        """Remember references to objects that have not come yet: (who names it, wanted type, wanted id)."""
        rows = [{"external_id": who, "wanted_type": wanted_type, "wanted_id": wanted} for who, wanted_type, wanted in references]
        if rows:
            rowset.run(
                self.session,
                "INSERT INTO missing_references"
                " (tenant_id, integration_id, wanted_type, wanted_id, data_type, external_id, since)"
                " SELECT %(tenant_id)s, %(integration_id)s, r.wanted_type, r.wanted_id, %(data_type)s, r.external_id, %(now)s"
                " FROM {rows} r ON CONFLICT DO NOTHING",
                {"external_id": "text", "wanted_type": "text", "wanted_id": "text"},
                rows,
                tenant_id=self.tenant_id,
                integration_id=self.integration_id,
                data_type=data_type,
                now=self.now,
            )

    def awaited(self, wanted_type: str) -> list[tuple[str, str, str]]:
        """Take those references that waited for this page's records: (their data_type, their id, the id they wanted)."""
        found = rowset.execute(
            self.session,
            "DELETE FROM missing_references WHERE integration_id = %(integration_id)s AND wanted_type = %(wanted_type)s"
            " AND wanted_id = ANY(%(ids)s) RETURNING data_type, external_id, wanted_id",
            integration_id=self.integration_id,
            wanted_type=wanted_type,
            ids=[item.id for item in self.items],
        )
        return [(data_type, external_id, wanted_id) for data_type, external_id, wanted_id in found]


def judge(arrival: Arrival, stored: Stored | None, *, take_ties: bool) -> Outcome:
    """What this fact is beside the stored one: a version decides where both have one that counts, else the provider's own
    time of change, else the time at which each was said. Nothing but a newer fact lifts a tombstone."""
    if stored is None:
        return "created"
    record = arrival.record
    age = _compare_versions(record.version, stored.version) or _compare(record.changed_at, stored.changed_at)
    if age < 0:
        return "stale"
    if arrival.says_the_same:
        return "unchanged"
    if age > 0 and stored.deleted_at is None:
        return "updated"
    gap = record.as_of - stored.as_of
    if gap >= SAME_SECOND or (take_ties and gap > -SAME_SECOND):
        return "updated"
    return "stale" if gap < -SAME_SECOND else "tied"


def fingerprint(fields_text: str, data: str) -> bytes:
    """Digest of the mapped fields, then of the document as received: whether there is something to absorb, or only to keep."""
    mapped = blake2b(fields_text.encode(), digest_size=DIGEST_BYTES).digest()
    return mapped + blake2b(data.encode(), digest_size=DIGEST_BYTES).digest()


def document(value: Any) -> tuple[str, bool]:
    """JSON text as it may be kept, and whether it says less than `value` (see hub.redaction.as_kept)."""
    received = orjson.dumps(value)
    kept = as_kept(received)
    return kept.decode(), kept is not received


def _compare_versions(ours: str | None, theirs: str | None) -> int:
    if ours is None or theirs is None or not (ours.isdigit() and theirs.isdigit()):
        return 0
    return (int(ours) > int(theirs)) - (int(ours) < int(theirs))


def _compare(ours: datetime | None, theirs: datetime | None) -> int:
    if ours is None or theirs is None:
        return 0
    return (ours > theirs) - (ours < theirs)
