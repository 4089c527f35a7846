"""What commands of the hub printed during the run."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any

from click.testing import CliRunner, Result

from tests.whole_run.search import RUN


class SearchedRunner(CliRunner):
    """Click's runner; what a command prints is searched."""

    def invoke(self, cli: Any, args: str | Sequence[str] | None = None, *more: Any, **options: Any) -> Result:
        done = super().invoke(cli, args, *more, **options)
        words = [] if args is None else args.split() if isinstance(args, str) else list(args)
        RUN.output(" ".join(["payhub" if cli.name == "cli" else cli.name, *words[:2]]), done.output)
        return done


def searched_output(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    """A command that ran as a process of its own."""
    words = [str(word) for word in done.args if not str(word).startswith("-")]
    RUN.output(" ".join(words[1:4]), f"{done.stdout}\n{done.stderr}")
    return done
