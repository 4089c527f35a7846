"""How commands answer: for a person, for a program, and where an argument cannot be used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from alembic.util import CommandError


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
