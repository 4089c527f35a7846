"""Money that came in, went back, and the saved ways to pay. There is no field for a card number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from providers.records.making import quickly_made
from providers.records.money import Money
from providers.records.record import Draft, Record


class PaymentStatus(StrEnum):
    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    AUTHORIZED = "authorized"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


class RefundStatus(StrEnum):
    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Payment(Record):
    """`id`: Stripe's PaymentIntent, else the charge. `invoice_ids`: provider ids of the invoices it pays; empty for a sale
    without invoice. `order_id` joins a Square payment to its invoice. `fee` None until the provider knows it; it is in the
    account's own (settlement) currency, as is `net`, what is left of the payment after it. `amount` includes `tip`. `method` is
    the provider-neutral word: card, cash, bank, wallet, other. `refunded`: what went back so far, None where the provider does
    not tell it here. `device` names the reader or till of an in-person sale.
    """

    amount: Money
    tip: Money | None = None
    status: PaymentStatus
    customer_id: str | None = None
    invoice_ids: tuple[str, ...] = ()
    order_id: str | None = None
    charge_id: str | None = None
    fee: Money | None = None
    net: Money | None = None
    refunded: Money | None = None
    disputed: bool = False
    method: str = "other"
    card_brand: str | None = None
    card_last4: str | None = None
    location_id: str | None = None
    device: str | None = None
    payer_name: str = ""
    payer_email: str = ""
    receipt_url: str | None = None
    failure: str | None = None
    reference: str | None = None


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Refund(Record):
    payment_id: str | None
    amount: Money
    status: RefundStatus
    reason: str = ""
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethod(Record):
    """A saved way to pay: tokens and display data only. `method` as in Payment."""

    customer_id: str | None
    method: str = "card"
    brand: str = ""
    last4: str = ""
    exp_month: int | None = None
    exp_year: int | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethodSetup(Record):
    """A payer's saving of a way to pay, without a payment: begun by us, ended in the payer's browser (Stripe SetupIntent).

    `client_parameters` is what that page needs (client secret, publishable key, account), and goes nowhere else: kept in
    neither database nor log. `payment_method_id` is known once `status` is SUCCEEDED.
    """

    customer_id: str | None
    status: PaymentStatus
    payment_method_id: str | None = None
    client_parameters: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDraft(Draft[Payment]):
    """Take money with a provider's token. `source` is a saved payment method or nonce; there is no field for a card number.

    `invoice_id`: pay this provider invoice (Stripe). `amount` must not exceed what is due on it.
    """

    amount: Money
    source: str
    customer_id: str | None = None
    invoice_id: str | None = None
    location_id: str | None = None
    description: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundDraft(Draft[Refund]):
    """`payment_id` is Payment.id."""

    payment_id: str
    amount: Money
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethodDraft(Draft[PaymentMethod]):
    """Save a way to pay for later. `source`: a nonce (Square), or a payment method made in the payer's browser (Stripe)."""

    source: str
    customer_id: str
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethodSetupDraft(Draft[PaymentMethodSetup]):
    customer_id: str
    reference: str | None = None
