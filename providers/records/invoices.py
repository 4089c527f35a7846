"""Invoices, their lines, and the parts in which they fall due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from providers.records.making import quickly_made
from providers.records.money import Money
from providers.records.record import Draft, Record


class InvoiceStatus(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    OPEN = "open"
    PARTIALLY_PAID = "partially_paid"
    PENDING = "pending"  # money is on its way (bank transfer); nobody else may pay meanwhile
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"
    FAILED = "failed"
    UNKNOWN = "unknown"  # a word we do not know yet; kept in raw


class InstalmentKind(StrEnum):
    DEPOSIT = "deposit"
    INSTALMENT = "instalment"
    BALANCE = "balance"  # what is left after deposit and instalments
    UNKNOWN = "unknown"


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One invoice line. `amount` is the line's total without taxes added later; `quantity` is decimal text, like "1.5".

    `tax` and `discount` are what the provider reckoned for this line, to be shown; None where it does not tell per line. As a
    draft they are not written."""

    description: str
    amount: Money
    quantity: str = "1"
    unit_amount: Money | None = None
    tax: Money | None = None
    discount: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instalment:
    """One part of an invoice that falls due on its own day. `paid` is what was paid of it, without tips."""

    kind: InstalmentKind
    amount: Money
    due_on: date | None
    paid: Money | None = None


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice(Record):
    """`paid` is what the provider says was paid so far; `due` what is still open. `order_id`: Square's order, else None.

    `tax` and `discount` are those of the whole invoice, None where the provider does not tell. `instalments`: how the total
    falls due in parts (Square's payment requests), in that order; empty where it falls due at once. `subscription_id`: the
    subscription that made it. `unfinished`: we are still making it (its lines are to come), so it is no fact yet and nobody may
    take it for one; only the call that makes it goes on with it. `due_on` is the day on which the last part falls due."""

    customer_id: str | None
    location_id: str | None = None
    order_id: str | None = None
    number: str | None = None
    status: InvoiceStatus
    lines: tuple[Line, ...] = ()
    total: Money
    paid: Money
    due: Money
    tax: Money | None = None
    discount: Money | None = None
    instalments: tuple[Instalment, ...] = ()
    subscription_id: str | None = None
    due_on: date | None = None
    description: str = ""
    pay_url: str | None = None
    reference: str | None = None
    deleted: bool = False
    unfinished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDraft(Draft[Invoice]):
    """A draft invoice. `location_id` None: the account's main location (Square); `deliver`: the provider mails it when sent.

    `instalments`: the parts in which it falls due, their sum being the total; None: all of it on `due_on`. Only where the
    provider's `takes_instalments` says so."""

    customer_id: str | None = None
    currency: str | None = None
    lines: tuple[Line, ...] | None = None
    due_on: date | None = None
    instalments: tuple[Instalment, ...] | None = None
    number: str | None = None
    description: str | None = None
    location_id: str | None = None
    deliver: bool = False
    reference: str | None = None
