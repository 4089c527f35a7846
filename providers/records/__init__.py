"""What a provider says and what it is asked to write, as values in the words of the field."""

from providers.records.counter import CatalogItem, InventoryCount, TerminalCheckout, TerminalCheckoutDraft, TerminalStatus
from providers.records.crm import Address, Customer, CustomerDraft, Location
from providers.records.endpoints import Endpoint, EndpointDraft
from providers.records.events import Effect, Event
from providers.records.invoices import Instalment, InstalmentKind, Invoice, InvoiceDraft, InvoiceStatus, Line
from providers.records.links import BillingPortal, BillingPortalDraft, LinkStatus, LinkStyle, PaymentLink, PaymentLinkDraft
from providers.records.money import (
    THREE_DECIMAL_CURRENCIES,
    WHOLE_UNIT_CURRENCIES,
    ZERO_DECIMAL_CURRENCIES,
    CurrencyMismatch,
    Money,
    currency_exponent,
    smallest_step,
)
from providers.records.pages import EventPage, Page, Window
from providers.records.payments import (
    Payment,
    PaymentDraft,
    PaymentMethod,
    PaymentMethodDraft,
    PaymentMethodSetup,
    PaymentMethodSetupDraft,
    PaymentStatus,
    Refund,
    RefundDraft,
    RefundStatus,
)
from providers.records.record import Draft, JsonObject, R, Record
from providers.records.recurring import Interval, Subscription, SubscriptionDraft, SubscriptionStatus
from providers.records.settlement import Dispute, DisputeDraft, DisputeStatus, EntryType, Payout, PayoutEntry, PayoutStatus

__all__ = [
    "THREE_DECIMAL_CURRENCIES",
    "WHOLE_UNIT_CURRENCIES",
    "ZERO_DECIMAL_CURRENCIES",
    "Address",
    "BillingPortal",
    "BillingPortalDraft",
    "CatalogItem",
    "CurrencyMismatch",
    "Customer",
    "CustomerDraft",
    "Dispute",
    "DisputeDraft",
    "DisputeStatus",
    "Draft",
    "Effect",
    "Endpoint",
    "EndpointDraft",
    "EntryType",
    "Event",
    "EventPage",
    "Instalment",
    "InstalmentKind",
    "Interval",
    "InventoryCount",
    "Invoice",
    "InvoiceDraft",
    "InvoiceStatus",
    "JsonObject",
    "Line",
    "LinkStatus",
    "LinkStyle",
    "Location",
    "Money",
    "Page",
    "Payment",
    "PaymentDraft",
    "PaymentLink",
    "PaymentLinkDraft",
    "PaymentMethod",
    "PaymentMethodDraft",
    "PaymentMethodSetup",
    "PaymentMethodSetupDraft",
    "PaymentStatus",
    "Payout",
    "PayoutEntry",
    "PayoutStatus",
    "R",
    "Record",
    "Refund",
    "RefundDraft",
    "RefundStatus",
    "Subscription",
    "SubscriptionDraft",
    "SubscriptionStatus",
    "TerminalCheckout",
    "TerminalCheckoutDraft",
    "TerminalStatus",
    "Window",
    "currency_exponent",
    "smallest_step",
]
