"""A throw-away server with migrated databases, for the rows that need one."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub import embedded, migrate


@contextmanager
def throwaway_server() -> Iterator[str]:
    """The URL of a server of one's own; gone at the end."""
    with tempfile.TemporaryDirectory() as folder:
        servers = embedded.ensure(Path(folder), with_redis=False, throwaway=True)
        try:
            yield servers.database_url
        finally:
            servers.release()


def migrated_database(server_url: str) -> str:
    url = embedded.create_database(server_url, f"soak_{secrets.token_hex(4)}")
    migrate.upgrade(url)
    return url
