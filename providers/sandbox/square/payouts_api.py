"""The Payouts API: one location per list, the main one if none is named; entries of each payout."""

from providers.sandbox.square import payouts, times
from providers.sandbox.square.errors import invalid
from providers.sandbox.square.http import Answer, Call, Routes
from providers.sandbox.square.locations import location_of
from providers.sandbox.square.pagination import page_body, page_limit, page_of
from providers.sandbox.square.payments_api import DEFAULT_WINDOW

LIST_QUERY = ("location_id", "status", "begin_time", "end_time", "sort_order", "cursor", "limit")

routes = Routes()


@routes.on("GET", "/v2/payouts", scopes=("PAYOUTS_READ",), query=LIST_QUERY)
def list_payouts(call: Call) -> Answer:
    location_id = location_of(call.seller, call.query.get("location_id"))["id"]
    status = call.query.get("status")
    if status not in (None, "SENT", "PAID", "FAILED"):
        raise invalid("INVALID_ENUM_VALUE", f"`{status}` is not a valid enum value for `status`.", "status")
    direction = call.choice("sort_order", ("ASC", "DESC"), "DESC")
    begin = times.parse_key(call.query.get("begin_time"), "begin_time")
    begin = begin or times.sort_key(times.wire(call.square.now() - DEFAULT_WINDOW, 6))
    end = times.parse_key(call.query.get("end_time"), "end_time")
    if call.query.get("begin_time") and end and begin > end:
        raise invalid("INVALID_TIME_RANGE", "`begin_time` is after `end_time`.", "begin_time")
    return page_body(
        call,
        call.seller.payouts,
        "payouts",
        order="CREATED_AT",
        limit=page_limit(call.whole_number("limit"), default=100, most=100, ignore_excess=True),
        query=[{name: value for name, value in call.query.items() if name not in ("cursor", "limit")}],
        cursor=call.query.get("cursor"),
        descending=direction == "DESC",
        where=lambda payout: payout["location_id"] == location_id and status in (None, payout["status"]),
        bounds=(begin, end),
    )


@routes.on("GET", "/v2/payouts/<payout_id>", scopes=("PAYOUTS_READ",))
def get_payout(call: Call, payout_id: str) -> Answer:
    return {"payout": payouts.find(call.seller, payout_id)}


@routes.on("GET", "/v2/payouts/<payout_id>/payout-entries", scopes=("PAYOUTS_READ",), query=("sort_order", "cursor", "limit"))
def list_entries(call: Call, payout_id: str) -> Answer:
    direction = call.choice("sort_order", ("ASC", "DESC"), "DESC")
    entries = payouts.shown_entries(call.square, call.seller, payouts.find(call.seller, payout_id))
    return page_of(
        call,
        [(f"{number:09d}", item) for number, item in enumerate(entries)],
        "payout_entries",
        limit=page_limit(call.whole_number("limit"), default=100, most=100, ignore_excess=True),
        query=[payout_id, direction],
        cursor=call.query.get("cursor"),
        descending=direction == "DESC",
    )
