"""A tenant's settings and audit log over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from apiflask import APIBlueprint
from flask.testing import FlaskClient

from hub.tenants import api
from tests.hub.apps import Business


@pytest.fixture
def blueprints() -> list[APIBlueprint]:
    return [api.blueprint]


def read(client: FlaskClient, headers: dict[str, str]) -> dict[str, Any]:
    answer = client.get("/api/tenant", headers=headers)
    assert answer.status_code == 200
    assert answer.json is not None
    return dict(answer.json)


def test_viewer_reads_the_settings_and_changes_none(client: FlaskClient, business: Business) -> None:
    viewer = business.bearer("viewer")
    settings = read(client, viewer)
    assert (settings["name"], settings["currency"], settings["timezone"]) == (business.name, "USD", "UTC")
    assert client.patch("/api/tenant", json={"name": "Mine"}, headers=viewer).status_code == 403


def test_manager_changes_every_setting(client: FlaskClient, business: Business) -> None:
    manager = business.bearer("manager")
    wanted = {
        "name": "Acme & Söhne",
        "logo_url": "https://cdn.example/logo.png",
        "timezone": "Europe/Berlin",
        "currency": "EUR",
        "sender_name": "Acme",
        "sender_email": "billing@acme.example.com",
        "owner_phone": "+4930123456",
        "owner_email": "owner@acme.example.com",
        "support_email": "",
        "support_phone": "",
        "notices": {"payment_received": ["a@example.com", "b@example.com"]},
        "return_origins": ["https://crm.example", "http://localhost:3000"],
        "invoice_number_pattern": "RE-{year}-{seq:04}",
    }
    answer = client.patch("/api/tenant", json=wanted, headers=manager)
    assert answer.status_code == 200, answer.text
    settings = read(client, manager)
    assert {name: settings[name] for name in wanted} == wanted
    assert settings["revision"] == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timezone", "Mars/Olympus"),
        ("currency", "usd"),
        ("currency", "XXZ"),
        ("name", "  "),
        ("name", "a\x00b"),
        ("logo_url", "javascript:alert(1)"),
        ("owner_email", "nobody"),
        ("owner_phone", "12"),
        ("return_origins", ["https://crm.example/path"]),
        ("return_origins", ["http://crm.example"]),
        ("return_origins", ["https://crm.example@evil.example"]),
        ("return_origins", "https://crm.example"),
        ("invoice_number_pattern", "INV-{year}"),
        ("invoice_number_pattern", "INV-{seq}-{seq}"),
        ("invoice_number_pattern", "INV-{seq"),
        ("invoice_number_pattern", "{seq.__class__}"),
        ("invoice_number_pattern", "{seq:>99999999}"),
        ("invoice_number_pattern", "{secret}{seq}"),
        ("notices", {"payment_received": ["nobody"]}),
        ("revision", "1"),
        ("next_invoice_seq", 1),
        ("nonsense", 1),
    ],
)
def test_setting_that_makes_no_sense_is_refused_by_name(
    client: FlaskClient, business: Business, field: str, value: object
) -> None:
    manager = business.bearer("manager")
    answer = client.patch("/api/tenant", json={field: value}, headers=manager)
    assert answer.status_code == 422, answer.text
    assert answer.json is not None
    assert answer.json["code"] == "validation_failed"
    assert answer.json["errors"][0]["field"].partition(".")[0] == field
    assert read(client, manager)["revision"] == 1


def test_change_on_an_outdated_reading_is_refused(client: FlaskClient, business: Business) -> None:
    manager = business.bearer("manager")
    assert client.patch("/api/tenant", json={"name": "First", "revision": 1}, headers=manager).status_code == 200
    late = client.patch("/api/tenant", json={"name": "Late", "revision": 1}, headers=manager)
    assert late.status_code == 409
    assert read(client, manager)["name"] == "First"


def test_change_is_in_the_audit_log_with_before_after_and_request(client: FlaskClient, business: Business) -> None:
    owner = business.bearer()
    client.patch("/api/tenant", json={"name": "New"}, headers={**owner, "X-Request-Id": "req-audit-1"})
    listed = client.get("/api/audit-log?action=tenant.changed", headers=owner)
    assert listed.json is not None
    (entry,) = listed.json["data"]
    assert entry["details"] == {"before": {"name": business.name}, "after": {"name": "New"}}
    assert (entry["actor_kind"], entry["request_id"]) == ("api_key", "req-audit-1")


def test_change_to_the_same_writes_nothing(client: FlaskClient, business: Business) -> None:
    owner = business.bearer()
    client.patch("/api/tenant", json={"name": business.name}, headers=owner)
    listed = client.get("/api/audit-log?action=tenant.changed", headers=owner)
    assert listed.json is not None
    assert listed.json["data"] == []


def test_audit_log_is_for_owners_and_shows_one_tenant_page_by_page(
    client: FlaskClient, business: Business, other_business: Business
) -> None:
    owner = business.bearer()
    for number in range(5):
        client.patch("/api/tenant", json={"name": f"Name {number}"}, headers=owner)
    client.patch("/api/tenant", json={"name": "Theirs"}, headers=other_business.bearer())
    assert client.get("/api/audit-log", headers=business.bearer("manager")).status_code == 403
    names, cursor, pages = [], "", 0
    while True:
        page = client.get(f"/api/audit-log?action=tenant.changed&limit=2{cursor}", headers=owner).json
        assert page is not None
        names += [entry["details"]["after"]["name"] for entry in page["data"]]
        pages += 1
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert names == [f"Name {number}" for number in (4, 3, 2, 1, 0)]
    assert pages == 3
