"""Sign-in by OpenID Connect: authorization code with PKCE, state and nonce, the ID token checked against the issuer's keys."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.errors import OAuth2Error
from authlib.oauth2.rfc6749.parameters import parse_authorization_code_response, prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import clock, db
from hub.config import Settings
from hub.identity import sessions
from hub.identity.paths import own_path
from hub.identity.tokens import fresh_token, token_hash
from hub.models import User

CALLBACK_PATH = "/sign-in/oidc/callback"
ATTEMPT_LIFE = timedelta(minutes=10)
METADATA_LIFE = timedelta(hours=1)
TIMEOUT_SECONDS = 10
CLOCK_SKEW_SECONDS = 60
ANSWER_LIMIT_BYTES = 500_000
# Only signatures that need the issuer's private key: "none" and HMAC under our own secret would let others make tokens.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")


UNREACHABLE = "The identity provider cannot be reached. Try again, or use a mailed link."


class OidcRefused(Exception):
    """The sign-in cannot go on. `code` is stable, `detail` for people; neither holds a secret."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True, repr=False)
class Attempt:
    """One attempt of one browser, kept in that browser's own cookie until it comes back."""

    state: str
    nonce: str
    code_verifier: str
    next_path: str
    expires_at: datetime

    def to_text(self) -> str:
        return json.dumps([self.state, self.nonce, self.code_verifier, self.next_path, self.expires_at.isoformat()])

    @classmethod
    def from_text(cls, text: str) -> Attempt:
        state, nonce, code_verifier, next_path, expires_at = json.loads(text)
        return cls(state, nonce, code_verifier, next_path, datetime.fromisoformat(expires_at))


@dataclass(frozen=True, slots=True)
class Identity:
    """What the issuer vouches for. email: None unless the issuer has verified it."""

    issuer: str
    subject: str
    email: str | None


class OidcClient:
    """Our registration with one issuer; shared by all requests of a process."""

    def __init__(self, settings: Settings) -> None:
        assert settings.oidc_issuer is not None
        assert settings.oidc_client_id is not None
        assert settings.oidc_client_secret is not None
        self.issuer = settings.oidc_issuer
        self.client_id = settings.oidc_client_id
        self.redirect_uri = settings.base_url + CALLBACK_PATH
        self._client_secret = settings.oidc_client_secret
        self._http = httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False)
        self._lock = threading.Lock()
        self._metadata: dict[str, Any] | None = None
        self._keys: KeySet | None = None
        self._fresh_until = clock.now()

    def begin(self, next_path: str) -> tuple[Attempt, str]:
        """A new attempt, and the issuer's page to send the browser to."""
        attempt = Attempt(fresh_token(), fresh_token(), fresh_token(), own_path(next_path), clock.now() + ATTEMPT_LIFE)
        url: str = prepare_grant_uri(
            self.metadata()["authorization_endpoint"],
            self.client_id,
            "code",
            redirect_uri=self.redirect_uri,
            scope="openid email profile",
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.code_verifier),
            code_challenge_method="S256",
        )
        return attempt, url

    def finish(self, attempt: Attempt, query: Mapping[str, str]) -> Identity:
        """Check what the browser brought back, redeem the code once, check the ID token. Raises OidcRefused."""
        if clock.now() > attempt.expires_at:
            raise OidcRefused("attempt_expired", "The sign-in took too long. Begin again.")
        if not hmac.compare_digest(query.get("state", "").encode("utf-8", "replace"), attempt.state.encode()):
            raise OidcRefused("wrong_state", "This answer belongs to another sign-in. Begin again.")
        if query.get("error") == "access_denied":
            raise OidcRefused("denied", "The sign-in was declined. Begin again, or use a mailed link.")
        # RFC 9207: an issuer that names itself in the answer must be the one we asked.
        if query.get("iss", self.issuer).rstrip("/") != self.issuer:
            raise OidcRefused("wrong_issuer", "The answer came from another identity provider. Begin again.")
        try:
            parsed = parse_authorization_code_response(f"{self.redirect_uri}?{urlencode(dict(query))}", state=attempt.state)
        except OAuth2Error as error:
            raise OidcRefused("no_code", "The identity provider's answer holds no code. Begin again.") from error
        token = self._redeem(parsed["code"], attempt.code_verifier)
        claims = self._claims(token, attempt.nonce)
        email = claims.get("email") if claims.get("email_verified") is True else None
        return Identity(self.issuer, claims["sub"], email.strip().lower() if isinstance(email, str) else None)

    def metadata(self) -> dict[str, Any]:
        """The issuer's discovery document, an hour old at most."""
        with self._lock:
            if self._metadata is None or clock.now() > self._fresh_until:
                found = self._get(get_well_known_url(self.issuer, external=True))
                if str(found.get("issuer", "")).rstrip("/") != self.issuer:
                    raise OidcRefused("wrong_issuer", "The identity provider's own description names another issuer.")
                self._metadata, self._keys = found, None
                self._fresh_until = clock.now() + METADATA_LIFE
            return self._metadata

    def _redeem(self, code: str, code_verifier: str) -> dict[str, Any]:
        metadata = self.metadata()
        offered = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"
        body = prepare_token_request("authorization_code", redirect_uri=self.redirect_uri, code=code, code_verifier=code_verifier)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        auth = ClientAuth(self.client_id, self._client_secret.reveal(), method)
        url, headers, body = auth.prepare("POST", metadata["token_endpoint"], headers, body)
        try:
            return _json(self._http.post(url, content=body, headers=headers))
        except httpx.HTTPError as error:
            raise OidcRefused("unreachable", UNREACHABLE) from error

    def _claims(self, token: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        try:
            decoded = self._decode(str(token["id_token"]))
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                options={
                    "iss": {"essential": True, "value": self.metadata()["issuer"]},
                    "aud": {"essential": True, "value": self.client_id},
                    "sub": {"essential": True},
                },
                params={"nonce": nonce, "client_id": self.client_id, "access_token": token.get("access_token")},
            )
            claims.validate(now=int(clock.now().timestamp()), leeway=CLOCK_SKEW_SECONDS)
        except (KeyError, ValueError, JoseError, OAuth2Error) as error:
            raise OidcRefused("bad_id_token", "The identity provider's answer could not be verified. Begin again.") from error
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise OidcRefused("bad_id_token", "The identity provider's answer names nobody.")
        return dict(claims)

    def _decode(self, id_token: str) -> jwt.Token:
        try:
            return jwt.decode(id_token, self._key_set(renew=False), algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            # The issuer may have a new key since we last looked.
            return jwt.decode(id_token, self._key_set(renew=True), algorithms=ALGORITHMS)

    def _key_set(self, *, renew: bool) -> KeySet:
        uri = self.metadata()["jwks_uri"]
        with self._lock:
            if self._keys is None or renew:
                self._keys = KeySet.import_key_set(self._get(uri))  # type: ignore[arg-type]
            return self._keys

    def _get(self, url: str) -> dict[str, Any]:
        try:
            return _json(self._http.get(url, headers={"Accept": "application/json"}))
        except httpx.HTTPError as error:
            raise OidcRefused("unreachable", UNREACHABLE) from error


def sign_in(identity: Identity, *, replaces: bytes | None) -> str:
    """Begin a session for the user of this identity. Raises OidcRefused for somebody no business has added.

    Found by (issuer, subject); else by the verified mail address, which then stays bound to that subject."""
    with db.system_session() as session:
        user = session.scalar(
            select(User).where(User.oidc_issuer == identity.issuer, User.oidc_subject == identity.subject)
        ) or _link_by_email(session, identity)
        if user is None:
            raise OidcRefused("unknown_user", "No business has added you yet. Ask its owner to add your mail address.")
        return sessions.start(session, user.id, replaces=replaces)


def _link_by_email(session: Session, identity: Identity) -> User | None:
    if identity.email is None:
        return None
    user = session.scalar(select(User).where(User.email == identity.email).with_for_update())
    if user is None:
        return None
    if user.oidc_subject is not None:
        raise OidcRefused("other_identity", "This mail address is bound to another sign-in. Use a mailed link.")
    user.oidc_issuer, user.oidc_subject = identity.issuer, identity.subject
    return user


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json() if answer.status_code == 200 and len(answer.content) <= ANSWER_LIMIT_BYTES else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise OidcRefused("bad_answer", "The identity provider's answer is not usable. Begin again, or use a mailed link.")
    return found


def attempt_key(secret_key: str) -> bytes:
    """The key under which an attempt's cookie is sealed: its verifier and nonce are nobody's affair."""
    return token_hash(f"payhub oidc attempt {secret_key}")
