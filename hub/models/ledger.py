"""Money that moved: payments, allocations, refunds, and the ledger every balance is a sum over."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import Base, Created, TenantOwned

ACCOUNTS = ("receivable", "revenue", "clearing", "reported", "unapplied", "tips", "fees", "written_off")


class Payment(TenantOwned, Created, Base):
    """A payment as the provider tells it. amount includes tip; all amounts are minor units, fee in `fee_currency`.

    external_id: the provider's id. group_key: Square's order id, which joins it to an invoice. paid_at: None until succeeded.
    """

    __tablename__ = "payments"
    integration_id: Mapped[int | None]
    external_id: Mapped[str | None]
    group_key: Mapped[str | None]
    client_id: Mapped[int | None]
    status: Mapped[str]
    amount: Mapped[int]
    tip: Mapped[int] = mapped_column(server_default=text("0"))
    currency: Mapped[str]
    fee: Mapped[int | None]
    fee_currency: Mapped[str | None]
    method: Mapped[str] = mapped_column(server_default="other")
    card_brand: Mapped[str | None]
    card_last4: Mapped[str | None]
    location_id: Mapped[str | None]
    device: Mapped[str | None]
    payer_name: Mapped[str] = mapped_column(server_default="")
    payer_email: Mapped[str] = mapped_column(server_default="")
    receipt_url: Mapped[str | None]
    failure: Mapped[str | None]
    paid_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "integration_id"], ["integrations.tenant_id", "integrations.id"]),
        ForeignKeyConstraint(["tenant_id", "client_id"], ["clients.tenant_id", "clients.id"]),
        UniqueConstraint("tenant_id", "integration_id", "external_id"),
        CheckConstraint("currency = upper(currency) and length(currency) = 3", name="currency"),
        Index("ix_payments_list", "tenant_id", text("created_at desc"), text("id desc")),
        Index(None, "tenant_id", "client_id"),
        Index("ix_payments_group", "tenant_id", "integration_id", "group_key", postgresql_where=text("group_key is not null")),
    )


class Allocation(TenantOwned, Created, Base):
    """How much of a payment settles an invoice; minor units of the payment's currency.

    amount 0: the payment names the invoice but settles nothing of it (not yet succeeded, or the invoice was settled already)."""

    __tablename__ = "allocations"
    payment_id: Mapped[int]
    invoice_id: Mapped[int]
    amount: Mapped[int]
    currency: Mapped[str]
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "payment_id"], ["payments.tenant_id", "payments.id"]),
        ForeignKeyConstraint(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"]),
        UniqueConstraint("tenant_id", "payment_id", "invoice_id"),
        CheckConstraint("amount >= 0", name="amount_not_negative"),
        Index(None, "tenant_id", "invoice_id"),
    )


class Refund(TenantOwned, Created, Base):
    """payment_id is None while the payment is not known to us yet; payment_external_id always names it if the provider did."""

    __tablename__ = "refunds"
    integration_id: Mapped[int | None]
    external_id: Mapped[str | None]
    payment_id: Mapped[int | None]
    payment_external_id: Mapped[str | None]
    status: Mapped[str]
    amount: Mapped[int]
    currency: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default="")
    failure: Mapped[str | None]
    refunded_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "integration_id"], ["integrations.tenant_id", "integrations.id"]),
        ForeignKeyConstraint(["tenant_id", "payment_id"], ["payments.tenant_id", "payments.id"]),
        UniqueConstraint("tenant_id", "integration_id", "external_id"),
        Index(None, "tenant_id", "payment_id"),
        Index(None, "tenant_id", "integration_id", "payment_external_id"),
    )


class LedgerEntry(TenantOwned, Base):
    """One balanced posting: `amount` minor units of `currency` from credit_account to debit_account; never changed, never
    deleted; a correction is a further entry.

    source names the fact ("invoice:12:issued", "payment:7:allocated:12", "invoice:12:reported_paid"): the entries of one
    source always sum to what that fact says now. An invoice's balance is its receivable debits minus its receivable credits.
    """

    __tablename__ = "ledger_entries"
    at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    source: Mapped[str]
    debit_account: Mapped[str]
    credit_account: Mapped[str]
    amount: Mapped[int]
    currency: Mapped[str]
    client_id: Mapped[int | None]
    invoice_id: Mapped[int | None]
    payment_id: Mapped[int | None]
    refund_id: Mapped[int | None]
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("debit_account <> credit_account", name="two_accounts"),
        Index(None, "tenant_id", "source"),
        Index("ix_ledger_entries_invoice", "tenant_id", "invoice_id", postgresql_where=text("invoice_id is not null")),
        Index("ix_ledger_entries_payment", "tenant_id", "payment_id", postgresql_where=text("payment_id is not null")),
        Index(None, "tenant_id", "at"),
    )
