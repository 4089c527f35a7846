"""The provider contract: all that the hub may ask of Stripe, Square and whoever comes next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from math import isfinite
from typing import ClassVar, Literal, Protocol

from providers.errors import Unsupported
from providers.records import Draft, EventPage, JsonObject, Page, R, Record, Window


class Verb(StrEnum):
    LIST = "list"
    GET = "get"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    PUBLISH = "publish"
    SEND = "send"  # publish if needed; the provider delivers
    VOID = "void"
    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    SUBMIT = "submit"  # a dispute's evidence, to the bank
    ACCEPT = "accept"  # a dispute: the merchant gives in
    ROTATE = "rotate"  # a webhook endpoint's secret


@dataclass(frozen=True, slots=True)
class Support:
    """What can be done with one kind. `keyed`: the verbs where the provider honours an idempotency key. `listed_within`: the
    kind whose `parent_id` a listing must name (a payout's entries); None: the account's own list. `told_by_events`: whether
    events tell of a change of such a record; where they do not, and the provider does not list changes, it is listed anew."""

    verbs: frozenset[Verb]
    keyed: frozenset[Verb] = frozenset()
    listed_within: type[Record] | None = None
    told_by_events: bool = True

    def check_parent(self, kind: type[Record], parent_id: str | None) -> None:
        """Raise Unsupported where a listing of `kind` names a parent and needs none, or needs one and names none."""
        if (self.listed_within is None) != (parent_id is None):
            wanted = "of the whole account" if self.listed_within is None else f"within a {self.listed_within.__name__.lower()}"
            raise Unsupported(f"a {kind.__name__.lower()} is listed {wanted} only")


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """`requests_per_second` + `burst` is the most that goes in any one second. `at_once`: how many requests may be under way
    together; None where the provider states no number."""

    requests_per_second: float
    burst: int
    scope: Literal["account", "endpoint", "application"]
    at_once: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slowdown:
    """What a 429 tells: whose budget, and whether its rate or its requests at once were too many. "lock": neither, one object
    was busy. `retry_after_seconds`: as the provider named it; None where it named none."""

    scope: Literal["account", "endpoint", "application"] = "account"
    because: Literal["rate", "concurrency", "lock"] = "rate"
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAllowance:
    """How many reads a provider grants an account within 30 days: so many per payment, and never less than the floor."""

    reads_per_payment: int
    floor: int


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """The answer's Retry-After in seconds; None where there is none that can be read."""
    try:
        seconds = float(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return seconds if isfinite(seconds) and seconds >= 0 else None


class Gate(Protocol):
    """Runs around EVERY HTTP request, in the transport: budget, refusal of an open transaction, call log, crash points."""

    def before(self, method: str, path_template: str) -> None:
        """May raise RateLimited (no budget now) or IntegrationRevoked (disconnected meanwhile) instead of letting it pass."""

    def after(self, method: str, path_template: str, *, status: int | None, seconds: float, headers: Mapping[str, str]) -> None:
        """`status` is None where no answer came. `headers` are the answer's, with lower-case names."""


class OpenGate:
    """Lets everything pass; for tools and tests that need no budget."""

    def before(self, method: str, path_template: str) -> None:
        return

    def after(self, method: str, path_template: str, *, status: int | None, seconds: float, headers: Mapping[str, str]) -> None:
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One attempt by one user to connect. `code_verifier` is None where the provider does without PKCE. `account_id`: the account
    that `onboarding_url` made for this attempt; None where the user signs in to one."""

    redirect_uri: str
    state: str = field(repr=False)
    code_verifier: str | None = field(default=None, repr=False)
    account_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What lets us in. `account_id` names the provider's account; `expires_at` is None for what does not expire.

    `kind` "oauth" came through the provider's consent page; "key" was pasted (restricted key, personal access token).
    `access_token` is None where the platform's own key acts for the account (Stripe).
    """

    account_id: str
    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    scopes: frozenset[str] = frozenset()
    live: bool = False
    kind: Literal["oauth", "key"] = "oauth"

    def refreshed(self, newer: Credentials) -> Credentials:
        """`newer` over self; what the answer left out (a refresh token, scopes) is kept, never lost."""
        return replace(
            newer,
            refresh_token=newer.refresh_token or self.refresh_token,
            scopes=newer.scopes or self.scopes,
            kind=self.kind,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """`country` ISO 3166, `currency` ISO 4217 in capitals; empty string where the provider does not say."""

    account_id: str
    name: str
    country: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """`headers` with lower-case names; a header that came twice is joined by ", "."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    received_at: datetime


class Account(ABC):
    """One connected account. No request is repeated here: the caller retries. One call may be several requests, each
    through the gate."""

    @abstractmethod
    def describe(self) -> Profile:
        """The cheapest proof that the credentials work; also for pasted keys."""

    @abstractmethod
    def list(
        self,
        kind: type[R],
        *,
        created: Window | None = None,
        changed_since: datetime | None = None,
        cursor: str | None = None,
        open_only: bool = False,
        parent_id: str | None = None,
    ) -> Page[R]:
        """At least what was asked for: more is allowed, less is not. `open_only`: invoices still to be paid, whatever their
        age (then `created` is None). `parent_id`: only what belongs to this record (Support.listed_within): required there,
        Unsupported elsewhere. Raises CursorExpired."""

    @abstractmethod
    def get(self, kind: type[R], id: str) -> R:
        """The record now. A deleted one: RecordNotFound, or a record with `deleted` where the provider keeps one."""

    def create(self, draft: Draft[R], *, key: str) -> R:
        raise Unsupported(f"this provider cannot create from {type(draft).__name__}")

    def update(self, id: str, draft: Draft[R], *, version: str | None, key: str) -> R:
        raise Unsupported(f"this provider cannot update from {type(draft).__name__}")

    def perform(
        self,
        verb: Verb,
        kind: type[R],
        id: str,
        *,
        options: JsonObject | None = None,
        version: str | None,
        key: str,
    ) -> R:
        raise Unsupported(f"this provider cannot {verb} a {kind.__name__.lower()}")

    def find_by_reference(self, kind: type[R], reference: str) -> R | None:
        """The record we once created under `reference`, for settling OutcomeUnknown; None if there is none.

        Must not depend on an index that lags behind writes."""
        raise Unsupported(f"this provider cannot look up a {kind.__name__.lower()} by our reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """The environment variables that a provider's settings read, by what the checks at the start and the log filter must know.

    `needed`: set one of them and all are needed. `secrets` and `webhook_secrets` (comma lists, the plural first) never reach a
    log. `addresses`: https only in production. `choices`: the words that a variable may hold, the default first.
    `wrong_beginnings`: how a value of another kind begins, and how the right one does.
    """

    needed: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    webhook_secrets: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    wrong_beginnings: Mapping[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)


class Provider(ABC):
    """One provider and our application's registration with it."""

    name: ClassVar[str]
    title: ClassVar[str]  # as the provider spells it
    summary: ClassVar[str] = ""  # what it is good for, in one sentence for the choice page
    variables: ClassVar[Variables] = Variables()
    secret_shapes: ClassVar[tuple[str, ...]] = ()  # patterns of its tokens, keys and codes, which are masked wherever they appear
    permissions_text: ClassVar[tuple[str, ...]]  # what the consent will ask for, in lay words, for the choice page
    capabilities: ClassVar[Mapping[type[Record], Support]]
    rate_limits: ClassVar[tuple[RateLimit, ...]]  # budgets for the hub's limiter; replies refine them through RateLimited
    event_feed: ClassVar[Literal["account", "application"]]  # whose events: one account's or the whole application's
    uses_pkce: ClassVar[bool]
    refresh_after_days: ClassVar[int | None]  # refresh credentials when this old; None: never needed
    asked_scopes: ClassVar[frozenset[str]] = frozenset()  # what a consent is asked for; a grant of less is refused
    lists_changes: ClassVar[bool] = True  # whether list(changed_since) narrows; else its events feed tells what changed
    charges_invoices: ClassVar[bool] = False  # whether a saved payment method can pay an invoice through the API
    pays_at_once: ClassVar[bool] = True  # whether a charged payment method has paid; else the payment is PENDING for days
    single_currency: ClassVar[bool] = False  # whether an account takes its own currency only
    takes_instalments: ClassVar[bool] = False  # whether an invoice can fall due in parts
    experimental: ClassVar[bool] = False  # shown with a warning, and only where the environment switches it on
    read_allowance: ClassVar[ReadAllowance | None] = None  # how many reads it grants; None: it counts none

    def supports(self, verb: Verb, kind: type[Record]) -> bool:
        support = self.capabilities.get(kind)
        return support is not None and verb in support.verbs

    def honours_key(self, verb: Verb, kind: type[Record]) -> bool:
        support = self.capabilities.get(kind)
        return support is not None and verb in support.keyed

    def slowed(self, headers: Mapping[str, str]) -> Slowdown:
        """What a 429 with these headers (lower-case names) means. Without more knowledge: the account's rate was too high."""
        return Slowdown(retry_after_seconds=retry_after_seconds(headers))

    @property
    @abstractmethod
    def configured(self) -> bool:
        """Whether the application's own registration is in the environment, so that a connect can begin."""

    @property
    @abstractmethod
    def live(self) -> bool:
        """Whether our registration is the provider's production one; test and live never mix."""

    @abstractmethod
    def authorization_url(self, grant: Grant) -> str: ...

    @property
    def onboards(self) -> bool:
        """Whether a connect makes an account at the provider and leads through its onboarding, instead of a consent page."""
        return False

    def onboarding_url(self, grant: Grant) -> tuple[str, str]:
        """(the account made for this attempt, the page on which its owner completes it). It comes back to the redirect URI with
        the state; then `exchange`, with the grant naming the account, looks whether it is complete."""
        raise Unsupported(f"{self.title} has no onboarding")

    @abstractmethod
    def exchange(self, callback: Mapping[str, str], grant: Grant) -> Credentials:
        """The callback's query into credentials. Called once per attempt, never retried. Raises ConnectDenied when the user
        said no, Rejected for a wrong, used or expired code, OutcomeUnknown when no answer came."""

    @abstractmethod
    def refresh(self, credentials: Credentials) -> Credentials:
        """New credentials, already merged with the old (Credentials.refreshed). Raises IntegrationRevoked for a dead grant."""

    @abstractmethod
    def revoke(self, credentials: Credentials) -> None:
        """End our access at the provider; no error if it has ended already."""

    @abstractmethod
    def missed_events(
        self, credentials: Credentials | None, *, since: datetime, cursor: str | None = None, gate: Gate
    ) -> EventPage:
        """Events since then from the provider's feed: of one account, or (credentials None) of the whole application."""

    @abstractmethod
    def account(self, credentials: Credentials, *, gate: Gate) -> Account: ...

    def credentials_from_key(self, key: str) -> Credentials:
        """Credentials from a pasted restricted key or personal access token (one describe-like request names the account)."""
        raise Unsupported(f"{self.title} cannot be connected by a key")

    def platform(self, *, gate: Gate) -> Account:
        """Our own application's account, for webhook endpoints."""
        raise Unsupported(f"{self.title} has no application account")
