"""The switches of the Square twin: each documented doubt or delay of Square's is one of them."""

import ast
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from providers.sandbox.core.twin import ControlError


@dataclass(slots=True, kw_only=True)
class Settings:
    customer_lag_seconds: float = 0.0
    """How long lists and searches of customers stay behind (Square: normally under 30 s, sometimes a minute)."""
    payment_lag_seconds: float = 0.0
    """The same for the lists of payments and refunds."""
    fee_delay_seconds: float = 2.0
    """When processing_fee appears after a payment completed, with a second payment.updated (Square: about 10 s)."""
    refund_delay_seconds: float = 1.0
    refund_outcome: str = "COMPLETED"
    """COMPLETED, FAILED or REJECTED."""
    bank_settle_seconds: float = 60.0
    """How long a bank transfer stays PENDING (Square: days)."""
    instant_profiles: bool = True
    instant_profile_delay_seconds: float = 1.0
    cursor_seconds: float = 300.0
    empty_middle_page: bool = False
    """The second page of each list is empty and has a cursor."""
    stale_version: str = "documented"
    """documented: VERSION_MISMATCH (400) where the reference has it, else CONFLICT (409); version_mismatch, conflict: always."""
    oauth_error_form: str = "v1"
    """v1: {"message", "type"}; v2: {"errors": [...]}. Both have been seen."""
    decline_status: int = 400
    """400 or 402: HTTP status of a declined payment; both have been seen."""
    updated_at_lifts_default_window: bool = False
    """Whether an updated_at filter removes the one-year default on created_at of payments and refunds."""
    merged_customer_readable: bool = False
    """Whether GET with the id of a merged customer gives the merged profile; else 404."""
    failed_attempts_keep_key: bool = False
    """Whether a declined payment's idempotency key replays the decline; else it may be used again."""
    idempotency_seconds: float = 86_400.0
    invoices_plus: bool = False
    """Whether sellers have the plan that INSTALLMENT requests and custom fields need."""
    square_environment: str = "Sandbox"
    unknown_version: str = "nearest"
    """What a well-formed Square-Version that nobody documents gets: the nearest known one not younger, or refuse (400)."""
    completed_in_older_version: str = "CANCELED"
    """What a COMPLETED subscription is called in the older version, which lacks the word."""
    unknown_enums: list[str] = field(default_factory=list)
    """Paths such as payment.source_type or payment.card_details.card.card_brand that answers and events fill with a value
    that no document knows."""
    unknown_fields: bool = False
    """Every record in answers and events has a field that no document knows."""
    refresh_dies_after_days: float | None = None
    """How long after the end of the last access token a refresh token of the code flow works; None: for ever, as documented."""
    card_postal_code_required: bool = False
    """Whether a test token's card is kept only with billing_address.postal_code 94103, as documented; else a wrong one fails."""
    card_verification: bool = False
    """Whether saving a card without verification_token is refused, as issuers do where strong authentication is the law."""
    initial_timestamp_at_once: bool = True
    """Whether the first delivery of an event has square-initial-delivery-timestamp; retries always have it."""
    subscription_charge_failed_event: bool = False
    """Whether invoice.scheduled_charge_failed is sent for a subscription's invoice; staff said no, others rely on it."""
    subscription_version_repeats: bool = False
    """Whether a change of status may leave a subscription's version as it was."""
    dispute_event_key: str = "dispute"
    """dispute, as in the examples, or object, as in the schemas: where dispute events have the dispute."""
    dispute_days: float = 14.0
    """From a dispute's beginning to due_at."""
    dispute_decision_seconds: float = 86_400.0
    dispute_outcome: str = "LOST"
    """WON or LOST, once evidence is in."""
    payouts_automatic: bool = True
    """Whether each location's balance is paid out after the end of its day."""
    payout_arrival_seconds: float = 86_400.0
    payout_outcome: str = "PAID"
    """PAID or FAILED."""
    payout_entries_delay_seconds: float = 0.0
    """How long the entries of a payout stay behind the payout itself."""
    attachments_max_bytes: int = 1024
    """Of all attachments of an invoice: 1 KB in Square's sandbox, 25 MB in production."""
    terminal_seconds: float = 1.0
    """How long the special test devices take to finish a checkout."""
    redirect_parameters: bool = False
    """Whether a paid link's redirect_url gets transactionId and orderId; in Square's sandbox it does not."""
    redirect_uris: list[str] = field(default_factory=list)
    """Registered redirect URLs; none: any http://localhost:* and http://127.0.0.1:*. The first is the default one."""
    requests_per_second: float | None = None
    """Budget per access token; more answers 429 RATE_LIMITED."""


_CHOICES: dict[str, tuple[Any, ...]] = {
    "refund_outcome": ("COMPLETED", "FAILED", "REJECTED"),
    "stale_version": ("documented", "version_mismatch", "conflict"),
    "oauth_error_form": ("v1", "v2"),
    "decline_status": (400, 402),
    "square_environment": ("Sandbox", "Production"),
    "unknown_version": ("nearest", "refuse"),
    "completed_in_older_version": ("CANCELED", "DEACTIVATED", "ACTIVE"),
    "dispute_event_key": ("dispute", "object"),
    "dispute_outcome": ("WON", "LOST"),
    "payout_outcome": ("PAID", "FAILED"),
}


def explained(settings: Settings) -> list[tuple[str, Any, str]]:
    """Name, value and the first sentences of what is said above, for the start page."""
    body = ast.parse(Path(__file__).read_text()).body
    definition = next(part for part in body if isinstance(part, ast.ClassDef) and part.name == "Settings")
    words: dict[str, str] = {}
    for part, after in pairwise(definition.body):
        said = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            words[part.target.id] = " ".join(str(after.value.value).split()) if said else ""  # type: ignore[attr-defined]
    return [(name, value, words.get(name, "")) for name, value in asdict(settings).items()]


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """A copy with the changes. Raises ControlError for an unknown name or a bad value."""
    current = asdict(settings)
    for name, value in changes.items():
        if name not in current:
            raise ControlError(f"unknown setting {name}; known are {', '.join(sorted(current))}")
        current[name] = _checked(name, value, current[name])
    return Settings(**current)


def from_text(values: Mapping[str, str]) -> Settings:
    """Settings given as strings on the command line or in the environment; names that are not ours are left alone."""
    names = {item.name for item in fields(Settings)}
    return changed(Settings(), {name: _parsed(name, text) for name, text in values.items() if name in names})


def _checked(name: str, value: Any, current: Any) -> Any:
    if name in _CHOICES and value not in _CHOICES[name]:
        raise ControlError(f"{name} must be one of {', '.join(map(str, _CHOICES[name]))}")
    if name in ("requests_per_second", "refresh_dies_after_days"):
        return None if value is None else float(value)
    if isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(current):
        raise ControlError(f"{name} must be a {type(current).__name__}")
    return value


def _parsed(name: str, text: str) -> Any:
    current = getattr(Settings(), name)
    if isinstance(current, bool):
        return text.lower() in ("1", "true", "yes")
    if isinstance(current, list):
        return [part for part in text.split(",") if part]
    if isinstance(current, int):
        return int(text)
    return float(text) if isinstance(current, float) or current is None else text
