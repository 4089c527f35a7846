"""Every table of the hub."""

from hub.models.base import Base, WorkRow
from hub.models.crm import Client, Contact, Invoice, InvoiceLine, Job
from hub.models.integrations import AccountRoute, DataKey, DisconnectReceipt, Integration, Location, ProviderReads
from hub.models.ledger import Allocation, LedgerEntry, Payment, Refund
from hub.models.messages import Message
from hub.models.remote import MissingReference, ProviderDrift, RemoteRecord
from hub.models.sync import Change, Conflict, Cursor, SyncRun
from hub.models.tenancy import (
    ApiKey,
    AuditEntry,
    ConnectSession,
    IdempotencyKey,
    Membership,
    OAuthAttempt,
    SignInLink,
    SignInSession,
    Tenant,
    User,
)
from hub.models.webhooks import Endpoint, WebhookEvent, WebhookEventId

__all__ = [
    "AccountRoute", "Allocation", "ApiKey", "AuditEntry", "Base", "Change", "Client", "Conflict", "ConnectSession",
    "Contact", "Cursor", "DataKey", "DisconnectReceipt", "Endpoint", "IdempotencyKey", "Integration", "Invoice",
    "InvoiceLine", "Job", "LedgerEntry", "Location", "Membership", "Message", "MissingReference", "OAuthAttempt",
    "Payment", "ProviderDrift", "ProviderReads", "Refund", "RemoteRecord", "SignInLink", "SignInSession", "SyncRun",
    "Tenant", "User", "WebhookEvent", "WebhookEventId", "WorkRow",
]  # fmt: skip
