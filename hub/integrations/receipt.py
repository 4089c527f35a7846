"""The receipt of a disconnect: what ended, what was destroyed, what stays. Written once, and shown for ever after."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub import audit, clock, db, work
from hub.integrations.integration import counts
from hub.models import Change, DataKey, DisconnectReceipt, Integration, WebhookEvent


class ReceiptNotFound(LookupError):
    """The integration was never disconnected."""


def write(
    session: Session, row: Integration, actor: audit.Actor, *, keys: list[DataKey], sync_runs_stopped: int
) -> DisconnectReceipt:
    """In the transaction that ends the integration, all but the provider's part."""
    assert row.disconnected_at is not None
    receipt = DisconnectReceipt(
        tenant_id=row.tenant_id,
        integration_id=row.id,
        provider=row.provider,
        account_id=row.account_id,
        live=row.live,
        disconnected_at=row.disconnected_at,
        actor_kind=actor.kind,
        actor_id=actor.id,
        destroyed_keys=[f"data key {key.id} (under {key.key_id})" for key in keys],
        sync_runs_stopped=sync_runs_stopped,
        changes_held=_open(session, Change, row),
        events_held=_open(session, WebhookEvent, row),
        kept=counts(session, row.id),
    )
    session.add(receipt)
    session.flush()
    return receipt


def add_providers_part(receipt: DisconnectReceipt, *, revocation: str, endpoints_removed: int) -> DisconnectReceipt:
    """What came of telling the provider; the database lets this be written once."""
    with db.system_session() as session:
        row = session.get_one(DisconnectReceipt, (receipt.tenant_id, receipt.id))
        row.told_at, row.revocation, row.endpoints_removed = clock.now(), revocation, endpoints_removed
        return row


def latest(session: Session, tenant_id: int, integration_id: int) -> DisconnectReceipt:
    """Of the integration's last disconnect. Raises ReceiptNotFound."""
    wanted = select(DisconnectReceipt).where(
        DisconnectReceipt.tenant_id == tenant_id, DisconnectReceipt.integration_id == integration_id
    )
    found = session.scalars(wanted.order_by(DisconnectReceipt.id.desc()).limit(1)).one_or_none()
    if found is None:
        raise ReceiptNotFound("This integration was never disconnected, so there is no receipt.")
    return found


def as_shown(receipt: DisconnectReceipt) -> dict[str, Any]:
    """For the API, the command and the page."""
    return {
        "id": receipt.id,
        "integration_id": receipt.integration_id,
        "provider": receipt.provider,
        "account_id": receipt.account_id,
        "live": receipt.live,
        "disconnected_at": receipt.disconnected_at.isoformat(),
        "disconnected_by": f"{receipt.actor_kind}:{receipt.actor_id}" if receipt.actor_id else receipt.actor_kind,
        "key_destroyed": receipt.key_destroyed,
        "destroyed_keys": receipt.destroyed_keys,
        "revocation": receipt.revocation,
        "revoked_at_provider": receipt.revoked_at_provider,
        "told_at": receipt.told_at.isoformat() if receipt.told_at else None,
        "endpoints_removed": receipt.endpoints_removed,
        "sync_runs_stopped": receipt.sync_runs_stopped,
        "changes_held": receipt.changes_held,
        "events_held": receipt.events_held,
        "kept": receipt.kept,
    }


def _open(session: Session, model: type[Change] | type[WebhookEvent], row: Integration) -> int:
    wanted = select(func.count()).select_from(model).where(model.tenant_id == row.tenant_id, model.integration_id == row.id)
    return session.scalar(wanted.where(work.is_open(model))) or 0
