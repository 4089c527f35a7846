"""Refunds: full and partial, some pending, some failing later."""

from providers.sandbox.stripe.balance import book
from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.charges import book_now_if_waiting, existing_charge
from providers.sandbox.stripe.errors import ApiError, no_such, refused, wrong_state
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.params import merged_metadata
from providers.sandbox.stripe.payment_intents import existing_intent
from providers.sandbox.stripe.payment_methods import card_behind
from providers.sandbox.stripe.store import Record


def refund_record(refund_id: str, charge: Record, amount: int, created: int) -> Record:
    """A succeeded refund without its balance transaction."""
    return {
        "id": refund_id,
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": created,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {
            "card": {
                "reference": None,
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


@operation("POST /v1/refunds")
def create_refund(call: Call) -> Record:
    charge = _charge_to_refund(call)
    left = charge["amount_captured"] - charge["amount_refunded"]
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise wrong_state(
            f"Charge {charge['id']} has not been captured; cancel its PaymentIntent instead.", "charge_not_refundable"
        )
    if left == 0:
        raise wrong_state(f"Charge {charge['id']} has already been refunded.", "charge_already_refunded")
    amount = call.params.get("amount", left)
    if amount < 1:
        raise refused("This value must be greater than or equal to 1.", code="parameter_invalid_integer", param="amount")
    if amount > left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise ApiError(400, message, param="amount")
    return refund_charge(call, charge, amount)


def refund_charge(call: Call, charge: Record, amount: int) -> Record:
    method = call.store.payment_methods.get(charge["payment_method"])
    assert method is not None
    card = card_behind(call, method)
    book_now_if_waiting(call, charge, card)
    refund = refund_record(new_id("re_3", length=23), charge, amount, call.now)
    refund["reason"] = call.params.get("reason")
    refund["metadata"] = merged_metadata({}, call.params.get("metadata"))
    if card.refund == "pending":
        refund |= {"status": "pending", "pending_reason": "processing"}
    transaction = book(call, kind="refund", amount=-amount, currency=charge["currency"], source=refund["id"])
    refund["balance_transaction"] = transaction["id"]
    call.store.refunds.put(refund)
    before = dict(charge)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    call.store.charges.put(charge)
    emit(call, "refund.created", refund)
    emit(call, "charge.refunded", charge, before=before)
    _plan_outcome(call, refund["id"], card.refund)
    return refund


def fail_refund(call: Call, refund_id: str) -> Record:
    """The bank sent the money back: the refund fails, the merchant has it again."""
    before, refund = existing_refund(call, refund_id), existing_refund(call, refund_id)
    if refund["status"] not in ("pending", "succeeded"):
        raise wrong_state(f"Refund {refund_id} is {refund['status']} already.")
    transaction = book(call, kind="refund_failure", amount=refund["amount"], currency=refund["currency"], source=refund["id"])
    refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card", "failure_balance_transaction": transaction["id"]}
    refund.pop("pending_reason", None)
    call.store.refunds.put(refund)
    charge = existing_charge(call, refund["charge"])
    charge_before = dict(charge)
    charge |= {"amount_refunded": charge["amount_refunded"] - refund["amount"], "refunded": False}
    call.store.charges.put(charge)
    emit(call, "refund.updated", refund, before=before)
    emit(call, "refund.failed", refund)
    emit(call, "charge.updated", charge, before=charge_before)
    return refund


def existing_refund(call: Call, refund_id: str) -> Record:
    refund = call.store.refunds.get(refund_id)
    if refund is None:
        raise no_such("refund", refund_id)
    return refund


@operation("GET /v1/refunds")
def list_refunds(call: Call) -> bytes:
    equal = {name: call.params.get(name) for name in ("charge", "payment_intent")}
    return list_answer(call, call.store.refunds, equal=equal)


@operation("GET /v1/refunds/{refund}")
def get_refund(call: Call) -> Record:
    return existing_refund(call, call.ids["refund"])


@operation("POST /v1/refunds/{refund}")
def update_refund(call: Call) -> Record:
    before, refund = get_refund(call), get_refund(call)
    refund["metadata"] = merged_metadata(refund["metadata"], call.params.get("metadata"))
    call.store.refunds.put(refund)
    emit(call, "refund.updated", refund, before=before)
    return refund


@operation("POST /v1/refunds/{refund}/cancel")
def cancel_refund(call: Call) -> Record:
    refund = get_refund(call)
    raise wrong_state(f"You can only cancel a refund that requires action; this one is {refund['status']}.")


def _charge_to_refund(call: Call) -> Record:
    params = call.params
    if params.get("charge") and params.get("payment_intent"):
        raise refused("You may only specify one of these parameters: charge, payment_intent.", param="payment_intent")
    if params.get("charge"):
        return existing_charge(call, params["charge"])
    if not params.get("payment_intent"):
        raise refused(
            "One of the following params should be provided for this request: payment_intent or charge.", code="parameter_missing"
        )
    intent = existing_intent(call, params["payment_intent"], param="payment_intent")
    if intent["latest_charge"] is None or intent["status"] != "succeeded":
        message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        raise wrong_state(message, "payment_intent_unexpected_state")
    return existing_charge(call, intent["latest_charge"])


def _plan_outcome(call: Call, refund_id: str, ending: str) -> None:
    if ending == "succeeds":
        return

    def due(later: Call) -> None:
        before, refund = later.store.refunds.get(refund_id), later.store.refunds.get(refund_id)
        if refund is None or refund["status"] == "failed":
            return
        if ending == "fails":
            fail_refund(later, refund_id)
            return
        refund["status"] = "succeeded"
        del refund["pending_reason"]
        later.store.refunds.put(refund)
        emit(later, "refund.updated", refund, before=before)

    call.plan(call.now + call.world.options.refund_lag_seconds, due)
