"""What the environment says about our registration with Square."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

# The version whose shapes we read and write; equal to the one the installed SDK pins (a test compares them).
API_VERSION = "2026-09-16"
# An older one whose webhook payloads are read as well: endpoints made by others stay at the version they were made with.
OLDER_API_VERSION = "2025-08-20"

HOSTS = {"production": "https://connect.squareup.com", "sandbox": "https://connect.squareupsandbox.com"}

# Scopes by what they are for. They are fixed at consent: a feature added later would need every seller to connect again, so all
# are asked for (Square's OpenAPI document: `security` of each path, and x-webhook scopes; catalog upserts need ITEMS_WRITE).
FEATURE_SCOPES: Mapping[str, tuple[str, ...]] = {
    "business and locations": ("MERCHANT_PROFILE_READ",),
    "customers": ("CUSTOMERS_READ", "CUSTOMERS_WRITE"),
    "invoices": ("INVOICES_READ", "INVOICES_WRITE", "ORDERS_READ", "ORDERS_WRITE"),
    "payments, refunds and cards on file": ("PAYMENTS_READ", "PAYMENTS_WRITE"),
    "payment links": ("PAYMENTS_WRITE", "ORDERS_READ", "ORDERS_WRITE"),
    "terminal checkouts": ("PAYMENTS_READ", "PAYMENTS_WRITE"),
    "subscriptions": (
        "SUBSCRIPTIONS_READ",
        "SUBSCRIPTIONS_WRITE",
        "CUSTOMERS_READ",
        "PAYMENTS_WRITE",
        "ITEMS_READ",
        "ITEMS_WRITE",
        "ORDERS_WRITE",
        "INVOICES_WRITE",
    ),
    "disputes": ("DISPUTES_READ", "DISPUTES_WRITE"),
    "payouts": ("PAYOUTS_READ",),
    "catalog and inventory": ("ITEMS_READ", "INVENTORY_READ"),
}
SCOPES = tuple(dict.fromkeys(scope for scopes in FEATURE_SCOPES.values() for scope in scopes))


def features_without(granted: Collection[str]) -> tuple[str, ...]:
    """What cannot be done, or not whole, with these scopes; the same features' webhooks are silently not sent."""
    return tuple(feature for feature, scopes in FEATURE_SCOPES.items() if not set(scopes) <= set(granted))


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
