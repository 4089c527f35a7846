"""SearchCustomers: filters that are ANDed, sorting by name or creation, never by update."""

from collections.abc import Callable, Mapping
from typing import Any

from providers.sandbox.square import times
from providers.sandbox.square.customers import normalised
from providers.sandbox.square.errors import bad_request, invalid
from providers.sandbox.square.http import Answer, Call, Routes
from providers.sandbox.square.pagination import page_body, page_limit
from providers.sandbox.square.shelf import Record

TEXT_FIELDS = ("email_address", "phone_number", "reference_id")
Test = Callable[[Record], bool]

routes = Routes()


@routes.on("POST", "/v2/customers/search", scopes=("CUSTOMERS_READ",), body="SearchCustomersRequest")
def search_customers(call: Call) -> Answer:
    query = call.body.get("query") or {}
    sort = query.get("sort") or {}
    tests = list(_tests(query.get("filter") or {}))
    limit = page_limit(call.body.get("limit"), default=100, most=100)
    lag_seconds = call.square.settings.customer_lag_seconds
    return page_body(
        call,
        call.seller.customers,
        "customers",
        order=sort.get("field") or "DEFAULT",
        limit=limit,
        query=["search", query],
        cursor=call.body.get("cursor"),
        descending=sort.get("order") == "DESC",
        where=(lambda record: all(test(record) for test in tests)) if tests else None,
        among=_candidates(call, query.get("filter") or {}),
        lag_seconds=lag_seconds,
        extra={"count": _count(call, tests)} if call.body.get("count") else None,
    )


def _count(call: Call, tests: list[Test]) -> int:
    return sum(all(test(record) for test in tests) for record in call.seller.customers.records(listed=True))


def _candidates(call: Call, wanted: Mapping[str, Any]) -> set[str] | None:
    """Ids that an exact filter leaves, so that a search before each create stays quick; None for all."""
    for field in TEXT_FIELDS:
        exact = (wanted.get(field) or {}).get("exact")
        if exact:
            return call.seller.customer_lookup.get((field, normalised(field, exact)), set())
    return None


def _tests(wanted: Mapping[str, Any]) -> list[Test]:
    tests: list[Test] = []
    for field in ("created_at", "updated_at"):
        if wanted.get(field):
            tests.append(_time_test(field, wanted[field]))
    for field in TEXT_FIELDS:
        if wanted.get(field):
            tests.append(_text_test(field, wanted[field]))
    source = wanted.get("creation_source")
    if source and source.get("values"):
        tests.append(_source_test(source))
    if wanted.get("group_ids") or wanted.get("segment_ids") or wanted.get("custom_attribute"):
        raise bad_request("This sandbox has no customer groups, segments or custom attributes to filter by.", "query.filter")
    return tests


def _time_test(field: str, window: Mapping[str, Any]) -> Test:
    """Both ends inclusive."""
    start = times.parse_key(window.get("start_at"), f"query.filter.{field}.start_at") or ""
    end = times.parse_key(window.get("end_at"), f"query.filter.{field}.end_at") or "9999"
    if start > end:
        raise invalid("INVALID_TIME_RANGE", "The start of the time range is after its end.", f"query.filter.{field}")
    return lambda record: start <= times.sort_key(record[field]) <= end


def _text_test(field: str, wanted: Mapping[str, Any]) -> Test:
    exact, fuzzy = wanted.get("exact"), wanted.get("fuzzy")
    if bool(exact) == bool(fuzzy):
        raise bad_request("Provide exactly one of `exact` and `fuzzy`.", f"query.filter.{field}")
    if exact:
        value = normalised(field, exact)
        return lambda record: bool(record.get(field)) and normalised(field, record[field]) == value
    parts = [normalised(field, part).lstrip("+") for part in str(fuzzy).split()]
    return lambda record: bool(record.get(field)) and all(part in normalised(field, record[field]) for part in parts)


def _source_test(wanted: Mapping[str, Any]) -> Test:
    values, exclude = set(wanted["values"]), wanted.get("rule") == "EXCLUDE"
    return lambda record: (record["creation_source"] in values) is not exclude
