"""The `payhub webhooks` commands: see the inbox, replay, create the endpoints."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from hub import audit, db, process
from hub.models import WebhookEvent
from webhooks import endpoints, inbox

console = Console()


@click.group()
def webhooks() -> None:
    """The inbox of signed events, and our endpoints at the providers."""


@webhooks.command("list")
@click.option("--tenant", "tenant_id", type=int)
@click.option("--parked", is_flag=True, help="Only those that were given up.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@click.option("--json", "as_json", is_flag=True)
def list_events(tenant_id: int | None, parked: bool, limit: int, as_json: bool) -> None:
    """The newest events of the inbox."""
    process.boot_from_environment(name="cli", needs_redis=False)
    wanted = select(WebhookEvent).order_by(WebhookEvent.received_at.desc(), WebhookEvent.id.desc()).limit(limit)
    if tenant_id is not None:
        wanted = wanted.where(WebhookEvent.tenant_id == tenant_id)
    if parked:
        wanted = wanted.where(WebhookEvent.parked_at.is_not(None), WebhookEvent.done_at.is_(None))
    with db.system_session() as session:
        rows = [
            {
                "id": row.id,
                "tenant_id": row.tenant_id,
                "provider": row.provider,
                "event_type": row.event_type,
                "event_id": row.event_id,
                "outcome": row.outcome or ("parked" if row.parked_at else "open"),
                "reason": row.reason,
            }
            for row in session.scalars(wanted)
        ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    table = Table("id", "tenant", "provider", "type", "event", "outcome", "reason")
    for row in rows:
        table.add_row(*[str(value if value is not None else "–") for value in row.values()])
    console.print(table)


@webhooks.command("replay")
@click.argument("event_row", type=int, required=False)
@click.option("--failed", is_flag=True, help="All that were given up.")
def replay(event_row: int | None, failed: bool) -> None:
    """Process event EVENT_ROW again, or all failed ones."""
    if (event_row is None) == (not failed):
        raise click.UsageError("Name one event's id, or give --failed.")
    process.boot_from_environment(name="cli")
    chosen = WebhookEvent.id == event_row if event_row is not None else WebhookEvent.parked_at.is_not(None)
    with db.system_session() as session:
        _audit_replay(session, chosen, event_row)
        pairs = inbox.replay(session, chosen)
    click.echo(f"Due again for {len(pairs)} integration(s)." if pairs else "Nothing to replay.")


def _audit_replay(session: Session, chosen: ColumnElement[bool], event_row: int | None) -> None:
    """One entry per integration, in the replay's transaction. Raises ClickException for an event that cannot be replayed."""
    rows = session.execute(
        select(WebhookEvent.tenant_id, WebhookEvent.integration_id, func.count())
        .where(chosen)
        .group_by(WebhookEvent.tenant_id, WebhookEvent.integration_id)
    ).all()
    if event_row is not None and not rows:
        raise click.ClickException(f"There is no event {event_row}. `payhub webhooks list` shows the newest.")
    for tenant_id, integration_id, events in rows:
        if tenant_id is not None:
            details: dict[str, Any] = {"events": events} if event_row is None else {"event": event_row}
            actor = audit.Actor("cli")
            audit.record(session, tenant_id, actor, "webhook_event.replayed", "integration", integration_id, **details)
        elif event_row is not None:
            raise click.ClickException("No tenant holds this event's account. It is replayed when one connects it.")


@webhooks.command("install")
@click.argument("providers", nargs=-1)
def install(providers: tuple[str, ...]) -> None:
    """Create or repair our endpoint at each provider (or those named); the signing secrets are kept sealed."""
    process.boot_from_environment(name="cli", needs_redis=False)
    known = process.providers()
    for name in providers:
        if name not in known:
            raise click.UsageError(f"{name} is not a provider: choose from {', '.join(known)}.")
    rows = endpoints.install(providers or tuple(known), actor=audit.Actor("cli"))
    for row in rows:
        click.echo(f"{row.provider}: {row.error or 'ready'} ({row.url})")
    if not rows:
        click.echo("No provider is configured. `payhub doctor` says what is missing.")
    sys.exit(1 if not rows or any(row.error for row in rows) else 0)
