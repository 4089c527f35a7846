"""The shop counter: what is sold there, how much is left, and payments taken on a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from providers.records.money import Money
from providers.records.record import Draft, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogItem(Record):
    """One thing for sale in one variation. `id` is the variation's, `item_id` the item's it varies. `price` None: asked at the
    counter. `sku` empty where there is none."""

    item_id: str
    name: str
    variation_name: str = ""
    description: str = ""
    sku: str = ""
    price: Money | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryCount(Record):
    """How much of a variation is at a location. `id` is variation, location and state joined by ":". `quantity` is decimal
    text, like "12.5"; it may be negative. `state` is the provider's word in small letters: in_stock, sold, waste, ..."""

    catalog_item_id: str
    location_id: str
    state: str
    quantity: str
    counted_at: datetime | None = None


class TerminalStatus(StrEnum):
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    CANCEL_REQUESTED = "cancel_requested"
    CANCELED = "canceled"
    COMPLETED = "completed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalCheckout(Record):
    """A request to a card reader. `payment_ids` once COMPLETED. `cancel_reason`: the provider's word, None if not canceled."""

    amount: Money
    status: TerminalStatus
    device_id: str
    payment_ids: tuple[str, ...] = ()
    location_id: str | None = None
    cancel_reason: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalCheckoutDraft(Draft[TerminalCheckout]):
    """`note` is shown to the payer. `takes_tip`: the reader asks for one."""

    amount: Money
    device_id: str
    customer_id: str | None = None
    note: str | None = None
    takes_tip: bool = False
    reference: str | None = None
