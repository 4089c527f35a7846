"""One integration's row: found, locked, counted, sealed anew."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub import audit, db, process, vault
from hub.integrations import sealed
from hub.models import Integration, RemoteRecord
from providers.contract import Provider
from providers.errors import IntegrationRevoked


class IntegrationNotFound(LookupError):
    """No such integration in this tenant."""


def get(session: Session, integration_id: int) -> Integration:
    """The tenant session's integration. Raises IntegrationNotFound."""
    row = session.scalars(select(Integration).where(Integration.id == integration_id)).one_or_none()
    if row is None:
        raise IntegrationNotFound("There is no such integration.")
    return row


def locked(session: Session, integration_id: int) -> Integration:
    """The tenant session's integration, locked until its end. Raises IntegrationNotFound."""
    row = session.scalars(select(Integration).where(Integration.id == integration_id).with_for_update()).one_or_none()
    if row is None:
        raise IntegrationNotFound("There is no such integration.")
    return row


def alone(session: Session, provider_name: str, account_id: str) -> None:
    """Connecting and disconnecting one account wait for each other here: they lock its route and its row in opposite orders."""
    name = f"account {provider_name} {account_id}"
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def provider_of(row: Integration) -> Provider:
    provider = process.providers().get(row.provider)
    if provider is None:
        raise IntegrationRevoked(f"{row.provider} is not configured on this system.")
    return provider


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
