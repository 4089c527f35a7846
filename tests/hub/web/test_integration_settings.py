"""The switches of an account on its page: what cannot be used is told beside the field."""

from __future__ import annotations

import pytest

import wsgi
from hub.models import Integration
from tests.hub.apps import Business
from tests.sync.hub_in_process import HubInProcess
from tests.whole_run.answers import searched


@pytest.mark.parametrize("days", ["0000019999", "3651", "0", "", "abc", "-5", "1.5", "９０", "9" * 5000])
def test_history_that_cannot_be_is_told_beside_the_field_and_changes_nothing(hub: HubInProcess, days: str) -> None:
    before = hub.row(Integration).config
    client = searched(wsgi.create_app()).test_client()
    headers = {**Business(hub.tenant_id, "").bearer("manager"), "Accept": "text/html"}
    answer = client.post(f"/integrations/{hub.integration_id}/settings", data={"history_days": days}, headers=headers)
    assert answer.status_code == 422
    assert "Write a whole number of days from 1 to 3650." in answer.text
    assert hub.row(Integration).config == before


def test_history_within_bounds_is_saved(hub: HubInProcess) -> None:
    client = searched(wsgi.create_app()).test_client()
    headers = {**Business(hub.tenant_id, "").bearer("manager"), "Accept": "text/html"}
    answer = client.post(f"/integrations/{hub.integration_id}/settings", data={"history_days": "0365"}, headers=headers)
    assert answer.status_code == 303
    assert hub.row(Integration).config["history_days"] == 365
