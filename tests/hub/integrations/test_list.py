"""The list of integrations over HTTP, page by page."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

import wsgi
from tests.hub.apps import Business
from tests.sync.hub_in_process import HubInProcess
from tests.whole_run.answers import searched

LIST = "/api/integrations/payments"


@pytest.fixture
def client(hub: HubInProcess) -> FlaskClient:
    return searched(wsgi.create_app()).test_client()


def test_integrations_come_page_by_page_newest_first(hub: HubInProcess, client: FlaskClient) -> None:
    second = hub.connect_again()
    headers = Business(hub.tenant_id, "").bearer("viewer")
    first_page = client.get(f"{LIST}?limit=1", headers=headers).get_json()
    last_page = client.get(f"{LIST}?limit=1&cursor={first_page['next_cursor']}", headers=headers).get_json()
    assert [each["id"] for each in first_page["data"]] == [second.integration_id]
    assert [each["id"] for each in last_page["data"]] == [hub.integration_id]
    assert (first_page["has_more"], last_page["has_more"], last_page["next_cursor"]) == (True, False, None)


@pytest.mark.parametrize("query", ["limit=abc", "limit=0", "limit=201", "cursor=nonsense"])
def test_limit_or_cursor_that_is_none_is_refused(hub: HubInProcess, client: FlaskClient, query: str) -> None:
    answer = client.get(f"{LIST}?{query}", headers=Business(hub.tenant_id, "").bearer("viewer"))
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
