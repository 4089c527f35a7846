"""The payhub command: processes, administration, checks. Each package adds its own group in wsgi.py."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click
from alembic.util import CommandError
from rich.console import Console
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from hub import audit, db, doctor, drift_report, migrate, process, queue
from hub.config import ConfigurationError, Settings
from hub.identity import administration
from hub.identity.caller import Role
from hub.integrations import oauth, rotation, service
from hub.models import Integration
from hub.runner import Runner, serve_command
from providers.errors import ProviderError
from providers.registry import PUBLIC_NAMES

SCHEDULER_PAUSE_SECONDS = 1.0

console = Console()
Tick = Callable[[], int]


class _Ticks:
    """The scheduler's work, registered by the composition root: the sync engine lies above this package."""

    tick: Tick | None = None


def register_scheduler(tick: Tick) -> None:
    """`tick` does what is due now and returns how much it was; the scheduler process calls it once a second."""
    _Ticks.tick = tick


class FriendlyGroup(click.Group):
    """Configuration problems are shown as a list of what to mend, not as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OperationalError as error:
            reason = str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
            click.secho(f"✗ The database cannot be reached: {reason}", fg="red", err=True)
            click.echo("  → Start PostgreSQL, or correct DATABASE_URL; `payhub doctor` checks everything.", err=True)
            sys.exit(2)
        except ConfigurationError as error:
            for problem in error.problems:
                click.secho(f"✗ {problem.variable}: {problem.what}", fg="red", err=True)
                click.echo(f"  → {problem.how_to_mend}", err=True)
            sys.exit(2)


@click.group(cls=FriendlyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="payhub")
def cli() -> None:
    """Payhub keeps a CRM and its users' Stripe and Square accounts equal.

    Begin with `payhub demo`; `payhub doctor` says what a configuration lacks."""


# --- processes ----------------------------------------------------------------------------------------------------------


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=int)
@click.option("--threads", default=8, show_default=True, type=int)
def serve(host: str, port: int, threads: int) -> None:
    """The web process: pages, API and webhooks."""
    # What is wrong is said here, not in the log of a server that keeps restarting.
    if Settings.from_env().production:
        process.boot_from_environment(name="web", needs_redis=False)
        unsigned = doctor.unsigned_providers(process.providers())
        if unsigned:
            raise ConfigurationError(unsigned)
    Runner().replace(serve_command(host, port, threads))


@cli.command()
@click.argument("queues", nargs=-1, type=click.Choice(queue.QUEUES))
@click.option("--burst", is_flag=True, help="Stop when nothing is left to do.")
def worker(queues: tuple[str, ...], burst: bool) -> None:
    """A worker process. QUEUE: live (webhooks, pushes, mail) or bulk (sync runs); both, in this order, if none is named."""
    process.boot_from_environment(name="worker")
    queue.work(queues or queue.QUEUES, burst=burst)


@cli.command()
def scheduler() -> None:
    """Plans due syncs and refreshes, and wakes whatever lies waiting. Several may run; each may die at any time."""
    process.boot_from_environment(name="scheduler")
    if _Ticks.tick is None:
        raise click.ClickException("no scheduler is registered")
    stop = threading.Event()

    def finish(signal_number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, finish)
    signal.signal(signal.SIGINT, finish)
    while not stop.is_set():
        try:
            _Ticks.tick()
        except Exception as error:
            db.log.exception("scheduler_tick_failed", error=type(error).__name__)
        stop.wait(SCHEDULER_PAUSE_SECONDS)


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=int)
@click.option("--workers", default=2, show_default=True, type=int)
def up(host: str, port: int, workers: int) -> None:
    """Everything in one terminal for development: migrations, web, workers and scheduler."""
    os.environ.setdefault("PAYHUB_BASE_URL", f"http://{host}:{port}")  # or the links in mails would lead to another port
    booted = process.boot_from_environment(name="up")
    migrate.upgrade(booted.database_url)
    runner = Runner()
    runner.start("web", serve_command(host, port))
    for number in range(1, workers + 1):
        runner.start(f"worker {number}", [sys.executable, "-m", "wsgi", "worker"])
    runner.start("scheduler", [sys.executable, "-m", "wsgi", "scheduler"])
    console.print(f"Payhub is up on [bold]{booted.settings.base_url}[/bold]. Ctrl-C stops everything.")
    sys.exit(runner.wait())


@cli.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Only the local twins of Stripe and Square; `payhub sandbox --help` names the others."""
    Runner().replace([sys.executable, "-m", "providers.sandbox", *arguments])


# --- database -----------------------------------------------------------------------------------------------------------


@cli.group("db")
def database() -> None:
    """Migrations."""


@database.command()
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """Bring the database to REVISION (default: the newest)."""
    booted = process.boot_from_environment(name="migrate", needs_redis=False)
    with refused_in_words():
        migrate.upgrade(booted.database_url, revision)
    click.echo(f"The database is at {migrate.current(booted.database_url)}.")


@database.command()
@click.argument("revision")
def downgrade(revision: str) -> None:
    """Take the database back to REVISION (base: to nothing)."""
    booted = process.boot_from_environment(name="migrate", needs_redis=False)
    with refused_in_words():
        migrate.downgrade(booted.database_url, revision)
    click.echo(f"The database is at {migrate.current(booted.database_url) or 'nothing'}.")


@database.command()
def check() -> None:
    """Exit 1 unless the database is at the newest migration."""
    booted = process.boot_from_environment(name="migrate", needs_redis=False)
    at, newest = migrate.current(booted.database_url), migrate.head()
    click.echo(f"The database is at {at or 'nothing'}, the newest is {newest}.")
    sys.exit(0 if at == newest else 1)


# --- administration -----------------------------------------------------------------------------------------------------


@contextmanager
def refused_in_words() -> Iterator[None]:
    """An argument that cannot be used is told, not traced."""
    try:
        yield
    except (ValueError, CommandError) as error:
        raise click.ClickException(f"{error}.") from None


def shown(result: dict[str, Any], as_json: bool) -> None:
    """Print a result for a person or, with --json, for a program."""
    if as_json:
        click.echo(json.dumps(result))
        return
    for name, value in result.items():
        click.echo(f"{name}: {value}")


as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@cli.group()
def tenant() -> None:
    """Tenants: the CRM's customers."""


@tenant.command("create")
@click.argument("name")
@click.option("--currency", default="USD", show_default=True)
@click.option("--timezone", default="UTC", show_default=True)
@click.option("--return-origin", "return_origins", multiple=True, help="An origin to which browsers may be sent back.")
@as_json_option
def create_tenant(name: str, currency: str, timezone: str, return_origins: tuple[str, ...], as_json: bool) -> None:
    """Make the tenant NAME."""
    process.boot_from_environment(name="cli", needs_redis=False)
    with refused_in_words():
        tenant_id = administration.create_tenant(name, currency=currency, timezone=timezone, return_origins=list(return_origins))
    shown({"tenant_id": tenant_id, "name": name}, as_json)


@cli.group()
def user() -> None:
    """People who sign in."""


@user.command("create")
@click.option("--email", required=True)
@click.option("--tenant", "tenant_id", required=True, type=int)
@click.option("--role", default="owner", show_default=True, type=click.Choice(["owner", "manager", "viewer"]))
@click.option("--name", default="")
@as_json_option
def create_user(email: str, tenant_id: int, role: Role, name: str, as_json: bool) -> None:
    """Make a user, or give an existing one a role in another tenant."""
    process.boot_from_environment(name="cli", needs_redis=False)
    with refused_in_words():
        user_id = administration.create_user(email, tenant_id=tenant_id, role=role, name=name)
    shown({"user_id": user_id, "email": email, "tenant_id": tenant_id, "role": role}, as_json)


@cli.group()
def apikey() -> None:
    """Keys by which the CRM calls the API."""


@apikey.command("create")
@click.option("--tenant", "tenant_id", required=True, type=int)
@click.option("--role", default="manager", show_default=True, type=click.Choice(["owner", "manager", "viewer"]))
@click.option("--name", default="")
@as_json_option
def create_api_key(tenant_id: int, role: Role, name: str, as_json: bool) -> None:
    """Make an API key; it is shown this once."""
    process.boot_from_environment(name="cli", needs_redis=False)
    with refused_in_words():
        key = administration.create_api_key(tenant_id, role=role, name=name)
    shown({"api_key": key, "tenant_id": tenant_id}, as_json)


@cli.group()
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
    key = sys.stdin.readline().strip() if access_token == "-" else access_token  # noqa: S105
    provider = process.providers()[provider_name]
    if not process.is_offered(provider):
        raise click.ClickException(f"{provider.title} is experimental: name it in PAYHUB_EXPERIMENTAL_PROVIDERS first.")
    try:
        credentials = provider.credentials_from_key(key)
        profile = provider.account(credentials, gate=service.platform_gate(provider)).describe()
        integration_id, is_new = service.save(tenant_id, provider, credentials, profile, actor=audit.Actor("cli"))
    except (ProviderError, service.AccountHeldElsewhere, oauth.ConnectRefused) as error:
        raise click.ClickException(f"{provider.title}: {error}") from None
    shown({"integration_id": integration_id, "account_id": credentials.account_id, "new": is_new}, as_json)


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
    """Stop all work, destroy the credentials, revoke at the provider. The synced data stay."""
    process.boot_from_environment(name="cli")
    receipt = service.disconnect(tenant_of(integration_id), integration_id, actor=audit.Actor("cli"))
    shown(
        {
            "integration_id": integration_id,
            "account_id": receipt.account_id,
            "revoked_at_provider": receipt.revoked_at_provider,
            "key_destroyed": receipt.key_destroyed,
        },
        as_json,
    )


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


@cli.group()
def keys() -> None:
    """Encryption keys."""


@keys.command("rotate")
@as_json_option
def rotate_keys(as_json: bool) -> None:
    """Re-encrypt every credential under the newest key, while the system runs. May be killed and run again."""
    process.boot_from_environment(name="cli", needs_redis=False)
    shown(rotation.rotate_all(), as_json)


@cli.command("drift")
@as_json_option
def show_drift(as_json: bool) -> None:
    """What providers sent that this version does not know: fields and words, counted. Nothing was lost; raw data are kept."""
    process.boot_from_environment(name="cli", needs_redis=False)
    rows = [
        {
            "provider": row.provider,
            "kind": row.kind,
            "path": row.path,
            "word": row.word or None,
            "count": row.count,
            "first_seen": row.first_seen.isoformat(),
            "last_seen": row.last_seen.isoformat(),
        }
        for row in drift_report.report()
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    if not rows:
        console.print("Everything that providers sent was known.")
        return
    table = Table("provider", "kind", "field", "unknown word", "times", "last seen")
    for row in rows:
        told = [row["provider"], row["kind"], row["path"], row["word"] or "(the field itself)", row["count"], row["last_seen"]]
        table.add_row(*[str(cell) for cell in told])
    console.print(table)


@cli.command("doctor")
@as_json_option
def run_doctor(as_json: bool) -> None:
    """Check configuration, database, Redis, migrations, keys and provider access, and say how to mend what fails."""
    findings = doctor.examine()
    if as_json:
        click.echo(json.dumps([finding.as_dict() for finding in findings]))
    else:
        for finding in findings:
            mark = "[green]✓[/green]" if finding.ok else "[red]✗[/red]"
            # Not wrapped: what is to be copied into a shell must stay one line.
            console.print(f"{mark} [bold]{finding.subject}[/bold]: {finding.what}", soft_wrap=True)
            if finding.how_to_mend:
                console.print(f"  → {finding.how_to_mend}", soft_wrap=True)
    sys.exit(0 if all(finding.ok for finding in findings) else 1)
