"""Work of an account that was given up or waits: what it is, why, and how to try again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.models import Change, Client, Invoice, WebhookEvent
from hub.web import words

SHOWN = 50
PAGES = {"client": "/clients", "invoice": "/invoices", "payment": "/invoices"}


@dataclass(frozen=True, slots=True)
class Stuck:
    """`retry`: where the button posts; `page`: the record's page, empty where there is none."""

    what: str
    page: str
    reason: str
    since: datetime
    retry: str


@dataclass(frozen=True, slots=True)
class StuckWork:
    parked: list[Stuck]
    waiting: int
    waiting_reason: str


def stuck_work(session: Session, integration_id: int) -> StuckWork:
    changes = session.scalars(
        select(Change)
        .where(Change.integration_id == integration_id, Change.parked_at.is_not(None), Change.done_at.is_(None))
        .order_by(Change.id.desc())
        .limit(SHOWN)
    ).all()
    events = session.scalars(
        select(WebhookEvent)
        .where(WebhookEvent.integration_id == integration_id, WebhookEvent.parked_at.is_not(None), WebhookEvent.done_at.is_(None))
        .order_by(WebhookEvent.id.desc())
        .limit(SHOWN)
    ).all()
    open_changes = (Change.integration_id == integration_id) & Change.done_at.is_(None) & Change.parked_at.is_(None)
    waiting = session.scalar(select(func.count()).select_from(Change).where(open_changes)) or 0
    reason = session.scalar(select(Change.reason).where(open_changes, Change.reason.is_not(None)).limit(1))
    parked = [*stuck_changes(session, changes), *(_event(row) for row in events)]
    return StuckWork(parked, waiting, reason or "")


def stuck_changes(session: Session, changes: Sequence[Change]) -> list[Stuck]:
    """Parked changes with the names of what they change."""
    names = _names(session, changes)
    return [
        Stuck(
            what=f"{words.verb(row.verb)} {row.kind} {names.get((row.kind, row.local_id), row.local_id)}",
            page=f"{PAGES[row.kind]}/{row.local_id}" if row.kind in PAGES else "",
            reason=row.reason or "",
            since=row.parked_at or row.created_at,
            retry=f"/integrations/{row.integration_id}/changes/{row.id}/retry",
        )
        for row in changes
    ]


def _names(session: Session, changes: Sequence[Change]) -> dict[tuple[str, int], str]:
    client_ids = {row.local_id for row in changes if row.kind == "client"}
    invoice_ids = {row.local_id for row in changes if row.kind in ("invoice", "payment")}
    names: dict[tuple[str, int], str] = {}
    for row_id, name in session.execute(select(Client.id, Client.display_name).where(Client.id.in_(client_ids))):
        names["client", row_id] = name
    for row_id, name in session.execute(select(Invoice.id, Invoice.number).where(Invoice.id.in_(invoice_ids))):
        names["invoice", row_id] = name
        names["payment", row_id] = f"of invoice {name}"
    return names


def _event(row: WebhookEvent) -> Stuck:
    return Stuck(
        what=f"Event {row.event_type} {row.record_id or ''}".strip(),
        page="",
        reason=row.reason or "",
        since=row.parked_at or row.received_at,
        retry=f"/integrations/{row.integration_id}/events/{row.id}/retry",
    )
