"""`expand[]`: ids replaced by the objects they name, and parts that are shown only on request."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from providers.sandbox.stripe.call import Call
from providers.sandbox.stripe.errors import refused
from providers.sandbox.stripe.store import Record
from providers.sandbox.stripe.versions import in_version

DEEPEST = 4
COLLECTION_OF_FIELD = {
    "customer": "customers",
    "invoice": "invoices",
    "payment_intent": "payment_intents",
    "latest_charge": "charges",
    "charge": "charges",
    "balance_transaction": "balance_transactions",
    "failure_balance_transaction": "balance_transactions",
    "payment_method": "payment_methods",
    "default_payment_method": "payment_methods",
    "setup_intent": "setup_intents",
    "subscription": "subscriptions",
    "latest_invoice": "invoices",
    "product": "products",
    "price": "prices",
    "default_price": "prices",
    "coupon": "coupons",
    "discount": "discounts",
    "discounts": "discounts",
    "payment_link": "payment_links",
    "payment_record": "payment_records",
    "payout": "payouts",
    "refund": "refunds",
    "credit_note": "credit_notes",
    "configuration": "portal_configurations",
}
OF_SOURCE = {
    "ch": "charges",
    "re": "refunds",
    "po": "payouts",
    "du": "disputes",
    "dp": "disputes",
}
"""What the source of a balance transaction is, by the prefix of its id."""
Included = Callable[[Call, Record], Record | None]
INCLUDABLE: dict[tuple[str, str], Included] = {}
"""(kind, field) -> what makes a part that is shown only on request; the nouns register theirs."""
NOT_AN_ID = {("charge", "payment_method")}
"""Fields that hold an id and still cannot be expanded."""


def includable(kind: str, field: str) -> Callable[[Included], Included]:
    def register(make: Included) -> Included:
        INCLUDABLE[kind, field] = make
        return make

    return register


def expansions(params: Mapping[str, Any], *, within_list: bool = False) -> list[list[str]]:
    """Paths to expand, split at the dots; in a list answer they begin with `data.`, which is cut off."""
    paths = []
    for path in params.get("expand", []):
        parts = path.split(".")
        if len(parts) > DEEPEST:
            raise refused(f"You cannot expand more than {DEEPEST} levels of a property. Property: {path}", param="expand")
        if within_list:
            if parts[0] != "data" or len(parts) < 2:
                raise refused(
                    f"This property cannot be expanded ({path}). You may want to try expanding 'data.{path}' instead.",
                    param="expand",
                )
            parts = parts[1:]
        paths.append(parts)
    return paths


def expand(call: Call, record: Record, paths: list[list[str]]) -> Record:
    for path in paths:
        _expand(call, record, path)
    return record


def _expand(call: Call, record: Record, path: list[str]) -> None:
    name, *rest = path
    if name not in record or (name in ("payments", "refunds", "confirmation_secret") and record[name] is None):
        part = _on_request(call, record, name)
        record[name] = in_version(call.store, part, call.version) if part is not None else None
    value = record[name]
    if isinstance(value, str):
        value = record[name] = _fetched(call, record, name, value)
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = record[name] = [_fetched(call, record, name, item) for item in value]
    elif (
        isinstance(value, dict)
        and not rest
        and "id" not in value
        and value.get("object") != "list"
        and name != "confirmation_secret"
    ):
        raise refused(f"This property cannot be expanded ({name}).", param="expand")
    if not rest or value is None:
        return
    if isinstance(value, dict) and value.get("object") == "list":
        inner = rest[1:] if rest[0] == "data" else rest
        for item in value["data"]:
            if inner:
                _expand(call, item, inner)
    elif isinstance(value, dict):
        _expand(call, value, rest)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                _expand(call, item, rest)


def _fetched(call: Call, record: Record, name: str, object_id: str) -> Record | str:
    if record.get("object") == "balance_transaction" and name == "source":
        collection = OF_SOURCE.get(object_id.split("_")[0])
    else:
        collection = COLLECTION_OF_FIELD.get(name)
    if collection is None or (record.get("object"), name) in NOT_AN_ID:
        raise refused(f"This property cannot be expanded ({name}).", param="expand")
    if collection == "customers" and object_id in call.store.deleted_customers:
        return {"id": object_id, "object": "customer", "deleted": True}
    found: Record | None = getattr(call.store, collection).get(object_id)
    return in_version(call.store, found, call.version) if found is not None else object_id


def _on_request(call: Call, record: Record, name: str) -> Record | None:
    kind = record.get("object")
    if (str(kind), name) in INCLUDABLE:
        return INCLUDABLE[str(kind), name](call, record)
    if kind == "invoice" and name == "payments":
        data = call.store.invoice_payments.find(invoice=record["id"])
        return {"object": "list", "data": data, "has_more": False, "url": f"/v1/invoice_payments?invoice={record['id']}"}
    if kind == "charge" and name == "refunds":
        data = list(reversed(call.store.refunds.find(charge=record["id"])))
        return {"object": "list", "data": data, "has_more": False, "url": f"/v1/charges/{record['id']}/refunds"}
    if kind == "invoice" and name == "confirmation_secret":
        return _confirmation_secret(call, record)
    if kind == "customer" and name == "subscriptions":
        found = call.store.subscriptions.find(customer=record["id"])
        data = [item for item in reversed(found) if item["status"] != "canceled"]
        return {"object": "list", "data": data, "has_more": False, "url": f"/v1/customers/{record['id']}/subscriptions"}
    if kind == "customer" and name == "tax_ids":
        data = call.store.tax_ids.find(customer=record["id"])
        return {"object": "list", "data": data, "has_more": False, "url": f"/v1/customers/{record['id']}/tax_ids"}
    if kind == "customer" and name == "sources":
        return {"object": "list", "data": [], "has_more": False, "url": f"/v1/customers/{record['id']}/{name}"}
    raise refused(f"This property cannot be expanded ({name}).", param="expand")


def _confirmation_secret(call: Call, invoice: Record) -> Record | None:
    for payment in call.store.invoice_payments.find(invoice=invoice["id"]):
        if payment["is_default"] and payment["status"] == "open":
            body = call.store.payment_intents.body(payment["payment"]["payment_intent"])
            if body is not None:
                return {"client_secret": orjson.loads(body)["client_secret"], "type": "payment_intent"}
    return None
