"""The `payhub sync` commands: one sync now, with progress and counts."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy import select

from hub import audit, clock, db, process
from hub.commands import tenant_of
from hub.integrations import service
from hub.integrations.sync_requests import request_sync
from hub.models import SyncRun
from sync import run

LOOK_SECONDS = 0.25

console = Console(stderr=True)  # standard output carries the answer alone


@click.group()
def sync() -> None:
    """Bring an account and the hub into agreement."""


@sync.command("run")
@click.argument("integration_id", metavar="INTEGRATION", type=int)
@click.option("--tenant", "tenant_id", type=int, help="Whose integration; found by itself if left out.")
@click.option("--full", is_flag=True, help="Read everything anew, not only what changed.")
@click.option("--wait", is_flag=True, help="Show progress and print the counts at the end.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def run_now(integration_id: int, tenant_id: int | None, full: bool, wait: bool, as_json: bool) -> None:
    """Sync one integration now. With --wait it is done here unless a worker is at it already; exit status 1 if it failed."""
    process.boot_from_environment(name="cli")
    tenant = tenant_id or tenant_of(integration_id)
    try:
        with db.tenant_session(tenant) as session:
            if service.get(session, integration_id).status != "active":
                raise click.ClickException("This account is not connected any more. Reconnect it, then sync.")
            run_id = request_sync(session, tenant, integration_id, kind="manual", requested_by="cli", full=full)
            audit.record(session, tenant, audit.Actor("cli"), "sync.requested", "integration", integration_id, full=full)
    except service.IntegrationNotFound as missing:
        raise click.ClickException(f"There is no integration {integration_id}. `payhub integration list` shows all.") from missing
    if not wait:
        click.echo(json.dumps({"sync_run_id": run_id}) if as_json else f"Sync run {run_id} is waiting for a worker.")
        return
    row = _see_through(tenant, run_id, show=not as_json)
    _print(row, as_json)
    if row.outcome != "completed":
        sys.exit(1)


def _see_through(tenant_id: int, run_id: int, *, show: bool) -> SyncRun:
    """Work on the run in this process, again whenever it waited for the provider, until it has ended."""
    with Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        disable=not show,
    ) as bars:
        tasks: dict[str, TaskID] = {}
        worker: threading.Thread | None = None
        while True:
            row = _load(tenant_id, run_id)
            _show(bars, tasks, row)
            if row.done_at is not None:
                return row
            if worker is None or not worker.is_alive():
                worker = threading.Thread(target=run.run, args=(tenant_id, run_id), daemon=True)
                worker.start()
            worker.join(LOOK_SECONDS)
            if not worker.is_alive():
                clock.sleep(LOOK_SECONDS)  # it waits in the database; look again, do not spin


def _load(tenant_id: int, run_id: int) -> SyncRun:
    with db.tenant_session(tenant_id) as session:
        return session.scalars(select(SyncRun).where(SyncRun.id == run_id)).one()


def _show(bars: Progress, tasks: dict[str, TaskID], row: SyncRun) -> None:
    for name, state in row.progress.items():
        if name not in tasks:
            tasks[name] = bars.add_task(name, total=None, note="")
        note = "✓" if state["finished"] else row.reason or ""
        bars.update(tasks[name], completed=state["done"], total=state["expected"], note=note)


def _print(row: SyncRun, as_json: bool) -> None:
    if as_json:
        answer: dict[str, Any] = {"sync_run_id": row.id, "outcome": row.outcome, "counts": row.counts, "reason": row.reason}
        click.echo(json.dumps(answer))
        return
    table = Table("kind", "seen", "created", "updated", "errors", title=f"Sync run {row.id}: {row.outcome}")
    for name, counts in row.counts.items():
        table.add_row(name, *[str(counts[column]) for column in ("seen", "created", "updated", "errors")])
    Console().print(table)
    if row.reason:
        click.echo(row.reason)
