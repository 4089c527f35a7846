"""The page where a customer looks after invoices and saved methods."""

from __future__ import annotations

from datetime import datetime

from providers.records import BillingPortal
from providers.stripe.mapping.values import Json, identifier, moment


def billing_portal(raw: Json, as_of: datetime) -> BillingPortal:
    """Whoever has the address is in: it is handed on and not kept."""
    url: str = raw.pop("url", None) or ""
    return BillingPortal(
        id=raw["id"],
        created_at=moment(raw.get("created")),
        as_of=as_of,
        raw=raw,
        customer_id=identifier(raw.get("customer")) or "",
        url=url,
    )
