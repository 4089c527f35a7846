"""Customers: /v1/customers."""

from collections.abc import Callable
from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.errors import no_such, refused
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.params import EMAIL_CHARS, blank_to_none, merged_metadata
from providers.sandbox.stripe.search import search_answer
from providers.sandbox.stripe.store import Record, Store

NAME_CHARS = 150
ADDRESS_FIELDS = ("city", "country", "line1", "line2", "postal_code", "state")
on_customer_deletion: list[Callable[[Call, Record], None]] = []
"""Called before a customer goes: subscriptions end with it."""
PLAIN_FIELDS = ("name", "email", "phone", "description", "business_name", "individual_name")


def address_of(value: Any) -> Record | None:
    """All six fields, None where not given."""
    return {name: blank_to_none(value.get(name)) for name in ADDRESS_FIELDS} if isinstance(value, dict) else None


def new_customer(customer_id: str, created: int, livemode: bool, prefix: str) -> Record:
    return {
        "id": customer_id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "business_name": None,
        "created": created,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "individual_name": None,
        "invoice_prefix": prefix,
        "invoice_settings": {"custom_fields": None, "default_payment_method": None, "footer": None, "rendering_options": None},
        "livemode": livemode,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def existing_customer(call: Call, customer_id: str, *, param: str = "customer") -> Record:
    """A customer that can be used in another request. Raises 404 for unknown, other-mode and deleted ones."""
    customer = call.store.customers.get(customer_id)
    if customer is None:
        other: Store = call.world.store(call.account.id, not call.livemode)
        other_mode = ("test" if call.livemode else "live") if customer_id in other.customers else None
        raise no_such("customer", customer_id, param=param, other_mode=other_mode)
    return customer


@operation("POST /v1/customers")
def create_customer(call: Call) -> Record:
    customer = new_customer(new_id("cus_", length=14), call.now, call.livemode, new_id("", length=8).upper())
    _apply(call, customer)
    call.store.customers.put(customer)
    emit(call, "customer.created", customer)
    return customer


@operation("GET /v1/customers/{customer}")
def get_customer(call: Call) -> Record:
    customer_id = call.ids["customer"]
    if customer_id in call.store.deleted_customers:
        return {"id": customer_id, "object": "customer", "deleted": True}
    return existing_customer(call, customer_id, param="id")


@operation("POST /v1/customers/{customer}")
def update_customer(call: Call) -> Record:
    before = existing_customer(call, call.ids["customer"], param="id")
    customer = existing_customer(call, call.ids["customer"], param="id")
    _apply(call, customer)
    call.store.customers.put(customer)
    emit(call, "customer.updated", customer, before=before)
    return customer


@operation("DELETE /v1/customers/{customer}")
def delete_customer(call: Call) -> Record:
    customer = existing_customer(call, call.ids["customer"], param="id")
    for follow in on_customer_deletion:
        follow(call, customer)
    call.store.customers.remove(customer["id"])
    call.store.deleted_customers.add(customer["id"])
    emit(call, "customer.deleted", customer)
    return {"id": customer["id"], "object": "customer", "deleted": True}


@operation("GET /v1/customers")
def list_customers(call: Call) -> bytes:
    email = call.params.get("email")
    if email is None:
        return list_answer(call, call.store.customers)
    return list_answer(
        call, call.store.customers, keep=lambda row, customers: (customers.field(row, "email") or "").lower() == email.lower()
    )


@operation("GET /v1/customers/search")
def search_customers(call: Call) -> bytes:
    return search_answer(call, call.store.customers)


def _apply(call: Call, customer: Record) -> None:
    params = call.params
    _check(params)
    for name in PLAIN_FIELDS:
        if name in params:
            customer[name] = blank_to_none(params[name])
    if "address" in params:
        customer["address"] = address_of(params["address"])
    if "shipping" in params:
        customer["shipping"] = _shipping(params["shipping"])
    for name in ("balance", "next_invoice_sequence", "preferred_locales", "invoice_prefix"):
        if name in params:
            customer[name] = params[name]
    if "tax_exempt" in params:
        customer["tax_exempt"] = params["tax_exempt"] or "none"
    if "metadata" in params:
        customer["metadata"] = merged_metadata(customer["metadata"], params["metadata"])
    _apply_invoice_settings(call, customer)


def _apply_invoice_settings(call: Call, customer: Record) -> None:
    settings = call.params.get("invoice_settings", {})
    for name in ("custom_fields", "footer", "rendering_options", "default_payment_method"):
        if name in settings:
            customer["invoice_settings"][name] = blank_to_none(settings[name])
    method_id = settings.get("default_payment_method")
    if method_id:
        method = call.store.payment_methods.get(method_id)
        if method is None or method["customer"] != customer["id"]:
            raise no_such("PaymentMethod", method_id, param="invoice_settings[default_payment_method]")


def _shipping(value: Any) -> Record | None:
    if not isinstance(value, dict):
        return None
    return {"address": address_of(value["address"]), "name": value["name"], "phone": blank_to_none(value.get("phone"))}


def _check(params: dict[str, Any]) -> None:
    email = params.get("email")
    if email and (len(email) > EMAIL_CHARS or "@" not in email.strip("@") or " " in email.strip()):
        raise refused(f"Invalid email address: {email}", code="email_invalid", param="email")
    for name in ("business_name", "individual_name"):
        if len(params.get(name) or "") > NAME_CHARS:
            raise refused(f"Invalid string: {name} must be at most {NAME_CHARS} characters", param=name)
