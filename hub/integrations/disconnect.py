"""The end of a connection: work stops, the key is destroyed, the provider is told."""

from __future__ import annotations

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from hub import audit, clock, db, process, queue, vault
from hub.integrations import receipt, sealed
from hub.integrations.access import platform_gate
from hub.integrations.integration import IntegrationNotFound, alone
from hub.models import AccountRoute, DisconnectReceipt, Endpoint, Integration, SyncRun
from providers.contract import Credentials, Provider, Verb
from providers.errors import ProviderError
from providers.records import Endpoint as RemoteEndpoint

log = structlog.get_logger(__name__)


def disconnect(tenant_id: int, integration_id: int, *, actor: audit.Actor, revoke: bool = True) -> DisconnectReceipt:
    """Stop all work, destroy the data key, free the account, and revoke at the provider. History stays; what waits is held for
    a reconnect. The receipt says what was done; of what is disconnected already it is the old one.

    Our side ends first and for certain; the provider is told after that. Raises IntegrationNotFound."""
    with db.system_session() as session:
        which = select(Integration).where(Integration.tenant_id == tenant_id, Integration.id == integration_id)
        row = session.scalars(which).one_or_none()
        if row is None:
            raise IntegrationNotFound("There is no such integration.")
        alone(session, row.provider, row.account_id)
        session.refresh(row, with_for_update=True)
        if row.status == "disconnected":
            try:
                return receipt.latest(session, tenant_id, integration_id)
            except receipt.ReceiptNotFound:
                log.info("receipt_of_an_old_disconnect", integration_id=integration_id)  # made before receipts were
        provider = process.providers().get(row.provider)
        credentials = _last_credentials(session, row)
        row.status, row.status_reason, row.disconnected_at = "disconnected", None, clock.now()
        row.next_sync_at = row.refresh_due_at = row.refresh_lease_until = None
        endpoints = _retire_endpoints(session, row)
        keys = sealed.shred(session, row)
        session.execute(
            delete(AccountRoute).where(AccountRoute.tenant_id == tenant_id, AccountRoute.integration_id == integration_id)
        )
        stopped = _stop_runs(session, row)
        written = receipt.write(session, row, actor, keys=keys, sync_runs_stopped=stopped)
        audit.record(
            session,
            tenant_id,
            actor,
            "integration.disconnected",
            "integration",
            row.id,
            account_id=row.account_id,
            receipt_id=written.id,
        )
        queue.wake_after_commit(session, "ensure_endpoints", tenant_id, integration_id)
    if provider is None or credentials is None:
        return receipt.add_providers_part(written, revocation="none", endpoints_removed=0)
    removed = _remove_endpoints(provider, credentials, endpoints)
    revocation = _revoke(provider, credentials) if revoke else "none"
    return receipt.add_providers_part(written, revocation=revocation, endpoints_removed=removed)


def _stop_runs(session: Session, row: Integration) -> int:
    """Sync runs end where they are: the worker of one notices at its next page, and its requests are refused before that."""
    stopped = session.execute(
        update(SyncRun)
        .where(SyncRun.tenant_id == row.tenant_id, SyncRun.integration_id == row.id, SyncRun.done_at.is_(None))
        .values(done_at=row.disconnected_at, outcome="canceled", reason="The account was disconnected.")
    )
    return int(stopped.rowcount)  # type: ignore[attr-defined]


def _retire_endpoints(session: Session, row: Integration) -> list[str]:
    """The account's own webhook registrations, which take nothing from now on; the provider's ids."""
    own = session.scalars(select(Endpoint).where(Endpoint.tenant_id == row.tenant_id, Endpoint.integration_id == row.id)).all()
    found = [endpoint.external_id for endpoint in own if endpoint.external_id is not None]
    for endpoint in own:
        endpoint.active, endpoint.external_id, endpoint.error = False, None, None
    return found


def _remove_endpoints(provider: Provider, credentials: Credentials, external_ids: list[str]) -> int:
    """How many. With the credentials that are in memory for the last time; a provider that is away goes on sending, and what it
    sends is answered and ignored."""
    removed = 0
    for external_id in external_ids:
        try:
            account = provider.account(credentials, gate=platform_gate(provider))
            account.perform(Verb.DELETE, RemoteEndpoint, external_id, version=None, key=f"ph1del-{external_id}")
        except ProviderError as error:
            log.warning("endpoint_not_removed", provider=provider.name, error=type(error).__name__)
        else:
            removed += 1
    return removed


def _last_credentials(session: Session, row: Integration) -> Credentials | None:
    """What the provider is told the end with; None where there is none, or its key is lost: a disconnect works all the same."""
    if row.sealed_credentials is None:
        return None
    try:
        return sealed.open_credentials(session, row)
    except vault.VaultError as error:
        log.warning("credentials_not_opened", integration_id=row.id, error=type(error).__name__)
        return None


def _revoke(provider: Provider, credentials: Credentials) -> str:
    """The receipt's word for it."""
    if credentials.kind == "key":
        return "by_owner"
    try:
        provider.revoke(credentials)
    except ProviderError as error:
        log.warning("revoke_failed", provider=provider.name, error=type(error).__name__)
        return "unreachable"
    return "revoked"
