"""The `payhub demo` command."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click
from rich.console import Console

from hub import db, embedded, process
from hub.demo import story
from hub.demo.browser import NoSuchForm
from hub.demo.world import DemoFailed, World
from hub.identity import links, members

console = Console()


@click.command()
@click.option("--once", is_flag=True, help="Exit after the story: 0 only if every step was verified in the database.")
@click.option("--customers", default=200, show_default=True, type=click.IntRange(10, 200_000), help="Customers per account.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="The hub's port; 0 picks a free one. Default: 8000, with --once a free one."
)
def demo(once: bool, customers: int, port: int | None) -> None:
    """Everything on this machine, with local twins of Stripe and Square, walked through and checked."""
    world = World(port if port is not None else 0 if once else 8000)
    try:
        with console.status("Starting PostgreSQL, Redis, the twins, web, workers and scheduler …"):
            world.start()
        cast = story.make_cast(world.base_url)
        told = story.Story(console, cast, customers)
        for twin in world.twins.values():
            told.tell(twin)
        counted = ", ".join(f"{number} {name}" for name, number in story.summary(cast.tenant_id).items())
        console.rule()
        console.print(f"[bold green]All {told.checked} checks hold.[/bold green] {counted}.")
        if not once:
            _serve(world, cast)
    except (DemoFailed, NoSuchForm, embedded.EmbeddedServerError) as failure:
        console.print(f"[bold red]✗ {failure}[/bold red]")
        console.print(f"  The processes' logs: {world.log_dir}")
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("Stopped.")
    finally:
        world.stop()


def _serve(world: World, cast: story.Cast) -> None:
    with db.system_session() as session:
        token = links.issue(session, members.ensure_user(session, cast.email).id)
    link = links.link_url(process.settings().base_url, token)
    twins = {f"The {twin.name} twin": twin.base_url for twin in world.twins.values()}
    show_addresses(console, {"Sign in as the demo's owner": link} | twins)
    console.print("Ctrl-C stops everything.")
    world.runner.wait()


def show_addresses(console: Console, addresses: Mapping[str, str]) -> None:
    """One line each, never broken: a link that the terminal's width cuts in two cannot be followed."""
    for title, address in addresses.items():
        console.print(f"{title}: [bold]{address}[/bold]", soft_wrap=True)
