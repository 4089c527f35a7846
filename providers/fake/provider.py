"""The fake provider and our application's registration with it: how we get in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal

from providers import oauth_client
from providers.contract import Account, Credentials, Gate, Grant, OpenGate, Provider, RateLimit, Support
from providers.errors import OutcomeUnknown, Transient
from providers.fake import mapping
from providers.fake.account import FakeAccount
from providers.fake.capabilities import CAPABILITIES
from providers.fake.transport import send
from providers.fake.world import FakeWorld
from providers.fake.world.access import SCOPES
from providers.fake.world.wire import Call
from providers.fake.world.world import PLATFORM_TOKEN
from providers.records import EventPage, Record

CONSENT_PAGE = "https://fake.invalid/oauth/authorize"
CLIENT_ID = "fake_client"
_process_world = FakeWorld()


class FakeProvider(Provider):
    name: ClassVar[str] = "fake"
    title: ClassVar[str] = "Fake"
    permissions_text: ClassVar[tuple[str, ...]] = ("Read and change customers", "Read and send invoices", "Take payments")
    capabilities: ClassVar[Mapping[type[Record], Support]] = CAPABILITIES
    rate_limits: ClassVar[tuple[RateLimit, ...]] = (RateLimit(requests_per_second=1000, burst=1000, scope="account"),)
    event_feed: ClassVar[Literal["account", "application"]] = "account"
    uses_pkce: ClassVar[bool] = True
    asked_scopes: ClassVar[frozenset[str]] = frozenset(SCOPES)
    charges_invoices: ClassVar[bool] = True
    takes_instalments: ClassVar[bool] = True
    refresh_after_days: ClassVar[int | None] = 7

    def __init__(self, world: FakeWorld) -> None:
        self.world = world

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> FakeProvider:
        """Over the one world of this process; the environment has nothing to say."""
        return cls(_process_world)

    @property
    def configured(self) -> bool:
        return True

    @property
    def live(self) -> bool:
        return False

    def authorization_url(self, grant: Grant) -> str:
        return oauth_client.authorization_url(
            CONSENT_PAGE,
            {
                "response_type": "code",
                "client_id": CLIENT_ID,
                "redirect_uri": grant.redirect_uri,
                "scope": " ".join(SCOPES),
                "state": grant.state,
                "code_challenge": oauth_client.code_challenge(grant.code_verifier or ""),
                "code_challenge_method": "S256",
            },
        )

    def exchange(self, callback: Mapping[str, str], grant: Grant) -> Credentials:
        body = {
            "grant_type": "authorization_code",
            "code": oauth_client.code_from_callback(callback),
            "redirect_uri": grant.redirect_uri,
            "code_verifier": grant.code_verifier,
        }
        try:
            return self._token(body)
        except Transient as problem:
            # A code works once, and the provider may have taken it: only a new consent is safe.
            raise OutcomeUnknown(problem.detail, request_id=problem.request_id) from problem

    def refresh(self, credentials: Credentials) -> Credentials:
        body = {"grant_type": "refresh_token", "refresh_token": credentials.refresh_token}
        return credentials.refreshed(self._token(body))

    def revoke(self, credentials: Credentials) -> None:
        send(self.world, OpenGate(), Call(method="POST", path="/oauth/revoke", token=credentials.access_token, key="revoke"))

    def missed_events(
        self, credentials: Credentials | None, *, since: datetime, cursor: str | None = None, gate: Gate
    ) -> EventPage:
        query = {"since": since.isoformat()} | ({"cursor": cursor} if cursor is not None else {})
        token = credentials.access_token if credentials is not None else PLATFORM_TOKEN
        body = send(self.world, gate, Call(method="GET", path="/events", token=token, query=query)).body
        return EventPage(events=tuple(mapping.event(raw) for raw in body["events"]), next_cursor=body["cursor"])

    def account(self, credentials: Credentials, *, gate: Gate) -> Account:
        return FakeAccount(self.world, credentials.access_token or "", gate)

    def credentials_from_key(self, key: str) -> Credentials:
        profile = FakeAccount(self.world, key, OpenGate()).describe()
        return Credentials(account_id=profile.account_id, access_token=key, scopes=frozenset(SCOPES), kind="key")

    def platform(self, *, gate: Gate) -> Account:
        return FakeAccount(self.world, PLATFORM_TOKEN, gate)

    def _token(self, body: dict[str, Any]) -> Credentials:
        # The key says that a refresh may be repeated: the fake's refresh tokens are not used up.
        reply = send(self.world, OpenGate(), Call(method="POST", path="/oauth/token", body=body, key="token")).body
        return Credentials(
            account_id=reply["account_id"],
            access_token=reply["access_token"],
            refresh_token=reply.get("refresh_token"),
            expires_at=datetime.fromisoformat(reply["expires_at"]),
            scopes=frozenset(reply["scopes"]),
        )
