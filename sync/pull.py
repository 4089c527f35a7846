"""The one way in for whatever a provider says: a page of records becomes rows of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from providers.records import Record

OnTie = Literal["report", "take"]
Outcome = Literal["created", "updated", "unchanged", "stale", "tied"]


@dataclass(slots=True)
class ApplyCounts:
    """What became of a page. `outcomes`: external id -> created, updated, unchanged (an echo too), stale (an older fact: dropped)
    or tied (another fact of the same second is stored and differs: nothing was written, `Account.get` must settle it)."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    errors: int = 0

    def count(self, outcome: Outcome) -> int:
        return sum(1 for found in self.outcomes.values() if found == outcome)

    @property
    def tied(self) -> list[str]:
        return [external_id for external_id, outcome in self.outcomes.items() if outcome == "tied"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorMove:
    """Where the reading of one kind stands once this page is in (see hub.models.sync.Cursor)."""

    part: str
    cursor: str | None
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
    alone (see ApplyCounts.tied), "take" believes it; pass "take" with the answer of an `Account.get` made to settle a tie."""
    raise NotImplementedError


def apply_in(
    session: Session,
    tenant_id: int,
    integration_id: int,
    kind: type[Record],
    records: Sequence[Record],
    *,
    on_tie: OnTie = "report",
) -> ApplyCounts:
    """`apply` inside the caller's transaction (a tenant session), which then settles its own rows with it."""
    raise NotImplementedError


def tombstone(tenant_id: int, integration_id: int, kind: type[Record], external_id: str, *, as_of: datetime) -> Outcome:
    """The record is gone at the provider since `as_of`; an unknown one is remembered as gone. Only a newer fact lifts it."""
    raise NotImplementedError


def merged(
    tenant_id: int, integration_id: int, kind: type[Record], external_id: str, *, into: str, as_of: datetime
) -> Outcome:
    """The record was merged into another one at the provider: a tombstone that names the survivor."""
    raise NotImplementedError
