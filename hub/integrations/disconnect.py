"""The end of a connection: work stops, the key is destroyed, the provider is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from hub import audit, clock, db, process, queue, vault
from hub.integrations import sealed
from hub.integrations.access import platform_gate
from hub.integrations.integration import IntegrationNotFound, alone
from hub.models import AccountRoute, Endpoint, Integration, SyncRun
from providers.contract import Credentials, Provider, Verb
from providers.errors import ProviderError
from providers.records import Endpoint as RemoteEndpoint

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a disconnect did. `revoked_at_provider` False: the provider could not be reached; its page ends access too."""

    integration_id: int
    provider: str
    account_id: str
    disconnected_at: datetime
    revoked_at_provider: bool
    key_destroyed: bool


def disconnect(tenant_id: int, integration_id: int, *, actor: audit.Actor, revoke: bool = True) -> Receipt:
    """Stop all work, destroy the data key, free the account, and revoke at the provider. History stays.

    Our side ends first and for certain; the provider is told after that. Raises IntegrationNotFound."""
    with db.system_session() as session:
        which = select(Integration).where(Integration.tenant_id == tenant_id, Integration.id == integration_id)
        row = session.scalars(which).one_or_none()
        if row is None:
            raise IntegrationNotFound("There is no such integration.")
        alone(session, row.provider, row.account_id)
        session.refresh(row, with_for_update=True)
        provider = process.providers().get(row.provider)
        credentials = _last_credentials(session, row)
        now = clock.now()
        row.status, row.status_reason, row.disconnected_at = "disconnected", None, now
        row.next_sync_at = row.refresh_due_at = None
        endpoints = _retire_endpoints(session, row)
        sealed.shred(session, row)
        session.execute(
            delete(AccountRoute).where(AccountRoute.tenant_id == tenant_id, AccountRoute.integration_id == integration_id)
        )
        session.execute(
            update(SyncRun)
            .where(SyncRun.tenant_id == tenant_id, SyncRun.integration_id == integration_id, SyncRun.done_at.is_(None))
            .values(done_at=now, outcome="canceled", reason="The account was disconnected.")
        )
        audit.record(session, tenant_id, actor, "integration.disconnected", "integration", row.id, account_id=row.account_id)
        queue.wake_after_commit(session, "ensure_endpoints", tenant_id, integration_id)
        receipt_parts = (row.provider, row.account_id, now)
    if provider is not None and credentials is not None:
        _remove_endpoints(provider, credentials, endpoints)
    revoked = _revoke(provider, credentials) if revoke and provider is not None and credentials is not None else False
    name, account_id, at = receipt_parts
    return Receipt(integration_id, name, account_id, at, revoked, key_destroyed=True)


def _retire_endpoints(session: Session, row: Integration) -> list[str]:
    """The account's own webhook registrations, which take nothing from now on; the provider's ids."""
    own = session.scalars(select(Endpoint).where(Endpoint.tenant_id == row.tenant_id, Endpoint.integration_id == row.id)).all()
    found = [endpoint.external_id for endpoint in own if endpoint.external_id is not None]
    for endpoint in own:
        endpoint.active, endpoint.external_id, endpoint.error = False, None, None
    return found


def _remove_endpoints(provider: Provider, credentials: Credentials, external_ids: list[str]) -> None:
    """With the credentials that are in memory for the last time. If the provider is away, what it goes on sending is refused."""
    for external_id in external_ids:
        try:
            account = provider.account(credentials, gate=platform_gate(provider))
            account.perform(Verb.DELETE, RemoteEndpoint, external_id, version=None, key=f"ph1del-{external_id}")
        except ProviderError as error:
            log.warning("endpoint_not_removed", provider=provider.name, error=type(error).__name__)


def _last_credentials(session: Session, row: Integration) -> Credentials | None:
    """What the provider is told the end with; None where there is none, or its key is lost: a disconnect works all the same."""
    if row.sealed_credentials is None:
        return None
    try:
        return sealed.open_credentials(session, row)
    except vault.VaultError as error:
        log.warning("credentials_not_opened", integration_id=row.id, error=type(error).__name__)
        return None


def _revoke(provider: Provider, credentials: Credentials) -> bool:
    try:
        provider.revoke(credentials)
    except ProviderError as error:
        log.warning("revoke_failed", provider=provider.name, error=type(error).__name__)
        return False
    return True
