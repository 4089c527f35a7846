"""List answers: newest first, cursors, created filters, has_more."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from providers.sandbox.stripe.call import Call
from providers.sandbox.stripe.errors import no_such, refused
from providers.sandbox.stripe.expand import expand, expansions
from providers.sandbox.stripe.store import Collection, Record, Row, render
from providers.sandbox.stripe.versions import has_older_shapes, in_version

DEFAULT_LIMIT = 10
MOST_PER_PAGE = 100


def list_answer(
    call: Call,
    collection: Collection,
    *,
    equal: Mapping[str, Any] | None = None,
    keep: Callable[[Row, Collection], bool] | None = None,
    change: bytes | None = None,
) -> bytes:
    """One page as JSON. equal: filters that were given. change: replaces each record's opening brace."""
    params = call.params
    given = {name: value for name, value in (equal or {}).items() if value is not None}
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:
        raise refused("You may only specify one of these parameters: starting_after, ending_before.", param="ending_before")
    try:
        bodies, has_more = collection.page(
            limit=page_size(params),
            equal=given,
            created=created_bounds(params.get("created")),
            keep=keep,
            starting_after=after,
            ending_before=before,
        )
    except KeyError as unknown:
        name = "starting_after" if after else "ending_before"
        raise no_such(collection.kind.replace("_", " "), params[name], param=name) from unknown
    if change is not None:
        bodies = [change + body.removeprefix(b"{") for body in bodies]
    paths = expansions(params, within_list=True)
    if collection.kind != "event" and has_older_shapes(call.version):
        bodies = [render(expand(call, in_version(call.store, orjson.loads(body), call.version), paths)) for body in bodies]
    elif paths:
        bodies = [render(expand(call, orjson.loads(body), paths)) for body in bodies]
    return list_json(bodies, has_more, call.path)


def list_json(bodies: list[bytes], has_more: bool, url: str) -> bytes:
    more = b"true" if has_more else b"false"
    return (
        b'{\n  "object": "list",\n  "data": ['
        + b",\n".join(bodies)
        + b'],\n  "has_more": '
        + more
        + b',\n  "url": '
        + orjson.dumps(url)
        + b"\n}"
    )


def sublist(call: Call, records: list[Record], noun: str) -> bytes:
    """A page of a short list kept in order, as the lines of an invoice."""
    params, url = call.params, call.path
    records = [in_version(call.store, record, call.version) for record in records]
    ids = [record["id"] for record in records]
    size = page_size(params)
    for name in ("starting_after", "ending_before"):
        if params.get(name) and params[name] not in ids:
            raise no_such(noun, params[name], param=name)
    if params.get("ending_before"):
        end = ids.index(params["ending_before"])
        start = max(0, end - size)
        return list_json([render(record) for record in records[start:end]], start > 0, url)
    start = ids.index(params["starting_after"]) + 1 if params.get("starting_after") else 0
    return list_json([render(record) for record in records[start : start + size]], start + size < len(records), url)


def page_size(params: Mapping[str, Any]) -> int:
    limit = params.get("limit", DEFAULT_LIMIT)
    if not 1 <= limit <= MOST_PER_PAGE:
        bound = f"greater than or equal to 1: got {limit}" if limit < 1 else f"less than or equal to {MOST_PER_PAGE}: got {limit}"
        raise refused(f"This value must be {bound}", code="parameter_invalid_integer", param="limit")
    return int(limit)


def created_bounds(created: Any) -> tuple[int | None, int | None]:
    """Inclusive bounds of a `created` filter, which is one second or gt, gte, lt, lte."""
    if created is None:
        return None, None
    if isinstance(created, int):
        return created, created
    lows = [created["gte"]] if "gte" in created else []
    lows += [created["gt"] + 1] if "gt" in created else []
    highs = [created["lte"]] if "lte" in created else []
    highs += [created["lt"] - 1] if "lt" in created else []
    return max(lows, default=None), min(highs, default=None)
