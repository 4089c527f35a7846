"""Signing in by OpenID Connect against a real provider over HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from apiflask import APIBlueprint, APIFlask
from flask import Blueprint
from flask.testing import FlaskClient
from joserfc.jwk import OctKey, RSAKey

from hub import clock, db
from hub.config import Settings
from hub.http import current, require
from hub.models import User
from hub.web import sign_in
from tests.hub.apps import Business, settings_for
from tests.hub.identity.issuer import CLIENT_ID, CLIENT_SECRET, Issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.stop()


@pytest.fixture
def settings(tmp_path: Path, issuer: Issuer) -> Settings:
    oidc = {"ISSUER": issuer.url, "CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET}
    return settings_for(tmp_path, **{f"PAYHUB_OIDC_{name}": value for name, value in oidc.items()})


@pytest.fixture
def blueprints() -> list[Blueprint]:
    probe = APIBlueprint("probe", __name__)

    @probe.get("/probe")
    @require("viewer")
    def page() -> str:
        return str(current().user_id)

    return [sign_in.blueprint, probe]


def go_to_issuer(client: FlaskClient) -> str:
    """Presses the button; returns the issuer's page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/sign-in").text)
    assert found
    answer = client.post("/sign-in/oidc", data={"csrf_token": found.group(1), "next": "/probe"})
    assert answer.status_code == 303
    return answer.location


def come_back(issuer_page: str) -> str:
    """The issuer sends the browser back; returns path and query of our callback."""
    location = httpx.get(issuer_page, follow_redirects=False).headers["Location"]
    parts = urlsplit(location)
    return f"{parts.path}?{parts.query}"


def code_of(client: FlaskClient, path: str) -> tuple[int, str]:
    answer = client.get(path, headers={"Accept": "application/json"})
    return answer.status_code, answer.json["code"] if answer.json else ""


def test_person_with_a_verified_address_is_signed_in_and_linked(client: FlaskClient, business: Business, issuer: Issuer) -> None:
    person = business.add_person("manager", "verified@example.com")
    issuer.person = {"sub": "s-verified", "email": "Verified@Example.com", "email_verified": True}
    answer = client.get(come_back(go_to_issuer(client)))
    assert answer.status_code == 303
    assert answer.location == "/probe"
    assert client.get("/probe").text == str(person.user_id)
    with db.system_session() as session:
        user = session.get_one(User, person.user_id)
        assert (user.oidc_issuer, user.oidc_subject) == (issuer.url, "s-verified")


def test_linked_person_whose_address_changed_is_known_by_the_subject(
    client: FlaskClient, business: Business, issuer: Issuer, app: APIFlask
) -> None:
    person = business.add_person("manager", "before@example.com")
    issuer.person = {"sub": "s-moved", "email": "before@example.com", "email_verified": True}
    client.get(come_back(go_to_issuer(client)))
    issuer.person = {"sub": "s-moved", "email": "after@example.com", "email_verified": True}
    other = app.test_client()
    other.get(come_back(go_to_issuer(other)))
    assert other.get("/probe").text == str(person.user_id)


def test_unverified_address_signs_nobody_in(client: FlaskClient, business: Business, issuer: Issuer) -> None:
    business.add_person("owner", "unverified@example.com")
    issuer.person = {"sub": "s-fake", "email": "unverified@example.com", "email_verified": False}
    assert code_of(client, come_back(go_to_issuer(client))) == (403, "unknown_user")


def test_second_subject_claiming_a_linked_address_is_refused(
    client: FlaskClient, business: Business, issuer: Issuer, app: APIFlask
) -> None:
    business.add_person("owner", "taken@example.com")
    issuer.person = {"sub": "s-first", "email": "taken@example.com", "email_verified": True}
    client.get(come_back(go_to_issuer(client)))
    issuer.person = {"sub": "s-second", "email": "taken@example.com", "email_verified": True}
    other = app.test_client()
    assert code_of(other, come_back(go_to_issuer(other))) == (403, "other_identity")


def test_stranger_gets_no_account(client: FlaskClient, issuer: Issuer) -> None:
    issuer.person = {"sub": "s-stranger", "email": "stranger@example.com", "email_verified": True}
    assert code_of(client, come_back(go_to_issuer(client))) == (403, "unknown_user")


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-client"},
        {"iss": "https://evil.example"},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"sub": None},
        {"aud": [CLIENT_ID, "other"], "azp": "other"},
    ],
    ids=["nonce", "no-nonce", "audience", "issuer", "expired", "no-expiry", "no-subject", "other-party"],
)
def test_id_token_that_is_not_for_this_attempt_is_refused(
    client: FlaskClient, business: Business, issuer: Issuer, claims: dict[str, Any]
) -> None:
    business.add_person("owner", issuer.person["email"]) if not known(issuer.person["email"]) else None
    issuer.claims = claims
    assert code_of(client, come_back(go_to_issuer(client))) == (400, "bad_id_token")


def known(email: str) -> bool:
    with db.system_session() as session:
        return session.query(User).filter(User.email == email).count() > 0


def test_id_token_signed_by_another_key_is_refused(client: FlaskClient, issuer: Issuer) -> None:
    issuer.sign_with = RSAKey.generate_key(2048)
    assert code_of(client, come_back(go_to_issuer(client))) == (400, "bad_id_token")


def test_id_token_signed_with_our_own_secret_is_refused(client: FlaskClient, issuer: Issuer) -> None:
    issuer.sign_with, issuer.algorithm = OctKey.import_key(CLIENT_SECRET), "HS256"
    assert code_of(client, come_back(go_to_issuer(client))) == (400, "bad_id_token")


def test_issuer_with_a_new_key_is_followed(client: FlaskClient, business: Business, issuer: Issuer, app: APIFlask) -> None:
    business.add_person("viewer", "rotated@example.com")
    issuer.person = {"sub": "s-rotated", "email": "rotated@example.com", "email_verified": True}
    assert client.get(come_back(go_to_issuer(client))).status_code == 303
    issuer.renew_key()
    other = app.test_client()
    assert other.get(come_back(go_to_issuer(other))).status_code == 303


def test_answer_brought_by_another_browser_is_refused(client: FlaskClient, app: APIFlask) -> None:
    callback = come_back(go_to_issuer(client))
    assert code_of(app.test_client(), callback) == (400, "wrong_state")
    victim = app.test_client()
    go_to_issuer(victim)
    assert code_of(victim, callback) == (400, "wrong_state")


def test_answer_is_taken_once(client: FlaskClient, business: Business, issuer: Issuer) -> None:
    business.add_person("viewer", "once@example.com")
    issuer.person = {"sub": "s-once", "email": "once@example.com", "email_verified": True}
    page = go_to_issuer(client)
    cookie = client.get_cookie("payhub_oidc")
    assert cookie is not None
    callback = come_back(page)
    assert client.get(callback).status_code == 303
    client.set_cookie("payhub_oidc", cookie.value)
    assert code_of(client, callback)[0] == 400


def test_denied_and_late_answers_are_refused(client: FlaskClient) -> None:
    callback = come_back(go_to_issuer(client))
    state = callback.partition("state=")[2]
    assert code_of(client, f"/sign-in/oidc/callback?error=access_denied&state={state}") == (403, "denied")
    clock.advance(timedelta(minutes=11))
    assert code_of(client, callback) == (400, "attempt_expired")


def test_unreachable_issuer_is_said_with_a_way_out(client: FlaskClient, issuer: Issuer) -> None:
    issuer.stop()
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/sign-in").text)
    assert found
    answer = client.post("/sign-in/oidc", data={"csrf_token": found.group(1)})
    assert answer.status_code == 503
    assert "mailed link" in answer.text
