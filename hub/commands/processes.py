"""The processes: web, worker, scheduler; all of them at once for development; the twins."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

import click
from rich.console import Console

from hub import db, doctor, migrate, process, queue
from hub.config import ConfigurationError, Settings
from hub.listening import address_of, listen
from hub.messages import mailbox_token
from hub.runner import Runner, serve_command

SCHEDULER_PAUSE_SECONDS = 1.0
PORT = click.IntRange(0, 65535)

console = Console()
Tick = Callable[[], int]


class _Ticks:
    """The scheduler's work, registered by the composition root: the sync engine lies above this package."""

    tick: Tick | None = None


def register_scheduler(tick: Tick) -> None:
    """`tick` does what is due now and returns how much it was; the scheduler process calls it once a second."""
    _Ticks.tick = tick


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=PORT, help="0 picks a free one.")
@click.option("--threads", default=8, show_default=True, type=click.IntRange(1, 1000))
def serve(host: str, port: int, threads: int) -> None:
    """The web process: pages, API and webhooks."""
    # What is wrong is said here, not in the log of a server that keeps restarting.
    settings = Settings.from_env()
    if settings.production:
        process.boot_from_environment(name="web", needs_redis=False)
        unsigned = doctor.unsigned_providers(process.providers())
        if unsigned:
            raise ConfigurationError(unsigned)
    listening = listen(host, port)
    click.echo(f"Payhub listens on {address_of(host, listening)}.")
    if not settings.production:
        click.echo(f"Development mailbox: {mailbox_token.address(settings, address_of(host, listening))}")
    Runner().replace(serve_command(threads=threads, listening=listening), listening=listening)


@click.command()
@click.argument("queues", nargs=-1, type=click.Choice(queue.QUEUES))
@click.option("--burst", is_flag=True, help="Stop when nothing is left to do.")
def worker(queues: tuple[str, ...], burst: bool) -> None:
    """A worker process. QUEUE: live (webhooks, pushes, mail) or bulk (sync runs); both, in this order, if none is named."""
    process.boot_from_environment(name="worker")
    queue.work(queues or queue.QUEUES, burst=burst)


@click.command()
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


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=PORT, help="0 picks a free one.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(0, 100))
def up(host: str, port: int, workers: int) -> None:
    """Everything in one terminal for development: migrations, web, workers and scheduler."""
    listening = listen(host, port)
    os.environ.setdefault("PAYHUB_BASE_URL", address_of(host, listening))  # or the links in mails would lead to another port
    booted = process.boot_from_environment(name="up")
    migrate.upgrade(booted.database_url)
    runner = Runner()
    runner.start("web", serve_command(listening=listening), listening=listening)
    origin = address_of(host, listening)
    listening.close()
    for number in range(1, workers + 1):
        runner.start(f"worker {number}", [sys.executable, "-m", "wsgi", "worker"])
    runner.start("scheduler", [sys.executable, "-m", "wsgi", "scheduler"])
    console.print(f"Payhub is up on [bold]{booted.settings.base_url}[/bold]. Ctrl-C stops everything.")
    if not booted.settings.production:
        mailbox = mailbox_token.address(booted.settings, origin)
        console.print(f"Development mailbox, on this machine only: [bold]{mailbox}[/bold]", soft_wrap=True)
    sys.exit(runner.wait())


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--stripe-port", default=12111, show_default=True, type=PORT, help="0 picks a free one.")
@click.option("--square-port", default=12112, show_default=True, type=PORT, help="0 picks a free one.")
@click.argument("more", nargs=-1, type=click.UNPROCESSED)
def sandbox(stripe_port: int, square_port: int, more: tuple[str, ...]) -> None:
    """Only the local twins of Stripe and Square; with `--gocardless-port 0` GoCardless's as well.

    Whatever else `python -m providers.sandbox --help` names may be given, too."""
    arguments = ["--stripe-port", str(stripe_port), "--square-port", str(square_port), *more]
    Runner().replace([sys.executable, "-m", "providers.sandbox", *arguments])
