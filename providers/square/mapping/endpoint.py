"""Square webhook subscriptions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers.records import Endpoint, EndpointDraft
from providers.square.mapping.values import moment


def endpoint(raw: Mapping[str, Any], *, as_of: datetime) -> Endpoint:
    """`secret` only where the answer shows the signature key."""
    get = raw.get
    return Endpoint(
        id=raw["id"],
        changed_at=moment(get("updated_at")),
        created_at=moment(get("created_at")),
        as_of=as_of,
        url=get("notification_url") or "",
        event_types=frozenset(get("event_types") or ()),
        name=get("name") or "",
        api_version=get("api_version"),
        active=get("enabled") is not False,
        secret=get("signature_key"),
        raw={name: value for name, value in raw.items() if name != "signature_key"},
    )


def subscription_json(draft: EndpointDraft) -> dict[str, Any]:
    version = {"api_version": draft.api_version} if draft.api_version else {}
    return {
        "name": draft.name[:64],
        "notification_url": draft.url,
        "event_types": sorted(draft.event_types),
        "enabled": draft.active,
        **version,
    }
