"""SearchOrders: up to ten locations, a date filter only with the sort on the same field."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from providers.sandbox.square import times
from providers.sandbox.square.errors import bad_request, invalid, missing
from providers.sandbox.square.http import Answer, Call, Routes
from providers.sandbox.square.locations import location_of
from providers.sandbox.square.pagination import page_body, page_limit
from providers.sandbox.square.shelf import Record

DATE_FIELDS = {"created_at": "CREATED_AT", "updated_at": "UPDATED_AT", "closed_at": "CLOSED_AT"}

routes = Routes()


@routes.on("POST", "/v2/orders/search", scopes=("ORDERS_READ",), body="SearchOrdersRequest")
def search_orders(call: Call) -> Answer:
    location_ids = call.body.get("location_ids")
    if not location_ids:
        raise missing("location_ids")
    if len(location_ids) > 10:
        raise invalid("ARRAY_LENGTH_TOO_LONG", "At most 10 locations per search.", "location_ids")
    for location_id in location_ids:
        location_of(call.seller, location_id, "location_ids")
    query = call.body.get("query") or {}
    sort = query.get("sort") or {}
    field = sort.get("sort_field") or "CREATED_AT"
    wanted = query.get("filter") or {}
    limit = page_limit(call.body.get("limit"), default=500, most=1000)
    body = page_body(
        call,
        call.seller.orders,
        "orders",
        order=field,
        limit=limit,
        query=["search", location_ids, query],
        cursor=call.body.get("cursor"),
        descending=(sort.get("sort_order") or "DESC") == "DESC",
        where=_where(set(location_ids), wanted, field),
        bounds=_bounds(wanted.get("date_time_filter") or {}, field, wanted),
    )
    return _as_entries(body) if call.body.get("return_entries") else body


def _as_entries(body: bytes) -> Record:
    answer: Record = orjson.loads(body)
    orders = answer.pop("orders", [])
    entries = [
        {"order_id": order["id"], "location_id": order["location_id"]}
        | ({"version": order["version"]} if "version" in order else {})
        for order in orders
    ]
    return ({"order_entries": entries} if entries else {}) | answer


def _bounds(dates: Mapping[str, Any], sort_field: str, wanted: Mapping[str, Any]) -> tuple[str | None, str | None]:
    given = {name: window for name, window in dates.items() if window}
    if not given:
        return None, None
    if len(given) > 1 or DATE_FIELDS[next(iter(given))] != sort_field:
        raise bad_request("A date filter needs `sort.sort_field` on the same field.", "query.sort.sort_field")
    name, window = next(iter(given.items()))
    states = (wanted.get("state_filter") or {}).get("states") or []
    if name == "closed_at" and not set(states) & {"COMPLETED", "CANCELED"}:
        raise bad_request("A filter on closed_at needs a state filter of COMPLETED or CANCELED.", "query.filter.state_filter")
    path = f"query.filter.date_time_filter.{name}"
    start = times.parse_key(window.get("start_at"), f"{path}.start_at")
    end = times.parse_key(window.get("end_at"), f"{path}.end_at")
    if start and end and start > end:
        raise invalid("INVALID_TIME_RANGE", "The start of the time range is after its end.", path)
    return start, f"{end}~" if end else None


def _where(location_ids: set[str], wanted: Mapping[str, Any], sort_field: str) -> Callable[[Record], bool]:
    states = set((wanted.get("state_filter") or {}).get("states") or [])
    sources = set((wanted.get("source_filter") or {}).get("source_names") or [])
    customer_ids = set((wanted.get("customer_filter") or {}).get("customer_ids") or [])
    if len(customer_ids) > 10 or len(sources) > 10:
        raise invalid("ARRAY_LENGTH_TOO_LONG", "At most 10 customers and 10 sources per search.", "query.filter")

    def fits(order: Record) -> bool:
        return (
            order["location_id"] in location_ids
            and (not states or order["state"] in states)
            and (not sources or (order.get("source") or {}).get("name") in sources)
            and (not customer_ids or order.get("customer_id") in customer_ids)
            and (sort_field != "CLOSED_AT" or "closed_at" in order)
        )

    return fits
