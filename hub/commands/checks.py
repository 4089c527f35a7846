"""Looking: the doctor, and what providers sent that this version does not know."""

from __future__ import annotations

import json
import sys

import click
from rich.console import Console
from rich.table import Table

from hub import doctor, drift_report, process
from hub.commands.words import as_json_option

console = Console()


@click.command("drift")
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


@click.command("doctor")
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
