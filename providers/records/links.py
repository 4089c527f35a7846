"""Pages of the provider on which a payer pays or looks after their own affairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from providers.records.invoices import Line
from providers.records.money import Money
from providers.records.record import Draft, Record

LinkStyle = Literal["link", "checkout", "embedded"]
"""link: an address to send, good until it is paid or taken back. checkout: the provider's page for one visit, which expires
(Stripe: a day at most). embedded: the same within a page of ours."""


class LinkStatus(StrEnum):
    ACTIVE = "active"
    PENDING = "pending"  # the payer is done, the money is on its way (bank debit)
    PAID = "paid"
    EXPIRED = "expired"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentLink(Record):
    """One way to pay one sum once. `url` is None where there is none to open (embedded, or over). `client_parameters` is what
    a page needs to embed it (client secret, publishable key, account); it is kept in neither database nor log.

    `payment_id` is known once somebody paid. `order_id`: Square's order, which the payment names. A return to our page proves
    nothing: only `status`, read from the provider, does. `expires_at` None: never, unless we cancel it.
    """

    style: LinkStyle
    url: str | None
    amount: Money
    status: LinkStatus
    customer_id: str | None = None
    payment_id: str | None = None
    order_id: str | None = None
    location_id: str | None = None
    client_parameters: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    expires_at: datetime | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentLinkDraft(Draft[PaymentLink]):
    """A single-use link over `amount`. `lines`: what it is for; their sum must be `amount`; empty: one line, `description`.

    `return_url`: our page to which the payer comes back, as a rule needed by checkout and embedded. `payer_email` is filled in
    for the payer. `expires_at`: for checkout and embedded, within what the provider allows. `customer_id` None: a guest.
    """

    style: LinkStyle = "link"
    amount: Money
    description: str
    lines: tuple[Line, ...] = ()
    customer_id: str | None = None
    payer_email: str | None = None
    return_url: str | None = None
    cancel_url: str | None = None
    location_id: str | None = None
    expires_at: datetime | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingPortal(Record):
    """The provider's page where a customer sees invoices and changes saved methods; `url` lives for minutes and is a secret."""

    customer_id: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingPortalDraft(Draft[BillingPortal]):
    customer_id: str
    return_url: str
