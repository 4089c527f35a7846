"""Fixtures shared by the tests of both twins."""

from collections.abc import Iterator

import pytest

from tests.providers.sandbox.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running
