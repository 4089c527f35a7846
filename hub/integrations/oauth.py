"""The connect flow: one attempt of one browser, from our page to the provider's and back."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from sqlalchemy import delete, select

from hub import audit, clock, db, process
from hub.integrations import sealed, service
from hub.models import OAuthAttempt, Tenant
from providers.contract import Credentials, Grant, Provider
from providers.errors import ConnectDenied, OutcomeUnknown, ProviderError
from providers.oauth_client import new_code_verifier, new_state

ATTEMPT_LIFETIME = timedelta(minutes=10)
CALLBACK_PATH = "/api/integrations/payments/callback"
START_PATH = "/api/integrations/payments/start"

log = structlog.get_logger(__name__)


class ConnectRefused(Exception):
    """The attempt cannot go on. `code` is stable and for programs, the text for people."""

    def __init__(self, code: str, detail: str, *, return_url: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.return_url = return_url


@dataclass(frozen=True, slots=True)
class Attempt:
    """A taken attempt, out of the database and usable once."""

    tenant_id: int
    provider: str
    live: bool
    return_url: str
    state: str
    verifier: str | None
    actor: audit.Actor


@dataclass(frozen=True, slots=True)
class Connected:
    integration_id: int
    is_new: bool
    return_url: str
    tenant_id: int


def start(
    tenant_id: int,
    provider_name: str,
    return_url: str,
    *,
    actor: audit.Actor,
    user_id: int | None,
    external_user: str | None = None,
) -> str:
    """A hub URL to open in the user's browser. Raises ConnectRefused for a provider or return page that cannot be used."""
    provider = process.providers().get(provider_name)
    if provider is None:
        raise ConnectRefused("unknown_provider", "There is no such payment provider.")
    if not provider.configured:
        raise ConnectRefused("provider_not_configured", f"{provider.title} is not set up on this system. Ask its administrator.")
    state, start_token = new_state(), secrets.token_urlsafe(32)
    verifier = new_code_verifier() if provider.uses_pkce else None
    now = clock.now()
    row_id = _hash(state).hex()
    with db.tenant_session(tenant_id) as session:
        allowed = session.scalars(select(Tenant.return_origins)).one()
        _check_return_url(return_url, allowed)
        session.add(
            OAuthAttempt(
                state_hash=_hash(state),
                start_hash=_hash(start_token),
                sealed_state=sealed.seal_attempt_secret(state, tenant_id=tenant_id, row_id=row_id, column="sealed_state"),
                sealed_verifier=(
                    sealed.seal_attempt_secret(verifier, tenant_id=tenant_id, row_id=row_id, column="sealed_verifier")
                    if verifier
                    else None
                ),
                tenant_id=tenant_id,
                user_id=user_id,
                external_user=external_user,
                provider=provider_name,
                live=provider.live,
                return_url=return_url,
                created_at=now,
                expires_at=now + ATTEMPT_LIFETIME,
            )
        )
        audit.record(session, tenant_id, actor, "integration.connect_started", "provider", provider_name)
    return f"{process.settings().base_url}{START_PATH}?attempt={start_token}"


def begin(start_token: str) -> tuple[str, str]:
    """The browser opens the start URL: (cookie value to set, provider URL to redirect to). Works once per attempt."""
    cookie = secrets.token_urlsafe(32)
    with db.system_session() as session:
        row = session.scalars(
            select(OAuthAttempt).where(OAuthAttempt.start_hash == _hash(start_token)).with_for_update()
        ).one_or_none()
        if row is None or row.expires_at <= clock.now():
            raise ConnectRefused("attempt_expired", "This connect link has expired. Start again from the integrations page.")
        if row.cookie_hash is not None:
            raise ConnectRefused("attempt_used", "This connect link was opened already. Start again from the integrations page.")
        row.cookie_hash = _hash(cookie)
        row_id = row.state_hash.hex()
        state = sealed.open_attempt_secret(row.sealed_state, tenant_id=row.tenant_id, row_id=row_id, column="sealed_state")
        verifier = _verifier(row)
        provider = process.providers()[row.provider]
    return cookie, provider.authorization_url(_grant(state, verifier))


def callback(query: Mapping[str, str], cookie: str | None) -> Connected:
    """Finish an attempt: state and cookie first, then the code, once. Raises ConnectRefused; every refusal is audited.

    The provider comes from the attempt, never from the query."""
    attempt = take_attempt(query.get("state", ""), cookie)
    provider = process.providers()[attempt.provider]
    try:
        if provider.live != attempt.live:
            raise ConnectRefused("mode_mismatch", "Test and live mode were mixed up. Start again.")
        return _finish(attempt, provider, query)
    except ConnectRefused as refusal:
        _audit_refusal(attempt, refusal.code)
        raise ConnectRefused(refusal.code, refusal.detail, return_url=attempt.return_url) from refusal


def take_attempt(state: str, cookie: str | None) -> Attempt:
    """Remove the attempt from the database and check that this browser began it."""
    with db.system_session() as session:
        row = session.scalars(
            delete(OAuthAttempt).where(OAuthAttempt.state_hash == _hash(state)).returning(OAuthAttempt)
        ).one_or_none()
        if row is None:
            raise ConnectRefused("unknown_state", "This connect attempt is not known, or was finished already. Start again.")
        attempt = Attempt(
            tenant_id=row.tenant_id,
            provider=row.provider,
            live=row.live,
            return_url=row.return_url,
            state=state,
            verifier=_verifier(row),
            actor=audit.Actor("user", str(row.user_id))
            if row.user_id
            else audit.Actor("connect_session", row.external_user or ""),
        )
        expired = row.expires_at <= clock.now()
        cookie_hash = row.cookie_hash
    if cookie is None or cookie_hash is None or not hmac.compare_digest(cookie_hash, _hash(cookie)):
        _audit_refusal(attempt, "foreign_browser")
        raise ConnectRefused("foreign_browser", "This connect attempt was begun in another browser. Start again in this one.")
    if expired:
        _audit_refusal(attempt, "attempt_expired")
        raise ConnectRefused(
            "attempt_expired", "The connect attempt took longer than ten minutes. Start again.", return_url=attempt.return_url
        )
    return attempt


def _finish(attempt: Attempt, provider: Provider, query: Mapping[str, str]) -> Connected:
    try:
        credentials = provider.exchange(query, _grant(attempt.state, attempt.verifier))
        profile = provider.account(credentials, gate=service.platform_gate(provider)).describe()
    except ConnectDenied as denied:
        raise ConnectRefused("access_denied", "The connection was declined. Nothing was changed; you can try again.") from denied
    except OutcomeUnknown as error:
        raise ConnectRefused("outcome_unknown", f"{provider.title} did not answer in time. Please connect again.") from error
    except ProviderError as error:
        raise ConnectRefused("exchange_failed", f"{provider.title} refused the connection: {error.detail}") from error
    _check_mode(provider, credentials)
    if profile.account_id != credentials.account_id:
        raise ConnectRefused("account_mismatch", "The provider named two different accounts. Start again.")
    try:
        integration_id, is_new = service.save(attempt.tenant_id, provider, credentials, profile, actor=attempt.actor)
    except service.AccountHeldElsewhere as error:
        raise ConnectRefused("account_held_elsewhere", str(error)) from error
    return Connected(integration_id, is_new, attempt.return_url, attempt.tenant_id)


def _check_mode(provider: Provider, credentials: Credentials) -> None:
    if credentials.live != provider.live:
        raise ConnectRefused("mode_mismatch", "A test account cannot be connected in live mode, nor a live one in test mode.")


def _check_return_url(return_url: str, allowed_origins: list[str]) -> None:
    """Our own pages and the tenant's listed origins; anything else would be an open redirect."""
    if "\\" in return_url or any(ord(character) < 33 for character in return_url):
        raise ConnectRefused("return_url_refused", "The page to return to is not a plain web address.")
    parts = urlsplit(return_url)
    if not parts.scheme and not parts.netloc and return_url.startswith("/") and not return_url.startswith("//"):
        return
    origin = f"{parts.scheme}://{parts.netloc}"
    own = process.settings().base_url
    if parts.scheme in ("http", "https") and "@" not in parts.netloc and origin in {own, *allowed_origins}:
        return
    raise ConnectRefused(
        "return_url_refused", "The page to return to is not on this tenant's list of allowed origins (tenant settings)."
    )


def check_return_url(tenant_id: int, return_url: str) -> None:
    """Raise ConnectRefused unless a browser may be sent to this page for this tenant."""
    with db.tenant_session(tenant_id) as session:
        _check_return_url(return_url, session.scalars(select(Tenant.return_origins)).one())


def _verifier(row: OAuthAttempt) -> str | None:
    if row.sealed_verifier is None:
        return None
    return sealed.open_attempt_secret(
        row.sealed_verifier, tenant_id=row.tenant_id, row_id=row.state_hash.hex(), column="sealed_verifier"
    )


def _grant(state: str, verifier: str | None) -> Grant:
    return Grant(redirect_uri=f"{process.settings().base_url}{CALLBACK_PATH}", state=state, code_verifier=verifier)


def _audit_refusal(attempt: Attempt, code: str) -> None:
    log.warning("connect_refused", code=code, tenant_id=attempt.tenant_id, provider=attempt.provider)
    with db.tenant_session(attempt.tenant_id) as session:
        audit.record(
            session, attempt.tenant_id, attempt.actor, "integration.connect_refused", "provider", attempt.provider, code=code
        )


def _hash(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest()
