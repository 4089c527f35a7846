"""Square locations and cards on file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers.records import Location, PaymentMethod
from providers.square.mapping.values import NO_CURRENCY, moment, version_text


def location(raw: Mapping[str, Any], *, as_of: datetime, main_id: str | None) -> Location:
    """`main_id` is the merchant's main location. Square keeps neither version nor change time of a location."""
    get = raw.get
    return Location(
        id=raw["id"],
        created_at=moment(get("created_at")),
        as_of=as_of,
        name=get("name") or get("business_name") or "",
        currency=get("currency") or NO_CURRENCY,
        country=get("country") or "",
        timezone=get("timezone") or "",
        active=get("status") != "INACTIVE",
        is_main=raw["id"] == main_id,
        raw=raw,
    )


def card(raw: Mapping[str, Any], *, as_of: datetime) -> PaymentMethod:
    get = raw.get
    return PaymentMethod(
        id=raw["id"],
        version=version_text(get("version")),
        created_at=moment(get("created_at")),
        as_of=as_of,
        customer_id=get("customer_id"),
        brand=get("card_brand") or "",
        last4=get("last_4") or "",
        exp_month=get("exp_month"),
        exp_year=get("exp_year"),
        enabled=get("enabled") is not False,
        raw=raw,
    )
