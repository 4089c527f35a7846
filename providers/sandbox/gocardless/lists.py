"""Lists: newest first, filtered, by cursor."""

from collections.abc import Iterator, Mapping

from providers.sandbox.gocardless.errors import invalid, misused
from providers.sandbox.gocardless.state import Organisation, Record

LINKED = {
    "payments": ("mandate", "creditor", "subscription"),
    "refunds": ("payment", "mandate"),
    "mandates": ("customer", "creditor"),
    "billing_requests": ("customer",),
    "events": ("payment", "refund", "mandate", "billing_request"),
}
PLAIN = {"events": ("resource_type", "action"), "payments": ("status", "currency"), "mandates": ("status",)}
EDGES = {
    "gt": lambda at, edge: at > edge,
    "gte": lambda at, edge: at >= edge,
    "lt": lambda at, edge: at < edge,
    "lte": lambda at, edge: at <= edge,
}


def page(organisation: Organisation, resource: str, query: Mapping[str, str]) -> Record:
    limit = query.get("limit", "50")
    if not limit.isdigit() or not 1 <= int(limit) <= 500:
        raise invalid("limit", "must be between 1 and 500")
    shelf = organisation.shelves[resource]
    chosen = [record for record in reversed(shelf.values()) if record["id"] not in organisation.removed]
    for keep in _filters(resource, query):
        chosen = [record for record in chosen if keep(record)]
    start = 0
    if "after" in query:
        places = [place for place, record in enumerate(chosen) if record["id"] == query["after"]]
        if not places:
            raise misused(400, "invalid_cursor", "The cursor is not valid")
        start = places[0] + 1
    shown = chosen[start : start + int(limit)]
    more = start + len(shown) < len(chosen)
    cursors = {"before": shown[0]["id"] if shown and start else None, "after": shown[-1]["id"] if more else None}
    return {resource: shown, "meta": {"cursors": cursors, "limit": int(limit)}}


def _filters(resource: str, query: Mapping[str, str]) -> Iterator:  # type: ignore[type-arg]
    known = {"limit", "after", "before"}
    for name in LINKED.get(resource, ()):
        known.add(name)
        if name in query:
            yield lambda record, name=name: record["links"].get(name) == query[name]
    for name in PLAIN.get(resource, ()):
        known.add(name)
        if name in query:
            yield lambda record, name=name: record.get(name) == query[name]
    for word, compare in EDGES.items():
        known.add(f"created_at[{word}]")
        edge = query.get(f"created_at[{word}]")
        if edge is not None:
            yield lambda record, compare=compare, edge=edge: compare(record["created_at"], edge)
    if unknown := sorted(set(query) - known):
        raise invalid(unknown[0], "is not a filter of this list")
