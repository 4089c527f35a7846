"""All that the twin knows: organisations with their records, tokens, keys, events."""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from providers.sandbox.core.clock import Clock
from providers.sandbox.core.timetable import Timetable
from providers.sandbox.core.webhooks import Sender
from providers.sandbox.gocardless.errors import not_found

Record = dict[str, Any]
PREFIXES = {
    "creditors": "CR",
    "customers": "CU",
    "mandates": "MD",
    "payments": "PM",
    "refunds": "RF",
    "billing_requests": "BRQ",
    "billing_request_flows": "BRF",
    "events": "EV",
}
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id(resource: str) -> str:
    return PREFIXES[resource] + "".join(secrets.choice(LETTERS) for _ in range(12))


def wire_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class Organisation:
    """`shelves`: records by resource and id, oldest first. `keys`: (resource, idempotency key) -> what it made."""

    id: str
    name: str
    currency: str
    shelves: dict[str, dict[str, Record]] = field(default_factory=lambda: {name: {} for name in PREFIXES})
    keys: dict[tuple[str, str], str] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)

    def find(self, resource: str, id: str) -> Record:
        record = self.shelves[resource].get(id)
        if record is None or id in self.removed:
            raise not_found()
        return record


@dataclass(frozen=True, slots=True)
class Code:
    organisation_id: str
    redirect_uri: str
    scope: str
    expires_at: datetime


@dataclass(slots=True, kw_only=True)
class Settings:
    """`redirect_uris`: comma list; empty: any on this machine. `webhook_url` empty: nothing is delivered."""

    client_id: str = "payhub_development_client_id"
    client_secret: str = "payhub_development_client_secret"  # noqa: S105
    redirect_uris: str = ""
    webhook_url: str = ""
    webhook_secret: str = "payhub_development_webhook_secret"  # noqa: S105


class World:
    """The state behind one running twin. Every reader and writer holds `lock`."""

    def __init__(self, clock: Clock, timetable: Timetable, sender: Sender, settings: Settings) -> None:
        self.clock, self.timetable, self.sender, self.settings = clock, timetable, sender, settings
        self.base_url = "http://localhost"
        self.lock = threading.RLock()
        self.empty()

    def empty(self) -> None:
        self.organisations: dict[str, Organisation] = {}
        self.tokens: dict[str, str] = {}
        """Access token -> organisation; a revoked one is not here."""
        self.codes: dict[str, Code] = {}
        self.untold: list[tuple[str, Record]] = []
        """(organisation, event): goes out together when what caused them is over."""

    def now(self) -> datetime:
        return self.clock.now()

    def add(self, organisation: Organisation, resource: str, **fields: Any) -> Record:
        record = {"id": new_id(resource), "created_at": wire_time(self.now()), **fields}
        organisation.shelves[resource][record["id"]] = record
        return record

    def add_organisation(self, name: str, *, currency: str = "GBP", country: str = "GB", id: str | None = None) -> Organisation:
        letters = "".join(secrets.choice(LETTERS) for _ in range(12))
        organisation = Organisation(id=id or f"OR{letters}", name=name, currency=currency)
        self.organisations[organisation.id] = organisation
        links = {f"default_{currency.lower()}_payout_account": "BA" + letters}
        self.add(organisation, "creditors", name=name, country_code=country, can_create_refunds=True, links=links)
        return organisation

    def later(self, days: float, happen: Callable[[], None]) -> None:
        """Under the lock, once the twin's clock is so much further."""

        def locked() -> None:
            with self.lock:
                happen()

        self.timetable.after(days * 86_400, locked)
