"""Lists page by page."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.hub.apps import Business
from tests.hub.http.probe import add_clients


def test_pages_hold_every_row_once_also_at_equal_times(client: FlaskClient, business: Business) -> None:
    emails, headers = add_clients(business.tenant_id, 7), business.bearer("viewer")
    found, query = [], "limit=3"
    for more in (True, True, False):
        page = client.get(f"/api/probe/clients?{query}", headers=headers).json
        assert page is not None
        assert page["has_more"] is more
        found += [each["email"] for each in page["data"]]
        query = f"limit=3&cursor={page['next_cursor']}"
    assert found == emails[::-1]


def test_row_added_meanwhile_neither_doubles_nor_hides_another(client: FlaskClient, business: Business) -> None:
    emails, headers = add_clients(business.tenant_id, 4), business.bearer("viewer")
    first = client.get("/api/probe/clients?limit=2", headers=headers).json
    add_clients(business.tenant_id, 1)
    assert first is not None
    second = client.get(f"/api/probe/clients?limit=2&cursor={first['next_cursor']}", headers=headers).json
    assert second is not None
    assert [each["email"] for each in first["data"] + second["data"]] == emails[::-1]


def test_full_last_page_has_no_cursor(client: FlaskClient, business: Business) -> None:
    add_clients(business.tenant_id, 2)
    page = client.get("/api/probe/clients?limit=2", headers=business.bearer("viewer")).json
    assert page is not None
    assert (len(page["data"]), page["has_more"], page["next_cursor"]) == (2, False, None)


def test_other_tenants_rows_are_on_no_page(client: FlaskClient, business: Business, other_business: Business) -> None:
    add_clients(other_business.tenant_id, 3)
    page = client.get("/api/probe/clients", headers=business.bearer("viewer")).json
    assert page is not None
    assert page["data"] == []


@pytest.mark.parametrize("cursor", ["x", "!!", "WzFd", "WzEsMl0", "bnVsbA", "W251bGwsbnVsbF0", "WyIyMDI2LTAxLTAxIiwxXQ"])
def test_foreign_cursor_is_refused(client: FlaskClient, business: Business, cursor: str) -> None:
    answer = client.get(f"/api/probe/clients?cursor={cursor}", headers=business.bearer("viewer"))
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["code"] == "invalid_cursor"


@pytest.mark.parametrize("limit", ["0", "-1", "201", "1.5", "many", "", "1e2", "²"])
def test_limit_out_of_range_is_refused(client: FlaskClient, business: Business, limit: str) -> None:
    answer = client.get(f"/api/probe/clients?limit={limit}", headers=business.bearer("viewer"))
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["errors"][0]["field"] == "limit"
