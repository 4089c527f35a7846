"""API keys, members and connect links over HTTP."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from apiflask import APIBlueprint, APIFlask
from flask import Blueprint
from flask.testing import FlaskClient
from sqlalchemy import update

from hub import clock, db
from hub.http import current, require
from hub.identity import api, sessions
from hub.models import Tenant
from hub.web import sign_in
from tests.hub.apps import Business


@pytest.fixture
def blueprints() -> list[Blueprint]:
    probe = APIBlueprint("probe", __name__)

    @probe.get("/probe")
    @require("manager", limited="connect")
    def page() -> dict[str, Any]:
        caller = current()
        return {"tenant_id": caller.tenant_id, "external_user": caller.external_user, "actor_kind": caller.actor_kind}

    @probe.get("/probe/inside")
    @require("viewer")
    def inside() -> str:
        return "inside"

    return [api.blueprint, sign_in.blueprint, probe]


@pytest.fixture
def crm(client: FlaskClient, business: Business) -> dict[str, str]:
    """A CRM's key, for a tenant that lets browsers return to the CRM."""
    with db.tenant_session(business.tenant_id) as session:
        session.execute(update(Tenant).where(Tenant.id == business.tenant_id).values(return_origins=["https://crm.example"]))
    return business.bearer("manager")


def test_made_key_works_and_is_kept_only_as_a_hash(
    client: FlaskClient, business: Business, sql: psycopg.Connection[tuple[object, ...]]
) -> None:
    made = client.post("/api/api-keys", json={"name": "CRM", "role": "viewer"}, headers=business.bearer())
    assert made.status_code == 201
    assert made.json is not None
    key = made.json["key"]
    assert re.fullmatch(rf"ph_{made.json['prefix']}_[\w-]{{43}}", key)
    assert client.get("/probe/inside", headers={"Authorization": f"Bearer {key}"}).text == "inside"
    kept = sql.execute("SELECT row_to_json(k)::text FROM api_keys k WHERE prefix = %s", (made.json["prefix"],)).fetchall()
    assert key.rpartition("_")[2] not in str(kept)
    assert key not in str(sql.execute("SELECT details FROM audit_log").fetchall())


def test_listing_keys_shows_no_secret_and_when_used(client: FlaskClient, business: Business) -> None:
    headers = business.bearer()
    listed = client.get("/api/api-keys", headers=headers)
    assert listed.json is not None
    row = listed.json["data"][0]
    assert set(row) == {"id", "name", "prefix", "role", "created_at", "last_used_at", "revoked_at"}
    assert row["last_used_at"] is not None


def test_last_use_is_written_at_most_once_a_minute(client: FlaskClient, business: Business) -> None:
    headers = business.bearer()

    def last_used() -> str:
        listed = client.get("/api/api-keys", headers=headers)
        assert listed.json is not None
        return str(listed.json["data"][0]["last_used_at"])

    first = last_used()
    assert last_used() == first
    clock.advance(timedelta(seconds=61))
    assert last_used() > first


def test_key_of_another_tenant_cannot_be_revoked(client: FlaskClient, business: Business, other_business: Business) -> None:
    made = client.post("/api/api-keys", json={"name": "theirs"}, headers=other_business.bearer())
    assert made.json is not None
    key_id = made.json["id"]
    assert client.delete(f"/api/api-keys/{key_id}", headers=business.bearer()).status_code == 404
    assert client.get("/probe/inside", headers={"Authorization": f"Bearer {made.json['key']}"}).status_code == 200


def test_manager_makes_no_keys(client: FlaskClient, business: Business) -> None:
    assert client.post("/api/api-keys", json={"name": "x"}, headers=business.bearer("manager")).status_code == 403


def test_member_is_added_changed_and_removed(client: FlaskClient, business: Business) -> None:
    owner = business.bearer()
    made = client.post("/api/members", json={"email": "New@Example.com", "role": "viewer"}, headers=owner)
    assert made.status_code == 201
    assert made.json is not None
    assert made.json["email"] == "new@example.com"
    url = f"/api/members/{made.json['user_id']}"
    assert client.post("/api/members", json={"email": "new@example.com", "role": "owner"}, headers=owner).status_code == 409
    changed = client.patch(url, json={"role": "manager"}, headers=owner)
    assert changed.json is not None
    assert changed.json["role"] == "manager"
    assert client.delete(url, headers=owner).status_code == 204
    assert client.delete(url, headers=owner).status_code == 404


def test_member_added_again_under_the_same_key_is_answered_as_the_first_time(client: FlaskClient, business: Business) -> None:
    headers = {**business.bearer(), "Idempotency-Key": "add-ada"}
    body = {"email": "ada@example.com", "role": "viewer"}
    first, again = (client.post("/api/members", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json


def test_members_are_paged_by_address(client: FlaskClient, business: Business) -> None:
    owner = business.bearer()
    for letter in "cab":
        business.add_person("viewer", f"{letter}@page{business.tenant_id}.example")
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        page = client.get(f"/api/members?limit=1{cursor}", headers=owner).get_json()
        seen += [member["email"][0] for member in page["data"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert (seen, page["has_more"]) == (["a", "b", "c"], False)
    assert client.get("/api/members?limit=abc", headers=owner).status_code == 422


def test_last_owner_can_neither_leave_nor_step_down(client: FlaskClient, business: Business) -> None:
    person = business.add_person("owner")
    owner, url = business.bearer(), f"/api/members/{person.user_id}"
    for answer in (client.delete(url, headers=owner), client.patch(url, json={"role": "viewer"}, headers=owner)):
        assert answer.status_code == 409
        assert answer.json is not None
        assert answer.json["code"] == "last_owner"


def test_members_of_another_tenant_are_not_there(client: FlaskClient, business: Business, other_business: Business) -> None:
    person = other_business.add_person("owner")
    other_business.add_person("owner")
    owner, url = business.bearer(), f"/api/members/{person.user_id}"
    assert client.patch(url, json={"role": "viewer"}, headers=owner).status_code == 404
    assert client.delete(url, headers=owner).status_code == 404
    listed = client.get("/api/members", headers=owner)
    assert listed.json is not None
    assert listed.json["data"] == []


def connect_link(client: FlaskClient, crm: dict[str, str], **body: Any) -> str:
    made = client.post(
        "/api/connect-sessions", json={"user": "anna", "return_url": "https://crm.example/back?x=1", **body}, headers=crm
    )
    assert made.status_code == 201, made.text
    assert made.json is not None
    return str(made.json["url"]).partition("127.0.0.1:8000")[2]


def test_crm_user_arrives_by_link_with_a_limited_session_and_goes_back(
    client: FlaskClient, crm: dict[str, str], business: Business, app: APIFlask
) -> None:
    browser = app.test_client()
    arrived = browser.get(connect_link(client, crm))
    assert (arrived.status_code, arrived.location) == (303, "/integrations")
    assert browser.get("/probe").json == {
        "tenant_id": business.tenant_id,
        "external_user": "anna",
        "actor_kind": "connect_session",
    }
    assert browser.get("/probe/inside").status_code == 403
    back = browser.get("/connect/return")
    assert (back.status_code, back.location) == (303, "https://crm.example/back?x=1")
    assert browser.get("/probe").location.startswith("/sign-in")


def test_connect_link_works_once_and_for_ten_minutes(client: FlaskClient, crm: dict[str, str], app: APIFlask) -> None:
    link = connect_link(client, crm)
    assert app.test_client().get(link).status_code == 303
    assert app.test_client().get(link).status_code == 410
    late = connect_link(client, crm)
    clock.advance(timedelta(minutes=10, seconds=1))
    assert app.test_client().get(late).status_code == 410


def test_limited_session_ends_after_an_hour(client: FlaskClient, crm: dict[str, str], app: APIFlask) -> None:
    browser = app.test_client()
    browser.get(connect_link(client, crm))
    clock.advance(sessions.LIMITED_LIMIT + timedelta(seconds=1))
    assert browser.get("/probe").status_code == 303


@pytest.mark.parametrize(
    "return_url",
    [
        "https://evil.example/",
        "https://crm.example.evil.example/",
        "https://crm.example@evil.example/",
        "https://evil.example\\@crm.example/",
        "http://crm.example/",
        "https://crm.example:444/",
        "//crm.example/",
        "javascript:alert(1)//https://crm.example",
        "https://crm.example\n.evil.example/",
    ],
)
def test_return_page_off_the_list_is_refused(client: FlaskClient, crm: dict[str, str], return_url: str) -> None:
    answer = client.post("/api/connect-sessions", json={"user": "anna", "return_url": return_url}, headers=crm)
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["errors"][0]["field"] == "return_url"


def test_origin_taken_off_the_list_meanwhile_is_not_returned_to(
    client: FlaskClient, crm: dict[str, str], business: Business, app: APIFlask
) -> None:
    browser = app.test_client()
    browser.get(connect_link(client, crm))
    with db.tenant_session(business.tenant_id) as session:
        session.execute(update(Tenant).where(Tenant.id == business.tenant_id).values(return_origins=[]))
    assert browser.get("/connect/return").status_code == 403


@pytest.mark.parametrize("body", [{}, {"user": "anna", "contact_id": 1}, {"user": ""}, {"contact_id": "1"}, {"contact_id": 1.5}])
def test_connect_session_for_nobody_or_two_is_refused(client: FlaskClient, crm: dict[str, str], body: dict[str, Any]) -> None:
    answer = client.post("/api/connect-sessions", json={**body, "return_url": "https://crm.example/"}, headers=crm)
    assert answer.status_code == 422


def test_contact_of_nobody_is_404(client: FlaskClient, crm: dict[str, str]) -> None:
    body = {"contact_id": 987654321, "return_url": "https://crm.example/"}
    assert client.post("/api/connect-sessions", json=body, headers=crm).status_code == 404


def test_viewers_key_and_signed_in_person_make_no_links(client: FlaskClient, crm: dict[str, str], business: Business) -> None:
    body = {"user": "anna", "return_url": "https://crm.example/"}
    assert client.post("/api/connect-sessions", json=body, headers=business.bearer("viewer")).status_code == 403
    with db.system_session() as session:
        client.set_cookie("payhub_signin", sessions.start(session, business.add_person("owner").user_id))
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/tenants").text)
    assert token
    answer = client.post("/api/connect-sessions", json=body, headers={"X-CSRF-Token": token.group(1)})
    assert answer.status_code == 403
    assert answer.json is not None
    assert answer.json["code"] == "api_key_needed"
