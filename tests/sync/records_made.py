"""Provider records for tests, at set seconds after one moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from providers.records import (
    Customer,
    Invoice,
    InvoiceStatus,
    Line,
    Money,
    Payment,
    PaymentStatus,
    Refund,
    RefundStatus,
)

START = datetime(2026, 8, 3, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def usd(minor_units: int) -> Money:
    return Money(minor_units, "USD")


def customer(id: str, seconds: float = 0, *, email: str = "", given_name: str = "") -> Customer:
    raw = {"id": id, "email": email, "given_name": given_name}
    return Customer(id=id, as_of=at(seconds), created_at=START, email=email, given_name=given_name, raw=raw)


def invoice(
    id: str,
    seconds: float = 0,
    *,
    total: int = 1000,
    paid: int = 0,
    due: int | None = None,
    status: InvoiceStatus = InvoiceStatus.OPEN,
    customer_id: str | None = None,
    order_id: str | None = None,
    number: str | None = None,
    reference: str | None = None,
    due_on: date | None = None,
    description: str = "",
) -> Invoice:
    return Invoice(
        id=id,
        as_of=at(seconds),
        created_at=START,
        customer_id=customer_id,
        order_id=order_id,
        number=number,
        status=status,
        lines=(Line(description="Work", amount=usd(total)),),
        total=usd(total),
        paid=usd(paid),
        due=usd(total - paid if due is None else due),
        due_on=due_on,
        description=description,
        reference=reference,
        raw={"id": id, "status": status.value, "total": total, "paid": paid, "at": seconds},
    )


def payment(
    id: str,
    seconds: float = 0,
    *,
    amount: int = 1000,
    tip: int = 0,
    invoices: tuple[str, ...] = (),
    order_id: str | None = None,
    customer_id: str | None = None,
    status: PaymentStatus = PaymentStatus.SUCCEEDED,
    fee: int | None = None,
    made_at: float = 0,
) -> Payment:
    return Payment(
        id=id,
        as_of=at(seconds),
        created_at=at(made_at),
        amount=usd(amount),
        tip=usd(tip),
        status=status,
        invoice_ids=invoices,
        order_id=order_id,
        customer_id=customer_id,
        fee=usd(fee) if fee is not None else None,
        raw={"id": id, "status": status.value, "amount": amount, "fee": fee, "at": seconds},
    )


def refund(
    id: str, payment_id: str, seconds: float = 0, *, amount: int = 1000, status: RefundStatus = RefundStatus.SUCCEEDED
) -> Refund:
    return Refund(
        id=id,
        as_of=at(seconds),
        created_at=START,
        payment_id=payment_id,
        amount=usd(amount),
        status=status,
        raw={"id": id, "status": status.value, "amount": amount, "at": seconds},
    )
