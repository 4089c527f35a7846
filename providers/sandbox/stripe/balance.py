"""Balance transactions and the balance: what charges, refunds, disputes and payouts do to the merchant's money."""

import heapq
from collections.abc import Callable
from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.errors import no_such
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.store import Record

FEE_PER_MILLE = 29
FEE_FIXED_MINOR_UNITS = 30
AVAILABLE_AFTER_SECONDS = 2 * 86400
on_booking: list[Callable[[Call, Record], None]] = []
"""Called with each new balance transaction: payouts plan themselves by it."""


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
    source: str | None,
    created: int,
    available_on: int,
    status: str = "pending",
    description: str | None = None,
    category: str | None = None,
    fee_text: str = "Stripe processing fees",
) -> Record:
    """category: reporting_category where it differs from the type."""
    fee_detail = {
        "amount": fee,
        "application": None,
        "currency": currency,
        "description": fee_text,
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
        "reporting_category": category or kind,
        "source": source,
        "status": status,
        "type": kind,
    }


def book(
    call: Call,
    *,
    kind: str,
    amount: int,
    currency: str,
    source: str | None,
    fee: int = 0,
    at_once: bool = False,
    **texts: Any,
) -> Record:
    """Store a balance transaction of now; at_once: available without the usual two days. texts: as of the record."""
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
        **texts,
    )
    call.store.balance_transactions.put(transaction)
    keep_watch(call, transaction)
    for follow in on_booking:
        follow(call, transaction)
    return transaction


def keep_watch(call: Call, transaction: Record) -> None:
    """Note a stored transaction among those that become available and go into a payout later."""
    call.store.awaiting_payout[transaction["id"]] = None
    if transaction["status"] == "pending":
        heapq.heappush(call.store.pending_funds, (transaction["available_on"], transaction["id"]))


def release_funds(call: Call) -> None:
    """Make available what is: done when somebody looks, as nothing else depends on the moment."""
    funds = call.store.pending_funds
    while funds and funds[0][0] <= call.now:
        transaction = call.store.balance_transactions.get(heapq.heappop(funds)[1])
        if transaction is not None:
            call.store.balance_transactions.put({**transaction, "status": "available"})


@operation("GET /v1/balance_transactions")
def list_balance_transactions(call: Call) -> bytes:
    release_funds(call)
    equal = {name: call.params.get(name) for name in ("source", "type", "currency")}
    payout = call.params.get("payout")
    if payout is None:
        return list_answer(call, call.store.balance_transactions, equal=equal)
    if payout not in call.store.payouts:
        raise no_such("payout", payout, param="payout")
    payout_of = call.store.payout_of
    return list_answer(
        call,
        call.store.balance_transactions,
        equal=equal,
        keep=lambda row, _transactions: payout_of.get(row.order[2]) == payout,
    )


@operation("GET /v1/balance_transactions/{id}")
def get_balance_transaction(call: Call) -> Record:
    release_funds(call)
    transaction = call.store.balance_transactions.get(call.ids["id"])
    if transaction is None:
        raise no_such("balance transaction", call.ids["id"])
    return transaction


@operation("GET /v1/balance")
def get_balance(call: Call) -> Record:
    available, pending = funds(call)

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


def funds(call: Call) -> tuple[dict[str, int], dict[str, int]]:
    """Available and pending money by currency, the account's own currency always among them."""
    available: dict[str, int] = {call.account.currency: 0}
    pending: dict[str, int] = {call.account.currency: 0}
    for transaction in call.store.balance_transactions.find():
        side = available if transaction["available_on"] <= call.now else pending
        side[transaction["currency"]] = side.get(transaction["currency"], 0) + transaction["net"]
    return available, pending
