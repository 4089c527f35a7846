"""Customer profiles: created without any de-duplication, updated field by field, deleted without a trace in lists."""

import re
from collections.abc import Mapping
from typing import Any

from providers.sandbox.square import ids, times
from providers.sandbox.square.errors import ApiFailure, bad_request, invalid, not_found
from providers.sandbox.square.events import record_event
from providers.sandbox.square.http import Answer, Call, Routes, check_version
from providers.sandbox.square.pagination import page_body, page_limit
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

MAX_CHARS = {
    "given_name": 300,
    "family_name": 300,
    "company_name": 500,
    "nickname": 100,
    "email_address": 254,
    "reference_id": 100,
}
IDENTIFYING = ("given_name", "family_name", "company_name", "email_address", "phone_number")
EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
BIRTHDAY = re.compile(r"(\d{4}-)?\d{2}-\d{2}")

routes = Routes()


def normalised(field: str, value: str) -> str:
    """How values are matched: phone numbers as E.164 digits (ten digits are North American), the rest without case."""
    if field != "phone_number":
        return value.strip().lower()
    digits = re.sub(r"\D", "", value)
    return f"+1{digits}" if len(digits) == 10 and not value.strip().startswith("+") else f"+{digits}"


def check_fields(fields: Mapping[str, Any], prefix: str = "") -> None:
    for name, longest in MAX_CHARS.items():
        if len(fields.get(name) or "") > longest:
            raise invalid("VALUE_TOO_LONG", f"`{name}` must not be longer than {longest} characters.", prefix + name)
    email = fields.get("email_address")
    if email and not EMAIL.fullmatch(email):
        raise invalid("INVALID_EMAIL_ADDRESS", "Expected email_address to be a valid email address", prefix + "email_address")
    phone = fields.get("phone_number")
    if phone and not (9 <= len(re.sub(r"\D", "", phone)) <= 16 and re.fullmatch(r"\+?[\d\s().-]+", phone)):
        raise invalid("INVALID_PHONE_NUMBER", "Expected phone_number to be a valid phone number", prefix + "phone_number")
    if fields.get("birthday") and not BIRTHDAY.fullmatch(fields["birthday"]):
        raise invalid("INVALID_TIME", "Expected birthday in the form YYYY-MM-DD or MM-DD.", prefix + "birthday")


def create(square: Square, seller: Seller, fields: Mapping[str, Any], *, source: str = "THIRD_PARTY") -> Record:
    """A new profile from checked fields; tells customer.created."""
    record = build(square, fields, source)
    seller.customers.put(record, square.clock.timestamp())
    index(seller, record)
    record_event(square, seller, "customer.created", shown_in_event(record))
    return record


def build(square: Square, fields: Mapping[str, Any], source: str) -> Record:
    moment = square.now()
    given = {name: value for name, value in fields.items() if value not in (None, "") and name != "idempotency_key"}
    if given.get("birthday") and len(given["birthday"]) == 5:
        given["birthday"] = f"0000-{given['birthday']}"
    return {
        "id": ids.customer(),
        "created_at": times.wire_trimmed(moment, 2),
        "updated_at": times.wire_trimmed(moment, 3),
        **given,
        "preferences": {"email_unsubscribed": False},
        "creation_source": source,
        "version": 0,
    }


def index(seller: Seller, record: Record) -> None:
    for field in ("email_address", "phone_number", "reference_id"):
        if record.get(field):
            seller.customer_lookup.setdefault((field, normalised(field, record[field])), set()).add(record["id"])


def change(square: Square, seller: Seller, customer_id: str, changes: Mapping[str, Any]) -> Record:
    """Merge checked changes; None clears, the address is merged part by part. Tells customer.updated if anything changed."""
    known = find(seller, customer_id)
    merged = dict(known)
    for name, value in changes.items():
        if name == "address" and value is not None:
            value = {part: text for part, text in {**known.get("address", {}), **value}.items() if text is not None} or None
        if value in (None, ""):
            merged.pop(name, None)
        else:
            merged[name] = value
    if merged == known:
        return known
    merged["updated_at"] = times.wire_trimmed(square.now(), 3)
    merged["version"] = known["version"] + 1
    seller.customers.put(merged, square.clock.timestamp())
    index(seller, merged)
    record_event(square, seller, "customer.updated", shown_in_event(merged))
    return merged


def delete(square: Square, seller: Seller, customer_id: str, *, context: Record | None = None) -> None:
    known = find(seller, customer_id)
    seller.customers.remove(customer_id, square.clock.timestamp())
    for card in [card for card in seller.cards.records() if card.get("customer_id") == customer_id and card["enabled"]]:
        seller.cards.put({**card, "enabled": False, "version": card["version"] + 1}, square.clock.timestamp())
    record_event(square, seller, "customer.deleted", shown_in_event(known, deleted=True), context=context)


def shown_in_event(record: Record, *, deleted: bool = False) -> Record:
    hidden = {"segment_ids", "group_ids"} if deleted else {"segment_ids"}
    return {name: value for name, value in record.items() if name not in hidden}


def find(seller: Seller, customer_id: str) -> Record:
    record = seller.customers.get(customer_id)
    if record is None:
        raise not_found("Customer", customer_id)
    return record


def create_checked(call: Call, fields: Mapping[str, Any], prefix: str = "") -> Record:
    check_fields(fields, prefix)
    if not any(fields.get(name) for name in IDENTIFYING):
        raise bad_request(f"At least one of {', '.join(IDENTIFYING)} is required for a customer.")
    return create(call.square, call.seller, fields)


def update_checked(call: Call, customer_id: str, changes: Mapping[str, Any], prefix: str = "") -> Record:
    known = find(call.seller, customer_id)
    check_version(call.square, "customer", known["version"], changes.get("version"), documented="CONFLICT", required=False)
    wanted = {name: value for name, value in changes.items() if name != "version"}
    check_fields(wanted, prefix)
    after = {**known, **wanted}
    if not any(after.get(name) for name in IDENTIFYING):
        raise bad_request(f"At least one of {', '.join(IDENTIFYING)} must stay set.")
    return change(call.square, call.seller, customer_id, wanted)


@routes.on("POST", "/v2/customers", scopes=("CUSTOMERS_WRITE",), body="CreateCustomerRequest")
def create_customer(call: Call) -> Answer:
    return call.once(
        "CreateCustomer",
        lambda: str(create_checked(call, call.body)["id"]),
        lambda made: {"customer": find(call.seller, made)},
    )


@routes.on("GET", "/v2/customers/<customer_id>", scopes=("CUSTOMERS_READ",))
def get_customer(call: Call, customer_id: str) -> Answer:
    if call.square.settings.merged_customer_readable:
        customer_id = call.seller.merged_into.get(customer_id, customer_id)
    return {"customer": find(call.seller, customer_id)}


@routes.on("PUT", "/v2/customers/<customer_id>", scopes=("CUSTOMERS_WRITE",), body="UpdateCustomerRequest")
def update_customer(call: Call, customer_id: str) -> Answer:
    return {"customer": update_checked(call, customer_id, call.body)}


@routes.on("DELETE", "/v2/customers/<customer_id>", scopes=("CUSTOMERS_WRITE",), query=("version",))
def delete_customer(call: Call, customer_id: str) -> Answer:
    known = find(call.seller, customer_id)
    given = call.whole_number("version")
    check_version(call.square, "customer", known["version"], given, documented="CONFLICT", required=False)
    delete(call.square, call.seller, customer_id)
    return {}


@routes.on("GET", "/v2/customers", scopes=("CUSTOMERS_READ",), query=("cursor", "limit", "sort_field", "sort_order", "count"))
def list_customers(call: Call) -> Answer:
    order = call.choice("sort_field", ("DEFAULT", "CREATED_AT"), "DEFAULT")
    direction = call.choice("sort_order", ("ASC", "DESC"), "ASC")
    limit = page_limit(call.whole_number("limit"), default=100, most=100)
    return page_body(
        call,
        call.seller.customers,
        "customers",
        order=order,
        limit=limit,
        query=["list", order, direction],
        cursor=call.query.get("cursor"),
        descending=direction == "DESC",
        lag_seconds=call.square.settings.customer_lag_seconds,
        extra={"count": sum(1 for _ in call.seller.customers.records(listed=True))} if call.flag("count") else None,
    )


@routes.on("POST", "/v2/customers/bulk-create", scopes=("CUSTOMERS_WRITE",), body="BulkCreateCustomersRequest")
def bulk_create(call: Call) -> Answer:
    """The map's keys are the idempotency keys."""
    responses: Record = {}
    for key, fields in _bounded(call.body["customers"], "customers").items():
        item = Call(
            square=call.square,
            caller=call.caller,
            body={**fields, "idempotency_key": key},
            query={},
            headers=call.headers,
            files={},
            repeated={},
        )
        try:
            responses[key] = create_customer(item)
        except ApiFailure as failure:
            responses[key] = failure.body()
    return {"responses": responses}


@routes.on("POST", "/v2/customers/bulk-retrieve", scopes=("CUSTOMERS_READ",), body="BulkRetrieveCustomersRequest")
def bulk_retrieve(call: Call) -> Answer:
    return _each(call, "customer_ids", lambda customer_id: {"customer": find(call.seller, customer_id)})


@routes.on("POST", "/v2/customers/bulk-update", scopes=("CUSTOMERS_WRITE",), body="BulkUpdateCustomersRequest")
def bulk_update(call: Call) -> Answer:
    wanted = _bounded(call.body["customers"], "customers")
    responses: Record = {}
    for customer_id, changes in wanted.items():
        try:
            responses[customer_id] = {"customer": update_checked(call, customer_id, changes)}
        except ApiFailure as failure:
            responses[customer_id] = failure.body()
    return {"responses": responses}


@routes.on("POST", "/v2/customers/bulk-delete", scopes=("CUSTOMERS_WRITE",), body="BulkDeleteCustomersRequest")
def bulk_delete(call: Call) -> Answer:
    def remove(customer_id: str) -> Record:
        delete(call.square, call.seller, customer_id)
        return {}

    return _each(call, "customer_ids", remove)


def _each(call: Call, name: str, work: Any) -> Record:
    responses: Record = {}
    for customer_id in _bounded(call.body[name], name):
        try:
            responses[customer_id] = work(customer_id)
        except ApiFailure as failure:
            responses[customer_id] = failure.body()
    return {"responses": responses}


def _bounded(items: Any, field: str) -> Any:
    if not 1 <= len(items) <= 100:
        raise invalid("ARRAY_LENGTH_TOO_LONG" if items else "ARRAY_EMPTY", "Between 1 and 100 customers per call.", field)
    return items
