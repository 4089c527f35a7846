"""The truth of a seller as lines to compare: canonical JSON, in an order that does not depend on how it came about."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

LINES_AT_ONCE = 500


def lines(truth: Mapping[str, Any]) -> Iterator[bytes]:
    """{"id", "kind", "record"} by kind and id, some hundred lines at a time. Records are never changed once stored, so that
    they can be told while others are replaced."""
    piece: list[bytes] = []
    for kind in sorted(truth):
        value = truth[kind]
        keyed = [(_key(record), record) for record in (value if isinstance(value, list) else [value])]
        for key, record in sorted(keyed, key=lambda entry: entry[0]):
            piece.append(orjson.dumps({"id": key, "kind": kind, "record": record}, option=orjson.OPT_SORT_KEYS))
            if len(piece) == LINES_AT_ONCE:
                yield b"\n".join(piece) + b"\n"
                piece.clear()
    if piece:
        yield b"\n".join(piece) + b"\n"


def _key(record: Mapping[str, Any]) -> str:
    """The id; counts, which have none, are told apart by what they count."""
    if "id" in record:
        return str(record["id"])
    return "|".join(str(record.get(name, "")) for name in ("catalog_object_id", "location_id", "state"))
