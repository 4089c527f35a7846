"""The CRM's own records: clients, contacts, jobs, invoices."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Date, ForeignKeyConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import Base, Created, TenantOwned

INVOICE_STATUSES = (
    "draft", "scheduled", "open", "partially_paid", "pending", "paid", "partially_refunded", "refunded", "void",
    "uncollectible", "failed", "unknown",
)  # fmt: skip


class Client(TenantOwned, Created, Base):
    """The person or company a tenant bills. Empty text where unknown. provenance: per field who set it last, when.

    email_key and phone_key are normalised forms (lower case, E.164) by which duplicates are found; None where unusable.
    """

    __tablename__ = "clients"
    given_name: Mapped[str] = mapped_column(server_default="")
    family_name: Mapped[str] = mapped_column(server_default="")
    company_name: Mapped[str] = mapped_column(server_default="")
    display_name: Mapped[str] = mapped_column(server_default="")
    email: Mapped[str] = mapped_column(server_default="")
    phone: Mapped[str] = mapped_column(server_default="")
    address: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    notes: Mapped[str] = mapped_column(server_default="")
    email_key: Mapped[str | None]
    phone_key: Mapped[str | None]
    provenance: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    archived_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    revision: Mapped[int] = mapped_column(server_default=text("1"))
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        Index("ix_clients_email_key", "tenant_id", "email_key", postgresql_where=text("email_key is not null")),
        Index("ix_clients_phone_key", "tenant_id", "phone_key", postgresql_where=text("phone_key is not null")),
        Index("ix_clients_name", "tenant_id", func.lower(text("display_name")), "id"),
    )


class Contact(TenantOwned, Created, Base):
    """A person at the client who signs in to the portal."""

    __tablename__ = "contacts"
    client_id: Mapped[int]
    name: Mapped[str] = mapped_column(server_default="")
    email: Mapped[str] = mapped_column(server_default="")
    phone: Mapped[str] = mapped_column(server_default="")
    updated_at: Mapped[datetime]
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "client_id"], ["clients.tenant_id", "clients.id"]),
        Index(None, "tenant_id", "client_id"),
    )


class Job(TenantOwned, Created, Base):
    """What an invoice is for. amount: minor units of `currency`, None where not agreed."""

    __tablename__ = "jobs"
    client_id: Mapped[int]
    title: Mapped[str]
    service_type: Mapped[str] = mapped_column(server_default="")
    amount: Mapped[int | None]
    currency: Mapped[str | None]
    notes: Mapped[str] = mapped_column(server_default="")
    approved_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "client_id"], ["clients.tenant_id", "clients.id"]),
        Index(None, "tenant_id", "client_id"),
    )


class Invoice(TenantOwned, Created, Base):
    """An invoice has at most one home integration, or it could be paid twice. total: minor units of `currency`.

    What was paid and what is open are sums over the ledger, never columns. number: ours, unique per tenant; provider_number:
    the provider's, None before it has one. pay_url is temporary at Square: read it anew before sending it.
    """

    __tablename__ = "invoices"
    number: Mapped[str]
    client_id: Mapped[int | None]
    job_id: Mapped[int | None]
    integration_id: Mapped[int | None]
    location_id: Mapped[str | None]
    status: Mapped[str]
    currency: Mapped[str]
    total: Mapped[int]
    description: Mapped[str] = mapped_column(server_default="")
    notes: Mapped[str] = mapped_column(server_default="")
    due_on: Mapped[date | None] = mapped_column(Date)
    issued_at: Mapped[datetime | None]
    provider_number: Mapped[str | None]
    pay_url: Mapped[str | None]
    provenance: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    deleted_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    revision: Mapped[int] = mapped_column(server_default=text("1"))
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "client_id"], ["clients.tenant_id", "clients.id"]),
        ForeignKeyConstraint(["tenant_id", "job_id"], ["jobs.tenant_id", "jobs.id"]),
        ForeignKeyConstraint(["tenant_id", "integration_id"], ["integrations.tenant_id", "integrations.id"]),
        UniqueConstraint("tenant_id", "number"),
        CheckConstraint(f"status in ({', '.join(repr(s) for s in INVOICE_STATUSES)})", name="status"),
        CheckConstraint("currency = upper(currency) and length(currency) = 3", name="currency"),
        Index(None, "tenant_id", "client_id"),
        Index("ix_invoices_list", "tenant_id", text("created_at desc"), text("id desc")),
        Index("ix_invoices_status", "tenant_id", "status", "due_on"),
    )


class InvoiceLine(Base):
    """amount and unit_amount: minor units of the invoice's currency; quantity is decimal text."""

    __tablename__ = "invoice_lines"
    tenant_id: Mapped[int] = mapped_column(primary_key=True)
    invoice_id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    description: Mapped[str] = mapped_column(server_default="")
    quantity: Mapped[str] = mapped_column(server_default="1")
    unit_amount: Mapped[int | None]
    amount: Mapped[int]
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"], ondelete="CASCADE"),
    )
