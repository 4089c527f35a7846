"""The life of a token: refreshed in time, by one of many, and stored once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from hub import audit, clock, db, process
from hub.integrations import sealed
from hub.integrations.integration import IntegrationNotFound, get, locked, provider_of
from hub.integrations.standing import mark_row
from hub.models import Integration
from providers.contract import Credentials, Provider
from providers.errors import CredentialsExpired, IntegrationRevoked, ProviderError, Transient

ROUND_BEFORE_LIMIT = timedelta(days=2)  # a round of refreshes is so much shorter than the provider's limit
LEAST_AGE = timedelta(days=1)  # a token younger than this waits for its turn of the next round
POSTPONED = timedelta(minutes=30)
ALARM_BEYOND_LIMIT = timedelta(days=1)
LEASE = timedelta(seconds=30)  # three times the time-out of the one request that is made meanwhile
PATIENCE_SECONDS = 45.0  # longer than a lease: whoever waits takes over from a holder that died
LOOK_AGAIN_SECONDS = (0.05, 0.1, 0.2, 0.5)

log = structlog.get_logger(__name__)


class BeingRefreshed(Transient):
    """Another worker is asking for fresh tokens at this moment."""


@dataclass(frozen=True, slots=True)
class _Lease:
    """The right to ask for fresh tokens, until another may take it over."""

    provider: Provider
    old: Credentials
    revision: int
    until: datetime


def next_refresh(provider: Provider, credentials: Credentials, row: Integration, now: datetime) -> datetime | None:
    """When to refresh next; None: never. Each integration has a moment of its own in a round of five days (Square's limit of
    seven less two), wherever it was connected, so that refreshes are spread evenly and none comes later than six days."""
    if provider.refresh_after_days is None or credentials.refresh_token is None:
        return None
    round_ = timedelta(days=provider.refresh_after_days) - ROUND_BEFORE_LIMIT
    digest = hashlib.sha256(f"{row.tenant_id}:{row.id}".encode()).digest()
    place = round_ * (int.from_bytes(digest[:6]) / 2**48)
    earliest = now + LEAST_AGE
    passed = (earliest - datetime.fromtimestamp(0, UTC) - place) % round_
    return earliest + (round_ - passed) % round_


def refresh(
    tenant_id: int,
    integration_id: int,
    *,
    because: str = "planned",
    instead_of: Credentials | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Credentials:
    """Fresh credentials: of concurrent callers one asks the provider, the others wait for its answer, and one result is stored
    (compare-and-set on credentials_revision, so a holder that overslept its lease stores nothing over a newer one).

    `instead_of`: what the provider refused; if something newer is stored already, that is the answer. Raises IntegrationRevoked
    after marking the integration, BeingRefreshed when the patience ends, Transient."""
    give_up_at = clock.monotonic() + patience_seconds
    seen_revision: int | None = None
    for attempt in range(1_000_000):
        with db.tenant_session(tenant_id) as session:
            row = get(session, integration_id)
            seen_revision = row.credentials_revision if seen_revision is None else seen_revision
            found = _newer_or_lease(session, row, seen_revision, instead_of)
        if isinstance(found, Credentials):
            return found
        if found is not None:
            return _ask(tenant_id, integration_id, found, because)
        if clock.monotonic() >= give_up_at:
            break
        clock.sleep(LOOK_AGAIN_SECONDS[min(attempt, len(LOOK_AGAIN_SECONDS) - 1)])
    raise BeingRefreshed("The access to this account is being renewed just now.")


def _newer_or_lease(
    session: Session, row: Integration, seen_revision: int, instead_of: Credentials | None
) -> Credentials | _Lease | None:
    """What somebody else has stored; else the lease; None while another holds it."""
    now = clock.now()
    if row.status != "active":
        raise IntegrationRevoked("This account is not connected any more. Reconnect it to go on.")
    if row.credentials_revision == seen_revision and _is_leased(row, now):
        return None  # most callers come by here, and need not lock the row
    row = locked(session, row.id)
    session.refresh(row)
    if row.status != "active":
        raise IntegrationRevoked("This account is not connected any more. Reconnect it to go on.")
    stored = sealed.open_credentials(session, row)
    if row.credentials_revision != seen_revision or (instead_of is not None and stored != instead_of):
        return stored
    if _is_leased(row, now):
        return None
    if stored.refresh_token is None:
        raise CredentialsExpired("This connection has no refresh token.")
    row.refresh_lease_until = now + LEASE
    return _Lease(provider_of(row), stored, row.credentials_revision, row.refresh_lease_until)


def _is_leased(row: Integration, now: datetime) -> bool:
    return row.refresh_lease_until is not None and row.refresh_lease_until > now


def _ask(tenant_id: int, integration_id: int, lease: _Lease, because: str) -> Credentials:
    revoked: IntegrationRevoked | None = None
    fresh = lease.old
    try:
        fresh = lease.provider.refresh(lease.old)
    except IntegrationRevoked as error:
        revoked = error
    except ProviderError:
        _give_back(tenant_id, integration_id, lease)
        raise
    with db.tenant_session(tenant_id) as session:
        row = locked(session, integration_id)
        if row.status != "active":
            raise IntegrationRevoked("This account was disconnected meanwhile.")
        if row.credentials_revision != lease.revision:
            return sealed.open_credentials(session, row)  # somebody was faster; theirs is the newer grant
        row.refresh_lease_until = None
        if revoked is None:
            sealed.store_credentials(session, row, fresh)
            row.refresh_due_at = next_refresh(lease.provider, fresh, row, clock.now())
            audit.record(session, tenant_id, audit.SYSTEM, "integration.token_refreshed", "integration", row.id, because=because)
        else:
            mark_row(session, row, revoked.detail)
    if revoked is not None:
        raise revoked
    log.info("credentials_refreshed", tenant_id=tenant_id, integration_id=integration_id, because=because)
    return fresh


def _give_back(tenant_id: int, integration_id: int, lease: _Lease) -> None:
    """Nothing came of it: the next may ask at once."""
    with db.tenant_session(tenant_id) as session:
        row = locked(session, integration_id)
        if row.refresh_lease_until == lease.until:
            row.refresh_lease_until = None


def refresh_due(tenant_id: int, integration_id: int) -> None:
    """The handler of planned refreshes: an outage is tried again within the hour, well before the old token ends."""
    try:
        refresh(tenant_id, integration_id, patience_seconds=0)
    except (IntegrationRevoked, IntegrationNotFound, BeingRefreshed):
        return
    except ProviderError as error:
        postpone(tenant_id, integration_id, error)


def postpone(tenant_id: int, integration_id: int, error: ProviderError) -> None:
    """A refresh failed for now, and the present token lives on."""
    with db.tenant_session(tenant_id) as session:
        row = get(session, integration_id)
        row.refresh_due_at = clock.now() + POSTPONED
        late = is_overdue(row)
    told = log.error if late else log.warning
    told("refresh_postponed", tenant_id=tenant_id, integration_id=integration_id, error=type(error).__name__, overdue=late)


def is_overdue(row: Integration) -> bool:
    """Whether its token is older than its provider wants by a day (Square: more than eight): somebody must look."""
    provider = process.providers().get(row.provider)
    if provider is None or row.status != "active" or row.refresh_due_at is None or row.credentials_refreshed_at is None:
        return False
    days = provider.refresh_after_days
    return days is not None and clock.now() - row.credentials_refreshed_at > timedelta(days=days) + ALARM_BEYOND_LIMIT


def overdue(session: Session) -> list[int]:
    """The integrations, across tenants, whose token is overdue."""
    now = clock.now()
    late = [
        and_(
            Integration.provider == provider.name,
            Integration.credentials_refreshed_at < now - timedelta(days=provider.refresh_after_days) - ALARM_BEYOND_LIMIT,
        )
        for provider in process.providers().values()
        if provider.refresh_after_days is not None
    ]
    if not late:
        return []
    wanted = select(Integration.id).where(Integration.status == "active", Integration.refresh_due_at.is_not(None), or_(*late))
    return list(session.scalars(wanted.order_by(Integration.id)))
