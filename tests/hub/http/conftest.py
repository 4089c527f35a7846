"""The real application for these tests, with the probe's routes."""

import pytest
from flask import Blueprint

from tests.hub.apps import app, business, client, other_business, settings
from tests.hub.http.probe import Probe

__all__ = ["app", "business", "client", "other_business", "settings"]


@pytest.fixture
def probe() -> Probe:
    return Probe()


@pytest.fixture
def blueprints(probe: Probe) -> list[Blueprint]:
    return [probe.blueprint]
