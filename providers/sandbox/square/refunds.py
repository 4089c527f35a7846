"""Refunds: PENDING at first, then COMPLETED, FAILED or REJECTED; the sale's order and invoice follow a completed one."""

from typing import Any

from providers.sandbox.square import ids, orders, payments, times
from providers.sandbox.square.balance import add_entry
from providers.sandbox.square.disputes import dispute_of
from providers.sandbox.square.errors import REFUND, ApiFailure, bad_request, invalid, missing, not_found, problem
from providers.sandbox.square.events import record_event
from providers.sandbox.square.http import Answer, Call, Routes, check_version
from providers.sandbox.square.invoice_settlement import refunded as invoice_refunded
from providers.sandbox.square.locations import location_of
from providers.sandbox.square.money import amount_of, checked, money
from providers.sandbox.square.order_totals import with_due
from providers.sandbox.square.pagination import page_body, page_limit
from providers.sandbox.square.payments_api import LIST_QUERY, time_bounds
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

KEY_MAX_CHARS = 45

routes = Routes()


def refusal(code: str, detail: str) -> ApiFailure:
    return ApiFailure(400, problem(REFUND, code, detail))


def start(square: Square, seller: Seller, payment: Record, amount: int, *, reason: str | None = None) -> Record:
    """A PENDING refund that ends by itself after the set delay. Raises the documented REFUND_ERRORs."""
    if payment["status"] != "COMPLETED":
        raise refusal("REFUND_ERROR_PAYMENT_NEEDS_COMPLETION", "The payment must be completed before it can be refunded.")
    if dispute_of(seller, payment["id"]) is not None:
        raise refusal("PAYMENT_NOT_REFUNDABLE_DUE_TO_DISPUTE", "The payment is disputed and cannot be refunded.")
    if amount > payments.refundable(seller, payment):
        raise refusal("REFUND_AMOUNT_INVALID", "The requested refund amount exceeds the amount available to refund.")
    moment = times.wire(square.now(), 3)
    refund: Record = {
        "id": ids.refund(payment["id"]),
        "status": "PENDING",
        "location_id": payment["location_id"],
        "unlinked": False,
        "destination_type": payment["source_type"],
        "amount_money": money(amount, payment["total_money"]["currency"]),
        "payment_id": payment["id"],
        "order_id": ids.order(),
        "created_at": moment,
        "updated_at": moment,
    }
    if reason:
        refund["reason"] = reason
    seller.refunds.put(refund, square.clock.timestamp())
    record_event(square, seller, "refund.created", refund)
    square.later(square.settings.refund_delay_seconds, lambda: _end(square, seller, refund["id"]))
    return refund


def _end(square: Square, seller: Seller, refund_id: str) -> None:
    refund = find(seller, refund_id)
    if refund["status"] != "PENDING":
        return
    ended: Record = {**refund, "status": square.settings.refund_outcome, "updated_at": times.wire(square.now(), 3)}
    payment = payments.find(seller, refund["payment_id"])
    fees = payment.get("processing_fee")
    if ended["status"] == "COMPLETED" and fees:
        share = (
            amount_of(fees[0]["amount_money"]) * amount_of(refund["amount_money"]) // max(1, amount_of(payment["total_money"]))
        )
        ended["processing_fee"] = [payments.fee_entry(square, -share, payment["total_money"]["currency"])]
    seller.refunds.put(ended, square.clock.timestamp())
    record_event(square, seller, "refund.updated", ended)
    if ended["status"] == "COMPLETED":
        _note_on_payment(square, seller, payment, ended)
        _taken_off(square, seller, payment, ended)
        _add_return_order(square, seller, payment, ended)
        invoice_refunded(square, seller, payment["order_id"])


def _taken_off(square: Square, seller: Seller, payment: Record, refund: Record) -> None:
    if payment["source_type"] in ("CASH", "EXTERNAL"):
        return
    amount, currency = amount_of(refund["amount_money"]), refund["amount_money"]["currency"]
    fee = sum(amount_of(part["amount_money"]) for part in refund.get("processing_fee") or [])
    details = {"payment_id": payment["id"], "refund_id": refund["id"]}
    add_entry(square, seller, refund["location_id"], "REFUND", gross=-amount, fee=fee, currency=currency, details=details)


def _note_on_payment(square: Square, seller: Seller, payment: Record, refund: Record) -> None:
    total = amount_of(payment.get("refunded_money")) + amount_of(refund["amount_money"])
    noted = {"refunded_money": money(total, payment["total_money"]["currency"])}
    payments.save(square, seller, {**payment, **noted, "refund_ids": [*payment.get("refund_ids", []), refund["id"]]})


def _add_return_order(square: Square, seller: Seller, payment: Record, refund: Record) -> None:
    """The refund's own order, separate from the sale; the sale's net amounts shrink."""
    sale = orders.find(seller, payment["order_id"])
    currency, moment = refund["amount_money"]["currency"], times.wire(square.now(), 3)
    zeros = {name: money(0, currency) for name in ("tax_money", "discount_money", "tip_money", "service_charge_money")}
    amounts = {"total_money": refund["amount_money"], **zeros}
    totals = ("total_money", "total_tax_money", "total_discount_money", "total_tip_money", "total_service_charge_money")
    returned = {"uid": ids.uid(), "source_order_id": sale["id"], "return_amounts": amounts}
    return_order = {
        "id": refund["order_id"],
        "location_id": refund["location_id"],
        "state": "COMPLETED",
        "version": 1,
        "created_at": refund["created_at"],
        "updated_at": moment,
        "closed_at": moment,
        **{name: money(0, currency) for name in totals},
        "returns": [returned],
        "return_amounts": amounts,
        "refunds": [
            {
                "id": refund["id"],
                "location_id": refund["location_id"],
                "transaction_id": sale["id"],
                "tender_id": payment["id"],
                "created_at": refund["created_at"],
                "reason": refund.get("reason", ""),
                "amount_money": refund["amount_money"],
                "status": "APPROVED",
            }
        ],
    }
    orders.add(square, seller, with_due(return_order, currency))
    before = amount_of((sale.get("return_amounts") or {}).get("total_money"))
    total = money(before + amount_of(refund["amount_money"]), currency)
    orders.save(square, seller, {**sale, "return_amounts": {"total_money": total, **zeros}})


def find(seller: Seller, refund_id: str) -> Record:
    refund = seller.refunds.get(refund_id)
    if refund is None:
        raise not_found("Could not find refund", refund_id, "refund_id")
    return refund


@routes.on("POST", "/v2/refunds", scopes=("PAYMENTS_WRITE",), body="RefundPaymentRequest")
def refund_payment(call: Call) -> Answer:
    if not call.body["idempotency_key"]:
        raise missing("idempotency_key")

    def make() -> str:
        body = call.body
        if body.get("unlinked") or not body.get("payment_id"):
            raise bad_request("This sandbox makes refunds of known payments only: give `payment_id`.", "payment_id")
        payment = payments.find(call.seller, body["payment_id"])
        token: Any = body.get("payment_version_token")
        check_version(call.square, "payment", payment["version_token"], token, documented="VERSION_MISMATCH", required=False)
        amount = checked(body["amount_money"], payment["total_money"]["currency"], "amount_money", positive=True)
        return str(start(call.square, call.seller, payment, amount, reason=body.get("reason"))["id"])

    return call.once("RefundPayment", make, lambda made: {"refund": find(call.seller, made)}, key_max_chars=KEY_MAX_CHARS)


@routes.on("GET", "/v2/refunds/<refund_id>", scopes=("PAYMENTS_READ",))
def get_refund(call: Call, refund_id: str) -> Answer:
    return {"refund": find(call.seller, refund_id)}


@routes.on("GET", "/v2/refunds", scopes=("PAYMENTS_READ",), query=(*LIST_QUERY, "status", "source_type"))
def list_refunds(call: Call) -> Answer:
    """All locations unless one is named."""
    sort_field = call.choice("sort_field", ("CREATED_AT", "UPDATED_AT"), "CREATED_AT")
    direction = call.choice("sort_order", ("ASC", "DESC"), "DESC")
    status = call.query.get("status")
    if status not in (None, "PENDING", "COMPLETED", "REJECTED", "FAILED"):
        raise invalid("INVALID_VALUE", f"`{status}` is not a refund status.", "status")
    location_id = call.query.get("location_id")
    if location_id is not None:
        location_of(call.seller, location_id)
    bounds, in_window = time_bounds(call, sort_field)
    source_type = call.query.get("source_type")

    def fits(refund: Record) -> bool:
        return (
            location_id in (None, refund["location_id"])
            and status in (None, refund["status"])
            and source_type in (None, refund["destination_type"])
            and in_window(refund)
        )

    return page_body(
        call,
        call.seller.refunds,
        "refunds",
        order=sort_field,
        limit=page_limit(call.whole_number("limit"), default=100, most=100, ignore_excess=True),
        query=[{name: value for name, value in call.query.items() if name not in ("cursor", "limit")}],
        cursor=call.query.get("cursor"),
        descending=direction == "DESC",
        where=fits,
        bounds=bounds,
        lag_seconds=call.square.settings.payment_lag_seconds,
    )
