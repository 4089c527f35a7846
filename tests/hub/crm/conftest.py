"""The CRM's API over HTTP: all of the hub's blueprints, one tenant connected to the fake provider."""

from __future__ import annotations

import pytest

from hub import process, queue
from sync.push import push_integration
from tests.hub.crm.office import Office
from tests.sync.hub_in_process import HubInProcess
from tests.whole_run.answers import searched
from wsgi import create_app


@pytest.fixture
def office(hub: HubInProcess) -> Office:
    """Its changes are pushed while a request waits for them, as a worker would."""
    queue.register({"push_changes": push_integration})
    assert process.current().redis_url is None
    return Office(hub, searched(create_app()).test_client())
