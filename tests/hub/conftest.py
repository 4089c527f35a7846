"""A hub in this process with one tenant connected to the fake provider, on a real database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sync.hub_in_process import HubInProcess, build


@pytest.fixture
def hub(database_url: str, tmp_path: Path) -> HubInProcess:
    return build(database_url, tmp_path)
