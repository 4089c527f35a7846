"""The Payments API: list with the main location as default, create, get, update, complete, cancel."""

from collections.abc import Callable
from datetime import timedelta

from providers.sandbox.square import customers, disputes, orders, payments, times
from providers.sandbox.square.errors import ApiFailure, bad_request, invalid, missing, not_found
from providers.sandbox.square.http import Answer, Call, Routes, check_version
from providers.sandbox.square.locations import active_location, location_of
from providers.sandbox.square.money import checked, money
from providers.sandbox.square.pagination import page_body, page_limit
from providers.sandbox.square.payment_sources import from_source_id
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

KEY_MAX_CHARS = 45
DEFAULT_WINDOW = timedelta(days=365)
TIME_QUERY = ("begin_time", "end_time", "updated_at_begin_time", "updated_at_end_time")
DISPUTED_AMOUNTS = {
    8801: "AMOUNT_DIFFERS",
    8802: "CANCELLED",
    8803: "DUPLICATE",
    8804: "NO_KNOWLEDGE",
    8805: "NOT_AS_DESCRIBED",
    8806: "NOT_RECEIVED",
    8807: "PAID_BY_OTHER_MEANS",
    8808: "CUSTOMER_REQUESTS_CREDIT",
    8809: "EMV_LIABILITY_SHIFT",
}
"""Minor units. Source: Square docs, devtools/sandbox/testing, Disputes API."""
LIST_QUERY = (*TIME_QUERY, "sort_field", "sort_order", "cursor", "location_id", "limit")

routes = Routes()


def time_bounds(call: Call, sort_field: str) -> tuple[tuple[str | None, str | None], Callable[[Record], bool]]:
    """Bounds on the sort field and a test on the other one, from the four time parameters of payments and refunds.

    Without begin_time the last year counts; whether an updated_at filter lifts that is a setting."""
    given = {name: times.parse_key(call.query.get(name), name) for name in TIME_QUERY}
    updated_given = given["updated_at_begin_time"] or given["updated_at_end_time"]
    if given["begin_time"] is None and not (updated_given and call.square.settings.updated_at_lifts_default_window):
        given["begin_time"] = times.sort_key(times.wire(call.square.now() - DEFAULT_WINDOW, 6))
    created = (given["begin_time"], given["end_time"])
    updated = (given["updated_at_begin_time"], given["updated_at_end_time"])
    for name, (start, end) in (("begin_time", created), ("updated_at_begin_time", updated)):
        if call.query.get(name) and start and end and start > end:
            raise invalid("INVALID_TIME_RANGE", f"`{name}` is after the end of the range.", name)
    on_sort, other, other_field = (
        (updated, created, "created_at") if sort_field == "UPDATED_AT" else (created, updated, "updated_at")
    )
    start, end = other[0] or "", other[1] or "9999"
    return on_sort, lambda record: start <= times.sort_key(record[other_field]) < end


@routes.on(
    "GET",
    "/v2/payments",
    scopes=("PAYMENTS_READ",),
    query=(*LIST_QUERY, "total", "last_4", "card_brand", "is_offline_payment", "offline_begin_time", "offline_end_time"),
)
def list_payments(call: Call) -> Answer:
    sort_field = call.choice("sort_field", ("CREATED_AT", "UPDATED_AT", "OFFLINE_CREATED_AT"), "CREATED_AT")
    direction = call.choice("sort_order", ("ASC", "DESC"), "DESC")
    location_id = location_of(call.seller, call.query.get("location_id"))["id"]
    bounds, in_window = time_bounds(call, sort_field)
    total, last_4, brand = call.whole_number("total"), call.query.get("last_4"), call.query.get("card_brand")

    def fits(payment: Record) -> bool:
        card = (payment.get("card_details") or {}).get("card") or {}
        return (
            payment["location_id"] == location_id
            and in_window(payment)
            and total in (None, payment["total_money"]["amount"])
            and last_4 in (None, card.get("last_4"))
            and brand in (None, card.get("card_brand"))
        )

    return page_body(
        call,
        call.seller.payments,
        "payments",
        order="UPDATED_AT" if sort_field == "UPDATED_AT" else "CREATED_AT",
        limit=page_limit(call.whole_number("limit"), default=100, most=100, ignore_excess=True),
        query=[{name: value for name, value in call.query.items() if name not in ("cursor", "limit")}],
        cursor=call.query.get("cursor"),
        descending=direction == "DESC",
        where=fits,
        bounds=bounds,
        lag_seconds=call.square.settings.payment_lag_seconds,
    )


@routes.on("POST", "/v2/payments", scopes=("PAYMENTS_WRITE",), body="CreatePaymentRequest")
def create_payment(call: Call) -> Answer:
    if not call.body["idempotency_key"]:
        raise missing("idempotency_key")
    return call.once(
        "CreatePayment", lambda: _create(call), lambda made: _shown_or_declined(call, made), key_max_chars=KEY_MAX_CHARS
    )


def _shown_or_declined(call: Call, payment_id: str) -> Record:
    payment = payments.find(call.seller, payment_id)
    if payment["status"] == "FAILED" and payment["source_type"] == "CARD":
        raise ApiFailure(call.square.settings.decline_status, *payment["card_details"]["errors"], beside={"payment": payment})
    return {"payment": payment}


def _create(call: Call) -> str:
    body, seller, square = call.body, call.seller, call.square
    if body.get("amount_money") is None:
        raise missing("amount_money")
    order = orders.find(seller, body["order_id"]) if body.get("order_id") else None
    location = active_location(seller, (order or {}).get("location_id") or body.get("location_id"))
    if order is not None and body.get("location_id") not in (None, order["location_id"]):
        raise invalid("LOCATION_MISMATCH", "The order belongs to another location.", "location_id")
    amount = checked(body["amount_money"], location["currency"], "amount_money", positive=body["source_id"] != "CASH")
    tip = checked(body["tip_money"], location["currency"], "tip_money") if body.get("tip_money") else 0
    if body.get("customer_id"):
        customers.find(seller, body["customer_id"])
    source = from_source_id(
        square, seller, body["source_id"], body.get("customer_id"), verification_token=body.get("verification_token")
    )
    names = ("customer_id", "reference_id", "note", "buyer_email_address", "app_fee_money", "billing_address", "shipping_address")
    fields = {name: body[name] for name in (*names, "delay_action", "team_member_id") if body.get(name)}
    fields |= payments.checked_details(body, source, amount + tip, location["currency"])
    if order is None:
        order = _own_order(call, location, amount, body)
    else:
        _check_payable(call, order, amount)
    try:
        payment = payments.take(
            square,
            seller,
            source,
            amount=amount,
            tip=tip,
            order=order,
            product="ECOMMERCE_API",
            status="APPROVED" if body.get("autocomplete") is False and source.source_type == "CARD" else "COMPLETED",
            fields=fields,
            completes_order=not order.get("fulfillments"),
        )
    except ApiFailure as declined:
        failed = declined.beside.get("payment")
        if failed is not None and square.settings.failed_attempts_keep_key:
            return str(failed["id"])
        raise
    _dispute_by_amount(square, seller, payment)
    return str(payment["id"])


def _dispute_by_amount(square: Square, seller: Seller, payment: Record) -> None:
    """Some amounts make Square's sandbox open a dispute by itself."""
    reason = DISPUTED_AMOUNTS.get(payment["amount_money"]["amount"])
    if reason is not None and payment["status"] == "COMPLETED" and payment["source_type"] == "CARD":
        days = square.settings.dispute_days
        disputes.opened(square, seller, payment, amount=None, reason=reason, inquiry=False, days=days)


def _own_order(call: Call, location: Record, amount: int, body: Record) -> Record:
    """A payment without an order gets one of its own, for a custom amount."""
    line = {"quantity": "1", "item_type": "CUSTOM_AMOUNT", "base_price_money": money(amount, location["currency"])}
    wanted = {"location_id": location["id"], "line_items": [line], "customer_id": body.get("customer_id")}
    order = orders.build(call.square, call.seller, wanted, source=call.caller.application.name)
    call.seller.orders.put(order, call.square.clock.timestamp())
    return order


def _check_payable(call: Call, order: Record, amount: int) -> None:
    if order["id"] in call.seller.invoice_of_order:
        raise bad_request("The order belongs to an invoice and can only be paid through the invoice.", "order_id")
    if order["state"] != "OPEN":
        raise bad_request(f"An order in state {order['state']} cannot be paid.", "order_id")
    if amount != order["net_amount_due_money"]["amount"]:
        raise invalid("PAYMENT_AMOUNT_MISMATCH", "The payment amount does not match the amount due of the order.", "amount_money")


@routes.on("GET", "/v2/payments/<payment_id>", scopes=("PAYMENTS_READ",))
def get_payment(call: Call, payment_id: str) -> Answer:
    return {"payment": payments.find(call.seller, payment_id)}


@routes.on("PUT", "/v2/payments/<payment_id>", scopes=("PAYMENTS_WRITE",), body="UpdatePaymentRequest")
def update_payment(call: Call, payment_id: str) -> Answer:
    """Amounts of APPROVED payments; nothing else."""

    def make() -> str:
        payment = payments.find(call.seller, payment_id)
        changes = call.body.get("payment") or {}
        _check_token(call, payment, changes.get("version_token"))
        if payment["status"] != "APPROVED":
            raise bad_request(f"A payment in state {payment['status']} cannot be updated.")
        currency = payment["amount_money"]["currency"]
        amount, tip = (changes.get(name) or payment.get(name) or money(0, currency) for name in ("amount_money", "tip_money"))
        total = checked(amount, currency, "payment.amount_money") + checked(tip, currency, "payment.tip_money")
        changed = {**payment, "amount_money": amount, "tip_money": tip}
        totals = {"total_money": money(total, currency), "approved_money": money(total, currency)}
        payments.save(call.square, call.seller, {**changed, **totals})
        return payment_id

    return call.once(
        f"UpdatePayment {payment_id}",
        make,
        lambda made: {"payment": payments.find(call.seller, made)},
        key_max_chars=KEY_MAX_CHARS,
    )


def _check_token(call: Call, payment: Record, token: str | None) -> None:
    check_version(call.square, "payment", payment["version_token"], token, documented="VERSION_MISMATCH", required=False)


@routes.on("POST", "/v2/payments/<payment_id>/complete", scopes=("PAYMENTS_WRITE",), body="CompletePaymentRequest")
def complete_payment(call: Call, payment_id: str) -> Answer:
    payment = payments.find(call.seller, payment_id)
    _check_token(call, payment, call.body.get("version_token"))
    return {"payment": payments.complete(call.square, call.seller, payment)}


@routes.on("POST", "/v2/payments/<payment_id>/cancel", scopes=("PAYMENTS_WRITE",))
def cancel_payment(call: Call, payment_id: str) -> Answer:
    return {"payment": payments.cancel(call.square, call.seller, payments.find(call.seller, payment_id))}


@routes.on("POST", "/v2/payments/cancel", scopes=("PAYMENTS_WRITE",), body="CancelPaymentByIdempotencyKeyRequest")
def cancel_by_key(call: Call) -> Answer:
    """Answers 200 even if no payment was made with the key."""
    known = call.square.replays.get((call.caller.application.id, call.seller.id, "CreatePayment", call.body["idempotency_key"]))
    if known is not None:
        payment = payments.find(call.seller, known[2])
        if payment["status"] == "APPROVED":
            payments.cancel(call.square, call.seller, payment)
    return {}


@routes.on("POST", "/v2/orders/<order_id>/pay", scopes=("PAYMENTS_WRITE", "ORDERS_WRITE"), body="PayOrderRequest")
def pay_order(call: Call, order_id: str) -> Answer:
    """With APPROVED payments, or without any for an order that costs nothing."""

    def make() -> str:
        order = orders.find(call.seller, order_id)
        if "version" not in order:
            raise not_found("Order", order_id)
        check_version(
            call.square, "order", order["version"], call.body.get("order_version"), documented="VERSION_MISMATCH", required=False
        )
        approved = [payments.find(call.seller, payment_id) for payment_id in call.body.get("payment_ids") or []]
        total = sum(payment["amount_money"]["amount"] for payment in approved)
        _check_payable(call, order, total)
        for payment in approved:
            payments.complete(call.square, call.seller, payment)
        if not approved:
            closed = {"state": "COMPLETED", "closed_at": times.wire(call.square.now(), 3)}
            orders.save(call.square, call.seller, {**order, **closed})
        return order_id

    return call.once(f"PayOrder {order_id}", make, lambda made: {"order": orders.find(call.seller, made)}, key_max_chars=192)
