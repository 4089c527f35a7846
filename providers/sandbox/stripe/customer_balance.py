"""What Stripe owes a customer or the customer owes it: /v1/customers/{customer}/balance_transactions."""

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.customers import existing_customer
from providers.sandbox.stripe.errors import no_such
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.params import blank_to_none, merged_metadata
from providers.sandbox.stripe.store import Record


def change_balance(
    call: Call,
    customer: Record,
    amount: int,
    kind: str,
    *,
    currency: str,
    invoice: str | None = None,
    credit_note: str | None = None,
    description: str | None = None,
) -> Record:
    """Move a customer's balance (negative is credit) and note why; customer.updated tells it."""
    before = dict(customer)
    customer["balance"] += amount
    call.store.customers.put(customer)
    transaction: Record = {
        "id": new_id("cbtxn_1", length=23),
        "object": "customer_balance_transaction",
        "amount": amount,
        "checkout_session": None,
        "created": call.now,
        "credit_note": credit_note,
        "currency": currency,
        "customer": customer["id"],
        "customer_account": None,
        "description": description,
        "ending_balance": customer["balance"],
        "invoice": invoice,
        "livemode": call.livemode,
        "metadata": {},
        "type": kind,
    }
    call.store.customer_balance_transactions.put(transaction)
    emit(call, "customer.updated", customer, before=before)
    return transaction


@operation("POST /v1/customers/{customer}/balance_transactions")
def create_customer_balance_transaction(call: Call) -> Record:
    customer = existing_customer(call, call.ids["customer"])
    transaction = change_balance(
        call,
        customer,
        call.params["amount"],
        "adjustment",
        currency=call.params["currency"].lower(),
        description=blank_to_none(call.params.get("description")),
    )
    transaction["metadata"] = merged_metadata({}, call.params.get("metadata"))
    call.store.customer_balance_transactions.put(transaction)
    return transaction


@operation("GET /v1/customers/{customer}/balance_transactions")
def list_customer_balance_transactions(call: Call) -> bytes:
    existing_customer(call, call.ids["customer"])
    equal = {"customer": call.ids["customer"], "invoice": call.params.get("invoice")}
    return list_answer(call, call.store.customer_balance_transactions, equal=equal)


@operation("GET /v1/customers/{customer}/balance_transactions/{transaction}")
def get_customer_balance_transaction(call: Call) -> Record:
    transaction = call.store.customer_balance_transactions.get(call.ids["transaction"])
    if transaction is None or transaction["customer"] != call.ids["customer"]:
        raise no_such("customer balance transaction", call.ids["transaction"], param="transaction")
    return transaction
