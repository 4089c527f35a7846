"""What happened at the provider, as a webhook or the events feed tells it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from providers.records.record import JsonObject, Record


class Effect(StrEnum):
    """What an event means for our copy of its record."""

    CHANGED = "changed"
    DELETED = "deleted"
    MERGED = "merged"  # the record was merged into another one (`merged_into`)
    DISCONNECTED = "disconnected"  # the account left us
    OTHER = "other"  # stored and counted, nothing to apply


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened at the provider, from a webhook or from the events feed.

    `account_id` is None when the event does not name one (an account's own endpoint). `kind` and `record_id` are None when
    the event concerns none of our kinds. `snapshot` is the record as of `created_at`, None where only an id came; `partial`
    says that the snapshot lacks parts (a Square invoice without its order), so one get must settle it. `merged_into` is the
    surviving id for Effect.MERGED. `idempotency_key` is ours where the provider says that we caused the event.
    """

    id: str
    event_type: str
    account_id: str | None
    live: bool
    created_at: datetime
    effect: Effect
    kind: type[Record] | None = None
    record_id: str | None = None
    snapshot: Record | None = None
    partial: bool = False
    merged_into: str | None = None
    idempotency_key: str | None = None
    raw: JsonObject = field(compare=False, repr=False)
