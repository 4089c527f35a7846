"""What a provider says and what it is asked to write, as values in the words of the field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

JsonObject = Mapping[str, Any]

# Currencies whose minor unit is not a hundredth, as Stripe and Square count (Stripe docs: currencies). ISK and UGX have no
# decimals but are sent times 100; HUF and TWD are two-decimal for charges.
ZERO_DECIMAL_CURRENCIES = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
THREE_DECIMAL_CURRENCIES = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])


def currency_exponent(currency: str) -> int:
    """Decimals of the currency's minor unit: 0, 2 or 3."""
    code = currency.upper()
    if code in ZERO_DECIMAL_CURRENCIES:
        return 0
    return 3 if code in THREE_DECIMAL_CURRENCIES else 2


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies were put together."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the currency's minor unit: 1999 is 19.99 USD, and 1999 JPY. `currency` is ISO 4217 in capitals."""

    minor_units: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor_units) is not int:
            raise TypeError(f"money is counted in whole minor units, not in {type(self.minor_units).__name__}")
        if len(self.currency) != 3 or not self.currency.isalpha() or not self.currency.isupper():
            raise ValueError("currency must be three capital letters, like USD")

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"cannot combine {self.currency} with {other.currency}")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor_units + other.minor_units, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor_units - other.minor_units, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor_units, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.minor_units < other.minor_units

    @property
    def exponent(self) -> int:
        return currency_exponent(self.currency)


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


class Effect(StrEnum):
    """What an event means for our copy of its record."""

    CHANGED = "changed"
    DELETED = "deleted"
    MERGED = "merged"  # the record was merged into another one (`merged_into`)
    DISCONNECTED = "disconnected"  # the account left us
    OTHER = "other"  # stored and counted, nothing to apply


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Empty string where a part is unknown; `country` is ISO 3166 alpha-2."""

    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One object at the provider, as it was at `as_of`.

    `version` is the provider's concurrency token, None where it has none. `changed_at` is None where the provider keeps no
    such time (most Stripe objects). `as_of`: event.created, or the answer's Date. `raw` is the object as received (a Square
    invoice: {"invoice": ..., "order": ...}); it takes no part in comparison or repr.
    """

    id: str
    version: str | None = None
    changed_at: datetime | None = None
    created_at: datetime | None = None
    as_of: datetime
    raw: JsonObject = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer(Record):
    """Empty strings where unknown. `reference` is our own id as the provider kept it for us, None if it holds none."""

    given_name: str = ""
    family_name: str = ""
    company_name: str = ""
    display_name: str = ""
    email: str = ""
    phone: str = ""
    address: Address = field(default_factory=Address)
    reference: str | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One invoice line. `amount` is the line's total without taxes added later; `quantity` is decimal text, like "1.5"."""

    description: str
    amount: Money
    quantity: str = "1"
    unit_amount: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice(Record):
    """`paid` is what the provider says was paid so far; `due` what is still open. `order_id`: Square's order, else None."""

    customer_id: str | None
    location_id: str | None = None
    order_id: str | None = None
    number: str | None = None
    status: InvoiceStatus
    lines: tuple[Line, ...] = ()
    total: Money
    paid: Money
    due: Money
    due_on: date | None = None
    description: str = ""
    pay_url: str | None = None
    reference: str | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment(Record):
    """`id`: Stripe's PaymentIntent, else the charge. `invoice_ids`: provider ids of the invoices it pays; empty for a sale
    without invoice. `order_id` joins a Square payment to its invoice. `fee` None until the provider knows it; `fee` is in its
    own (settlement) currency. `amount` includes `tip`. `method` is the provider-neutral word: card, cash, bank, wallet, other.
    """

    amount: Money
    tip: Money | None = None
    status: PaymentStatus
    customer_id: str | None = None
    invoice_ids: tuple[str, ...] = ()
    order_id: str | None = None
    charge_id: str | None = None
    fee: Money | None = None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund(Record):
    payment_id: str | None
    amount: Money
    status: RefundStatus
    reason: str = ""
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Location(Record):
    name: str
    currency: str
    country: str = ""
    timezone: str = ""
    active: bool = True
    is_main: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethod(Record):
    """A saved way to pay: tokens and display data only."""

    customer_id: str | None
    brand: str = ""
    last4: str = ""
    exp_month: int | None = None
    exp_year: int | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint(Record):
    """A webhook registration at the provider. `secret` is known only in the answer to a creation or rotation."""

    url: str
    event_types: frozenset[str]
    name: str = ""
    api_version: str | None = None
    active: bool = True
    secret: str | None = field(default=None, repr=False, compare=False)


R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened at the provider, from a webhook or from the events feed.

    `account_id` is None when the event does not name one (an account's own endpoint). `kind` and `record_id` are None when
    the event concerns none of our kinds. `snapshot` is the record as of `created_at`, None where only an id came; `partial`
    says that the snapshot lacks parts (a Square invoice without its order), so one get must settle it. `merged_into` is the
    surviving id for Effect.MERGED. `idempotency_key` is ours where the provider says that we caused the event.
    """

    id: str
    event_type: str
    account_id: str | None
    live: bool
    created_at: datetime
    effect: Effect
    kind: type[Record] | None = None
    record_id: str | None = None
    snapshot: Record | None = None
    partial: bool = False
    merged_into: str | None = None
    idempotency_key: str | None = None
    raw: JsonObject = field(compare=False, repr=False)


# --- what to write ---------------------------------------------------------------------------------------------------


class Draft(Generic[R]):
    """What to write. A field that is None is left as it is at the provider; an empty string clears it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDraft(Draft[Customer]):
    given_name: str | None = None
    family_name: str | None = None
    company_name: str | None = None
    email: str | None = None
    phone: str | None = None
    address: Address | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDraft(Draft[Invoice]):
    """A draft invoice. `location_id` None: the account's main location (Square); `deliver`: the provider mails it when sent."""

    customer_id: str | None = None
    currency: str | None = None
    lines: tuple[Line, ...] | None = None
    due_on: date | None = None
    number: str | None = None
    description: str | None = None
    location_id: str | None = None
    deliver: bool = False
    reference: str | None = None


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
class EndpointDraft(Draft[Endpoint]):
    """`name` is shown in the provider's dashboard."""

    url: str
    event_types: frozenset[str]
    api_version: str | None = None
    name: str = "Payhub"
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """since <= created < until; `until` None: no upper edge."""

    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[R]):
    """`next_cursor` is opaque (it may pack a location and the provider's cursor); None on the last page."""

    records: tuple[R, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Events, oldest first where the provider can, else as it lists them; `next_cursor` as in Page."""

    events: tuple[Event, ...]
    next_cursor: str | None = None
