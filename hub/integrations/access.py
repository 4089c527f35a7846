"""Using a connection: the account, opened and ready to be called."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from hub import clock, db, process, vault
from hub.integrations import sealed, tokens
from hub.integrations.gate import IntegrationGate, PlatformGate
from hub.integrations.integration import get, locked, provider_of
from hub.integrations.standing import mark_row
from providers.contract import Account, Credentials, Provider
from providers.errors import CredentialsExpired, IntegrationRevoked, ProviderError, Transient

REFRESH_MARGIN = timedelta(days=2)  # a token this near its end is refreshed before it is used
UNUSABLE_MARGIN = timedelta(minutes=5)  # it could end while it is used

T = TypeVar("T")


def open_account(tenant_id: int, integration_id: int) -> tuple[Provider, Account]:
    """The account, ready to be called. Refreshes a token that is near its end.

    Raises IntegrationNotFound, IntegrationRevoked (a person must reconnect), Transient (a refresh could not be made)."""
    provider, credentials = credentials_of(tenant_id, integration_id)
    return provider, provider.account(credentials, gate=gate_for(provider, tenant_id, integration_id))


def credentials_of(tenant_id: int, integration_id: int) -> tuple[Provider, Credentials]:
    """The same, as credentials: for the provider's own calls (its events feed).

    A refresh that is due and fails, or that another worker is making, is not waited for while the present token lives."""
    with db.tenant_session(tenant_id) as session:
        row = get(session, integration_id)
        if row.status != "active":
            raise IntegrationRevoked("This account is not connected any more. Reconnect it to go on.")
        try:
            credentials = sealed.open_credentials(session, row)
        except vault.Shredded as gone:
            # A disconnect destroyed the key between the look at the row and the opening of what it seals.
            raise IntegrationRevoked("This account is not connected any more. Reconnect it to go on.") from gone
        provider = provider_of(row)
        due = row.refresh_due_at is not None and row.refresh_due_at <= clock.now()
        planned = row.refresh_due_at is not None
    if credentials.refresh_token is None:
        return provider, credentials
    left = credentials.expires_at - clock.now() if credentials.expires_at is not None else None
    if left is not None and left < UNUSABLE_MARGIN:
        credentials = tokens.refresh(tenant_id, integration_id, because="it had ended", instead_of=credentials)
    elif due or (left is not None and left < REFRESH_MARGIN and not planned):
        try:
            credentials = tokens.refresh(
                tenant_id, integration_id, because="it was due", instead_of=credentials, patience_seconds=0
            )
        except tokens.BeingRefreshed:
            pass
        except Transient as error:
            tokens.postpone(tenant_id, integration_id, error)
    return provider, credentials


def call(tenant_id: int, integration_id: int, action: Callable[[Account], T]) -> T:
    """Run `action` with the account; expired credentials are refreshed and it is repeated once; a revoked connection is marked.

    `action` must be repeatable: an idempotency key makes it so."""
    provider, used = credentials_of(tenant_id, integration_id)
    gate = gate_for(provider, tenant_id, integration_id)
    try:
        try:
            return action(provider.account(used, gate=gate))
        except CredentialsExpired:
            used = tokens.refresh(tenant_id, integration_id, because="the provider refused the token", instead_of=used)
            return action(provider.account(used, gate=gate))
    except CredentialsExpired as error:
        _end(tenant_id, integration_id, "The provider refuses our access.", used, error)
        raise IntegrationRevoked(error.detail, request_id=error.request_id) from error
    except IntegrationRevoked as error:
        _end(tenant_id, integration_id, error.detail, used, error)
        raise


def _end(tenant_id: int, integration_id: int, reason: str, used: Credentials, error: ProviderError) -> None:
    """The grant of the credentials `used` has ended. Raises Transient where a newer one was stored meanwhile: that one lives."""
    with db.tenant_session(tenant_id) as session:
        row = locked(session, integration_id)
        if row.status == "active" and sealed.open_credentials(session, row) != used:
            raise Transient("The account was connected anew meanwhile.", request_id=error.request_id) from error
        mark_row(session, row, reason)


def gate_for(provider: Provider, tenant_id: int, integration_id: int) -> IntegrationGate:
    return IntegrationGate(provider, tenant_id, integration_id, process.settings().budget_factor)


def platform_gate(provider: Provider) -> PlatformGate:
    return PlatformGate(provider, process.settings().budget_factor)
