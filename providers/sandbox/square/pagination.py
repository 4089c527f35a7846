"""Pages and their cursors: opaque, bound to the query that made them, dead after five minutes."""

import base64
import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from providers.sandbox.square.errors import invalid
from providers.sandbox.square.http import Call
from providers.sandbox.square.shelf import Position, Record, Shelf


def page_body(
    call: Call,
    shelf: Shelf,
    name: str,
    *,
    order: str,
    limit: int,
    query: Any,
    cursor: str | None,
    descending: bool = False,
    where: Callable[[Record], bool] | None = None,
    bounds: tuple[str | None, str | None] = (None, None),
    among: Iterable[str] | None = None,
    lag_seconds: float = 0.0,
    extra: dict[str, Any] | None = None,
) -> bytes:
    """The answer of a list or search: records under `name` (absent if none), cursor (absent on the last page).

    query: what must be the same when the cursor comes back.
    """
    fingerprint = query_fingerprint(name, query)
    after, number = open_cursor(call, cursor, fingerprint)
    records: list[bytes] = []
    end: Position | None = after
    if not (number == 1 and call.square.settings.empty_middle_page):
        records, end = shelf.page(
            order,
            limit=limit,
            descending=descending,
            after=after,
            where=where,
            bounds=bounds,
            among=among,
            as_of=call.square.clock.timestamp() - lag_seconds if lag_seconds else None,
        )
    parts = [b'"%s":[%s]' % (name.encode(), b",".join(records))] if records else []
    if end is not None:
        parts.append(b'"cursor":' + orjson.dumps(make_cursor(call, fingerprint, end, number + 1)))
    parts += [orjson.dumps(key) + b":" + orjson.dumps(value) for key, value in (extra or {}).items()]
    return b"{" + b",".join(parts) + b"}"


def page_of(
    call: Call,
    keyed: Iterable[tuple[str, Record]],
    name: str,
    *,
    limit: int,
    query: Any,
    cursor: str | None,
    descending: bool = False,
) -> Record:
    """The same for records that have no shelf, each with a key that is its own and its place in the order."""
    fingerprint = query_fingerprint(name, query)
    after, number = open_cursor(call, cursor, fingerprint)
    ordered = sorted(keyed, key=lambda entry: entry[0], reverse=descending)
    if after is not None:
        ordered = [entry for entry in ordered if (entry[0] < after[0] if descending else entry[0] > after[0])]
    if number == 1 and call.square.settings.empty_middle_page:
        return {"cursor": make_cursor(call, fingerprint, after or ("", ""), number + 1)}
    page = ordered[:limit]
    answer: Record = {name: [record for _, record in page]} if page else {}
    if len(ordered) > limit:
        answer["cursor"] = make_cursor(call, fingerprint, (page[-1][0], ""), number + 1)
    return answer


def page_limit(limit: int | None, *, default: int, most: int, ignore_excess: bool = False) -> int:
    """ignore_excess: too large a limit is silently the largest (payments, refunds); else it is refused (customers)."""
    if limit is None:
        return default
    if limit < 1:
        raise invalid("VALUE_TOO_LOW", "`limit` must be at least 1.", "limit")
    if limit > most and not ignore_excess:
        raise invalid("VALUE_TOO_HIGH", f"`limit` must be at most {most}.", "limit")
    return min(limit, most)


def query_fingerprint(name: str, query: Any) -> str:
    return hashlib.blake2b(orjson.dumps([name, query], option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()


def make_cursor(call: Call, fingerprint: str, position: Position, number: int) -> str:
    content = [call.seller.id, round(call.square.clock.timestamp(), 3), fingerprint, number, *position]
    return base64.urlsafe_b64encode(orjson.dumps(content)).decode().rstrip("=")


def open_cursor(call: Call, cursor: str | None, fingerprint: str) -> tuple[Position | None, int]:
    """Where to go on, and how many pages came before."""
    if not cursor:
        return None, 0
    refused = invalid("INVALID_CURSOR", "The pagination cursor is invalid or has expired.", "cursor")
    try:
        content = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        seller_id, issued_at, known, number, key, record_id = content
    except (ValueError, TypeError):
        raise refused from None
    fresh = call.square.clock.timestamp() - issued_at <= call.square.settings.cursor_seconds
    if seller_id != call.seller.id or known != fingerprint or not fresh:
        raise refused
    return (key, record_id), number
