"""The life of a token: refreshed in time, by one of many, and stored once."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from hub import clock, db
from hub.integrations import sealed
from hub.integrations.integration import IntegrationNotFound, get, locked, provider_of
from hub.integrations.standing import mark_row
from providers.contract import Credentials, Provider
from providers.errors import CredentialsExpired, IntegrationRevoked, ProviderError

log = structlog.get_logger(__name__)


def next_refresh(provider: Provider, credentials: Credentials, now: datetime) -> datetime | None:
    """When to refresh next: well inside the provider's limit, spread by the account so that not all come at once."""
    if provider.refresh_after_days is None or credentials.refresh_token is None:
        return None
    spread_hours = sum(credentials.account_id.encode()) % 24
    return now + timedelta(days=provider.refresh_after_days - 2, hours=spread_hours)


def refresh(tenant_id: int, integration_id: int, *, because: str = "planned") -> Credentials:
    """Refresh the token; of concurrent callers one result is stored (compare-and-set on credentials_revision), and every
    caller returns that one. Raises IntegrationRevoked after marking the integration, Transient."""
    with db.tenant_session(tenant_id) as session:
        row = get(session, integration_id)
        if row.status != "active":
            raise IntegrationRevoked("This account is not connected any more. Reconnect it to go on.")
        old, revision, provider = sealed.open_credentials(session, row), row.credentials_revision, provider_of(row)
    if old.refresh_token is None:
        raise CredentialsExpired("This connection has no refresh token.")
    failure: IntegrationRevoked | None = None
    try:
        fresh = provider.refresh(old)
    except IntegrationRevoked as error:
        failure = error
    with db.tenant_session(tenant_id) as session:
        row = locked(session, integration_id)
        if row.status != "active":
            raise IntegrationRevoked("This account was disconnected meanwhile.")
        if row.credentials_revision != revision:
            return sealed.open_credentials(session, row)  # somebody was faster; theirs is the newer grant
        if failure is None:
            sealed.store_credentials(session, row, fresh)
            row.refresh_due_at = next_refresh(provider, fresh, clock.now())
        else:
            mark_row(session, row, failure.detail)
    if failure is not None:
        raise failure
    log.info("credentials_refreshed", tenant_id=tenant_id, integration_id=integration_id, because=because)
    return fresh


def refresh_due(tenant_id: int, integration_id: int) -> None:
    """The handler of planned refreshes: an outage is tried again within the hour, well before the old token ends."""
    try:
        refresh(tenant_id, integration_id)
    except (IntegrationRevoked, IntegrationNotFound):
        return
    except ProviderError as error:
        with db.tenant_session(tenant_id) as session:
            get(session, integration_id).refresh_due_at = clock.now() + timedelta(minutes=30)
        log.warning("refresh_postponed", tenant_id=tenant_id, integration_id=integration_id, error=type(error).__name__)
