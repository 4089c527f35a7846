"""Payouts: by themselves at midnight UTC, or by POST /v1/payouts; pending, in transit, paid, and sometimes failed after all."""

from typing import Any

from providers.sandbox.stripe.balance import book, funds, on_booking
from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.errors import ApiError, no_such, refused, wrong_state
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import created_bounds, list_answer
from providers.sandbox.stripe.params import merged_metadata
from providers.sandbox.stripe.store import Record

DAY_SECONDS = 86400
TRANSIT_AFTER_SECONDS = 3600
FAILURES = {
    "account_closed": "The bank account has been closed.",
    "no_account": "The bank account could not be located.",
    "could_not_process": "The bank could not process this payout.",
}


def payout_record(
    payout_id: str, *, amount: int, currency: str, created: int, arrival: int, automatic: bool, livemode: bool, destination: str
) -> Record:
    return {
        "id": payout_id,
        "object": "payout",
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": arrival,
        "automatic": automatic,
        "balance_transaction": None,
        "created": created,
        "currency": currency,
        "description": "STRIPE PAYOUT",
        "destination": destination,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": livemode,
        "metadata": {},
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "in_progress" if automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": None,
        "status": "pending",
        "trace_id": {"status": "pending", "value": None},
        "type": "bank_account",
    }


def bank_account_of(account_id: str) -> str:
    """Id of the bank account that an account's payouts go to."""
    return f"ba_1{account_id.removeprefix('acct_1')}"


def pay_out_available(call: Call) -> list[Record]:
    """An automatic payout for each currency with money available; what is owed waits for better days."""
    members: dict[str, list[Record]] = {}
    for transaction_id in list(call.store.awaiting_payout):
        transaction = call.store.balance_transactions.get(transaction_id)
        if transaction is not None and transaction["available_on"] <= call.now:
            members.setdefault(transaction["currency"], []).append(transaction)
    payouts = []
    for currency, transactions in members.items():
        amount = sum(transaction["net"] for transaction in transactions)
        if currency in ("huf", "twd"):
            amount -= amount % 100
        if amount <= 0:
            continue
        payout = _begin(call, amount, currency, automatic=True)
        for transaction in transactions:
            call.store.payout_of[transaction["id"]] = payout["id"]
            call.store.awaiting_payout.pop(transaction["id"], None)
        payouts.append(payout)
    return payouts


def fail_payout(call: Call, payout_id: str, code: str) -> Record:
    """The bank sends it back, even after it was paid: payout.failed, and the money is on the balance again."""
    before, payout = existing_payout(call, payout_id), existing_payout(call, payout_id)
    if payout["status"] not in ("pending", "in_transit", "paid"):
        raise wrong_state(f"Payout {payout_id} is {payout['status']} already.")
    transaction = book(
        call,
        kind="payout_failure",
        amount=payout["amount"],
        currency=payout["currency"],
        source=payout["id"],
        at_once=True,
        category="payout_reversal",
    )
    payout |= {
        "status": "failed",
        "failure_code": code,
        "failure_message": FAILURES.get(code, "The payout failed."),
        "failure_balance_transaction": transaction["id"],
    }
    call.store.payouts.put(payout)
    emit(call, "payout.updated", payout, before=before)
    emit(call, "payout.failed", payout)
    return payout


def existing_payout(call: Call, payout_id: str) -> Record:
    payout = call.store.payouts.get(payout_id)
    if payout is None:
        raise no_such("payout", payout_id, param="payout")
    return payout


@operation("POST /v1/payouts")
def create_payout(call: Call) -> Record:
    params = call.params
    currency, amount = params["currency"].lower(), params["amount"]
    if amount < 1:
        raise refused("This value must be greater than or equal to 1.", code="parameter_invalid_integer", param="amount")
    if currency in ("huf", "twd") and amount % 100:
        raise refused(f"Payouts in {currency} must be divisible by 100.", param="amount")
    available, _ = funds(call)
    if amount > available.get(currency, 0):
        message = "You have insufficient funds in your Stripe account for this transfer. Your card balance is too low."
        raise ApiError(400, message, code="balance_insufficient")
    payout = _begin(call, amount, currency, automatic=False)
    payout |= {"description": params.get("description"), "statement_descriptor": params.get("statement_descriptor")}
    payout |= {"method": params.get("method", "standard"), "metadata": merged_metadata({}, params.get("metadata"))}
    call.store.payouts.put(payout)
    return payout


@operation("GET /v1/payouts")
def list_payouts(call: Call) -> bytes:
    equal = {name: call.params.get(name) for name in ("status", "destination")}
    low, high = created_bounds(call.params.get("arrival_date"))

    def keep(row: Any, payouts: Any) -> bool:
        arrival = payouts.field(row, "arrival_date")
        return (low is None or arrival >= low) and (high is None or arrival <= high)

    return list_answer(call, call.store.payouts, equal=equal, keep=keep)


@operation("GET /v1/payouts/{payout}")
def get_payout(call: Call) -> Record:
    return existing_payout(call, call.ids["payout"])


@operation("POST /v1/payouts/{payout}")
def update_payout(call: Call) -> Record:
    before, payout = get_payout(call), get_payout(call)
    payout["metadata"] = merged_metadata(payout["metadata"], call.params.get("metadata"))
    call.store.payouts.put(payout)
    emit(call, "payout.updated", payout, before=before)
    return payout


@operation("POST /v1/payouts/{payout}/cancel")
def cancel_payout(call: Call) -> Record:
    before, payout = get_payout(call), get_payout(call)
    if payout["automatic"] or payout["status"] != "pending":
        raise wrong_state("You can only cancel manual payouts that are pending.")
    book(
        call,
        kind="payout_cancel",
        amount=payout["amount"],
        currency=payout["currency"],
        source=payout["id"],
        at_once=True,
        category="payout_reversal",
    )
    payout["status"] = "canceled"
    call.store.payouts.put(payout)
    emit(call, "payout.updated", payout, before=before)
    emit(call, "payout.canceled", payout)
    return payout


@operation("POST /v1/payouts/{payout}/reverse")
def reverse_payout(call: Call) -> Record:
    before, payout = get_payout(call), get_payout(call)
    if payout["status"] != "paid" or payout["reversed_by"]:
        raise wrong_state("You can only reverse a payout that is paid and was not reversed.")
    back = payout_record(
        new_id("po_1", length=23),
        amount=-payout["amount"],
        currency=payout["currency"],
        created=call.now,
        arrival=call.now,
        automatic=False,
        livemode=call.livemode,
        destination=payout["destination"],
    )
    transaction = book(call, kind="payout", amount=payout["amount"], currency=payout["currency"], source=back["id"], at_once=True)
    back |= {"balance_transaction": transaction["id"], "original_payout": payout["id"], "status": "paid"}
    payout["reversed_by"] = back["id"]
    call.store.payouts.put(back)
    call.store.payouts.put(payout)
    emit(call, "payout.created", back)
    emit(call, "payout.updated", payout, before=before)
    return back


def _begin(call: Call, amount: int, currency: str, *, automatic: bool) -> Record:
    payout = payout_record(
        new_id("po_1", length=23),
        amount=amount,
        currency=currency,
        created=call.now,
        arrival=int(call.now + TRANSIT_AFTER_SECONDS + call.world.options.payout_arrival_seconds),
        automatic=automatic,
        livemode=call.livemode,
        destination=bank_account_of(call.account.id),
    )
    transaction = book(call, kind="payout", amount=-amount, currency=currency, source=payout["id"], at_once=True)
    payout["balance_transaction"] = transaction["id"]
    call.store.awaiting_payout.pop(transaction["id"], None)
    if automatic:
        call.store.payout_of[transaction["id"]] = payout["id"]
    call.store.payouts.put(payout)
    emit(call, "payout.created", payout)
    call.plan(call.now + TRANSIT_AFTER_SECONDS, lambda later: _move(later, payout["id"], "pending", "in_transit"))
    call.plan(payout["arrival_date"], lambda later: _move(later, payout["id"], "in_transit", "paid"))
    return payout


def _move(call: Call, payout_id: str, origin: str, status: str) -> None:
    before, payout = call.store.payouts.get(payout_id), call.store.payouts.get(payout_id)
    if payout is None or payout["status"] != origin:
        return
    payout["status"] = status
    if status == "paid":
        payout["trace_id"] = {"status": "supported", "value": new_id("", length=15)}
    call.store.payouts.put(payout)
    emit(call, "payout.updated", payout, before=before)
    if status != "paid":
        return
    emit(call, "payout.paid", payout)
    if payout["automatic"]:
        done = {**payout, "reconciliation_status": "completed"}
        call.store.payouts.put(done)
        emit(call, "payout.reconciliation_completed", done)


def _plan_automatic(call: Call, transaction: Record) -> None:
    """The midnight after the money is available, once per night."""
    if call.world.options.payout_schedule != "daily" or transaction["type"].startswith("payout"):
        return
    midnight = (transaction["available_on"] // DAY_SECONDS + 1) * DAY_SECONDS
    nights = call.store.payout_nights
    if midnight in nights:
        return
    nights.add(midnight)

    def due(later: Call) -> None:
        nights.discard(midnight)
        if later.world.options.payout_schedule == "daily":
            pay_out_available(later)

    call.plan(midnight, due)


on_booking.append(_plan_automatic)
