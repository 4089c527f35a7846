"""Stripe as a provider: Connect OAuth for Standard accounts, and the feed of missed events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import httpx
import stripe

from providers.contract import (
    Account,
    Credentials,
    Gate,
    Grant,
    OpenGate,
    Provider,
    RateLimit,
    ReadAllowance,
    Slowdown,
    Variables,
    retry_after_seconds,
)
from providers.errors import IntegrationRevoked, OutcomeUnknown, PermissionMissing, ProviderError, Rejected, Unsupported
from providers.oauth_client import authorization_url, code_from_callback
from providers.records import EventPage
from providers.stripe import onboarding
from providers.stripe.account import StripeAccount
from providers.stripe.capabilities import CAPABILITIES
from providers.stripe.connection import Connection
from providers.stripe.errors import Asking, translate
from providers.stripe.mapping.event import DISCONNECTED, EVENT_TYPES, event
from providers.stripe.resources.base import PAGE_SIZE, next_cursor
from providers.stripe.settings import StripeSettings, is_live_key
from providers.transport import SharedPool

OAUTH_REFUSALS: Final = {
    "invalid_grant": "Stripe's connection code is wrong, used or older than five minutes; please begin again.",
    "invalid_client": "Stripe does not know this connection; the operator may check STRIPE_CLIENT_ID and STRIPE_SECRET_KEY.",
}
FEED_TYPES: Final = EVENT_TYPES - {DISCONNECTED}  # a disconnected account's feed cannot be read


class StripeProvider(Provider):
    """Acts through the platform's key and the Stripe-Account header; accounts connected by a pasted key act with that alone."""

    name = "stripe"
    title = "Stripe"
    summary = "Online invoices, cards and bank debits, in many currencies."
    variables = Variables(
        needed=("STRIPE_CLIENT_ID", "STRIPE_SECRET_KEY"),
        secrets=("STRIPE_SECRET_KEY",),
        webhook_secrets=("STRIPE_WEBHOOK_SECRETS", "STRIPE_WEBHOOK_SECRET"),
        addresses=("STRIPE_API_BASE", "STRIPE_CONNECT_BASE"),
        # Keys say by their beginning what they are (Stripe docs: keys): swapped, the secret one would go to browsers.
        wrong_beginnings={
            "STRIPE_PUBLISHABLE_KEY": (("sk_", "rk_"), "pk_"),
            "STRIPE_SECRET_KEY": (("pk_",), "sk_ or rk_"),
        },
    )
    secret_shapes = (
        r"(?:sk|rk)_(?:live|test)_\w{4,}",  # secret and restricted keys
        r"whsec_[\w+/=-]{4,}",  # an endpoint's signing secret; Standard Webhooks use the same prefix
        r"(?:pi|seti|cs|src)_\w+_secret_\w+",  # client secrets
        r"ac_\w{20,}",  # OAuth code
    )
    permissions_text = (
        "Read and edit your customers and invoices",
        "Read your payments, refunds, fees, disputes and payouts",
        "Take payments and make refunds, subscriptions and payment links that you ask for",
    )
    capabilities = CAPABILITIES
    # Live: 100 a second for all, 25 for each endpoint; a sandbox has 25 for all and says so by 429 (Stripe docs: rate-limits).
    # Rate and burst together make the limit, so that no second sees more.
    rate_limits = (
        RateLimit(requests_per_second=92, burst=8, scope="account"),
        RateLimit(requests_per_second=23, burst=2, scope="endpoint"),
    )
    read_allowance = ReadAllowance(reads_per_payment=500, floor=10_000)  # the same page
    event_feed = "account"
    uses_pkce = False
    asked_scopes = frozenset(["read_write"])
    charges_invoices = True
    lists_changes = False
    refresh_after_days = None

    def __init__(self, settings: StripeSettings) -> None:
        self.settings = settings
        self._pool = SharedPool()

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> StripeProvider:
        return cls(StripeSettings.from_env(env))

    def slowed(self, headers: Mapping[str, str]) -> Slowdown:
        """Stripe names the limit in a header; a 429 without it is the lock of one object (Stripe docs: rate-limits)."""
        named = headers.get("stripe-rate-limited-reason", "")
        return Slowdown(
            scope="account" if named.startswith("global") else "endpoint",
            because="rate" if named.endswith("-rate") else "concurrency" if named.endswith("-concurrency") else "lock",
            retry_after_seconds=retry_after_seconds(headers),
        )

    @property
    def configured(self) -> bool:
        return bool(self.settings.secret_key and (self.settings.client_id or self.onboards))

    @property
    def live(self) -> bool:
        return is_live_key(self.settings.secret_key)

    def authorization_url(self, grant: Grant) -> str:
        self._require_configuration()
        return authorization_url(
            f"{self.settings.connect_base}/oauth/authorize",
            {
                "response_type": "code",
                "client_id": self.settings.client_id,
                "scope": "read_write",
                "redirect_uri": grant.redirect_uri,
                "state": grant.state,
            },
        )

    @property
    def onboards(self) -> bool:
        return self.settings.connect_mode == "onboarding"

    def onboarding_url(self, grant: Grant) -> tuple[str, str]:
        return onboarding.begin(self._platform_connection(OpenGate()), grant)

    def exchange(self, callback: Mapping[str, str], grant: Grant) -> Credentials:
        """A code sent twice revokes the connection (Stripe docs: connect/oauth-reference), so no lost answer is tried again."""
        if grant.account_id is not None:
            platform = self._platform_connection(OpenGate())
            return onboarding.finish(platform, grant.account_id, error=callback.get("error"), live=self.live)
        code = code_from_callback(callback)
        self._require_configuration()
        body = self._oauth(lambda sdk: sdk.oauth.token({"grant_type": "authorization_code", "code": code}))
        live = body.get("livemode") is True
        if live is not self.live:
            raise Rejected("Test and live mode of Stripe do not mix: connect with the other mode.", code="mode_mismatch")
        account_id = body.get("stripe_user_id")
        if not isinstance(account_id, str) or not account_id:
            raise OutcomeUnknown("Stripe's answer named no account. Please connect again.")
        scope = body.get("scope")
        return Credentials(
            account_id=account_id,
            access_token=body.get("access_token"),
            refresh_token=body.get("refresh_token"),
            scopes=frozenset([scope] if scope else []),
            live=live,
        )

    def refresh(self, credentials: Credentials) -> Credentials:
        """Nothing expires here: the platform's key acts. One request proves that the account still lets us in."""
        self.account(credentials, gate=OpenGate()).describe()
        return credentials

    def revoke(self, credentials: Credentials) -> None:
        """A pasted key cannot be revoked by us: its owner deletes it in the Dashboard."""
        if credentials.kind == "key":
            return
        self._require_configuration()
        client_id = self.settings.client_id
        try:
            self._oauth(lambda sdk: sdk.oauth.deauthorize({"client_id": client_id, "stripe_user_id": credentials.account_id}))
        except Rejected as refusal:
            # invalid_client means "not connected", but also "not your client id": ask the account which it is.
            if refusal.code != "invalid_client" or self._still_connected(credentials):
                raise

    def _still_connected(self, credentials: Credentials) -> bool:
        try:
            self.account(credentials, gate=OpenGate()).describe()
        except IntegrationRevoked:
            return False
        return True

    def missed_events(
        self, credentials: Credentials | None, *, since: datetime, cursor: str | None = None, gate: Gate
    ) -> EventPage:
        """At most 30 days back. Stripe lists newest first, so pages go back in time; within a page the oldest comes first.

        All types are read and ours kept: Stripe filters by 20 types a request, and a quiet account would cost one for each 20."""
        if credentials is None:
            raise Unsupported("Stripe keeps its events account by account")
        query: list[tuple[str, str | int]] = [("limit", PAGE_SIZE), ("created[gte]", int(since.timestamp()))]
        if cursor:
            query.append(("starting_after", cursor))
        answer = self._connection(credentials, gate).read("/v1/events", query)
        ours = [raw for raw in reversed(answer.body["data"]) if raw.get("type") in FEED_TYPES]
        events = tuple([event(raw, account_id=credentials.account_id) for raw in ours])
        return EventPage(events=events, next_cursor=next_cursor(answer))

    def account(self, credentials: Credentials, *, gate: Gate) -> Account:
        return StripeAccount(self._connection(credentials, gate))

    def platform(self, *, gate: Gate) -> Account:
        return StripeAccount(self._platform_connection(gate), is_platform=True)

    def credentials_from_key(self, key: str) -> Credentials:
        """From a secret or restricted key. Raises Rejected for what is no such key, for a key of the other mode, and for a key
        that Stripe does not know or that may not read its own account."""
        key = key.strip()
        if not key.startswith(("sk_", "rk_")):
            raise Rejected(
                "A Stripe key begins with sk_ or rk_. Copy it from Developers, API keys.", code="not_a_key", field="key"
            )
        live = is_live_key(key)
        if self.settings.secret_key and live is not self.live:
            raise Rejected("Test and live mode of Stripe do not mix: paste a key of the other mode.", code="mode_mismatch")
        connection = Connection(self.settings, self._pool, OpenGate(), api_key=key, account_id=None, own_key=True)
        try:
            account_id = StripeAccount(connection).describe().account_id
        except (IntegrationRevoked, PermissionMissing) as refusal:
            raise Rejected(
                "Stripe does not accept this key, or it may not read its own account. Make one with access to customers, "
                "invoices, payments, refunds, subscriptions, disputes, payouts, balance, payment links, checkout, webhook "
                "endpoints, events and account details.",
                code="key_refused",
                field="key",
                request_id=refusal.request_id,
            ) from None
        return Credentials(account_id=account_id, access_token=key, live=live, kind="key")

    def _connection(self, credentials: Credentials, gate: Gate) -> Connection:
        if credentials.kind == "key":
            return Connection(
                self.settings, self._pool, gate, api_key=credentials.access_token or "", account_id=None, own_key=True
            )
        self._require_configuration()
        return Connection(self.settings, self._pool, gate, api_key=self.settings.secret_key, account_id=credentials.account_id)

    def _platform_connection(self, gate: Gate) -> Connection:
        self._require_configuration()
        return Connection(self.settings, self._pool, gate, api_key=self.settings.secret_key, account_id=None)

    def _require_configuration(self) -> None:
        if not self.configured:
            raise Rejected("Stripe is not set up here: STRIPE_CLIENT_ID and STRIPE_SECRET_KEY are needed.", code="not_configured")

    def _oauth(self, call: Callable[[stripe.StripeClient], Any]) -> dict[str, Any]:
        """One request to Stripe's OAuth host, never repeated. The answer's members as a plain dictionary."""
        sdk = self._platform_connection(OpenGate()).sdk
        try:
            answered: dict[str, Any] = call(sdk).to_dict()
        except stripe.StripeError as problem:
            raise _translate_oauth(problem) from None
        except httpx.HTTPError:
            raise OutcomeUnknown("Stripe did not answer; whether it acted is unknown. Please connect again.") from None
        return answered


def _translate_oauth(problem: stripe.StripeError) -> ProviderError:
    """OAuth's refusals carry {"error": word, "error_description": sentence} instead of the API's error object."""
    headers = {str(name).lower(): str(value) for name, value in (problem.headers or {}).items()}
    body = problem.json_body if isinstance(problem.json_body, dict) else {}
    word = body.get("error")
    status = problem.http_status or 0
    if not isinstance(word, str) or status >= 500:
        return translate(status, body or None, headers, Asking(writing=True, creating=True))
    # Stripe's own description repeats the code, so it is not passed on.
    detail = OAUTH_REFUSALS.get(word, "Stripe refused the connection; please begin again.")
    return Rejected(detail, code=word, request_id=headers.get("request-id"))
