"""Fixtures of the tests that run against the twins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.scene import Door, Scene, opened
from tests.integration.twins import Twin, running_twins


@pytest.fixture(scope="session")
def twins() -> Iterator[dict[str, Twin]]:
    with running_twins() as running:
        yield running


@pytest.fixture(scope="session")
def door() -> Iterator[Door]:
    door = Door()
    yield door
    door.stop()


@pytest.fixture
def scene(door: Door, twins: dict[str, Twin], database_url: str, tmp_path: Path) -> Iterator[Scene]:
    with opened(door, twins, database_url, tmp_path) as opened_scene:
        yield opened_scene


@pytest.fixture(params=["stripe", "square"])
def provider_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)
