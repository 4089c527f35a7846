"""All state of the Stripe twin: merchant accounts, the platform, its connections, keys and settings."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.sandbox.core.clock import Clock
from providers.sandbox.core.timetable import Timetable
from providers.sandbox.core.twin import ControlError
from providers.sandbox.core.webhooks import Sender
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.store import Store

API_VERSION = "2026-10-28.endive"
PLATFORM_ACCOUNT = "acct_1SandboxPlatform01"
DEFAULT_ACCOUNTS = (
    ("acct_1SandboxBakery0001", "Ada's Bakery", "US", "usd"),
    ("acct_1SandboxPlumber001", "Brook Plumbing", "US", "usd"),
)
DEVELOPMENT = {
    "stripe_secret_key": "sk_test_sandboxPlatformTest0000000001",
    "stripe_live_secret_key": "sk_live_sandboxPlatformLive0000000001",
    "stripe_publishable_key": "pk_test_sandboxPlatformTest0000000001",
    "stripe_live_publishable_key": "pk_live_sandboxPlatformLive0000000001",
    "stripe_client_id": "ca_SandboxPlatformTest00000000000001",
    "stripe_live_client_id": "ca_SandboxPlatformLive00000000000001",
}
"""Fixed values of no worth outside this machine; each can be replaced by a setting of that name."""
DOCUMENTED_RATE_LIMITS = {"global_live": 100, "global_test": 25, "per_endpoint": 25}


@dataclass(slots=True, kw_only=True)
class Account:
    """A merchant. keys: by mode (True is live), the account's own secret, restricted and publishable keys."""

    id: str
    name: str
    country: str
    currency: str
    email: str
    created: int
    charges_enabled: bool = True
    payouts_enabled: bool = True
    details_submitted: bool = True
    controlled: bool = False
    keys: dict[bool, dict[str, str]] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    api_version: str = API_VERSION
    """The version of calls and webhook endpoints that name none."""
    kind: str = "standard"
    """The account's `type`; `none` for one that was described by `controller`."""
    business_type: str | None = "company"
    profile: dict[str, str | None] = field(default_factory=lambda: {"mcc": "5734"})
    """Parts of business_profile beside the name."""
    requirements: list[str] = field(default_factory=list)
    """What is still due before the account may charge."""
    disabled_reason: str | None = None
    accepted_at: int | None = None
    """When the terms of service were accepted in onboarding."""


@dataclass(slots=True, kw_only=True)
class Connection:
    """One account's consent to the platform, in one mode."""

    account_id: str
    livemode: bool
    scope: str
    access_token: str
    refresh_token: str
    other_tokens: list[str] = field(default_factory=list)
    """Tokens of the other mode, got by a refresh with that mode's key."""


@dataclass(slots=True, kw_only=True)
class AuthorizationCode:
    account_id: str
    livemode: bool
    scope: str
    created: float
    used: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What a secret key opens. from_oauth: a token that the platform holds for a connected account."""

    account_id: str
    livemode: bool
    is_platform: bool
    read_only: bool = False
    from_oauth: bool = False
    permissions: frozenset[str] | None = None
    """Of a restricted key, such as customer_read; None may do everything."""


@dataclass(slots=True, kw_only=True)
class Options:
    """Settings of the twin, changed at /_twin/settings."""

    rate_limits: dict[str, int | None] = field(
        default_factory=lambda: {"global_live": None, "global_test": None, "per_endpoint": None}
    )
    balance_transaction_lag_seconds: float = 1.0
    refund_lag_seconds: float = 5.0
    search_lag_seconds: float = 0.0
    finalization_delay_seconds: float = 3600.0
    automatic_tax_percentage: str = "10"
    """What automatic tax takes, per cent as text."""
    dispute_lag_seconds: float = 2.0
    """From the charge to a dispute by a test card, and from submitted evidence to the bank's answer."""
    payout_schedule: str = "daily"
    """`daily` pays out at midnight UTC what is available; `manual` leaves it to POST /v1/payouts."""
    payout_arrival_seconds: float = 2 * 86400.0
    """From in_transit to paid."""
    delayed_payment_seconds: float = 4 * 86400.0
    """How long a bank debit is processing before it succeeds or fails."""
    subscription_retry_days: list[int] = field(default_factory=lambda: [3, 5, 7])
    """Days between attempts to collect an invoice of a subscription after the first failure."""
    subscription_after_retries: str = "canceled"
    """What becomes of a subscription when the last attempt failed: canceled, unpaid or past_due."""
    portal_needs_configuration: bool = False
    """Whether the billing portal is refused until a configuration exists (not documented, so off)."""
    new_account_requirements: list[str] = field(
        default_factory=lambda: ["business_profile.url", "business_type", "external_account", "tos_acceptance.date"]
    )
    """What an account made by POST /v1/accounts still lacks before onboarding."""
    redirect_uris: list[str] | None = None
    """None: any path on http://127.0.0.1 and http://localhost."""


class World:
    """One lock guards everything; webhook deliveries and slow answers happen outside it."""

    def __init__(self, clock: Clock, timetable: Timetable, sender: Sender, settings: Mapping[str, str]) -> None:
        self.clock = clock
        self.timetable = timetable
        self.sender = sender
        self.base_url = "http://localhost"
        self.lock = threading.RLock()
        self.settings = {name: settings.get(name, default) for name, default in DEVELOPMENT.items()}
        self.clear()

    def clear(self) -> None:
        """Forget all but the credentials; the default accounts come back empty."""
        with self.lock:
            self.options = Options()
            self.accounts: dict[str, Account] = {}
            self.stores: dict[tuple[str, bool], Store] = {}
            self.connections: dict[tuple[str, bool], Connection] = {}
            self.codes: dict[str, AuthorizationCode] = {}
            self.keys: dict[str, Key] = {}
            self.expired_keys: set[str] = set()
            self.endpoint_secrets: dict[str, list[tuple[str, float | None]]] = {}
            """Per webhook endpoint: signing secrets, newest first, each with its expiry."""
            self.connect_endpoints: set[str] = set()
            self.link_tokens: dict[str, tuple[str, bool, str]] = {}
            """Token in a payment link's URL -> account, livemode, payment link."""
            self.portal_tokens: dict[str, tuple[str, bool, str]] = {}
            """Token in a portal session's URL -> account, livemode, session."""
            self.account_links: dict[str, dict[str, Any]] = {}
            """Token in an onboarding URL -> account, addresses to go to, and whether it was opened."""
            self.undelivered: dict[str, set[str]] = {}
            """Event id -> endpoints that have not answered 2xx."""
            self.add_account(name="Sandbox Platform", account_id=PLATFORM_ACCOUNT)
            self.keys[self.settings["stripe_secret_key"]] = Key(account_id=PLATFORM_ACCOUNT, livemode=False, is_platform=True)
            self.keys[self.settings["stripe_live_secret_key"]] = Key(account_id=PLATFORM_ACCOUNT, livemode=True, is_platform=True)
            for account_id, name, country, currency in DEFAULT_ACCOUNTS:
                self.add_account(name=name, account_id=account_id, country=country, currency=currency)

    def add_account(
        self, *, name: str, account_id: str | None = None, country: str = "US", currency: str = "usd", email: str | None = None
    ) -> Account:
        account = Account(
            id=account_id or new_id("acct_", length=16),
            name=name,
            country=country,
            currency=currency,
            email=email or f"{''.join(letter for letter in name.lower() if letter.isalnum())}@example.com",
            created=self.clock.unix(),
        )
        for livemode in (False, True):
            mode = "live" if livemode else "test"
            stem = account.id.removeprefix("acct_")
            account.keys[livemode] = {kind: f"{kind}_{mode}_{stem}{kind.upper()}000000000001" for kind in ("sk", "rk", "pk")}
            for kind in ("sk", "rk"):
                self.keys[account.keys[livemode][kind]] = Key(account_id=account.id, livemode=livemode, is_platform=False)
        self.accounts[account.id] = account
        return account

    def store(self, account_id: str, livemode: bool) -> Store:
        key = (account_id, livemode)
        if key not in self.stores:
            self.stores[key] = Store(account_id, livemode)
        return self.stores[key]

    def connection(self, account_id: str, livemode: bool) -> Connection | None:
        """A live connection opens the account's test data too."""
        own = self.connections.get((account_id, livemode))
        return own if own is not None or livemode else self.connections.get((account_id, True))

    def client_id(self, livemode: bool) -> str:
        return self.settings["stripe_live_client_id" if livemode else "stripe_client_id"]

    def mode_of_client(self, client_id: str) -> bool | None:
        """Livemode of the platform's client id; None for a foreign one."""
        return {self.client_id(False): False, self.client_id(True): True}.get(client_id)

    def known_account(self, account_id: str) -> Account:
        if account_id not in self.accounts:
            raise ControlError(f"no account {account_id}; there are: {', '.join(self.accounts)}")
        return self.accounts[account_id]

    def disconnect(self, connection: Connection) -> None:
        self.connections.pop((connection.account_id, connection.livemode), None)
        for token in (connection.access_token, *connection.other_tokens):
            self.keys.pop(token, None)

    def describe(self) -> dict[str, Any]:
        return {
            "base_url": self.base_url,
            "api_base": self.base_url,
            "connect_base": self.base_url,
            "api_version": API_VERSION,
            "secret_key": self.settings["stripe_secret_key"],
            "live_secret_key": self.settings["stripe_live_secret_key"],
            "publishable_key": self.settings["stripe_publishable_key"],
            "live_publishable_key": self.settings["stripe_live_publishable_key"],
            "client_id": self.settings["stripe_client_id"],
            "live_client_id": self.settings["stripe_live_client_id"],
            "accounts": [account.id for account in self.accounts.values() if account.id != PLATFORM_ACCOUNT],
        }
