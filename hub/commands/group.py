"""The payhub command itself: what it says where a command cannot go on."""

from __future__ import annotations

import sys
from typing import Any

import click
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from hub import migrate, process
from hub.config import ConfigurationError
from hub.listening import CannotListen


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
        except DBAPIError:
            behind = _behind()
            if behind is None:
                raise
            click.secho(f"✗ The database {behind}.", fg="red", err=True)
            click.echo("  → Run: payhub db upgrade", err=True)
            sys.exit(2)
        except CannotListen as error:
            click.secho(f"✗ {error}", fg="red", err=True)
            sys.exit(2)
        except ConfigurationError as error:
            for problem in error.problems:
                click.secho(f"✗ {problem.variable}: {problem.what}", fg="red", err=True)
                click.echo(f"  → {problem.how_to_mend}", err=True)
            sys.exit(2)


def _behind() -> str | None:
    """What is to be said of a database that this version cannot work on yet; None where that is not the fault."""
    try:
        at, newest = migrate.current(process.current().database_url), migrate.head()
    except (RuntimeError, SQLAlchemyError):
        return None
    return None if at == newest else f"is at {at or 'nothing'}, and this version needs {newest}"


@click.group(cls=FriendlyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="payhub")
def cli() -> None:
    """Payhub keeps a CRM and its users' Stripe and Square accounts equal.

    Begin with `payhub demo`; `payhub doctor` says what a configuration lacks."""
