"""Who may enter: consents, single-use codes, access and refresh tokens, pasted keys, revocation."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from providers.fake.world.wire import Json, Refusal

CODE_LIFE = timedelta(minutes=5)
TOKEN_LIFE = timedelta(days=30)
SCOPES = ("customers", "invoices", "payments")


@dataclass(slots=True)
class _Consent:
    account_id: str
    redirect_uri: str
    challenge: str
    expires_at: datetime


@dataclass(slots=True)
class _Token:
    account_id: str
    grant: int
    expires_at: datetime | None


class Access:
    """A grant is one consent; all tokens of a grant die with it. Pasted keys belong to grant 0 of their own."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._numbers = itertools.count(1)
        self._consents: dict[str, _Consent] = {}
        self._tokens: dict[str, _Token] = {}
        self._refresh: dict[str, tuple[str, int]] = {}
        self._dead_grants: set[int] = set()

    def consent(self, authorization_url: str, account_id: str, *, deny: bool = False) -> dict[str, str]:
        """What the browser brings back to the callback after the user has answered the page at `authorization_url`."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(authorization_url).query).items()}
        if deny:
            return {"error": "access_denied", "state": query["state"]}
        code = f"fake_code_{next(self._numbers)}"
        self._consents[code] = _Consent(account_id, query["redirect_uri"], query["code_challenge"], self._now() + CODE_LIFE)
        return {"code": code, "state": query["state"]}

    def exchange(self, body: Json) -> Json:
        consent = self._consents.pop(str(body.get("code")), None)
        if consent is None or consent.expires_at < self._now():
            raise Refusal(400, "invalid_grant", "The code is wrong, used or expired.", field="code")
        if consent.redirect_uri != body.get("redirect_uri"):
            raise Refusal(400, "invalid_grant", "The redirect address is not the one of the consent.", field="redirect_uri")
        digest = hashlib.sha256(str(body.get("code_verifier")).encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != consent.challenge:
            raise Refusal(400, "invalid_grant", "The code verifier does not fit the consent.", field="code_verifier")
        grant = next(self._numbers)
        refresh_token = f"fake_refresh_{grant}"
        self._refresh[refresh_token] = (consent.account_id, grant)
        return {**self._new_token(consent.account_id, grant), "refresh_token": refresh_token}

    def refresh(self, body: Json) -> Json:
        """A new access token; the old ones live on until they expire, and the refresh token stays (it is not repeated)."""
        account_id, grant = self._refresh.get(str(body.get("refresh_token")), ("", -1))
        if grant < 0 or grant in self._dead_grants:
            raise Refusal(400, "grant_revoked", "The connection has ended.")
        return self._new_token(account_id, grant)

    def _new_token(self, account_id: str, grant: int) -> Json:
        token = f"fake_token_{next(self._numbers)}"
        expires_at = self._now() + TOKEN_LIFE
        self._tokens[token] = _Token(account_id, grant, expires_at)
        return {
            "access_token": token,
            "account_id": account_id,
            "expires_at": expires_at.isoformat(),
            "scopes": list(SCOPES),
        }

    def new_key(self, account_id: str) -> str:
        """A key that a merchant can paste; it does not expire."""
        number = next(self._numbers)
        key = f"fake_key_{number}"
        self._tokens[key] = _Token(account_id, number, None)
        return key

    def account_of(self, token: str | None) -> str:
        """Whose token this is. Refuses unknown, expired and revoked ones."""
        entry = self._tokens.get(token or "")
        if entry is None:
            raise Refusal(401, "unauthorized", "The access token is not valid.")
        if entry.grant in self._dead_grants:
            raise Refusal(401, "grant_revoked", "The connection has ended.")
        if entry.expires_at is not None and entry.expires_at <= self._now():
            raise Refusal(401, "token_expired", "The access token has expired.")
        return entry.account_id

    def revoke(self, token: str | None) -> str | None:
        """End the token's whole grant; the account it opened, None if it had ended already."""
        entry = self._tokens.get(token or "")
        if entry is None or entry.grant in self._dead_grants:
            return None
        self._dead_grants.add(entry.grant)
        return entry.account_id

    def revoke_account(self, account_id: str) -> None:
        """The merchant throws us out: all grants of the account end."""
        self._dead_grants.update(token.grant for token in self._tokens.values() if token.account_id == account_id)
