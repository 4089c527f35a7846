"""OAuth tokens: exchange of codes, refresh, revocation, status."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Response, request

from providers.sandbox.square import ids, times
from providers.sandbox.square.access import authenticate
from providers.sandbox.square.errors import ApiFailure, invalid, problem, unauthorized
from providers.sandbox.square.events import publish
from providers.sandbox.square.http import json_response, read_body
from providers.sandbox.square.shapes import check
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import AccessToken, Grant, RefreshToken, Square

CODE_LIFE = timedelta(minutes=5)
TOKEN_LIFE = timedelta(days=30)
SHORT_TOKEN_LIFE = timedelta(hours=24)
PKCE_REFRESH_LIFE = timedelta(days=90)


@dataclass(slots=True, kw_only=True)
class Code:
    """What a seller allowed on the consent page, waiting to be exchanged."""

    value: str = field(repr=False)
    merchant_id: str
    scopes: tuple[str, ...]
    redirect_uri: str | None
    """As given to the authorization page; must come again if it was given."""
    challenge: str | None
    expires_at: datetime
    used: bool = False


class TokenRefused(Exception):
    """An OAuth answer other than 2xx, in either of the two forms seen."""

    def __init__(self, status: int, message: str, *, code: str = "UNAUTHORIZED") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


def register(app: Flask, square: Square) -> None:
    @app.post("/oauth2/token")
    def obtain_token() -> Response:
        return _answer(square, lambda: _obtain(square, check(read_body(), "ObtainTokenRequest")))

    @app.post("/oauth2/revoke")
    def revoke_token() -> Response:
        return _answer(square, lambda: _revoke(square, check(read_body(), "RevokeTokenRequest")))

    @app.post("/oauth2/token/status")
    def token_status() -> Response:
        return _answer(square, lambda: _status(square))


def _answer(square: Square, work: Any) -> Response:
    try:
        with square.lock:
            return json_response(work())
    except ApiFailure as failure:
        return json_response(failure.body(), failure.status)
    except TokenRefused as refused:
        if square.settings.oauth_error_form == "v2":
            category = "AUTHENTICATION_ERROR" if refused.status == 401 else "INVALID_REQUEST_ERROR"
            return json_response({"errors": [problem(category, refused.code, refused.message)]}, refused.status)
        kind = "service.not_authorized" if refused.status == 401 else "bad_request"
        return json_response({"message": refused.message, "type": kind}, refused.status)


def _obtain(square: Square, body: Record) -> Record:
    if body["client_id"] != square.platform.id:
        raise TokenRefused(401, "Not Authorized")
    if body["grant_type"] == "authorization_code":
        return _exchange(square, body)
    if body["grant_type"] == "refresh_token":
        return _refresh(square, body)
    raise TokenRefused(400, f"The grant_type `{body['grant_type']}` is not supported.", code="INVALID_VALUE")


def _exchange(square: Square, body: Record) -> Record:
    code = square.codes.get(body.get("code") or "")
    lost = TokenRefused(401, f"Authorization code not found for app [{square.platform.id}]")
    if code is None or code.used or code.expires_at <= square.now():
        raise lost
    if code.challenge is None:
        _require_secret(square, body)
    elif not _answers_challenge(body.get("code_verifier"), code.challenge):
        raise TokenRefused(401, "The code_verifier does not match the code_challenge.")
    if code.redirect_uri is not None and body.get("redirect_uri") != code.redirect_uri:
        raise TokenRefused(401, "The redirect_uri does not match the one of the authorization.")
    code.used = True
    grant = Grant(merchant_id=code.merchant_id, scopes=code.scopes, granted_at=square.now(), pkce=code.challenge is not None)
    square.grants.setdefault(grant.merchant_id, []).append(grant)
    return _tokens(square, _new_refresh_token(square, grant), grant.scopes, body)


def _refresh(square: Square, body: Record) -> Record:
    known = square.refresh_tokens.get(body.get("refresh_token") or "")
    if known is None or known.used or known.grant.revoked_at is not None:
        raise TokenRefused(401, "Not Authorized")
    if known.expires_at is not None and known.expires_at <= square.now():
        raise TokenRefused(401, "The refresh token has expired.")
    if _long_unused(square, known):
        raise TokenRefused(401, "Not Authorized")
    if known.grant.pkce:
        known.used = True
        known = _new_refresh_token(square, known.grant)
    else:
        _require_secret(square, body)
    asked = body.get("scopes")
    scopes = tuple(scope for scope in known.grant.scopes if asked is None or scope in asked)
    return _tokens(square, known, scopes, body)


def _long_unused(square: Square, token: RefreshToken) -> bool:
    """Reported of tokens that nobody refreshed for long, though documented as never expiring: a setting."""
    days, last = square.settings.refresh_dies_after_days, token.grant.last_expiry
    return days is not None and last is not None and square.now() > last + timedelta(days=days)


def _new_refresh_token(square: Square, grant: Grant) -> RefreshToken:
    expires_at = square.now() + PKCE_REFRESH_LIFE if grant.pkce else None
    token = RefreshToken(token=ids.refresh_token(), grant=grant, expires_at=expires_at)
    square.refresh_tokens[token.token] = token
    return token


def _tokens(square: Square, refresh_token: RefreshToken, scopes: tuple[str, ...], body: Record) -> Record:
    """Earlier access tokens stay valid until their own end."""
    short = bool(body.get("short_lived"))
    text = f"eyJhbGciOiJFUzI1NiJ9.{ids.mixed(80)}.{ids.mixed(43)}" if body.get("use_jwt") else ids.access_token()
    expires_at = square.now() + (SHORT_TOKEN_LIFE if short else TOKEN_LIFE)
    token = AccessToken(token=text, grant=refresh_token.grant, scopes=scopes, expires_at=expires_at)
    square.access_tokens[text] = token
    token.grant.last_expiry = max(token.grant.last_expiry or expires_at, expires_at)
    answer = {
        "access_token": text,
        "token_type": "bearer",
        "expires_at": times.wire(expires_at, 0),
        "merchant_id": token.grant.merchant_id,
        "refresh_token": refresh_token.token,
        "short_lived": short,
    }
    if refresh_token.expires_at is not None:
        answer["refresh_token_expires_at"] = times.wire(refresh_token.expires_at, 0)
    return answer


def _require_secret(square: Square, body: Record) -> None:
    if not hmac.compare_digest((body.get("client_secret") or "").encode(), square.platform.secret.encode()):
        raise TokenRefused(401, "Not Authorized")


def _answers_challenge(verifier: str | None, challenge: str) -> bool:
    digest = base64.urlsafe_b64encode(hashlib.sha256((verifier or "").encode()).digest()).decode().rstrip("=")
    return hmac.compare_digest(digest, challenge.rstrip("="))


def _revoke(square: Square, body: Record) -> Record:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Client" or not hmac.compare_digest(secret.encode(), square.platform.secret.encode()):
        raise TokenRefused(401, "Not Authorized")
    if body.get("client_id") != square.platform.id:
        raise TokenRefused(401, "Not Authorized")
    token_text, merchant_id = body.get("access_token"), body.get("merchant_id")
    if bool(token_text) == bool(merchant_id):
        raise invalid("BAD_REQUEST", "Provide exactly one of `access_token` and `merchant_id`.")
    if merchant_id:
        if not square.live_grants(merchant_id):
            raise TokenRefused(404, f"No authorization of merchant {merchant_id} found.", code="NOT_FOUND")
        revoke_merchant(square, merchant_id, "APPLICATION")
        return {"success": True}
    token = square.access_tokens.get(str(token_text))
    if token is None or token.grant.revoked_at is not None:
        raise TokenRefused(404, "Access token not found.", code="NOT_FOUND")
    if body.get("revoke_only_access_token"):
        token.revoked = True
    else:
        revoke_merchant(square, token.grant.merchant_id, "APPLICATION")
    return {"success": True}


def revoke_merchant(square: Square, merchant_id: str, revoker_type: str) -> None:
    """End every authorisation of this seller. revoker_type: APPLICATION, MERCHANT or SQUARE."""
    moment = square.now()
    grants = square.live_grants(merchant_id)
    for grant in grants:
        grant.revoked_at = moment
    if grants:
        revocation = {"revoked_at": times.wire(moment, 0), "revoker_type": revoker_type}
        data = {"type": "revocation", "id": ids.event(), "object": {"revocation": revocation}}
        publish(square, square.sellers[merchant_id], "oauth.authorization.revoked", data)


def _status(square: Square) -> Record:
    """A dead token is answered UNAUTHORIZED, whatever it died of."""
    header = request.headers.get("Authorization")
    try:
        caller = authenticate(square, header)
    except ApiFailure:
        raise unauthorized() from None
    answer = {"scopes": sorted(caller.scopes), "client_id": caller.application.id, "merchant_id": caller.seller.id}
    token = square.access_tokens.get((header or "").partition(" ")[2])
    if token is not None:
        answer["expires_at"] = times.wire(token.expires_at, 0)
    return answer
