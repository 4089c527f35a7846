"""Rate limits, on Redis and without it."""

from __future__ import annotations

from collections import Counter

import redis
from flask.testing import FlaskClient

from hub.config import Settings
from hub.http import create_app
from tests.hub.apps import boot
from tests.hub.http.probe import Probe
from tests.whole_run.answers import searched


def post_webhooks(client: FlaskClient, count: int) -> Counter[int]:
    return Counter(client.post("/api/probe/webhook", data=b"x").status_code for _ in range(count))


def test_failed_signatures_past_the_limit_are_429_as_a_problem(client: FlaskClient) -> None:
    assert post_webhooks(client, 60) == {400: 60}
    answer = client.post("/api/probe/webhook", data=b"x")
    assert answer.status_code == 429
    assert answer.json is not None
    assert answer.json["code"] == "too_many_requests"
    assert answer.headers["Retry-After"] == "60"


def test_verified_deliveries_are_never_limited(client: FlaskClient) -> None:
    post_webhooks(client, 61)
    assert Counter(client.post("/api/probe/good-webhook", data=b"x").status_code for _ in range(200)) == {200: 200}


def test_processes_share_their_counts_in_redis(
    settings: Settings, database_url: str, redis_url: str, empty_redis: redis.Redis
) -> None:
    boot(settings, database_url, redis_url)
    assert post_webhooks(searched(create_app(settings, [Probe().blueprint])).test_client(), 40) == {400: 40}
    assert post_webhooks(searched(create_app(settings, [Probe().blueprint])).test_client(), 40) == {400: 20, 429: 20}
    names = b" ".join(empty_redis.keys("*"))  # type: ignore[arg-type]
    assert b"payhub:limit" in names


def test_lost_redis_gives_no_500_and_limits_go_on(settings: Settings, database_url: str) -> None:
    boot(settings, database_url, "redis://127.0.0.1:1/0")
    assert post_webhooks(searched(create_app(settings, [Probe().blueprint])).test_client(), 70) == {400: 60, 429: 10}
