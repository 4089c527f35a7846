"""Writes down whole requests and answers as they went over the wire, for a judge that knows the provider's published schema.

Off unless a folder is given: unlike the request log it holds bodies. Headers are left out, for they carry the credentials.
"""

import os
import secrets
import threading
from pathlib import Path

import orjson


class Exchanges:
    """One file of JSON lines in `folder`, its name beginning with the twin's: method, path, query, content_type, body, and of
    the answer status (None: the connection was dropped), answer_type, answer, and the fault that was asked for, if any."""

    def __init__(self, folder: Path, twin_name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{twin_name}-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
        self._lock = threading.Lock()

    def add(self, **fields: str | int | None) -> None:
        line = orjson.dumps(fields) + b"\n"
        with self._lock, self._path.open("ab") as file:
            file.write(line)
