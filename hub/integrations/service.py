"""Connections: save, open, refresh, configure, disconnect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub import audit, clock, db, process, queue, vault
from hub.integrations import sealed
from hub.integrations.gate import IntegrationGate, PlatformGate
from hub.models import AccountRoute, Change, Endpoint, Integration, RemoteRecord, SyncRun, WebhookEvent
from providers.contract import Account, Credentials, Profile, Provider, Verb
from providers.errors import CredentialsExpired, IntegrationRevoked, ProviderError, Transient
from providers.records import Endpoint as RemoteEndpoint

REFRESH_MARGIN = timedelta(days=2)  # a token this near its end is refreshed before it is used
CONFIG_SWITCHES = ("auto_sync", "sync_invoices", "sync_payments", "webhook_enabled")
HISTORY_DAYS_RANGE = range(1, 3651)

T = TypeVar("T")

log = structlog.get_logger(__name__)


class IntegrationNotFound(LookupError):
    """No such integration in this tenant."""


class AccountHeldElsewhere(Exception):
    """The provider account is connected by another tenant, and an account is held by one tenant at a time."""


class WrongConfig(ValueError):
    """A configuration value cannot be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a disconnect did. `revoked_at_provider` False: the provider could not be reached; its page ends access too."""

    integration_id: int
    provider: str
    account_id: str
    disconnected_at: datetime
    revoked_at_provider: bool
    key_destroyed: bool


def save(
    tenant_id: int, provider: Provider, credentials: Credentials, profile: Profile, *, actor: audit.Actor
) -> tuple[int, bool]:
    """Store a fresh connection; (integration id, whether it is new). The same account again keeps its row and history.

    Raises AccountHeldElsewhere. One transaction; the database decides who holds the account."""
    now = clock.now()
    with db.system_session() as session:
        _alone(session, provider.name, credentials.account_id)
        route = _take_route(session, tenant_id, provider, credentials)
        row = _upsert(session, tenant_id, provider, credentials, profile, now)
        is_new = row.connected_at == now and row.credentials_revision == 0
        route.integration_id = row.id
        sealed.store_credentials(session, row, credentials)
        row.refresh_due_at = _refresh_due(provider, credentials, now)
        released = _release_quarantine(session, row)
        _resume_waiting_work(session, row, now)
        action = "integration.connected" if is_new else "integration.reconnected"
        audit.record(session, tenant_id, actor, action, "integration", row.id, provider=provider.name, account_id=row.account_id)
        integration_id = row.id
        if released:
            queue.wake_after_commit(session, "process_events", tenant_id, integration_id)
        queue.wake_after_commit(session, "plan_integration", tenant_id, integration_id)
        queue.wake_after_commit(session, "ensure_endpoints", tenant_id, integration_id)
    log.info("integration_saved", tenant_id=tenant_id, integration_id=integration_id, provider=provider.name, new=is_new)
    return integration_id, is_new


def _alone(session: Session, provider_name: str, account_id: str) -> None:
    """Connecting and disconnecting one account wait for each other here: they lock its route and its row in opposite orders."""
    name = f"account {provider_name} {account_id}"
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def _take_route(session: Session, tenant_id: int, provider: Provider, credentials: Credentials) -> AccountRoute:
    where = {"provider": provider.name, "account_id": credentials.account_id, "live": credentials.live}
    session.execute(
        insert(AccountRoute)
        .values(**where, tenant_id=tenant_id, integration_id=0, created_at=clock.now())
        .on_conflict_do_nothing()
    )
    route = session.scalars(select(AccountRoute).filter_by(**where)).one()
    if route.tenant_id != tenant_id:
        raise AccountHeldElsewhere("This account is already connected by another business on this system.")
    return route


def _upsert(
    session: Session, tenant_id: int, provider: Provider, credentials: Credentials, profile: Profile, now: datetime
) -> Integration:
    found = session.scalars(
        select(Integration)
        .where(
            Integration.tenant_id == tenant_id,
            Integration.provider == provider.name,
            Integration.account_id == credentials.account_id,
            Integration.live == credentials.live,
        )
        .with_for_update()
    ).one_or_none()
    row = found or Integration(
        tenant_id=tenant_id,
        provider=provider.name,
        account_id=credentials.account_id,
        live=credentials.live,
        name=provider.title,
        created_at=now,
        credentials_revision=0,
    )
    row.name = profile.name or provider.title
    row.country, row.currency = profile.country, profile.currency
    row.status, row.status_reason = "active", None
    row.connected_at, row.disconnected_at = now, None
    row.next_sync_at = now
    if found is None:
        session.add(row)
        session.flush()
    return row


def _release_quarantine(session: Session, row: Integration) -> int:
    """Events that came before the account was known belong to it now."""
    result = session.execute(
        update(WebhookEvent)
        .where(
            WebhookEvent.tenant_id.is_(None),
            WebhookEvent.provider == row.provider,
            WebhookEvent.account_id == row.account_id,
            WebhookEvent.live == row.live,
        )
        .values(tenant_id=row.tenant_id, integration_id=row.id, due_at=clock.now(), done_at=None, outcome=None)
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def _resume_waiting_work(session: Session, row: Integration, now: datetime) -> None:
    """What waited for the reconnect goes on now."""
    for model in (Change, SyncRun, WebhookEvent):
        session.execute(
            update(model)
            .where(
                model.tenant_id == row.tenant_id,
                model.integration_id == row.id,
                model.done_at.is_(None),
                model.parked_at.is_(None),
            )
            .values(due_at=now, waiting_since=None)
        )


def _refresh_due(provider: Provider, credentials: Credentials, now: datetime) -> datetime | None:
    """When to refresh next: well inside the provider's limit, spread by the account so that not all come at once."""
    if provider.refresh_after_days is None or credentials.refresh_token is None:
        return None
    spread_hours = sum(credentials.account_id.encode()) % 24
    return now + timedelta(days=provider.refresh_after_days - 2, hours=spread_hours)


# --- using a connection ------------------------------------------------------------------------------------------------


def get(session: Session, integration_id: int) -> Integration:
    """The tenant session's integration. Raises IntegrationNotFound."""
    row = session.scalars(select(Integration).where(Integration.id == integration_id)).one_or_none()
    if row is None:
        raise IntegrationNotFound("There is no such integration.")
    return row


def open_account(tenant_id: int, integration_id: int) -> tuple[Provider, Account]:
    """The account, ready to be called. Refreshes a token that is near its end.

    Raises IntegrationNotFound, IntegrationRevoked (a person must reconnect), Transient (a refresh could not be made)."""
    provider, credentials = credentials_of(tenant_id, integration_id)
    return provider, provider.account(credentials, gate=gate_for(provider, tenant_id, integration_id))


def credentials_of(tenant_id: int, integration_id: int) -> tuple[Provider, Credentials]:
    """The same, as credentials: for the provider's own calls (its events feed)."""
    with db.tenant_session(tenant_id) as session:
        row = get(session, integration_id)
        if row.status != "active":
            raise IntegrationRevoked("This account is not connected any more. Reconnect it to go on.")
        credentials = sealed.open_credentials(session, row)
        provider = provider_of(row)
        due = row.refresh_due_at is not None and row.refresh_due_at <= clock.now()
    ending = credentials.expires_at is not None and credentials.expires_at - clock.now() < REFRESH_MARGIN
    if (due or ending) and credentials.refresh_token is not None:
        credentials = refresh(tenant_id, integration_id, because="it was due")
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
            used = refresh(tenant_id, integration_id, because="the provider refused the token")
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
        row = _locked(session, integration_id)
        if row.status == "active" and sealed.open_credentials(session, row) != used:
            raise Transient("The account was connected anew meanwhile.", request_id=error.request_id) from error
        _mark_reconnect(session, row, reason)


def provider_of(row: Integration) -> Provider:
    provider = process.providers().get(row.provider)
    if provider is None:
        raise IntegrationRevoked(f"{row.provider} is not configured on this system.")
    return provider


def gate_for(provider: Provider, tenant_id: int, integration_id: int) -> IntegrationGate:
    return IntegrationGate(provider, tenant_id, integration_id, process.settings().budget_factor)


def platform_gate(provider: Provider) -> PlatformGate:
    return PlatformGate(provider, process.settings().budget_factor)


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
        row = _locked(session, integration_id)
        if row.status != "active":
            raise IntegrationRevoked("This account was disconnected meanwhile.")
        if row.credentials_revision != revision:
            return sealed.open_credentials(session, row)  # somebody was faster; theirs is the newer grant
        if failure is None:
            sealed.store_credentials(session, row, fresh)
            row.refresh_due_at = _refresh_due(provider, fresh, clock.now())
            audit.record(session, tenant_id, audit.SYSTEM, "integration.token_refreshed", "integration", row.id, because=because)
        else:
            _mark_reconnect(session, row, failure.detail)
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


# --- changing a connection ----------------------------------------------------------------------------------------------


def mark_reconnect(tenant_id: int, integration_id: int, reason: str) -> None:
    """The provider ended our access: all work stops until a person reconnects. Nothing if it is disconnected already."""
    with db.tenant_session(tenant_id) as session:
        try:
            _mark_reconnect(session, _locked(session, integration_id), reason)
        except IntegrationNotFound:
            return


def _mark_reconnect(session: Session, row: Integration, reason: str) -> None:
    if row.status == "active":
        row.status, row.status_reason = "reconnect", reason
        row.next_sync_at = row.refresh_due_at = None
        audit.record(session, row.tenant_id, audit.SYSTEM, "integration.needs_reconnect", "integration", row.id, reason=reason)


def _locked(session: Session, integration_id: int) -> Integration:
    """The tenant session's integration, locked until its end. Raises IntegrationNotFound."""
    row = session.scalars(select(Integration).where(Integration.id == integration_id).with_for_update()).one_or_none()
    if row is None:
        raise IntegrationNotFound("There is no such integration.")
    return row


def configure(tenant_id: int, integration_id: int, changes: Mapping[str, Any], *, actor: audit.Actor) -> dict[str, Any]:
    """Change switches; the whole configuration comes back. Raises WrongConfig, IntegrationNotFound."""
    for name, value in changes.items():
        if name in CONFIG_SWITCHES:
            if not isinstance(value, bool):
                raise WrongConfig(f"{name} must be true or false")
        elif name == "history_days":
            if type(value) is not int or value not in HISTORY_DAYS_RANGE:
                raise WrongConfig("history_days must be a whole number from 1 to 3650")
        else:
            raise WrongConfig(f"there is no setting named {name[:40]}")
    with db.tenant_session(tenant_id) as session:
        row = _locked(session, integration_id)
        row.config = {**row.config, **changes}
        row.revision += 1
        if row.status == "active":
            row.next_sync_at = (row.next_sync_at or clock.now()) if row.config["auto_sync"] else None
        audit.record(session, tenant_id, actor, "integration.configured", "integration", row.id, changes=dict(changes))
        if changes.get("webhook_enabled"):
            queue.wake_after_commit(session, "process_events", tenant_id, integration_id)
        return dict(row.config)


def disconnect(tenant_id: int, integration_id: int, *, actor: audit.Actor, revoke: bool = True) -> Receipt:
    """Stop all work, destroy the data key, free the account, and revoke at the provider. History stays.

    Our side ends first and for certain; the provider is told after that. Raises IntegrationNotFound."""
    with db.system_session() as session:
        which = select(Integration).where(Integration.tenant_id == tenant_id, Integration.id == integration_id)
        row = session.scalars(which).one_or_none()
        if row is None:
            raise IntegrationNotFound("There is no such integration.")
        _alone(session, row.provider, row.account_id)
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


def counts(session: Session, integration_id: int) -> dict[str, int]:
    """Live provider objects per data_type."""
    rows = session.execute(
        select(RemoteRecord.data_type, func.count())
        .where(RemoteRecord.integration_id == integration_id, RemoteRecord.deleted_at.is_(None))
        .group_by(RemoteRecord.data_type)
    )
    return {data_type: int(number) for data_type, number in rows}


def rotate_keys(tenant_id: int, integration_id: int, *, actor: audit.Actor = audit.SYSTEM) -> bool:
    """Seal one integration's credentials under the newest environment key, while the system runs; False: nothing to do."""
    with db.tenant_session(tenant_id) as session:
        row = session.scalars(select(Integration).where(Integration.id == integration_id).with_for_update()).one_or_none()
        try:
            rotated = row is not None and sealed.rotate_integration(session, row)
        except vault.Shredded:
            return False
        if rotated:
            audit.record(session, tenant_id, actor, "integration.keys_rotated", "integration", integration_id)
        return rotated
