"""All that the twin knows: the application, its sellers with their records, and what happens when."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.sandbox.core.clock import Clock
from providers.sandbox.core.timetable import Timetable
from providers.sandbox.core.webhooks import Sender
from providers.sandbox.square import ids
from providers.sandbox.square.settings import Settings
from providers.sandbox.square.shelf import Record, Shelf
from providers.sandbox.square.times import from_unix, sort_key

JUMP_SECONDS = 1.0
"""A timed happening that comes later than this was jumped over; one that is only a little late is dated as it happens."""


@dataclass(slots=True, kw_only=True, eq=False)
class Application:
    """Owner of webhook subscriptions: the platform's (seller_id None), or a seller's own one behind a personal access token."""

    id: str
    secret: str = field(repr=False)
    personal_access_token: str = field(repr=False)
    name: str
    seller_id: str | None = None
    events_enabled: bool = False


@dataclass(slots=True, kw_only=True)
class Grant:
    """One seller's consent to the platform's application."""

    merchant_id: str
    scopes: tuple[str, ...]
    granted_at: datetime
    pkce: bool = False
    revoked_at: datetime | None = None
    last_expiry: datetime | None = None
    """When the last of its access tokens ends."""


@dataclass(slots=True, kw_only=True)
class AccessToken:
    token: str = field(repr=False)
    grant: Grant
    scopes: tuple[str, ...]
    expires_at: datetime
    revoked: bool = False


@dataclass(slots=True, kw_only=True)
class RefreshToken:
    token: str = field(repr=False)
    grant: Grant
    expires_at: datetime | None = None
    used: bool = False


def _name_key(record: Record) -> str:
    names = (record.get(name) or "" for name in ("given_name", "family_name", "company_name", "email_address"))
    return " ".join(names).lower()


def _created(record: Record) -> str:
    return sort_key(record["created_at"])


def _updated(record: Record) -> str:
    return sort_key(record["updated_at"])


def _closed(record: Record) -> str:
    return sort_key(record["closed_at"]) if "closed_at" in record else ""


def _invoice_sort(record: Record) -> str:
    return (record.get("scheduled_at") and sort_key(record["scheduled_at"])) or _created(record)


class Seller:
    """One Square merchant with everything that belongs to it."""

    def __init__(self, merchant: Record, personal_access_token: str) -> None:
        self.merchant = merchant
        self.personal_access_token = personal_access_token
        self.locations: dict[str, Record] = {}
        self.customers = Shelf({"DEFAULT": _name_key, "CREATED_AT": _created})
        self.orders = Shelf({"CREATED_AT": _created, "UPDATED_AT": _updated, "CLOSED_AT": _closed})
        self.invoices = Shelf({"INVOICE_SORT_DATE": _invoice_sort})
        self.payments = Shelf({"CREATED_AT": _created, "UPDATED_AT": _updated})
        self.refunds = Shelf({"CREATED_AT": _created, "UPDATED_AT": _updated})
        self.cards = Shelf({"CREATED_AT": lambda card: sort_key(card["created_at"])})
        self.subscriptions = Shelf({"CREATED_AT": _created})
        self.disputes = Shelf({"CREATED_AT": _created})
        self.payouts = Shelf({"CREATED_AT": _created})
        self.payment_links = Shelf({"CREATED_AT": _created})
        self.terminal_checkouts = Shelf({"CREATED_AT": _created})
        self.catalog = Shelf({"ID": lambda item: item["id"], "UPDATED_AT": _updated})
        self.billing: dict[str, Any] = {}
        """By subscription id: what subscription_billing.py keeps of it."""
        self.evidence: dict[str, list[Record]] = {}
        """By dispute id, oldest first."""
        self.balance: dict[str, list[Record]] = {}
        """By location id: entries that no payout has taken yet."""
        self.payout_entries: dict[str, list[Record]] = {}
        """By payout id."""
        self.payout_timed: set[str] = set()
        """Locations whose next payout is on the timetable."""
        self.catalog_version = 0
        """Unix milliseconds of the last change, never the same twice."""
        self.inventory: dict[tuple[str, str, str], Record] = {}
        """(variation id, location id, state) -> count."""
        self.inventory_changes: list[tuple[str, Record]] = []
        """Sort key of created_at and change, oldest first."""
        self.inventory_batches: dict[str, Record] = {}
        self.devices: dict[str, Record] = {}
        self.device_codes: dict[str, Record] = {}
        self.card_declines: dict[str, tuple[str, str]] = {}
        """Cards on file that the bank refuses from now on: code and detail."""
        self.customer_lookup: dict[tuple[str, str], set[str]] = {}
        """(field, normalised value) -> ids that have or had it."""
        self.merged_into: dict[str, str] = {}
        self.invoice_of_order: dict[str, str] = {}
        self.order_payments: dict[str, list[str]] = {}
        self.pay_page_tokens: dict[str, str] = {}
        self.seedings = 0
        """How often records were seeded."""
        self.next_invoice_number: dict[str, int] = {}

    @property
    def id(self) -> str:
        return str(self.merchant["id"])

    @property
    def currency(self) -> str:
        return str(self.merchant["currency"])

    @property
    def main_location_id(self) -> str:
        return str(self.merchant["main_location_id"])


class Square:
    """The state behind one running twin. Every reader and writer holds `lock`."""

    def __init__(self, clock: Clock, timetable: Timetable, sender: Sender, platform: Application, settings: Settings) -> None:
        self.clock = clock
        self.timetable = timetable
        self.sender = sender
        self.platform = platform
        self.settings = settings
        self.base_url = "http://localhost"
        self.lock = threading.RLock()
        self._due = threading.local()
        self.on_balance: list[Callable[[Seller, str], None]] = []
        self.empty()

    def empty(self) -> None:
        self.sellers: dict[str, Seller] = {}
        self.owner_id: str | None = None
        """The seller account of the platform application's owner: what its personal access token reads."""
        self.applications: dict[str, Application] = {self.platform.personal_access_token: self.platform}
        self.grants: dict[str, list[Grant]] = {}
        """By merchant, oldest first."""
        self.access_tokens: dict[str, AccessToken] = {}
        self.refresh_tokens: dict[str, RefreshToken] = {}
        self.codes: dict[str, Any] = {}
        self.subscriptions: dict[str, Record] = {}
        self.failing_since: dict[str, datetime] = {}
        """Webhook subscription -> when the first of the deliveries was sent that all failed."""
        self.events: list[tuple[str, str, Any]] = []
        """Sort key of created_at, event id, what events.py keeps of it; sorted."""
        self.replays: dict[tuple[str, ...], tuple[float, bytes, str]] = {}
        self.pay_pages: dict[str, tuple[str, str, float]] = {}
        """Token of a pay page -> seller id, invoice id, Unix moment at which it ends."""
        self.links: dict[str, tuple[str, str]] = {}
        """Short code or id of a payment link, as its addresses have it -> seller id, link id."""
        self.challenges: dict[str, Any] = {}
        """Token of a verification page -> what verification.py keeps of it."""

    def balance_grew(self, seller: Seller, location_id: str) -> None:
        """Called when something comes onto a location's balance; the twin lets it time the next payout."""
        for told in self.on_balance:
            told(seller, location_id)

    def timestamp(self) -> float:
        """Unix seconds of the twin's clock; inside a timed happening that a jump of the clock brought, the moment it was due."""
        due: float | None = getattr(self._due, "moment", None)
        return self.clock.timestamp() if due is None else due

    def now(self) -> datetime:
        return self.clock.now() if getattr(self._due, "moment", None) is None else from_unix(self.timestamp())

    def later(self, seconds: float, happen: Callable[[], None]) -> None:
        """Run, locked, once the twin's clock is so much further; what a jump of the clock brings is dated when it was due."""
        due = self.timestamp() + seconds

        def locked() -> None:
            with self.lock:
                self._due.moment = due if self.clock.timestamp() - due >= JUMP_SECONDS else None
                try:
                    happen()
                finally:
                    self._due.moment = None

        self.timetable.at(due, locked)

    def add_seller(self, merchant: Record, personal_access_token: str) -> Seller:
        seller = Seller(merchant, personal_access_token)
        self.sellers[seller.id] = seller
        self.applications[personal_access_token] = Application(
            id="sandbox-sq0idb-" + ids.mixed(22),
            secret="",
            personal_access_token=personal_access_token,
            name=f"{merchant['business_name']}'s own application",
            seller_id=seller.id,
        )
        return seller

    def live_grants(self, merchant_id: str) -> list[Grant]:
        return [grant for grant in self.grants.get(merchant_id, []) if grant.revoked_at is None]
