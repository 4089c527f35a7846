"""Key rotation: every sealed value under the newest environment key, one row at a time, while the system runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import structlog
from sqlalchemy import select, tuple_

from hub import audit, db, process, vault
from hub.integrations import sealed, service
from hub.models import DataKey, Endpoint, Integration

BATCH_ROWS = 500

log = structlog.get_logger(__name__)


def rotate_all(*, actor: audit.Actor = audit.SYSTEM) -> dict[str, int]:
    """{"rotated", "current", "left"}: rows sealed anew, rows that were current already, keys still on an old environment key.

    Each row commits by itself, so a kill loses nothing and a second run goes on where the first ended."""
    outcomes: Counter[bool | None] = Counter()
    after = (0, 0)
    while batch := _integrations_after(after):
        for tenant_id, integration_id in batch:
            rotate = partial(service.rotate_keys, tenant_id, integration_id, actor=actor)
            outcomes[_tried(rotate, integration_id=integration_id)] += 1
        after = batch[-1]
    for endpoint_id in _endpoints():
        outcomes[_tried(partial(_rotate_endpoint, endpoint_id), endpoint_id=endpoint_id)] += 1
    rotated, current, left = outcomes[True], outcomes[False], _left()
    log.info("keys_rotated", rotated=rotated, current=current, left=left)
    return {"rotated": rotated, "current": current, "left": left}


def _tried(rotate: Callable[[], bool], **which: int) -> bool | None:
    """What `rotate` answers; None where the value cannot be opened, which must not keep the others on their old keys."""
    try:
        return rotate()
    except vault.VaultError as error:
        log.error("key_not_rotated", error=type(error).__name__, **which)
        return None


def _rotate_endpoint(endpoint_id: int) -> bool:
    with db.system_session() as session:
        endpoint = session.get(Endpoint, endpoint_id, with_for_update=True)
        return endpoint is not None and sealed.rotate_endpoint(session, endpoint)


def _integrations_after(after: tuple[int, int]) -> list[tuple[int, int]]:
    with db.system_session() as session:
        rows = session.execute(
            select(Integration.tenant_id, Integration.id)
            .where(Integration.sealed_credentials.is_not(None), tuple_(Integration.tenant_id, Integration.id) > after)
            .order_by(Integration.tenant_id, Integration.id)
            .limit(BATCH_ROWS)
        ).all()
    return [(tenant_id, integration_id) for tenant_id, integration_id in rows]


def _endpoints() -> list[int]:
    with db.system_session() as session:
        return list(session.scalars(select(Endpoint.id).where(Endpoint.sealed_secret.is_not(None)).order_by(Endpoint.id)))


def _left() -> int:
    newest = process.settings().keyring.newest_id
    with db.system_session() as session:
        keys = session.scalars(select(DataKey.key_id).where(DataKey.wrapped.is_not(None), DataKey.key_id != newest))
        return len(keys.all())
