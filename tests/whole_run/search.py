"""The search of one process: what was looked at, and what was found where it has no place."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.whole_run.rightful import RIGHTFUL, Rightful
from tests.whole_run.shapes import sightings

LARGEST_FILE_BYTES = 50_000_000
SERVERS_OWN = ("PG_VERSION",)
"""A folder that holds this is PostgreSQL's own: its tables are read through it, see stores.py."""


@dataclass(slots=True)
class Search:
    """findings: place and kind -> how often. examples: one masked secret of each. looked_at: how much was searched."""

    rightful: Sequence[Rightful] = RIGHTFUL
    findings: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    looked_at: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @contextmanager
    def timed(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds += time.monotonic() - began

    def text(self, place: str, text: str, *, lines: bool = False) -> None:
        """Search one text. lines: the place is told with the line's number."""
        for seen in sightings(text):
            where = f"{place}:{text.count(chr(10), 0, seen.at) + 1}" if lines else place
            if not any(entry.covers(where, seen.kind) for entry in self.rightful):
                finding = f"{where}: {seen.kind}"
                self.findings[finding] += 1
                self.examples.setdefault(finding, seen.shown)

    def answer(self, request: str, body: bytes) -> None:
        """What a hub answered to a request, such as "GET /api/clients"."""
        self.looked_at["answers"] += 1
        with self.timed():
            self.text(f"answer of {request}", body.decode(errors="replace"))

    def output(self, command: str, text: str) -> None:
        """What a command printed."""
        self.looked_at["command outputs"] += 1
        with self.timed():
            self.text(f"output of {command}", text)

    def file(self, path: Path, *, shown_from: Path | None = None) -> None:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST_FILE_BYTES:
            return
        self.looked_at["files"] += 1
        shown = path.relative_to(shown_from) if shown_from else path
        self.text(f"file {shown}", path.read_bytes().decode("utf-8", "replace"), lines=True)

    def folder(self, folder: Path) -> None:
        """Every file below; but what servers keep for themselves is asked of them."""
        with self.timed():
            for root, folders, names in os.walk(folder):
                if any(name in SERVERS_OWN for name in names):
                    folders.clear()
                    continue
                for name in names:
                    try:
                        self.file(Path(root) / name, shown_from=folder)
                    except (FileNotFoundError, PermissionError):
                        continue  # gone meanwhile, or another user's

    def as_json(self) -> dict[str, Any]:
        return {
            "findings": dict(self.findings),
            "examples": self.examples,
            "looked_at": dict(self.looked_at),
            "seconds": self.seconds,
        }

    def add(self, other: dict[str, Any]) -> None:
        """What another process of the same run found."""
        self.findings.update(other["findings"])
        self.examples.update(other["examples"])
        self.looked_at.update(other["looked_at"])
        self.seconds += other["seconds"]


RUN = Search()
"""This process's part of the run."""
