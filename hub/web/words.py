"""Lay words for what the database keeps as codes."""

from __future__ import annotations

from collections.abc import Iterable

STATUSES = {
    "active": "Connected",
    "reconnect": "Needs reconnecting",
    "disconnected": "Disconnected",
    "partially_paid": "Partly paid",
    "partially_refunded": "Partly refunded",
    "pending": "Payment under way",
    "uncollectible": "Written off",
    "failed": "Failed",
    "requires_action": "Waiting for the payer",
    "canceled": "Canceled",
    "completed": "Completed",
    "unknown": "Unknown at the provider",
}
TONES = {
    "good": {"active", "paid", "succeeded", "completed", "owner"},
    "busy": {"open", "pending", "scheduled", "running", "waiting", "partially_paid", "requires_action", "manager"},
    "warn": {"reconnect", "overdue", "unknown", "partially_refunded", "uncollectible"},
    "bad": {"failed", "parked"},
}
KINDS = {  # in the order shown
    "customer": "Clients",
    "invoice": "Invoices",
    "payment": "Payments",
    "refund": "Refunds",
    "location": "Locations",
}
VERBS = {
    "create": "Create",
    "update": "Update",
    "delete": "Delete",
    "publish": "Issue",
    "send": "Send",
    "void": "Void",
    "cancel": "Cancel",
}
RUNS = {"initial": "First sync", "hourly": "Hourly", "manual": "Asked for"}
METHODS = {"card": "Card", "cash": "Cash", "bank_transfer": "Bank transfer", "wallet": "Wallet", "other": "Other"}
ACTIONS = {
    "integration.connect_started": "Began to connect",
    "integration.connect_refused": "Connecting was refused",
    "integration.connected": "Connected an account",
    "integration.reconnected": "Reconnected an account",
    "integration.disconnected": "Disconnected an account",
    "integration.needs_reconnect": "The provider ended access",
    "integration.configured": "Changed sync settings",
    "tenant.created": "Created the business",
    "tenant.changed": "Changed settings",
    "member.added": "Added a member",
    "member.removed": "Removed a member",
    "member.role_changed": "Changed a role",
    "api_key.created": "Made an API key",
    "api_key.revoked": "Revoked an API key",
    "invoice.created": "Created an invoice",
    "invoice.changed": "Changed a draft invoice",
    "invoice.publish_requested": "Issued an invoice",
    "invoice.send_requested": "Sent an invoice",
    "invoice.void_requested": "Voided an invoice",
    "payment.requested": "Asked for a payment",
    "client.archived": "Archived a client",
    "client.restored": "Restored a client",
    "job.approved": "Approved a job",
    "change.retried": "Retried a change",
    "webhook_event.retried": "Retried an event",
    "sync.requested": "Asked for a sync",
}


def status(code: str | None) -> str:
    return STATUSES.get(code or "", _plain(code))


def tone(code: str | None) -> str:
    """good, busy, warn, bad or quiet: how a badge looks beside its word."""
    return next((name for name, codes in TONES.items() if code in codes), "quiet")


def kind(code: str) -> str:
    return KINDS.get(code, _plain(code) + "s")


def in_order(codes: Iterable[str]) -> list[str]:
    """Kinds as they are shown; the database keeps them in an order of its own."""
    known = list(KINDS)
    return sorted(codes, key=lambda code: (known.index(code) if code in known else len(known), code))


def kind_of(count: int, code: str) -> str:
    """The word after a count: "client" after 1, "clients" after any other."""
    name = kind(code).lower()
    return name.removesuffix("s") if count == 1 else name


def verb(code: str) -> str:
    return VERBS.get(code, _plain(code))


def run(code: str) -> str:
    return RUNS.get(code, _plain(code))


def action(code: str) -> str:
    return ACTIONS.get(code, _plain(code.replace(".", " ")))


def method(code: str) -> str:
    return METHODS.get(code, _plain(code))


def _plain(code: str | None) -> str:
    return (code or "–").replace("_", " ").capitalize()
