"""Every error in one form, for programs and for people."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from hub.config import Settings
from hub.http import create_app
from tests.hub.apps import Business, boot, settings_for
from tests.hub.http.probe import Probe
from tests.whole_run.answers import searched

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    body = dict(answer.json)
    assert (body["status"], body["code"], body["type"]) == (status, code, f"urn:payhub:problem:{code}")
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == answer.headers["X-Request-Id"]
    return body


def test_unknown_api_route_is_a_problem_document(client: FlaskClient) -> None:
    problem(client.get("/api/nothing"), 404, "not_found")


def test_wrong_method_names_the_right_ones(client: FlaskClient) -> None:
    answer = client.delete("/healthz")
    problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


def test_unknown_page_is_a_page(client: FlaskClient) -> None:
    answer = client.get("/nothing", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert answer.headers["X-Request-Id"] in answer.text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": 1.5}, "amount"),
        ({"amount": 1.0}, "amount"),
        ({"amount": "1"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": None}, "amount"),
        ({"amount": 2**63}, "amount"),
        ({}, "amount"),
        ({"amount": 1, "nmae": "x"}, "nmae"),
        ({"amount": 1, "name": "x" * 21}, "name"),
        ({"amount": 1, "name": "a\x00b"}, "name"),
        ({"amount": 1, "name": "\ud800"}, "name"),
        ({"amount": float("nan")}, "amount"),
        ({"amount": 1, "lines": [{"amount": 1}, {"amount": 0.5}]}, "lines.1.amount"),
    ],
)
def test_refused_field_is_named(
    client: FlaskClient, business: Business, probe: Probe, body: dict[str, object], field: str
) -> None:
    answer = client.post("/api/probe/things", json=body, headers=business.bearer())
    found = problem(answer, 422, "validation_failed")
    assert [each["field"] for each in found["errors"]] == [field]
    assert field in found["detail"]
    assert probe.made == 0


@pytest.mark.parametrize("body", [b"{", b"", b'{"amount": 1', b"\xff\xfe", b"[1]", b"NaN", b"[" * 200_000])
def test_body_that_is_no_json_object_is_refused(client: FlaskClient, business: Business, probe: Probe, body: bytes) -> None:
    answer = client.post("/api/probe/things", data=body, content_type="application/json", headers=business.bearer())
    assert answer.status_code in (400, 422), answer.text
    assert answer.mimetype == "application/problem+json"
    assert probe.made == 0


def test_form_sent_to_the_api_is_415(client: FlaskClient, business: Business, probe: Probe) -> None:
    answer = client.post("/api/probe/things", data={"amount": "1"}, headers=business.bearer())
    problem(answer, 415, "unsupported_media_type")
    assert probe.made == 0


def test_body_over_the_limit_is_413(client: FlaskClient, business: Business, probe: Probe) -> None:
    body = {"amount": 1, "name": "x" * 1_000_001}
    problem(client.post("/api/probe/things", json=body, headers=business.bearer()), 413, "too_large")
    assert probe.made == 0


def test_id_beyond_the_database_is_404(client: FlaskClient, business: Business) -> None:
    headers = business.bearer("viewer")
    assert client.get(f"/api/probe/things/{2**63 - 1}", headers=headers).status_code == 200
    problem(client.get(f"/api/probe/things/{2**63}", headers=headers), 404, "not_found")


def test_bug_is_logged_with_its_request_and_tells_nothing(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = client.get("/api/probe/fault/bug", headers={"X-Request-Id": "req-bug-0001"})
    found = problem(answer, 500, "internal_error")
    assert "hunter2" not in answer.text
    assert found["request_id"] == "req-bug-0001"
    assert "req-bug-0001" in str([record.__dict__ for record in caplog.records])


def test_bug_behind_a_page_is_a_page(client: FlaskClient) -> None:
    answer = client.get("/probe/fault/bug", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("rate_limited", 503, "provider_busy"),
        ("revoked", 409, "reconnect_needed"),
        ("declined", 402, "payment_declined"),
        ("rejected", 422, "provider_refused"),
        ("problem", 409, "already_paid"),
        ("unstorable", 422, "unstorable_value"),
    ],
)
def test_known_trouble_has_its_own_code(client: FlaskClient, name: str, status: int, code: str) -> None:
    answer = client.get(f"/api/probe/fault/{name}")
    problem(answer, status, code)
    if status == 503:
        assert answer.headers["Retry-After"] == "7"


def test_program_asking_a_page_for_json_gets_json_and_a_browser_at_the_api_html(client: FlaskClient) -> None:
    assert client.get("/nothing", headers={"Accept": "application/json"}).mimetype == "application/problem+json"
    assert client.get("/api/nothing", headers=BROWSER).mimetype == "text/html"
    assert client.get("/api/nothing", headers={"Accept": "*/*"}).mimetype == "application/problem+json"


def test_lost_database_is_503_for_programs_and_people(client: FlaskClient, settings: Settings, probe: Probe) -> None:
    boot(settings, "postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    lost = searched(create_app(settings, [probe.blueprint])).test_client()
    key = "ph_abcdefghjk_" + "x" * 43
    answer = lost.get("/api/probe/clients", headers={"Authorization": f"Bearer {key}"})
    problem(answer, 503, "database_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    lost.set_cookie("payhub_signin", "whatever")
    page = lost.get("/probe/fault/problem", headers=BROWSER)
    assert (page.status_code, page.mimetype) == (503, "text/html")
    assert "We cannot reach our database" in page.text
    assert "127.0.0.1:1" not in page.text + answer.text


def test_every_answer_carries_the_security_headers(client: FlaskClient) -> None:
    for path in ("/healthz", "/nothing", "/api/nothing", "/api/docs", "/static/api_docs.js"):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "Strict-Transport-Security" not in headers


def test_https_adds_hsts_and_secure_cookies_bound_to_the_host(tmp_path: Path, database_url: str, probe: Probe) -> None:
    settings = settings_for(tmp_path, PAYHUB_BASE_URL="https://hub.example")
    boot(settings, database_url)
    answer = searched(create_app(settings, [probe.blueprint])).test_client().get("/api/docs")
    assert "max-age=" in answer.headers["Strict-Transport-Security"]
    assert "http://localhost" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("unsafe", ["short", "a" * 65, "with space and more", "new\tline-and-more"])
def test_request_id_is_echoed_if_safe_and_made_if_not(client: FlaskClient, unsafe: str) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": "crm-12345678"}).headers["X-Request-Id"] == "crm-12345678"
    made = client.get("/healthz", headers={"X-Request-Id": unsafe}).headers["X-Request-Id"]
    assert made != unsafe
    assert made.startswith("req_")


def test_forwarded_address_is_believed_only_from_a_configured_proxy(tmp_path: Path, database_url: str) -> None:
    for proxies, limited in (("0", True), ("1", False)):
        settings = settings_for(tmp_path, PAYHUB_TRUSTED_PROXIES=proxies)
        boot(settings, database_url)
        client = searched(create_app(settings, [Probe().blueprint])).test_client()
        codes = [
            client.post("/api/probe/webhook", headers={"X-Forwarded-For": f"10.0.0.{number}"}).status_code for number in range(61)
        ]
        assert (429 in codes) is limited
