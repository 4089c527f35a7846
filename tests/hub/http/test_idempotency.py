"""Idempotency-Key on a POST."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from hub import clock
from tests.hub.apps import Business
from tests.hub.http.probe import Probe


def keyed(headers: dict[str, str], key: str | None = None) -> dict[str, str]:
    return {**headers, "Idempotency-Key": key or secrets.token_hex(8)}


def test_repeated_post_gets_the_first_answer_and_does_nothing(client: FlaskClient, business: Business, probe: Probe) -> None:
    headers = keyed(business.bearer())
    first = client.post("/api/probe/things", json={"amount": 5}, headers=headers)
    again = client.post("/api/probe/things", json={"amount": 5}, headers=headers)
    assert first.status_code == again.status_code == 201
    assert first.data == again.data
    assert again.location == "/api/probe/things/1"
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
    assert probe.made == 1


def test_post_without_a_key_is_done_each_time(client: FlaskClient, business: Business, probe: Probe) -> None:
    headers = business.bearer()
    for _ in range(2):
        client.post("/api/probe/things", json={"amount": 5}, headers=headers)
    assert probe.made == 2


def test_same_key_with_another_body_is_422(client: FlaskClient, business: Business, probe: Probe) -> None:
    headers = keyed(business.bearer())
    client.post("/api/probe/things", json={"amount": 5}, headers=headers)
    answer = client.post("/api/probe/things", json={"amount": 6}, headers=headers)
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["code"] == "idempotency_key_reused"
    assert probe.made == 1


def test_same_key_of_another_tenant_is_another_key(
    client: FlaskClient, business: Business, other_business: Business, probe: Probe
) -> None:
    for each in (business, other_business):
        client.post("/api/probe/things", json={"amount": 5}, headers=keyed(each.bearer(), "shared-key"))
    assert probe.made == 2


def test_repeat_while_the_first_runs_is_409_and_then_the_answer(app: APIFlask, business: Business, probe: Probe) -> None:
    headers = keyed(business.bearer())
    probe.hold = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: app.test_client().post("/api/probe/things", json={"amount": 5}, headers=headers))
        assert probe.entered.wait(20)
        early = app.test_client().post("/api/probe/things", json={"amount": 5}, headers=headers)
        probe.hold.set()
        done = first.result(20)
    assert early.status_code == 409
    assert early.json is not None
    assert early.json["code"] == "idempotency_key_busy"
    assert app.test_client().post("/api/probe/things", json={"amount": 5}, headers=headers).data == done.data
    assert probe.made == 1


def test_many_at_once_are_done_once(app: APIFlask, business: Business, probe: Probe) -> None:
    headers = keyed(business.bearer())
    with ThreadPoolExecutor(6) as pool:
        calls = [
            pool.submit(lambda: app.test_client().post("/api/probe/things", json={"amount": 5}, headers=headers).status_code)
            for _ in range(6)
        ]
        codes = {call.result(30) for call in calls}
    assert codes <= {201, 409}
    assert probe.made == 1


@pytest.mark.parametrize(("amount", "status"), [(-1, 422), (500, 500), (1.5, 422)])
def test_request_that_did_nothing_frees_its_key(
    client: FlaskClient, business: Business, probe: Probe, amount: object, status: int
) -> None:
    headers = keyed(business.bearer())
    assert client.post("/api/probe/things", json={"amount": amount}, headers=headers).status_code == status
    assert client.post("/api/probe/things", json={"amount": 5}, headers=headers).status_code == 201


def test_declined_payment_is_replayed_and_not_tried_again(client: FlaskClient, business: Business, probe: Probe) -> None:
    headers = keyed(business.bearer())
    answers = [client.post("/api/probe/things", json={"amount": 402}, headers=headers) for _ in range(2)]
    assert [each.status_code for each in answers] == [402, 402]
    assert answers[1].mimetype == "application/problem+json"
    assert probe.made == 1


def test_key_ends_after_a_day(client: FlaskClient, business: Business, probe: Probe) -> None:
    headers = keyed(business.bearer())
    client.post("/api/probe/things", json={"amount": 5}, headers=headers)
    clock.advance(timedelta(hours=24, seconds=1))
    client.post("/api/probe/things", json={"amount": 5}, headers=headers)
    assert probe.made == 2


@pytest.mark.parametrize("key", ["", "with space", "x" * 256])
def test_key_of_a_wrong_shape_is_refused(client: FlaskClient, business: Business, probe: Probe, key: str) -> None:
    answer = client.post("/api/probe/things", json={"amount": 5}, headers={**business.bearer(), "Idempotency-Key": key})
    assert answer.status_code == 422
    assert probe.made == 0


def test_viewer_with_a_key_is_still_refused(client: FlaskClient, business: Business, probe: Probe) -> None:
    assert client.post("/api/probe/things", json={"amount": 5}, headers=keyed(business.bearer("viewer"))).status_code == 403
    assert probe.made == 0
