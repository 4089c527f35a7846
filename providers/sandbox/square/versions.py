"""Square-Version: two dated shapes of the same records, what becomes of other dates, and words that no document knows yet.

Records are kept in the newest shape; an answer or an event is put into an older one as it leaves.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from providers.sandbox.square.errors import invalid
from providers.sandbox.square.settings import Settings
from providers.sandbox.square.shelf import Record

CURRENT = "2026-09-16"
OLDER = "2025-08-20"
KNOWN = (OLDER, CURRENT)
"""Documented by the SDK 46.0.0.20260916 and the OpenAPI document of 2025-08-20. When between them a field came is not known."""
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
FUTURE_VALUE = "SOMETHING_NEW"
FUTURE_FIELD = "field_of_the_future"

NOUNS = {
    "card": "card",
    "cards": "card",
    "catalog_object": "catalog_object",
    "change": "inventory_change",
    "changes": "inventory_change",
    "checkout": "terminal_checkout",
    "checkouts": "terminal_checkout",
    "count": "inventory_count",
    "counts": "inventory_count",
    "inventory_counts": "inventory_count",
    "object": "catalog_object",
    "objects": "catalog_object",
    "payout_entries": "payout_entry",
    **{
        name: name.removesuffix("s")
        for noun in ("customer", "dispute", "invoice", "location", "order", "payment", "payment_link", "payout", "refund")
        for name in (noun, f"{noun}s")
    },
    "subscription": "subscription",
    "subscriptions": "subscription",
}
"""Member of an answer or of an event's object -> what kind of record stands there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field that the older version lacks."""

    noun: str
    name: str


FIELDS = (
    Field(noun="card", name="created_at"),
    Field(noun="card", name="disabled_at"),
    Field(noun="subscription", name="completed_date"),
)
"""Source: the SDK's types of 2026-09-16 against the schemas of 2025-08-20."""


def spoken(square_settings: Settings, asked: str | None) -> str:
    """The known version that answers a Square-Version header. Raises 400 for a malformed or, if so set, an unknown date."""
    if asked is None:
        return CURRENT
    if not DATE.fullmatch(asked):
        raise invalid("INVALID_SQUARE_VERSION_FORMAT", "The Square-Version header must have the form YYYY-MM-DD.")
    if asked not in KNOWN and square_settings.unknown_version == "refuse":
        raise invalid("API_VERSION_INCOMPATIBLE", f"The API version `{asked}` is not supported.")
    return nearest(asked)


def nearest(asked: str) -> str:
    """The newest known version that is not younger; before the oldest one, the oldest."""
    return max((version for version in KNOWN if version <= asked), default=OLDER)


def dressed(settings: Settings, answer: Mapping[str, Any] | bytes, version: str) -> Mapping[str, Any] | bytes:
    """An answer, or the object of an event, in the shape of this version."""
    if version == CURRENT and not settings.unknown_enums and not settings.unknown_fields:
        return answer
    body: dict[str, Any] = orjson.loads(answer) if isinstance(answer, bytes) else dict(answer)
    for name, value in body.items():
        noun = NOUNS.get(name)
        if noun is None:
            continue
        if isinstance(value, dict):
            body[name] = _record(settings, noun, value, version)
        elif isinstance(value, list):
            body[name] = [_record(settings, noun, item, version) if isinstance(item, dict) else item for item in value]
    return body


def _record(settings: Settings, noun: str, record: Record, version: str) -> Record:
    shown = dict(record)
    for field in FIELDS:
        if field.noun == noun and version != CURRENT:
            shown.pop(field.name, None)
    if version != CURRENT and noun in _OLDER_WORDS:
        shown = _OLDER_WORDS[noun](settings, shown)
    for path in settings.unknown_enums:
        owner, _, rest = path.partition(".")
        if owner == noun:
            shown = _replaced(shown, rest.split("."))
    if settings.unknown_fields:
        shown[FUTURE_FIELD] = {"kind": FUTURE_VALUE, "since": CURRENT}
    return shown


def _older_subscription(settings: Settings, record: Record) -> Record:
    """Without the status COMPLETED and the action COMPLETE; what stood there instead is not documented."""
    if record.get("status") == "COMPLETED":
        record["status"] = settings.completed_in_older_version
    if record.get("actions"):
        record["actions"] = [action for action in record["actions"] if action["type"] != "COMPLETE"]
    return record


def _older_change(_settings: Settings, record: Record) -> Record:
    """An adjustment happened at one location; the newer version says from where to where."""
    part = record.get("adjustment")
    if part is None:
        return record
    places = ("from_location_id", "to_location_id")
    kept = {name: value for name, value in part.items() if name not in places}
    return {**record, "adjustment": {**kept, "location_id": part["from_location_id"]}}


_OLDER_WORDS: dict[str, Callable[[Settings, Record], Record]] = {
    "inventory_change": _older_change,
    "subscription": _older_subscription,
}


def _replaced(record: Record, path: list[str]) -> Record:
    """A copy with a value from the future where the path leads; unchanged if the path leads nowhere."""
    name, rest = path[0], path[1:]
    if name not in record:
        return record
    if not rest:
        return {**record, name: FUTURE_VALUE}
    return {**record, name: _replaced(record[name], rest)} if isinstance(record[name], dict) else record
