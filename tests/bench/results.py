"""One row per thing measured: printed as a table, kept as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """`value` in `unit` against `target`; `ceiling` is the fastest that was seen to be possible in the same run, `ratio` the
    value's share of it. passed: None where there is no target."""

    name: str
    value: float
    unit: str
    target: float | None = None
    ceiling: float | None = None
    ratio: float | None = None
    passed: bool | None = None


def report(rows: list[Row], file: Path, title: str) -> bool:
    """Print and write the rows; whether all that have a target met it."""
    table = Table("what", "value", "unit", "target", "ceiling", "ratio", "passed", title=title)
    for row in rows:
        told = {True: "yes", False: "NO", None: ""}[row.passed]
        numbers = [
            f"{each:,.3g}" if each is not None and each < 100 else f"{each:,.0f}" if each is not None else ""
            for each in (row.value, row.target, row.ceiling, row.ratio)
        ]
        table.add_row(row.name, numbers[0], row.unit, numbers[1], numbers[2], numbers[3], told)
    Console(width=140).print(table)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    return all(row.passed is not False for row in rows)
