"""Square's timestamps: RFC 3339 in UTC with a number of fraction digits that differs from field to field."""

from datetime import UTC, datetime

from providers.sandbox.square.errors import invalid


def wire(moment: datetime, digits: int = 3) -> str:
    """`digits` fraction digits; 0 gives whole seconds, 9 pads what Python does not have."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}Z" if digits == 0 else f"{text}.{moment.microsecond:06d}000"[: 20 + digits] + "Z"


def wire_trimmed(moment: datetime, digits: int = 3) -> str:
    """Trailing zeros dropped, as customers have them: 49.48Z, 49Z."""
    text = wire(moment, digits)[:-1].rstrip("0") if digits else wire(moment, 0)[:-1]
    return text.rstrip(".") + "Z"


def sort_key(text: str) -> str:
    """A wire timestamp in a form that compares as a string: 26 characters, microseconds."""
    bare = text[:-1]
    return (bare if "." in bare else bare + ".").ljust(26, "0")[:26]


def parse(text: str, field: str) -> datetime:
    """Raises INVALID_TIME naming the field."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or "T" not in text.upper():
        raise invalid("INVALID_TIME", f"Invalid RFC 3339 timestamp `{text}`.", field)
    return moment.astimezone(UTC)


def parse_key(text: str | None, field: str) -> str | None:
    """A caller's bound as a sort key; None stays None."""
    return sort_key(wire(parse(text, field), 6)) if text else None


def from_unix(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
