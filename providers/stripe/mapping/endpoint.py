"""Webhook endpoints, both ways."""

from __future__ import annotations

from datetime import datetime

from providers.records import Endpoint
from providers.stripe.mapping.values import Json, moment


def endpoint(raw: Json, as_of: datetime) -> Endpoint:
    return Endpoint(
        id=raw["id"],
        created_at=moment(raw.get("created")),
        as_of=as_of,
        raw=raw,
        url=raw.get("url") or "",
        event_types=frozenset(raw.get("enabled_events") or ()),
        name=raw.get("description") or "",
        api_version=raw.get("api_version"),
        active=raw.get("status") == "enabled",
        secret=raw.get("secret"),
    )
