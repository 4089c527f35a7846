"""What providers sent that we did not know, over all processes and restarts: for whoever updates the adapters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from hub import db, rowset
from hub.models import ProviderDrift
from providers import drift

log = structlog.get_logger(__name__)

_KEEP = """
INSERT INTO provider_drift AS d (provider, kind, path, word, count, first_seen, last_seen)
SELECT provider, kind, path, coalesce(word, ''), count, first_seen, last_seen FROM {rows} r ORDER BY provider, kind, path, word
ON CONFLICT (provider, kind, path, word) DO UPDATE SET
    count = d.count + excluded.count,
    first_seen = least(d.first_seen, excluded.first_seen), last_seen = greatest(d.last_seen, excluded.last_seen)
"""
_COLUMNS = {
    "provider": "text",
    "kind": "text",
    "path": "text",
    "word": "text",
    "count": "bigint",
    "first_seen": "timestamptz",
    "last_seen": "timestamptz",
}


def keep() -> None:
    """Add this process's sightings to the table; free where there are none. A report, not a book: what a dying process had
    not added yet is lost, and seen again with the next page."""
    seen = drift.take()
    if not seen:
        return
    try:
        with db.system_session() as session:
            rowset.run(session, _KEEP, _COLUMNS, [asdict(sighting) for sighting in seen])
    except SQLAlchemyError as error:
        log.warning("drift_not_kept", sightings=len(seen), error=type(error).__name__)


def report() -> Sequence[ProviderDrift]:
    """All sightings, the latest first."""
    with db.system_session() as session:
        return session.scalars(
            select(ProviderDrift).order_by(
                ProviderDrift.last_seen.desc(), ProviderDrift.provider, ProviderDrift.kind, ProviderDrift.path, ProviderDrift.word
            )
        ).all()
