"""What providers sent that we did not know: fields, words and event types, counted by name. Values are never kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Any, Final

SIGHTINGS_MAX: Final = 1000
"""Different ones kept in a process; what is new beyond them counts under ELSEWHERE of its provider."""
ELSEWHERE: Final = "(more than can be kept)"
UNREADABLE: Final = "(not a word)"
SAMPLED_EVERY: Final = 25  # documents of a page whose fields are looked at: a new field stands in all of them, or in most
_WORD: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}|[A-Z][A-Z0-9_.-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing not known here. `kind` is the provider's noun, `path` the field ("lines.pricing") or, for an event type, "type".
    `word`: the unknown word of a known field; None where the field itself is unknown. Times are those of the documents."""

    provider: str
    kind: str
    path: str
    word: str | None
    count: int
    first_seen: datetime
    last_seen: datetime


_sightings: dict[tuple[str, str, str, str | None], Sighting] = {}
_lock: Final = Lock()


def word(provider: str, kind: str, path: str, unknown: object, *, at: datetime) -> None:
    """A word of ours to translate that is in no table. Anything that does not look like one is counted, not kept."""
    told = unknown if isinstance(unknown, str) and _WORD.fullmatch(unknown) else UNREADABLE
    _count(provider, kind, path, told, at)


def fields(
    provider: str, kind: str, documents: Sequence[Mapping[str, Any]], known: frozenset[str], *, at: datetime, under: str = ""
) -> None:
    """Look at the names in some of the documents, the first always. `under`: the field that holds them, ending in "."."""
    for name in set().union(*documents[::SAMPLED_EVERY]) - known:
        _count(provider, kind, f"{under}{name if _WORD.fullmatch(name) else UNREADABLE}", None, at)


def seen() -> tuple[Sighting, ...]:
    """All of this process, the most frequent first."""
    with _lock:
        return tuple(sorted(_sightings.values(), key=lambda one: (-one.count, one.provider, one.kind, one.path, one.word or "")))


def take() -> tuple[Sighting, ...]:
    """`seen`, and begin anew: for whoever keeps them elsewhere. Nothing is counted twice or lost in between."""
    with _lock:
        taken = tuple(_sightings.values())
        _sightings.clear()
    return taken


def forget() -> None:
    with _lock:
        _sightings.clear()


def _count(provider: str, kind: str, path: str, told: str | None, at: datetime) -> None:
    key = (provider, kind, path, told)
    with _lock:
        if key not in _sightings and len(_sightings) >= SIGHTINGS_MAX:
            key = (provider, "", ELSEWHERE, None)
        known = _sightings.get(key)
        if known is None:
            _sightings[key] = Sighting(*key, count=1, first_seen=at, last_seen=at)
        else:
            _sightings[key] = replace(
                known, count=known.count + 1, first_seen=min(known.first_seen, at), last_seen=max(known.last_seen, at)
            )
