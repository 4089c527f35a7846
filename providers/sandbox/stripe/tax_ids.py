"""Tax ids of customers: /v1/customers/{customer}/tax_ids and /v1/tax_ids."""

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.customers import existing_customer
from providers.sandbox.stripe.errors import no_such, refused
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.store import Record


@operation("POST /v1/customers/{customer}/tax_ids")
def create_customer_tax_id(call: Call) -> Record:
    return _create(call, call.ids["customer"])


@operation("POST /v1/tax_ids")
def create_tax_id(call: Call) -> Record:
    owner = call.params.get("owner") or {"type": "self"}
    if owner["type"] != "customer":
        raise refused("The twin keeps tax ids of customers only.", param="owner[type]")
    return _create(call, owner["customer"])


@operation("GET /v1/customers/{customer}/tax_ids")
def list_customer_tax_ids(call: Call) -> bytes:
    existing_customer(call, call.ids["customer"])
    return list_answer(call, call.store.tax_ids, equal={"customer": call.ids["customer"]})


@operation("GET /v1/tax_ids")
def list_tax_ids(call: Call) -> bytes:
    return list_answer(call, call.store.tax_ids, equal={"customer": (call.params.get("owner") or {}).get("customer")})


@operation("GET /v1/customers/{customer}/tax_ids/{id}")
@operation("GET /v1/tax_ids/{id}")
def get_tax_id(call: Call) -> Record:
    tax_id = call.store.tax_ids.get(call.ids["id"])
    if tax_id is None or tax_id["customer"] != call.ids.get("customer", tax_id["customer"]):
        raise no_such("tax_id", call.ids["id"])
    return tax_id


@operation("DELETE /v1/customers/{customer}/tax_ids/{id}")
@operation("DELETE /v1/tax_ids/{id}")
def delete_tax_id(call: Call) -> Record:
    tax_id = get_tax_id(call)
    call.store.tax_ids.remove(tax_id["id"])
    emit(call, "customer.tax_id.deleted", tax_id)
    return {"id": tax_id["id"], "object": "tax_id", "deleted": True}


def _create(call: Call, customer_id: str) -> Record:
    customer = existing_customer(call, customer_id)
    kind, value = call.params["type"], call.params["value"]
    tax_id: Record = {
        "id": new_id("txi_1", length=23),
        "object": "tax_id",
        "country": value[:2].upper() if kind == "eu_vat" else kind.split("_")[0].upper(),
        "created": call.now,
        "customer": customer["id"],
        "customer_account": None,
        "livemode": call.livemode,
        "owner": {"customer": customer["id"], "type": "customer"},
        "type": kind,
        "value": value,
        "verification": {"status": "pending", "verified_address": None, "verified_name": None},
    }
    call.store.tax_ids.put(tax_id)
    emit(call, "customer.tax_id.created", tax_id)
    return tax_id
