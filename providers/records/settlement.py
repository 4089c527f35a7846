"""What happens to money after it came in: disputes, and payouts with what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from providers.records.money import Money
from providers.records.record import Draft, Record


class DisputeStatus(StrEnum):
    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    ACCEPTED = "accepted"  # the merchant gave in
    CLOSED = "closed"  # an inquiry that ended without a chargeback
    PREVENTED = "prevented"
    UNKNOWN = "unknown"


class PayoutStatus(StrEnum):
    PENDING = "pending"
    IN_TRANSIT = "in_transit"
    PAID = "paid"
    FAILED = "failed"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


class EntryType(StrEnum):
    CHARGE = "charge"
    REFUND = "refund"
    REFUND_FAILURE = "refund_failure"
    DISPUTE = "dispute"
    DISPUTE_REVERSAL = "dispute_reversal"
    FEE = "fee"
    ADJUSTMENT = "adjustment"
    PAYOUT = "payout"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute(Record):
    """A payer's complaint at the bank. `is_inquiry`: only a question so far, no money was taken back. `respond_by` is the last
    moment for evidence, None where none is awaited. `reason` is the provider's own word. `evidence_submitted`: the bank has it.
    """

    payment_id: str | None
    charge_id: str | None = None
    amount: Money
    status: DisputeStatus
    is_inquiry: bool = False
    reason: str = ""
    respond_by: datetime | None = None
    evidence_submitted: bool = False
    location_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeDraft(Draft[Dispute]):
    """Evidence, as text, kept at the provider but not yet sent to the bank: Verb.SUBMIT sends it, as a rule once and for all.

    `explanation`: the merchant's own account of what happened. The others as the banks ask for them; None is left as it is.
    """

    explanation: str | None = None
    product_description: str | None = None
    customer_name: str | None = None
    customer_email: str | None = None
    service_date: date | None = None
    refund_policy: str | None = None
    access_activity_log: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout(Record):
    """Money on its way to the merchant's bank; a negative `amount` is taken from it. A paid one may still fail later.

    `fee` is the payout's own, None where there is none. `is_complete`: whether its entries can be listed and are all there.
    Entries: `Account.list(PayoutEntry, parent_id=payout.id)`.
    """

    amount: Money
    status: PayoutStatus
    arrives_on: date | None
    location_id: str | None = None
    automatic: bool = True
    fee: Money | None = None
    is_complete: bool = False
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutEntry(Record):
    """One line of a payout, signed as it moves the balance: `net` = `gross` - `fee`, in the payout's currency.

    `payment_id`: as Payment.id where the entry names its payment, or `charge_id` where only that is told; `source_id`: the
    refund, dispute or fee itself.
    """

    payout_id: str
    entry_type: EntryType
    gross: Money
    fee: Money
    net: Money
    payment_id: str | None = None
    charge_id: str | None = None
    source_id: str | None = None
    effective_at: datetime | None = None
