"""Search, as far as integrations use it: clauses joined by AND, over an index that may lag."""

import re
from collections.abc import Callable, Container
from typing import Any

import orjson

from providers.sandbox.stripe.call import Call
from providers.sandbox.stripe.errors import refused
from providers.sandbox.stripe.lists import page_size
from providers.sandbox.stripe.store import Collection, Record
from providers.sandbox.stripe.versions import in_version

_CLAUSE = re.compile(
    r"""\s*(?P<negated>-)?(?P<field>\w+(?:\.\w+)*)(?:\[(?P<quote>['"])(?P<key>.*?)(?P=quote)\])?\s*(?P<operator>:|~|>=|<=|>|<|=)\s*"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\S+)\s*"""
)
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    ">": lambda left, right: left > right,
    "<": lambda left, right: left < right,
    ">=": lambda left, right: left >= right,
    "<=": lambda left, right: left <= right,
}
Test = Callable[[Record], bool]


def search_answer(call: Call, collection: Collection, *, but: Container[str] = ()) -> bytes:
    """A search result page; `page` is the number of records already seen. but: ids that are never found."""
    tests = _tests(call.params["query"])
    size = page_size(call.params)
    seen = int(call.params.get("page") or 0)
    newest = call.world.clock.timestamp() - call.world.options.search_lag_seconds
    found = []
    for body in collection.bodies():
        record = orjson.loads(body)
        if record["created"] <= newest and record["id"] not in but and all(test(record) for test in tests):
            found.append(record)
    found.reverse()
    page = found[seen : seen + size]
    more = seen + size < len(found)
    answer = {
        "object": "search_result",
        "data": [in_version(call.store, record, call.version) for record in page],
        "has_more": more,
        "next_page": str(seen + size) if more else None,
        "url": call.path,
    }
    return orjson.dumps(answer, option=orjson.OPT_INDENT_2)


def _tests(query: str) -> list[Test]:
    tests: list[Test] = []
    position = 0
    while position < len(query):
        match = _CLAUSE.match(query, position)
        if match is None:
            raise refused(f"We were unable to parse your search query: {query}", param="query")
        tests.append(_test(match))
        position = match.end()
        if query[position : position + 4].upper() == "AND ":
            position += 4
        elif position < len(query):
            raise refused("Only AND is understood between the clauses of a query here.", param="query")
    return tests


def _test(match: re.Match[str]) -> Test:
    text = match["value"]
    value = re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] in "\"'" else text
    operator, negated = match["operator"], bool(match["negated"])

    def test(record: Record) -> bool:
        actual: Any = record
        for part in match["field"].split("."):
            actual = actual.get(part) if isinstance(actual, dict) else None
        if match["key"] is not None:
            actual = (actual or {}).get(match["key"])
        return _holds(actual, operator, value) != negated

    return test


def _holds(actual: Any, operator: str, value: str) -> bool:
    if value == "null":
        return actual is None
    if actual is None:
        return False
    if operator in _COMPARE:
        return isinstance(actual, int) and _COMPARE[operator](actual, int(value))
    if operator == "~":
        return value.lower() in str(actual).lower()
    return str(actual).lower() == value.lower()
