"""Square and our application's registration with it: consent, tokens, the events feed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Literal

from providers import oauth_client
from providers.contract import Credentials, Gate, Grant, OpenGate, Provider, RateLimit, Support, Variables
from providers.errors import (
    CredentialsExpired,
    IntegrationRevoked,
    OutcomeUnknown,
    PermissionMissing,
    ProviderError,
    RecordNotFound,
    Rejected,
)
from providers.records import EventPage, Record
from providers.square.account import APPLICATION, SELLER, SquareAccount
from providers.square.cursor import Place
from providers.square.errors import Intent
from providers.square.mapping.event import EVENT_TYPES, event
from providers.square.mapping.values import moment, stamp
from providers.square.settings import SCOPES, SquareSettings
from providers.square.wire import Answer, Wire
from providers.transport import SharedPool

EVENTS_PAGE_SIZE = 100


class SquareProvider(Provider):
    name = "square"
    title = "Square"
    summary = "Invoices and in-person sales at your locations, in your country's currency."
    variables = Variables(
        needed=("SQUARE_APPLICATION_ID", "SQUARE_APPLICATION_SECRET"),
        secrets=("SQUARE_APPLICATION_SECRET", "SQUARE_ACCESS_TOKEN"),
        webhook_secrets=("SQUARE_WEBHOOK_SIGNATURE_KEYS", "SQUARE_WEBHOOK_SECRET"),
        addresses=("SQUARE_NOTIFICATION_URL", "SQUARE_BASE_URL"),
        choices={"SQUARE_ENVIRONMENT": ("sandbox", "production")},
    )
    secret_shapes = (
        r"EAAA[\w-]{8,}|EQAA[\w-]{8,}",  # access and refresh tokens
        r"(?:sandbox-)?sq0(?:csp|csb|atp|atb|cgp|cgb|rtp)-[\w-]{6,}",  # application secret, tokens, OAuth code
    )
    permissions_text = (
        "See your business name and locations",
        "Read and change your customers",
        "Read and make invoices and their orders",
        "Read payments and refunds, take payments and give refunds",
        "Make payment links, save cards on file, use your Square Terminal",
        "Read and manage subscriptions and their plans",
        "Read disputes, answer them with evidence, read payouts",
        "Read what you sell and how much is in stock",
    )
    capabilities: ClassVar[Mapping[type[Record], Support]] = {**SELLER, **APPLICATION}
    # Square publishes no figures; these are ours, and a 429 refines them.
    rate_limits = (
        RateLimit(requests_per_second=10.0, burst=20, scope="account"),
        RateLimit(requests_per_second=100.0, burst=200, scope="application"),
    )
    event_feed: ClassVar[Literal["account", "application"]] = "application"
    uses_pkce = False  # Square's PKCE flow makes refresh tokens single-use
    asked_scopes = frozenset(SCOPES)
    single_currency = True
    takes_instalments = True  # on payment requests; INSTALLMENT needs the seller's Invoices Plus plan
    refresh_after_days = 7

    def __init__(self, settings: SquareSettings) -> None:
        self.settings = settings
        self._pool = SharedPool()

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> SquareProvider:
        return cls(SquareSettings.from_env(env))

    @property
    def configured(self) -> bool:
        return bool(self.settings.application_id and self.settings.application_secret)

    @property
    def live(self) -> bool:
        return self.settings.live

    def authorization_url(self, grant: Grant) -> str:
        """`session=false` makes the seller sign in, so that nobody connects whoever was left signed in; not for the sandbox."""
        parameters = {
            "client_id": self.settings.application_id,
            "scope": " ".join(SCOPES),
            "redirect_uri": grant.redirect_uri,
            "state": grant.state,
        }
        if self.live:
            parameters["session"] = "false"
        return oauth_client.authorization_url(f"{self.settings.base_url}/oauth2/authorize", parameters)

    def exchange(self, callback: Mapping[str, str], grant: Grant) -> Credentials:
        code = oauth_client.code_from_callback(callback)
        answer = self._token(Intent.EXCHANGE, grant_type="authorization_code", code=code, redirect_uri=grant.redirect_uri)
        try:
            credentials = self._credentials(answer)
        except KeyError:
            raise OutcomeUnknown("Square's answer held no token.") from None
        return replace(credentials, scopes=self._granted_scopes(credentials))

    def refresh(self, credentials: Credentials) -> Credentials:
        """The same refresh token stays good, and the previous access token lives on until its own end."""
        if credentials.refresh_token is None:
            raise IntegrationRevoked("This connection cannot be renewed: connect it again.")
        answer = self._token(Intent.REFRESH, grant_type="refresh_token", refresh_token=credentials.refresh_token)
        try:
            newer = self._credentials(answer)
        except KeyError:
            raise IntegrationRevoked("Square's answer held no token: connect again.") from None
        return credentials.refreshed(newer)

    def revoke(self, credentials: Credentials) -> None:
        """Ends the whole authorization of that seller to us. A pasted token is not ours to end."""
        if credentials.kind == "key":
            return
        try:
            self._wire(None).write(
                Intent.UNKEYED,
                lambda sdk: sdk.o_auth.revoke_token,
                client_id=self.settings.application_id,
                merchant_id=credentials.account_id,
                headers={"Authorization": f"Client {self.settings.application_secret}"},
            )
        except (Rejected, RecordNotFound, CredentialsExpired, IntegrationRevoked, PermissionMissing):
            # Square documents no answer for what is revoked already, so the token itself is asked.
            if self._accepts(credentials):
                raise

    def missed_events(
        self, credentials: Credentials | None, *, since: datetime, cursor: str | None = None, gate: Gate
    ) -> EventPage:
        """Of the whole application (`credentials` None), or of one seller. The feed goes back 28 days, and not before it was
        switched on, which creating our endpoint does, or else the first call here."""
        place = Place.unpacked(cursor)
        chosen: dict[str, Any] = {"event_types": sorted(EVENT_TYPES), "created_at": {"start_at": stamp(since)}}
        if credentials is not None:
            chosen["merchant_ids"] = [credentials.account_id]
        body: dict[str, Any] = {
            "query": {"filter": chosen, "sort": {"field": "DEFAULT", "order": "ASC"}},
            "limit": EVENTS_PAGE_SIZE,
        }
        if place.square_cursor:
            body["cursor"] = place.square_cursor
        own_key = credentials is not None and credentials.kind == "key"
        wire = self._wire(credentials.access_token, gate) if credentials is not None and own_key else self._own_wire(gate)
        try:
            data = wire.read("POST", "/v2/events", body=body).data
        except Rejected:
            # Off is its first state. Once on, it holds nothing from before, and a wrong question is refused again.
            wire.write(Intent.KEYED, lambda sdk: sdk.events.enable_events)
            data = wire.read("POST", "/v2/events", body=body).data
        events = tuple([event(raw, live=self.live) for raw in data.get("events") or ()])
        return EventPage(events=events, next_cursor=place.after(data.get("cursor"), []))

    def account(self, credentials: Credentials, *, gate: Gate) -> SquareAccount:
        """A personal access token acts for the seller and for the seller's own application."""
        supported = self.capabilities if credentials.kind == "key" else SELLER
        return SquareAccount(self._wire(credentials.access_token, gate), supported)

    def platform(self, *, gate: Gate) -> SquareAccount:
        return SquareAccount(self._own_wire(gate), APPLICATION)

    def credentials_from_key(self, key: str) -> Credentials:
        """A personal access token acts for its owner's account and has every permission."""
        token = key.strip()
        profile = SquareAccount(self._wire(token), SELLER).describe()
        return Credentials(
            account_id=profile.account_id, access_token=token, scopes=frozenset(SCOPES), live=self.live, kind="key"
        )

    def _wire(self, token: str | None, gate: Gate | None = None) -> Wire:
        return Wire(self._pool, base_url=self.settings.base_url, token=token, gate=gate or OpenGate())

    def _own_wire(self, gate: Gate) -> Wire:
        if not self.settings.access_token:
            raise Rejected(
                "SQUARE_ACCESS_TOKEN is not set: it is needed for webhook subscriptions and missed events.", code="not_configured"
            )
        return self._wire(self.settings.access_token, gate)

    def _token(self, intent: Intent, **fields: Any) -> Answer:
        settings = self.settings
        return self._wire(None).write(
            intent,
            lambda sdk: sdk.o_auth.obtain_token,
            client_id=settings.application_id,
            client_secret=settings.application_secret,
            **fields,
        )

    def _credentials(self, answer: Answer) -> Credentials:
        data = answer.data
        return Credentials(
            account_id=data["merchant_id"],
            access_token=data["access_token"],
            refresh_token=data.get("refresh_token"),
            expires_at=moment(data.get("expires_at")),
            live=self.live,
        )

    def _granted_scopes(self, credentials: Credentials) -> frozenset[str]:
        """What the seller granted; empty where Square does not say now: the code is spent, so the tokens must not be lost."""
        try:
            status = self._wire(credentials.access_token).read("POST", "/oauth2/token/status")
        except ProviderError:
            return frozenset()
        return frozenset(status.data.get("scopes") or ())

    def _accepts(self, credentials: Credentials) -> bool:
        """Whether Square still lets this token in."""
        try:
            self._wire(credentials.access_token).read("POST", "/oauth2/token/status")
        except (CredentialsExpired, IntegrationRevoked, RecordNotFound, PermissionMissing):
            return False
        return True
