"""Records of one kind and one seller, kept in the orders that lists need, with their rendered JSON and recent past."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson

Record = dict[str, Any]
Position = tuple[str, str]
"""Where a page ended: the sort key and the id of its last record."""
SortKey = Callable[[Record], str]

PAST_KEPT_SECONDS = 300.0  # longer than any read lag a test asks for


class Entry:
    """One record and what it was before, for reads that lag."""

    __slots__ = ("_json", "listed", "past", "record", "since")

    def __init__(self, record: Record | None, since: float, *, listed: bool) -> None:
        self.record = record
        self.since = since
        self.listed = listed
        self.past: list[tuple[float, Record | None]] = []
        self._json: bytes | None = None

    def replace(self, record: Record | None, since: float) -> None:
        self.past = [(then, old) for then, old in self.past if then > since - PAST_KEPT_SECONDS]
        self.past.append((self.since, self.record))
        self.record, self.since, self._json = record, since, None

    def seen_at(self, moment: float) -> Record | None:
        if self.since <= moment:
            return self.record
        return next((record for then, record in reversed(self.past) if then <= moment), None)

    def rendered(self) -> bytes:
        if self._json is None:
            self._json = orjson.dumps(self.record)
        return self._json


class Shelf:
    """`orders` names the sort orders. Callers hold the twin's lock."""

    def __init__(self, orders: Mapping[str, SortKey]) -> None:
        self._orders = orders
        self._sorted: dict[str, list[Position]] = {name: [] for name in orders}
        self._entries: dict[str, Entry] = {}
        self._removed: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, record_id: str) -> Record | None:
        entry = self._entries.get(record_id)
        return entry.record if entry else None

    def records(self, *, listed: bool | None = None) -> Iterator[Record]:
        """All of them; or those that lists show, or those that they hide."""
        entries = self._entries.values()
        return (entry.record for entry in entries if entry.record is not None and listed in (None, entry.listed))

    def put(self, record: Record, at: float, *, listed: bool = True) -> None:
        """Add or replace; the caller gives a new dictionary, never one that was put before and then changed."""
        record_id = record["id"]
        entry = self._entries.get(record_id)
        if entry is None:
            self._entries[record_id] = Entry(record, at, listed=listed)
            for name, key_of in self._orders.items():
                insort(self._sorted[name], (key_of(record), record_id))
            return
        previous = entry.record or {}
        for name, key_of in self._orders.items():
            old, new = (key_of(previous), record_id), (key_of(record), record_id)
            if old != new:
                self._drop(name, old)
                insort(self._sorted[name], new)
        entry.replace(record, at)

    def load(self, records: Iterable[Record], at: float) -> None:
        """Add many new records at once."""
        added = list(records)
        for record in added:
            self._entries[record["id"]] = Entry(record, at, listed=True)
        for name, key_of in self._orders.items():
            self._sorted[name].extend((key_of(record), record["id"]) for record in added)
            self._sorted[name].sort()

    def remove(self, record_id: str, at: float) -> None:
        entry = self._entries.pop(record_id)
        for name, key_of in self._orders.items():
            self._drop(name, (key_of(entry.record or {}), record_id))
        entry.replace(None, at)
        self._removed[record_id] = entry

    def page(
        self,
        order: str,
        *,
        limit: int,
        descending: bool = False,
        after: Position | None = None,
        where: Callable[[Record], bool] | None = None,
        bounds: tuple[str | None, str | None] = (None, None),
        among: Iterable[str] | None = None,
        as_of: float | None = None,
    ) -> tuple[list[bytes], Position | None]:
        """Up to `limit` rendered records and the position to go on from, None at the end.

        bounds: lowest sort key, and the lowest one beyond the end. among: only these ids. as_of: what a lagging read sees.
        """
        slow = among is not None or as_of is not None
        keys = self._keys_of(order, among, as_of) if slow else self._sorted[order]
        found: list[bytes] = []
        last: Position | None = None
        for position in _walk(keys, descending, after, bounds):
            entry = self._entries.get(position[1]) or self._removed[position[1]]
            record = entry.record if as_of is None else entry.seen_at(as_of)
            if record is None or not entry.listed or (where is not None and not where(record)):
                continue
            if len(found) == limit:
                return found, last
            found.append(entry.rendered() if record is entry.record else orjson.dumps(record))
            last = position
        return found, None

    def _keys_of(self, order: str, among: Iterable[str] | None, as_of: float | None) -> list[Position]:
        ids = among if among is not None else [*self._entries, *self._removed]
        keys = []
        for record_id in ids:
            entry = self._entries.get(record_id) or self._removed.get(record_id)
            record = None if entry is None else entry.record if as_of is None else entry.seen_at(as_of)
            if record is not None:
                keys.append((self._orders[order](record), record_id))
        return sorted(keys)

    def _drop(self, order: str, position: Position) -> None:
        keys = self._sorted[order]
        index = bisect_left(keys, position)
        if index < len(keys) and keys[index] == position:
            del keys[index]


def _walk(
    keys: list[Position], descending: bool, after: Position | None, bounds: tuple[str | None, str | None]
) -> Iterator[Position]:
    low = bisect_left(keys, (bounds[0], "")) if bounds[0] is not None else 0
    high = bisect_left(keys, (bounds[1], "")) if bounds[1] is not None else len(keys)
    if descending:
        if after is not None:
            high = min(high, bisect_left(keys, after))
        return (keys[index] for index in range(high - 1, low - 1, -1))
    if after is not None:
        low = max(low, bisect_right(keys, after))
    return (keys[index] for index in range(low, high))
