"""The connect flow: one attempt of one browser, from our page to the provider's and back."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from sqlalchemy import delete, select, update

from hub import audit, clock, db, process
from hub.identity.sessions import SignedIn
from hub.identity.tokens import fresh_token
from hub.integrations import sealed, service
from hub.models import OAuthAttempt, Tenant
from providers.contract import Credentials, Grant, Provider
from providers.errors import ConnectDenied, OutcomeUnknown, ProviderError
from providers.oauth_client import new_code_verifier, new_state

ATTEMPT_LIFETIME = timedelta(minutes=10)
ONBOARDING_LIFETIME = timedelta(hours=2)  # a business writes down more than a consent asks
CALLBACK_PATH = "/api/integrations/payments/callback"
START_PATH = "/api/integrations/payments/start"

FOREIGN = frozenset({"foreign_browser", "foreign_user", "foreign_tenant"})  # not sent on to the page that somebody else chose

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
    user_id: int | None
    external_user: str | None
    account_id: str | None

    @property
    def actor(self) -> audit.Actor:
        if self.user_id is not None:
            return audit.Actor("user", str(self.user_id))
        if self.external_user is not None:
            return audit.Actor("connect_session", self.external_user)
        return audit.Actor("api_key")


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
    if provider is None or not process.is_offered(provider):
        raise ConnectRefused("unknown_provider", "There is no such payment provider.")
    if not provider.configured:
        raise ConnectRefused("provider_not_configured", f"{provider.title} is not set up on this system. Ask its administrator.")
    state, start_token = new_state(), fresh_token()
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
                expires_at=now + (ONBOARDING_LIFETIME if provider.onboards else ATTEMPT_LIFETIME),
            )
        )
        audit.record(session, tenant_id, actor, "integration.connect_started", "provider", provider_name)
    return f"{process.settings().base_url}{START_PATH}?attempt={start_token}"


def begin(start_token: str, visitor: SignedIn | None) -> tuple[str, str]:
    """The browser opens the start URL: (cookie value to set, provider URL to redirect to). Works once per attempt.

    visitor: who is signed in in this browser, None for nobody."""
    cookie = fresh_token()
    with db.system_session() as session:
        row = session.scalars(
            select(OAuthAttempt).where(OAuthAttempt.start_hash == _hash(start_token)).with_for_update()
        ).one_or_none()
        attempt = _out_of_database(row) if row is not None else None
        refusal = _why_not_begun(row, attempt, visitor)
        if row is not None and refusal is None:
            row.cookie_hash = _hash(cookie)
    if attempt is None or refusal is not None:
        refusal = refusal or _expired_link()
        _audit_refusal(attempt, refusal.code, visitor)
        raise refusal
    provider = process.providers()[attempt.provider]
    grant = _grant(attempt.state, attempt.verifier)
    return cookie, _onboard(provider, attempt, grant) if provider.onboards else provider.authorization_url(grant)


def _onboard(provider: Provider, attempt: Attempt, grant: Grant) -> str:
    """The account is made now, when a person has come, and kept with the attempt."""
    try:
        account_id, url = provider.onboarding_url(grant)
    except ProviderError as error:
        raise ConnectRefused("onboarding_failed", f"{provider.title} could not begin: {error.detail}") from error
    with db.system_session() as session:
        session.execute(update(OAuthAttempt).where(OAuthAttempt.state_hash == _hash(attempt.state)).values(account_id=account_id))
    return url


def callback(query: Mapping[str, str], cookie: str | None, visitor: SignedIn | None) -> Connected:
    """Finish an attempt: state and cookie first, then the code, once. Raises ConnectRefused; every refusal is audited.

    The provider comes from the attempt, never from the query. visitor: who is signed in in this browser, None for nobody."""
    attempt = None
    try:
        attempt, cookie_hash, expired = _take_attempt(query.get("state", ""))
        _check_browser(attempt, cookie_hash, cookie, visitor)
        if expired:
            raise ConnectRefused("attempt_expired", "The connect attempt took too long. Start again.")
        provider = process.providers()[attempt.provider]
        if provider.live != attempt.live:
            raise ConnectRefused("mode_mismatch", "Test and live mode were mixed up. Start again.")
        return _finish(attempt, provider, query)
    except ConnectRefused as refusal:
        _audit_refusal(attempt, refusal.code, visitor)
        return_url = attempt.return_url if attempt is not None and refusal.code not in FOREIGN else None
        raise ConnectRefused(refusal.code, refusal.detail, return_url=return_url) from refusal


def _take_attempt(state: str) -> tuple[Attempt, bytes | None, bool]:
    """Remove the attempt from the database: (what it was, the hash of the cookie it was bound to, whether it has expired)."""
    with db.system_session() as session:
        row = session.scalars(
            delete(OAuthAttempt).where(OAuthAttempt.state_hash == _hash(state)).returning(OAuthAttempt)
        ).one_or_none()
        if row is None:
            raise ConnectRefused("unknown_state", "This connect attempt is not known, or was finished already. Start again.")
        return _out_of_database(row), row.cookie_hash, row.expires_at <= clock.now()


def _out_of_database(row: OAuthAttempt) -> Attempt:
    state = sealed.open_attempt_secret(
        row.sealed_state, tenant_id=row.tenant_id, row_id=row.state_hash.hex(), column="sealed_state"
    )
    return Attempt(
        tenant_id=row.tenant_id,
        provider=row.provider,
        live=row.live,
        return_url=row.return_url,
        state=state,
        verifier=_verifier(row),
        user_id=row.user_id,
        external_user=row.external_user,
        account_id=row.account_id,
    )


def _why_not_begun(row: OAuthAttempt | None, attempt: Attempt | None, visitor: SignedIn | None) -> ConnectRefused | None:
    if row is None or attempt is None or row.expires_at <= clock.now():
        return _expired_link()
    if row.cookie_hash is not None:
        return ConnectRefused("attempt_used", "This connect link was opened already. Start again from the integrations page.")
    return _foreign_visitor(attempt, visitor)


def _expired_link() -> ConnectRefused:
    return ConnectRefused("attempt_expired", "This connect link has expired. Start again from the integrations page.")


def _check_browser(attempt: Attempt, cookie_hash: bytes | None, cookie: str | None, visitor: SignedIn | None) -> None:
    if cookie is None or cookie_hash is None or not hmac.compare_digest(cookie_hash, _hash(cookie)):
        raise ConnectRefused("foreign_browser", "This connect attempt was begun in another browser. Start again in this one.")
    refusal = _foreign_visitor(attempt, visitor)
    if refusal is not None:
        raise refusal


def _foreign_visitor(attempt: Attempt, visitor: SignedIn | None) -> ConnectRefused | None:
    """Who was sent somebody else's link would connect their own account to a stranger's business (ASVS 5.0, 10.2.1).

    An attempt made with an API key is for a browser that need not be signed in."""
    if attempt.user_id is not None or attempt.external_user is not None:
        same = visitor is not None and (visitor.user_id, visitor.external_user) == (attempt.user_id, attempt.external_user)
        if not same or (visitor is not None and visitor.user_id is None and visitor.tenant_id != attempt.tenant_id):
            return ConnectRefused("foreign_user", "This connect attempt was begun by somebody else. Sign in and begin your own.")
    elif visitor is not None and visitor.tenant_id != attempt.tenant_id:
        detail = "This browser is signed in to another business. Switch to the right one, or sign out, and start again."
        return ConnectRefused("foreign_tenant", detail)
    return None


def _finish(attempt: Attempt, provider: Provider, query: Mapping[str, str]) -> Connected:
    try:
        credentials = provider.exchange(query, _grant(attempt.state, attempt.verifier, attempt.account_id))
        profile = provider.account(credentials, gate=service.platform_gate(provider)).describe()
    except ConnectDenied as denied:
        raise ConnectRefused("access_denied", "The connection was declined. Nothing was changed; you can try again.") from denied
    except OutcomeUnknown as error:
        raise ConnectRefused("outcome_unknown", f"{provider.title} did not answer in time. Please connect again.") from error
    except ProviderError as error:
        raise ConnectRefused("exchange_failed", f"{provider.title} refused the connection: {error.detail}") from error
    _check_mode(provider, credentials)
    _check_scopes(provider, credentials)
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


def _check_scopes(provider: Provider, credentials: Credentials) -> None:
    """Less than was asked for means that the consent was tampered with. No scopes at all: the provider does not say now.

    The grant is dropped and not revoked: revoking ends whatever else this account has with us."""
    missing = provider.asked_scopes - credentials.scopes
    if credentials.scopes and missing:
        names = ", ".join(sorted(missing))
        raise ConnectRefused("permission_missing", f"{provider.title} did not grant: {names}. Start again and allow everything.")


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


def _grant(state: str, verifier: str | None, account_id: str | None = None) -> Grant:
    redirect_uri = f"{process.settings().base_url}{CALLBACK_PATH}"
    return Grant(redirect_uri=redirect_uri, state=state, code_verifier=verifier, account_id=account_id)


def _audit_refusal(attempt: Attempt | None, code: str, visitor: SignedIn | None) -> None:
    """In the attempt's tenant; for an attempt that nobody knows, in the signed-in visitor's. Nobody's is in the log alone."""
    tenant_id = attempt.tenant_id if attempt is not None else visitor.tenant_id if visitor is not None else None
    provider = attempt.provider if attempt is not None else ""
    log.warning("connect_refused", refusal=code, tenant_id=tenant_id, provider=provider)
    if tenant_id is None:
        return
    actor = visitor.actor if visitor is not None else attempt.actor if attempt is not None else audit.SYSTEM
    with db.tenant_session(tenant_id) as session:
        audit.record(session, tenant_id, actor, "integration.connect_refused", "provider", provider, refusal=code)


def _hash(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest()
