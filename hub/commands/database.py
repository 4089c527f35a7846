"""Migrations."""

from __future__ import annotations

import sys

import click

from hub import migrate, process
from hub.commands.words import refused_in_words


@click.group("db")
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
