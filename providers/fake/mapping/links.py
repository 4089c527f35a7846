"""Pages on which a payer pays, and saved ways to pay."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from providers.fake.mapping.values import amount, common, moment, word, written, written_line
from providers.records import (
    BillingPortal,
    BillingPortalDraft,
    JsonObject,
    LinkStatus,
    PaymentLink,
    PaymentLinkDraft,
    PaymentMethod,
    PaymentMethodDraft,
    PaymentMethodSetup,
    PaymentMethodSetupDraft,
    PaymentStatus,
)


def payment_link(raw: JsonObject, as_of: datetime) -> PaymentLink:
    embedded = raw.get("style") == "embedded"
    return PaymentLink(
        **common(raw, as_of),
        style=raw.get("style") or "link",
        url=raw.get("url"),
        amount=amount(raw.get("amount")),
        status=word(raw.get("status"), LinkStatus),
        customer_id=raw.get("customer_id"),
        payment_id=raw.get("payment_id"),
        location_id=raw.get("location_id"),
        client_parameters={"client_secret": f"{raw['id']}_secret"} if embedded else {},
        expires_at=moment(raw.get("expires_at")),
        reference=raw.get("reference"),
    )


def payment_method(raw: JsonObject, as_of: datetime) -> PaymentMethod:
    return PaymentMethod(
        **common(raw, as_of),
        customer_id=raw.get("customer_id"),
        brand=raw.get("brand") or "",
        last4=raw.get("last4") or "",
        exp_month=raw.get("exp_month"),
        exp_year=raw.get("exp_year"),
        enabled=bool(raw.get("enabled")),
    )


def payment_method_setup(raw: JsonObject, as_of: datetime) -> PaymentMethodSetup:
    return PaymentMethodSetup(
        **common(raw, as_of),
        customer_id=raw.get("customer_id"),
        status=word(raw.get("status"), PaymentStatus),
        payment_method_id=raw.get("payment_method_id"),
        client_parameters={"client_secret": f"{raw['id']}_secret"},
    )


def billing_portal(raw: JsonObject, as_of: datetime) -> BillingPortal:
    return BillingPortal(**common(raw, as_of), customer_id=raw.get("customer_id") or "", url=raw.get("url") or "")


def payment_link_fields(draft: PaymentLinkDraft) -> dict[str, Any]:
    names = ("style", "amount", "description", "customer_id", "payer_email", "return_url", "cancel_url", "location_id")
    return {**written(draft, *names, "expires_at", "reference"), "lines": [written_line(line) for line in draft.lines]}


def payment_method_fields(draft: PaymentMethodDraft) -> dict[str, Any]:
    return written(draft, "source", "customer_id", "reference")


def payment_method_setup_fields(draft: PaymentMethodSetupDraft) -> dict[str, Any]:
    return written(draft, "customer_id", "reference")


def billing_portal_fields(draft: BillingPortalDraft) -> dict[str, Any]:
    return written(draft, "customer_id", "return_url")
