"""What the environment says about our registration with Square."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# The version whose shapes we read and write; equal to the one the installed SDK pins (a test compares them).
API_VERSION = "2026-09-16"

HOSTS = {"production": "https://connect.squareup.com", "sandbox": "https://connect.squareupsandbox.com"}

# Scopes are fixed at consent: a feature added later would need every seller to connect again, so what the hub will read later is
# asked for now (Square reference: scopes per feature).
SCOPES = (
    "MERCHANT_PROFILE_READ",
    "CUSTOMERS_READ",
    "CUSTOMERS_WRITE",
    "ORDERS_READ",
    "ORDERS_WRITE",
    "INVOICES_READ",
    "INVOICES_WRITE",
    "PAYMENTS_READ",
    "PAYMENTS_WRITE",
    "SUBSCRIPTIONS_READ",
    "SUBSCRIPTIONS_WRITE",
    "ITEMS_READ",
    "DISPUTES_READ",
    "PAYOUTS_READ",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SquareSettings:
    """`base_url` without a trailing slash, for the API and OAuth alike. `access_token` is the application owner's, for webhook
    subscriptions and the events feed. `notification_url` None: derived from the hub's own base URL."""

    application_id: str
    application_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    signature_keys: tuple[str, ...] = field(repr=False)
    live: bool
    base_url: str
    notification_url: str | None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> SquareSettings:
        """Missing values become empty. Raises ValueError for an environment that is neither sandbox nor production."""
        environment = env.get("SQUARE_ENVIRONMENT", "").strip().lower() or "sandbox"
        if environment not in HOSTS:
            raise ValueError("SQUARE_ENVIRONMENT must be sandbox or production")
        listed = [*env.get("SQUARE_WEBHOOK_SIGNATURE_KEYS", "").split(","), env.get("SQUARE_WEBHOOK_SECRET", "")]
        return cls(
            application_id=env.get("SQUARE_APPLICATION_ID", "").strip(),
            application_secret=env.get("SQUARE_APPLICATION_SECRET", "").strip(),
            access_token=env.get("SQUARE_ACCESS_TOKEN", "").strip(),
            signature_keys=tuple(dict.fromkeys(key.strip() for key in listed if key.strip())),
            live=environment == "production",
            base_url=(env.get("SQUARE_BASE_URL", "").strip() or HOSTS[environment]).rstrip("/"),
            notification_url=env.get("SQUARE_NOTIFICATION_URL", "").strip() or None,
        )
