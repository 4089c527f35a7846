"""Idempotency keys, rate limits and switched-on faults of the Stripe twin."""

import threading
import time
from typing import Any

import httpx
import pytest
import stripe

from tests.providers.sandbox.receiver import wait_until
from tests.providers.sandbox.stripe.conftest import BAKERY, Platform


def count(platform: Platform) -> int:
    return len(platform.v1.customers.list({"limit": 100}, platform.as_bakery).data)


def test_same_key_replays_the_first_answer_and_makes_one_record(platform: Platform) -> None:
    first = platform.post("/v1/customers", {"name": "A"}, Idempotency_Key="k")
    second = platform.post("/v1/customers", {"name": "A"}, Idempotency_Key="k")
    assert second.content == first.content
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert count(platform) == 1


def test_same_key_with_other_parameters_or_path_is_an_idempotency_error(platform: Platform) -> None:
    platform.post("/v1/customers", {"name": "A"}, Idempotency_Key="k")
    for answer in (
        platform.post("/v1/customers", {"name": "B"}, Idempotency_Key="k"),
        platform.post("/v1/payment_intents", {"name": "A"}, Idempotency_Key="k"),
    ):
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "idempotency_error")
        assert "code" not in answer.json()["error"]


def test_refused_parameters_leave_the_key_unused(platform: Platform) -> None:
    assert platform.post("/v1/customers", {"nme": "A"}, Idempotency_Key="k").status_code == 400
    assert platform.post("/v1/customers", {"name": "A"}, Idempotency_Key="k").status_code == 200


def test_declined_card_is_replayed_too(platform: Platform) -> None:
    data = {"amount": "500", "currency": "usd", "confirm": "true", "payment_method": "pm_card_visa_chargeDeclined"}
    first = platform.post("/v1/payment_intents", data, Idempotency_Key="k")
    second = platform.post("/v1/payment_intents", data, Idempotency_Key="k")
    assert (first.status_code, second.status_code) == (402, 402)
    assert second.headers["Idempotent-Replayed"] == "true"


def test_keys_of_two_accounts_are_apart_and_a_day_old_key_is_new(platform: Platform) -> None:
    platform.post("/v1/customers", {"name": "A"}, Idempotency_Key="k")
    account = platform.control("accounts", name="Other", connect=True)
    other = platform.post("/v1/customers", {"name": "B"}, Idempotency_Key="k", Stripe_Account=account["account_id"])
    assert other.status_code == 200
    platform.control("clock", advance_seconds=86401)
    platform.post("/v1/customers", {"name": "A"}, Idempotency_Key="k")
    assert count(platform) == 2


def test_key_in_flight_is_a_conflict(platform: Platform) -> None:
    platform.control("faults", kind="slow", seconds=0.6, method="POST", path="/v1/customers")
    answers: list[httpx.Response] = []
    slow = threading.Thread(target=lambda: answers.append(platform.post("/v1/customers", {"name": "A"}, Idempotency_Key="k")))
    slow.start()
    wait_until(lambda: count(platform) == 1)
    conflict = platform.post("/v1/customers", {"name": "A"}, Idempotency_Key="k")
    assert (conflict.status_code, conflict.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    slow.join()
    assert answers[0].status_code == 200
    assert count(platform) == 1


def test_server_error_after_the_effect_is_stored_and_replayed_for_ever(platform: Platform) -> None:
    platform.control("faults", kind="server_error_after", method="POST", path="/v1/customers")
    first = platform.post("/v1/customers", {"name": "A"}, Idempotency_Key="k")
    second = platform.post("/v1/customers", {"name": "A"}, Idempotency_Key="k")
    assert (first.status_code, second.status_code) == (500, 500)
    assert count(platform) == 1
    assert platform.post("/v1/customers", {"name": "A"}, Idempotency_Key="k2").status_code == 200


def test_server_error_before_the_effect_changes_nothing(platform: Platform) -> None:
    platform.control("faults", kind="server_error", method="POST", path="/v1/customers", reason="no_retry")
    answer = platform.post("/v1/customers", {"name": "A"})
    assert (answer.status_code, answer.json()["error"]["type"], answer.headers["Stripe-Should-Retry"]) == (
        500,
        "api_error",
        "false",
    )
    assert count(platform) == 0


def test_dropped_connection_comes_after_the_effect(platform: Platform) -> None:
    platform.control("faults", kind="dropped", method="POST", path="/v1/customers")
    with pytest.raises(httpx.RemoteProtocolError):
        platform.post("/v1/customers", {"name": "A"}, Idempotency_Key="k")
    assert count(platform) == 1
    assert platform.post("/v1/customers", {"name": "A"}, Idempotency_Key="k").headers["Idempotent-Replayed"] == "true"
    logged = platform.http.get("/_twin/requests", params={"path": "/v1/customers", "method": "POST"}).json()["requests"]
    assert [(entry["status"], entry["fault"]) for entry in logged] == [(None, "dropped"), (200, None)]
    assert logged[0]["idempotency_key"] == "k"


@pytest.mark.parametrize(
    "reason", ["global-rate", "endpoint-rate", "global-concurrency", "endpoint-concurrency", "resource-specific"]
)
def test_rate_limit_fault_names_its_reason(platform: Platform, reason: str) -> None:
    platform.control("faults", kind="rate_limited", path="/v1/customers*", times=1, reason=reason)
    with pytest.raises(stripe.RateLimitError) as caught:
        platform.v1.customers.list({}, platform.as_bakery)
    assert caught.value.headers is not None
    assert caught.value.headers["Stripe-Rate-Limited-Reason"] == reason
    assert platform.v1.customers.list({}, platform.as_bakery).data == []


def test_lock_timeout_has_no_reason_and_no_request_id(platform: Platform) -> None:
    platform.control("faults", kind="rate_limited", path="/v1/customers", reason="lock_timeout")
    answer = platform.post("/v1/customers", {"name": "A"})
    assert (answer.status_code, answer.json()["error"]["code"], answer.headers["Stripe-Should-Retry"]) == (
        429,
        "lock_timeout",
        "true",
    )
    assert "Request-Id" not in answer.headers
    assert "Stripe-Rate-Limited-Reason" not in answer.headers


def test_documented_limits_stop_the_26th_request_of_a_second(platform: Platform) -> None:
    platform.control("settings", rate_limits={"per_endpoint": 5})
    statuses = [platform.post("/v1/customers", {"name": "A"}).status_code for _ in range(12)]
    assert statuses[:5] == [200] * 5
    assert 429 in statuses
    assert platform.post("/v1/payment_intents", {"amount": "500", "currency": "usd"}).status_code == 200
    assert platform.control("settings", rate_limits="documented")["rate_limits"]["global_test"] == 25


def test_html_error_and_broken_body_are_not_json(platform: Platform) -> None:
    platform.control("faults", kind="html_error", path="/v1/account")
    answer = platform.http.get("/v1/account", headers={"Authorization": "Bearer x"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    platform.control("faults", kind="broken_body", path="/v1/customers")
    with pytest.raises(ValueError, match=r"JSON|Unterminated|Expecting|delimiter"):
        platform.post("/v1/customers", {"name": "A"}).json()
    assert count(platform) == 1


def test_fault_is_matched_on_account_skips_and_can_be_removed(platform: Platform) -> None:
    platform.control("faults", kind="conflict", account="acct_other", times=None)
    platform.control("faults", kind="conflict", account=BAKERY, skip=1, times=None)
    statuses = [platform.post("/v1/customers", {"name": "A"}).status_code for _ in range(3)]
    assert statuses == [200, 409, 409]
    platform.http.delete("/_twin/faults")
    assert platform.post("/v1/customers", {"name": "A"}).status_code == 200
    wrong = platform.http.post("/_twin/faults", json={"kind": "earthquake"})
    assert wrong.status_code == 400


def test_slow_answer_is_slow(platform: Platform) -> None:
    platform.control("faults", kind="slow", seconds=0.3, path="/v1/customers")
    began = time.monotonic()
    platform.post("/v1/customers", {"name": "A"})
    assert time.monotonic() - began >= 0.3


def test_many_threads_writing_lose_nothing(platform: Platform) -> None:
    def work(number: int) -> None:
        for index in range(10):
            answers.append(platform.post("/v1/customers", {"name": f"{number}-{index}"}).status_code)

    answers: list[int] = []
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 80
    page: Any = platform.v1.customers.list({"limit": 100}, platform.as_bakery)
    assert len({customer.name for customer in page.data}) == 80
