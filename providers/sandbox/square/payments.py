"""Payments: taken, approved and completed, cancelled; their fee and their instant profile come later."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from providers.sandbox.square import customers, ids, orders, payment_sources, times
from providers.sandbox.square.balance import add_entry
from providers.sandbox.square.errors import bad_request, invalid, missing, not_found
from providers.sandbox.square.events import record_event
from providers.sandbox.square.money import amount_of, money
from providers.sandbox.square.payment_sources import Source
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

CARD_STATUS = {"COMPLETED": "CAPTURED", "APPROVED": "AUTHORIZED", "CANCELED": "VOIDED", "FAILED": "FAILED"}
DELAY_DAYS = 7
FEE_PER_MILLE = {"ECOMMERCE_API": 29, "INVOICES": 33, "SQUARE_POS": 26}
FIXED_FEE = {"JPY": 0}


def take(
    square: Square,
    seller: Seller,
    source: Source,
    *,
    amount: int,
    tip: int = 0,
    order: Record,
    product: str,
    status: str = "COMPLETED",
    fields: Mapping[str, Any] | None = None,
    completes_order: bool = True,
) -> Record:
    """Make a payment for an order, with its events; the caller has checked amount and order.

    status: wanted one, COMPLETED or APPROVED. A declined source leaves a FAILED payment and raises ApiFailure;
    a bank transfer starts PENDING. fields: further fields of the payment. completes_order: a paid order is done."""
    if source.decline is not None:
        status = "FAILED"
    elif source.source_type == "BANK_ACCOUNT":
        status = "PENDING"
    payment = build(square, source, amount=amount, tip=tip, order=order, product=product, status=status, fields=fields or {})
    seller.payments.put(payment, square.clock.timestamp())
    record_event(square, seller, "payment.created", payment)
    if status == "FAILED":
        record_event(square, seller, "payment.updated", payment)
        raise payment_sources.decline(square, source, payment)
    if status == "COMPLETED":
        _completed(square, seller, payment, completes_order=completes_order)
    elif status == "PENDING":
        _settle_bank_later(square, seller, payment["id"], source, completes_order=completes_order)
    else:
        _end_delay_later(square, seller, payment)
    return find(seller, payment["id"])


def build(
    square: Square,
    source: Source,
    *,
    amount: int,
    tip: int,
    order: Record,
    product: str,
    status: str,
    fields: Mapping[str, Any],
) -> Record:
    moment = times.wire(square.now(), 3)
    currency = order["total_money"]["currency"]
    payment_id = ids.payment()
    payment: Record = {
        "id": payment_id,
        "created_at": moment,
        "updated_at": moment,
        "amount_money": money(amount, currency),
        "total_money": money(amount + tip, currency),
        "status": status,
        "source_type": source.source_type,
        "location_id": order["location_id"],
        "order_id": order["id"],
        "delay_action": "CANCEL",
        "application_details": {"square_product": product, "application_id": square.platform.id},
        "version_token": ids.version_token(),
        **{name: value for name, value in fields.items() if value is not None},
    }
    if tip:
        payment["tip_money"] = money(tip, currency)
    if status in ("COMPLETED", "APPROVED"):
        payment["approved_money"] = money(amount + tip, currency)
    if source.source_type in ("CARD", "BANK_ACCOUNT"):
        payment |= payment_sources.details(source, CARD_STATUS.get(status, status), moment, (source.decline or (None,))[0])
        payment |= {"delay_duration": f"PT{DELAY_DAYS * 24}H"}
        payment["delayed_until"] = times.wire(square.now() + timedelta(days=DELAY_DAYS), 3)
    if status == "COMPLETED":
        payment |= _receipt(square, payment_id)
    return payment


def _receipt(square: Square, payment_id: str) -> Record:
    return {"receipt_number": payment_id[:4], "receipt_url": f"{square.base_url}/receipt/preview/{payment_id}"}


def find(seller: Seller, payment_id: str) -> Record:
    payment = seller.payments.get(payment_id)
    if payment is None:
        raise not_found("Could not find payment", payment_id, "payment_id")
    return payment


def save(square: Square, seller: Seller, payment: Record) -> Record:
    """Store a changed payment: new updated_at and version_token, payment.updated."""
    changed = {**payment, "updated_at": times.wire(square.now(), 3), "version_token": ids.version_token()}
    seller.payments.put(changed, square.clock.timestamp())
    record_event(square, seller, "payment.updated", changed)
    return changed


def _completed(square: Square, seller: Seller, payment: Record, *, completes_order: bool) -> None:
    record_event(square, seller, "payment.updated", payment)
    orders.add_tender(square, seller, payment["order_id"], payment, complete=completes_order)
    fee = fee_of(payment)
    if fee and not square.settings.fee_delay_seconds:
        _add_fee(square, seller, payment["id"], fee)
    elif fee:
        square.later(square.settings.fee_delay_seconds, lambda: _add_fee(square, seller, payment["id"], fee))
    elif payment["source_type"] not in ("CASH", "EXTERNAL"):
        _earned(square, seller, payment, 0)
    if payment["source_type"] == "CARD" and not payment.get("customer_id") and square.settings.instant_profiles:
        square.later(square.settings.instant_profile_delay_seconds, lambda: _add_profile(square, seller, payment["id"]))


def fee_of(payment: Record) -> int:
    if payment["source_type"] != "CARD":
        return 0
    total, currency = payment["total_money"]["amount"], payment["total_money"]["currency"]
    per_mille = FEE_PER_MILLE.get(payment["application_details"]["square_product"], 29)
    return int(total * per_mille // 1000 + FIXED_FEE.get(currency, 30)) if total else 0


def fee_entry(square: Square, fee: int, currency: str) -> Record:
    effective_at = times.wire(square.now().replace(microsecond=0), 3)
    return {"effective_at": effective_at, "type": "INITIAL", "amount_money": money(fee, currency)}


def _add_fee(square: Square, seller: Seller, payment_id: str, fee: int) -> None:
    payment = find(seller, payment_id)
    save(square, seller, {**payment, "processing_fee": [fee_entry(square, fee, payment["total_money"]["currency"])]})
    _earned(square, seller, payment, fee)


def _earned(square: Square, seller: Seller, payment: Record, fee: int) -> None:
    """Money that Square collects comes onto the location's balance, less its fee; cash and other means do not."""
    total, details = payment["total_money"], {"payment_id": payment["id"]}
    place, currency = payment["location_id"], total["currency"]
    add_entry(square, seller, place, "CHARGE", gross=total["amount"], fee=fee, currency=currency, details=details)


def _add_profile(square: Square, seller: Seller, payment_id: str) -> None:
    """Square makes a profile of an unknown buyer; without anything to share it stays hidden from lists."""
    payment = find(seller, payment_id)
    if payment.get("customer_id"):
        return
    email = payment.get("buyer_email_address")
    if email:
        profile = customers.create(square, seller, {"email_address": email}, source="INSTANT_PROFILE")
    else:
        profile = customers.build(square, {}, "INSTANT_PROFILE")
        seller.customers.put(profile, square.clock.timestamp(), listed=False)
    save(square, seller, {**payment, "customer_id": profile["id"]})


def _settle_bank_later(square: Square, seller: Seller, payment_id: str, source: Source, *, completes_order: bool) -> None:
    def settle() -> None:
        payment = find(seller, payment_id)
        if payment["status"] != "PENDING":
            return
        if source.later_failure:
            moment = times.wire(square.now(), 3)
            save(
                square,
                seller,
                {**payment, "status": "FAILED", **payment_sources.details(source, "FAILED", moment, source.later_failure)},
            )
            return
        done = {**payment, "status": "COMPLETED", "approved_money": payment["total_money"], **_receipt(square, payment_id)}
        done |= {"updated_at": times.wire(square.now(), 3), "version_token": ids.version_token()}
        seller.payments.put(done, square.clock.timestamp())
        _completed(square, seller, done, completes_order=completes_order)

    square.later(square.settings.bank_settle_seconds, settle)


def _end_delay_later(square: Square, seller: Seller, payment: Record) -> None:
    def end() -> None:
        known = find(seller, payment["id"])
        if known["status"] == "APPROVED":
            (complete if known["delay_action"] == "COMPLETE" else cancel)(square, seller, known)

    square.later(DELAY_DAYS * 86_400.0, end)


def complete(square: Square, seller: Seller, payment: Record) -> Record:
    if payment["status"] != "APPROVED":
        raise bad_request(f"A payment in state {payment['status']} cannot be completed.")
    done = {**payment, "status": "COMPLETED", **_receipt(square, payment["id"])}
    done |= {"updated_at": times.wire(square.now(), 3), "version_token": ids.version_token()}
    if "card_details" in payment:
        timeline = {**payment["card_details"]["card_payment_timeline"], "captured_at": done["updated_at"]}
        done["card_details"] = {**payment["card_details"], "status": "CAPTURED", "card_payment_timeline": timeline}
    seller.payments.put(done, square.clock.timestamp())
    _completed(square, seller, done, completes_order=True)
    return find(seller, payment["id"])


def cancel(square: Square, seller: Seller, payment: Record) -> Record:
    if payment["status"] != "APPROVED":
        raise bad_request(f"A payment in state {payment['status']} cannot be canceled.")
    canceled = {**payment, "status": "CANCELED"}
    if "card_details" in payment:
        timeline = {**payment["card_details"]["card_payment_timeline"], "voided_at": times.wire(square.now(), 3)}
        canceled["card_details"] = {**payment["card_details"], "status": "VOIDED", "card_payment_timeline": timeline}
    return save(square, seller, canceled)


def refundable(seller: Seller, payment: Record) -> int:
    """What may still be refunded, pending refunds counted as done."""
    taken = sum(
        amount_of(refund["amount_money"])
        for refund in seller.refunds.records()
        if refund["payment_id"] == payment["id"] and refund["status"] in ("PENDING", "COMPLETED")
    )
    return amount_of(payment["total_money"]) - taken


def checked_details(body: Mapping[str, Any], source: Source, total: int, currency: str) -> Record:
    """cash_details or external_details, which these two sources need."""
    if source.source_type == "CASH":
        cash = body.get("cash_details")
        if cash is None:
            raise missing("cash_details")
        given = amount_of(cash["buyer_supplied_money"])
        if given < total:
            raise invalid("INVALID_VALUE", "The buyer supplied less than the amount.", "cash_details.buyer_supplied_money")
        return {
            "cash_details": {"buyer_supplied_money": money(given, currency), "change_back_money": money(given - total, currency)}
        }
    if source.source_type == "EXTERNAL":
        if body.get("external_details") is None:
            raise missing("external_details")
        return {"external_details": body["external_details"]}
    return {}
