"""One twin per worker process; each test that reads counts or moves time has a seller of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.harness import REDIRECT_URI
from tests.providers.square.harness import Harness
from tests.providers.square.twin import Twin, running_twin


@pytest.fixture(scope="session")
def twin() -> Iterator[Twin]:
    with running_twin(redirect_uris=REDIRECT_URI) as twin:
        yield twin


@pytest.fixture
def square(twin: Twin) -> Iterator[Harness]:
    """A new seller with two locations; the twin's faults and settings are put back afterwards."""
    before = twin.control("GET", "settings")
    yield Harness(twin)
    twin.control("DELETE", "faults")
    twin.control("POST", "settings", {name: value for name, value in before.items() if name != "webhooks"})


@pytest.fixture
def lonely() -> Iterator[Harness]:
    """A twin of its own, for a test that moves its clock or ends the connection of the application."""
    with running_twin(redirect_uris=REDIRECT_URI) as twin:
        yield Harness(twin)
