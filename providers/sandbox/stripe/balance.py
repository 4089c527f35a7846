"""Balance transactions and the balance: what a charge or refund does to the merchant's money."""

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.errors import no_such
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.store import Record

FEE_PER_MILLE = 29
FEE_FIXED_MINOR_UNITS = 30
AVAILABLE_AFTER_SECONDS = 2 * 86400


def processing_fee(amount: int) -> int:
    """2.9 % + 30, in minor units, never more than the amount."""
    return min(amount, (amount * FEE_PER_MILLE + 500) // 1000 + FEE_FIXED_MINOR_UNITS)


def balance_transaction_record(
    transaction_id: str,
    *,
    kind: str,
    amount: int,
    fee: int,
    currency: str,
    source: str,
    created: int,
    available_on: int,
    status: str = "pending",
    description: str | None = None,
) -> Record:
    fee_detail = {
        "amount": fee,
        "application": None,
        "currency": currency,
        "description": "Stripe processing fees",
        "type": "stripe_fee",
    }
    return {
        "id": transaction_id,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": available_on,
        "balance_type": "payments",
        "created": created,
        "currency": currency,
        "description": description,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [fee_detail] if fee else [],
        "net": amount - fee,
        "reporting_category": kind,
        "source": source,
        "status": status,
        "type": kind,
    }


def book(call: Call, *, kind: str, amount: int, currency: str, source: str, fee: int = 0, at_once: bool = False) -> Record:
    """Store a balance transaction of now; at_once: available without the usual two days."""
    transaction = balance_transaction_record(
        new_id("txn_1", length=23),
        kind=kind,
        amount=amount,
        fee=fee,
        currency=currency,
        source=source,
        created=call.now,
        available_on=call.now if at_once else call.now + AVAILABLE_AFTER_SECONDS,
        status="available" if at_once else "pending",
    )
    call.store.balance_transactions.put(transaction)
    return transaction


@operation("GET /v1/balance_transactions")
def list_balance_transactions(call: Call) -> bytes:
    equal = {name: call.params.get(name) for name in ("source", "type", "currency")}
    return list_answer(call, call.store.balance_transactions, equal=equal)


@operation("GET /v1/balance_transactions/{id}")
def get_balance_transaction(call: Call) -> Record:
    transaction = call.store.balance_transactions.get(call.ids["id"])
    if transaction is None:
        raise no_such("balance transaction", call.ids["id"])
    return transaction


@operation("GET /v1/balance")
def get_balance(call: Call) -> Record:
    available: dict[str, int] = {call.account.currency: 0}
    pending: dict[str, int] = {call.account.currency: 0}
    for transaction in call.store.balance_transactions.find():
        side = available if transaction["available_on"] <= call.now else pending
        side[transaction["currency"]] = side.get(transaction["currency"], 0) + transaction["net"]

    def amounts(side: dict[str, int]) -> list[Record]:
        return [{"amount": amount, "currency": currency, "source_types": {"card": amount}} for currency, amount in side.items()]

    return {
        "object": "balance",
        "available": amounts(available),
        "livemode": call.livemode,
        "pending": amounts(pending),
        "refund_and_dispute_prefunding": {
            "available": amounts({call.account.currency: 0}),
            "pending": amounts({call.account.currency: 0}),
        },
    }
