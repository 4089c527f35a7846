"""Choosing by time ourselves, where Square's lists know none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from providers.records import Window
from providers.square.mapping.values import moment

LIST_LAG = timedelta(minutes=2)  # lists lag writes by seconds


def created_within(raw: Mapping[str, Any], window: Window) -> bool:
    """What tells no time is within."""
    at = moment(raw.get("created_at"))
    return at is None or (at >= window.since and (window.until is None or at < window.until))


def changed_after(raw: Mapping[str, Any], since: datetime) -> bool:
    at = moment(raw.get("updated_at"))
    return at is None or at >= since - LIST_LAG
