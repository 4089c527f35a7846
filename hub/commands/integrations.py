"""Connected provider accounts: connect, see, disconnect."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from hub import audit, db, process
from hub.commands.words import as_json_option, refused_in_words, shown
from hub.identity import administration
from hub.integrations import keys as integration_keys
from hub.integrations import oauth, receipt, service
from hub.models import Integration
from providers.registry import PUBLIC_NAMES

console = Console()


@click.group()
def integration() -> None:
    """Connected provider accounts."""


@integration.command("connect")
@click.option("--tenant", "tenant_id", required=True, type=int)
@click.option("--provider", "provider_name", required=True, type=click.Choice(PUBLIC_NAMES))
@click.option("--access-token", required=True, help="A restricted key or personal access token; - reads standard input.")
@as_json_option
def connect_by_key(tenant_id: int, provider_name: str, access_token: str, as_json: bool) -> None:
    """Connect an account without a browser."""
    process.boot_from_environment(name="cli")
    with refused_in_words():  # before the token goes anywhere
        administration.check_tenant(tenant_id)
    key = sys.stdin.readline().strip() if access_token == "-" else access_token  # noqa: S105
    try:
        integration_id, is_new = integration_keys.connect(tenant_id, provider_name, key, actor=audit.Actor("cli"))
    except oauth.ConnectRefused as refusal:
        raise click.ClickException(refusal.detail) from None
    with db.tenant_session(tenant_id) as session:
        account_id = service.get(session, integration_id).account_id
    shown({"integration_id": integration_id, "account_id": account_id, "new": is_new}, as_json)


@integration.command("list")
@click.option("--tenant", "tenant_id", type=int, help="Only this tenant's.")
@as_json_option
def list_integrations(tenant_id: int | None, as_json: bool) -> None:
    """What the integrations page shows, for all tenants or one."""
    process.boot_from_environment(name="cli", needs_redis=False)
    with db.system_session() as session:
        wanted = select(Integration).order_by(Integration.tenant_id, Integration.id)
        rows = session.scalars(wanted.where(Integration.tenant_id == tenant_id) if tenant_id else wanted).all()
    summaries = [_summary(row) for row in rows]
    if as_json:
        click.echo(json.dumps(summaries))
        return
    table = Table("id", "tenant", "provider", "account", "status", "last sync")
    for summary in summaries:
        table.add_row(*[str(summary[name] or "–") for name in list(summary)[:6]])
    console.print(table)


@integration.command("show")
@click.argument("integration_id", type=int)
@as_json_option
def show_integration(integration_id: int, as_json: bool) -> None:
    """One integration with its counts."""
    process.boot_from_environment(name="cli", needs_redis=False)
    tenant_id = tenant_of(integration_id)
    with db.tenant_session(tenant_id) as session:
        row = service.get(session, integration_id)
        shown({**_summary(row), "config": row.config, "counts": service.counts(session, row.id)}, as_json)


@integration.command("disconnect")
@click.argument("integration_id", type=int)
@as_json_option
def disconnect_integration(integration_id: int, as_json: bool) -> None:
    """Stop all work, destroy the credentials, revoke at the provider, and print the receipt. The synced data stay."""
    process.boot_from_environment(name="cli")
    written = service.disconnect(tenant_of(integration_id), integration_id, actor=audit.Actor("cli"))
    shown(receipt.as_shown(written), as_json)


def tenant_of(integration_id: int) -> int:
    """The tenant of an integration, for commands, which name integrations only. Raises ClickException."""
    with db.system_session() as session:
        found = session.scalar(select(Integration.tenant_id).where(Integration.id == integration_id))
    if found is None:
        raise click.ClickException(f"There is no integration {integration_id}. `payhub integration list` shows all.")
    return found


def _summary(row: Integration) -> dict[str, Any]:
    return {
        "id": row.id,
        "tenant_id": row.tenant_id,
        "provider": row.provider,
        "account_id": row.account_id,
        "status": row.status,
        "last_sync_at": row.last_sync_at.isoformat() if row.last_sync_at else None,
        "live": row.live,
        "status_reason": row.status_reason,
    }
