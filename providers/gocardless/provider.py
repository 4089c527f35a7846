"""GoCardless and our partner app's registration with it: consent, tokens, the events feed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal

from providers import oauth_client
from providers.contract import Credentials, Gate, Grant, OpenGate, Provider, RateLimit, Support, Variables
from providers.errors import IntegrationRevoked, OutcomeUnknown, ProviderError
from providers.gocardless import mapping
from providers.gocardless.account import CAPABILITIES, GoCardlessAccount, next_cursor
from providers.gocardless.errors import Intent
from providers.gocardless.settings import ENVIRONMENTS, GoCardlessSettings
from providers.gocardless.wire import Answer, Wire
from providers.records import EventPage, Record
from providers.transport import SharedPool

SCOPE = "read_write"
EVENTS_PAGE_SIZE = 250


class GoCardlessProvider(Provider):
    name = "gocardless"
    title = "GoCardless"
    summary = "Bank debits on mandates and instant bank payments, in eight currencies; no invoices."
    experimental = True
    permissions_text = (
        "See your business name and your customers, and change them",
        "See your customers' mandates and take payments on them",
        "Make payment pages, see payments and give refunds",
    )
    variables = Variables(
        needed=("GOCARDLESS_CLIENT_ID", "GOCARDLESS_CLIENT_SECRET"),
        secrets=("GOCARDLESS_CLIENT_SECRET",),
        webhook_secrets=("GOCARDLESS_WEBHOOK_SECRETS",),
        addresses=("GOCARDLESS_API_BASE", "GOCARDLESS_CONNECT_BASE"),
        choices={"GOCARDLESS_ENVIRONMENT": ENVIRONMENTS},
    )
    secret_shapes = (r"(?:live|sandbox)_[\w-]{20,}",)  # access tokens
    capabilities: ClassVar[Mapping[type[Record], Support]] = CAPABILITIES
    rate_limits = (RateLimit(requests_per_second=15.0, burst=100, scope="account"),)  # 1000 a minute (GoCardless docs)
    event_feed: ClassVar[Literal["account", "application"]] = "account"
    uses_pkce = False
    asked_scopes = frozenset([SCOPE])
    lists_changes = False
    pays_at_once = False
    refresh_after_days = None  # its tokens do not expire

    def __init__(self, settings: GoCardlessSettings) -> None:
        self.settings = settings
        self._api_pool, self._connect_pool = SharedPool(), SharedPool()

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> GoCardlessProvider:
        return cls(GoCardlessSettings.from_env(env))

    @property
    def configured(self) -> bool:
        return bool(self.settings.client_id and self.settings.client_secret)

    @property
    def live(self) -> bool:
        return self.settings.live

    def authorization_url(self, grant: Grant) -> str:
        parameters = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "scope": SCOPE,
            "redirect_uri": grant.redirect_uri,
            "state": grant.state,
        }
        return oauth_client.authorization_url(f"{self.settings.connect_base}/oauth/authorize", parameters)

    def exchange(self, callback: Mapping[str, str], grant: Grant) -> Credentials:
        code = oauth_client.code_from_callback(callback)
        token = self._oauth("access_token", grant_type="authorization_code", code=code, redirect_uri=grant.redirect_uri).data
        try:
            account_id, access_token = token["organisation_id"], token["access_token"]
        except KeyError:
            raise OutcomeUnknown("GoCardless's answer held no token.") from None
        scopes = frozenset(str(token.get("scope") or "").split())
        return Credentials(account_id=account_id, access_token=access_token, scopes=scopes, live=self.live)

    def refresh(self, credentials: Credentials) -> Credentials:
        return credentials

    def revoke(self, credentials: Credentials) -> None:
        try:
            self._oauth("disconnect", token=credentials.access_token or "")
        except ProviderError:
            # What a second disconnect answers is not documented, so the token itself is asked.
            try:
                self.account(credentials, gate=OpenGate()).describe()
            except IntegrationRevoked:
                return
            raise

    def missed_events(
        self, credentials: Credentials | None, *, since: datetime, cursor: str | None = None, gate: Gate
    ) -> EventPage:
        """Of one organisation, newest first; the feed goes back 18 months."""
        assert credentials is not None
        params = {"created_at[gte]": mapping.stamp(since), "limit": str(EVENTS_PAGE_SIZE)}
        if cursor is not None:
            params["after"] = cursor
        answer = self._wire(credentials, gate).send(Intent.CONTINUE if cursor else Intent.READ, "GET", "/events", params=params)
        found = answer.data.get("events") or ()
        events = tuple(mapping.event(raw, live=self.live, own_account_id=credentials.account_id) for raw in found)
        return EventPage(events=events, next_cursor=next_cursor(answer))

    def account(self, credentials: Credentials, *, gate: Gate) -> GoCardlessAccount:
        return GoCardlessAccount(self._wire(credentials, gate), credentials.account_id)

    def _wire(self, credentials: Credentials, gate: Gate) -> Wire:
        return Wire(self._api_pool, self.settings.api_base, credentials.access_token, gate)

    def _oauth(self, action: str, **fields: str) -> Answer:
        form = {"client_id": self.settings.client_id, "client_secret": self.settings.client_secret, **fields}
        return Wire(self._connect_pool, self.settings.connect_base, None, OpenGate()).send(
            Intent.ONCE, "POST", f"/oauth/{action}", form=form
        )
