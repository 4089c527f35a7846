"""Parts of a listing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic

from providers.records.events import Event
from providers.records.record import R


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """since <= created < until; `until` None: no upper edge."""

    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[R]):
    """`next_cursor` is opaque (it may pack a location and the provider's cursor); None on the last page."""

    records: tuple[R, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Events, oldest first where the provider can, else as it lists them; `next_cursor` as in Page."""

    events: tuple[Event, ...]
    next_cursor: str | None = None
