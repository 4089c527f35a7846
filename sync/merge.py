"""Three-way merge of one record's fields: what to take, what to push, and where the two sides disagree. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Both sides changed one field to different values. base: the value both last agreed on, None before the first."""

    base: Any
    ours: Any
    theirs: Any
    kept: str  # "ours" or "theirs", by the policy of the kind


@dataclass(slots=True)
class Merged:
    """take: their values, for our row. push: our values, for the provider. conflicts: by field; the kept value is in `take`
    (theirs) or in `push` (ours) as well, so that both sides end up equal."""

    take: dict[str, Any] = field(default_factory=dict)
    push: dict[str, Any] = field(default_factory=dict)
    conflicts: dict[str, Disagreement] = field(default_factory=dict)


def merge(base: Fields | None, ours: Fields, theirs: Fields, *, theirs_wins: Collection[str] = ()) -> Merged:
    """Merge field by field. base None: the two were never in agreement (a first link).

    A field that one side changed since `base` goes to the other side. Before a first agreement an empty value gives way to a
    filled one. `theirs_wins`: fields whose conflicts the provider wins (money, status); in all others ours is kept."""
    result = Merged()
    for name, their_value in theirs.items():
        our_value = ours.get(name)
        if our_value == their_value:
            continue
        base_value = base.get(name) if base is not None else None
        if base is not None and our_value == base_value:
            result.take[name] = their_value
        elif base is not None and their_value == base_value:
            result.push[name] = our_value
        elif base is None and is_empty(our_value):
            result.take[name] = their_value
        elif base is None and is_empty(their_value):
            result.push[name] = our_value
        else:
            kept = "theirs" if name in theirs_wins else "ours"
            result.conflicts[name] = Disagreement(base_value, our_value, their_value, kept)
            (result.take if kept == "theirs" else result.push)[name] = their_value if kept == "theirs" else our_value
    return result


def is_empty(value: Any) -> bool:
    """Nothing said: None, empty text, an empty list, an address without any part."""
    if isinstance(value, Mapping):
        return all(is_empty(part) for part in value.values())
    return value is None or value == "" or value == []
