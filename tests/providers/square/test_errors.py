from collections.abc import Mapping
from typing import Any

import httpx
import orjson
import pytest
from square.core.api_error import ApiError

from providers import errors
from providers.square.errors import Intent, translate


def answer(
    status: int, *, code: str = "", category: str = "INVALID_REQUEST_ERROR", headers: Mapping[str, str] | None = None, **more: Any
) -> httpx.Response:
    body = {"errors": [{"category": category, "code": code, **more}]}
    return httpx.Response(status, content=orjson.dumps(body), headers=headers)


@pytest.mark.parametrize(
    ("status", "code", "intent", "expected"),
    [
        (401, "UNAUTHORIZED", Intent.READ, errors.CredentialsExpired),
        (401, "ACCESS_TOKEN_EXPIRED", Intent.READ, errors.CredentialsExpired),
        (401, "ACCESS_TOKEN_REVOKED", Intent.READ, errors.IntegrationRevoked),
        (401, "CLIENT_DISABLED", Intent.CREATE, errors.IntegrationRevoked),
        (403, "INSUFFICIENT_SCOPES", Intent.READ, errors.PermissionMissing),
        (403, "FORBIDDEN", Intent.CREATE, errors.PermissionMissing),
        (403, "MERCHANT_SUBSCRIPTION_NOT_FOUND", Intent.CREATE, errors.Rejected),
        (404, "NOT_FOUND", Intent.READ, errors.RecordNotFound),
        (410, "GONE", Intent.UNKEYED, errors.RecordNotFound),
        (404, "CUSTOMER_NOT_FOUND", Intent.CREATE, errors.Rejected),
        (400, "VERSION_MISMATCH", Intent.UNKEYED, errors.VersionConflict),
        (409, "CONFLICT", Intent.KEYED, errors.VersionConflict),
        (409, "", Intent.UNKEYED, errors.VersionConflict),
        (400, "INVALID_CURSOR", Intent.READ, errors.CursorExpired),
        (422, "INVALID_VALUE", Intent.CREATE, errors.Rejected),
        (400, "IDEMPOTENCY_KEY_REUSED", Intent.CREATE, errors.Rejected),
        (429, "RATE_LIMITED", Intent.CREATE, errors.RateLimited),
        (500, "INTERNAL_SERVER_ERROR", Intent.READ, errors.Transient),
        (503, "SERVICE_UNAVAILABLE", Intent.CREATE, errors.Transient),
        (503, "SERVICE_UNAVAILABLE", Intent.UNKEYED, errors.OutcomeUnknown),
        (504, "GATEWAY_TIMEOUT", Intent.EXCHANGE, errors.OutcomeUnknown),
    ],
)
def test_answer_becomes_the_error_that_says_what_to_do(status: int, code: str, intent: Intent, expected: type[Exception]) -> None:
    assert type(translate(answer(status, code=code), intent)) is expected


def test_dead_cursor_under_a_general_code_is_known_by_its_field() -> None:
    assert isinstance(translate(answer(400, code="BAD_REQUEST", field="cursor"), Intent.READ), errors.CursorExpired)


@pytest.mark.parametrize("status", [400, 402])
def test_declined_card_is_declined_under_either_status(status: int) -> None:
    problem = translate(answer(status, code="CVV_FAILURE", category="PAYMENT_METHOD_ERROR"), Intent.CREATE)
    assert isinstance(problem, errors.Declined)
    assert (problem.code, problem.detail) == ("CVV_FAILURE", "The card's security code does not match.")


def test_card_that_wants_its_holder_needs_action() -> None:
    problem = translate(answer(400, code="CARD_DECLINED_VERIFICATION_REQUIRED", category="PAYMENT_METHOD_ERROR"), Intent.CREATE)
    assert isinstance(problem, errors.ActionRequired)


def test_refusal_for_a_missing_email_says_so() -> None:
    refused = answer(400, code="BAD_REQUEST", field="invoice.primary_recipient.customer_id", detail="Payer email is required")
    assert "no email address" in translate(refused, Intent.KEYED).detail


def test_refusal_never_repeats_what_was_sent() -> None:
    refused = answer(400, code="INVALID_EMAIL_ADDRESS", detail="ada@secret.example is not valid", headers={"x-request-id": "r-1"})
    problem = translate(refused, Intent.CREATE)
    assert "secret" not in f"{problem} {problem!r}"
    assert problem.request_id == "r-1"
    assert "r-1" in str(problem)


def test_wait_is_taken_from_the_answer_in_seconds_or_as_a_date() -> None:
    limited = translate(answer(429, headers={"retry-after": "7"}), Intent.READ)
    assert isinstance(limited, errors.RateLimited)
    assert (limited.retry_after_seconds, limited.scope) == (7.0, "account")
    dated = {"retry-after": "Sat, 21 Nov 2026 09:00:30 GMT", "date": "Sat, 21 Nov 2026 09:00:00 GMT"}
    later = translate(answer(429, headers=dated), Intent.READ)
    assert isinstance(later, errors.RateLimited)
    assert later.retry_after_seconds == 30.0
    unnamed = translate(answer(429), Intent.REFRESH)
    assert isinstance(unnamed, errors.RateLimited)
    assert (unnamed.retry_after_seconds, unnamed.scope) == (None, "application")


@pytest.mark.parametrize(
    ("intent", "expected"), [(Intent.EXCHANGE, errors.Rejected), (Intent.REFRESH, errors.IntegrationRevoked)]
)
@pytest.mark.parametrize(
    "body",
    [
        {"message": "Not Authorized", "type": "service.not_authorized"},
        {"errors": [{"category": "AUTHENTICATION_ERROR", "code": "UNAUTHORIZED", "detail": "no"}]},
    ],
)
def test_both_forms_of_oauth_errors_are_read(body: dict[str, Any], intent: Intent, expected: type[Exception]) -> None:
    assert type(translate(httpx.Response(401, content=orjson.dumps(body)), intent)) is expected
    assert type(translate(ApiError(status_code=401, headers={}, body=body), intent)) is expected


def test_old_form_of_the_rate_limit_is_read() -> None:
    body = orjson.dumps({"message": "slow down", "type": "TOO_MANY_REQUESTS"})
    assert isinstance(translate(httpx.Response(400, content=body), Intent.REFRESH), errors.RateLimited)


@pytest.mark.parametrize("problem", [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.PoolTimeout("x")])
@pytest.mark.parametrize("intent", list(Intent))
def test_what_never_left_us_is_transient(problem: Exception, intent: Intent) -> None:
    assert type(translate(problem, intent)) is errors.Transient


@pytest.mark.parametrize(
    "problem",
    [
        httpx.ReadTimeout("x"),
        httpx.RemoteProtocolError("x"),
        httpx.ReadError("x"),
        httpx.Response(200, content=b'{"customer": {"id'),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(400, content=b"<html>"),
        ApiError(status_code=200, headers={}, body="<html>"),
        ValueError("x"),
    ],
)
def test_lost_or_broken_answer_is_unknown_only_where_no_key_protects(problem: Exception | httpx.Response) -> None:
    expected = {
        Intent.READ: errors.Transient,
        Intent.CREATE: errors.Transient,
        Intent.KEYED: errors.Transient,
        Intent.REFRESH: errors.Transient,
        Intent.UNKEYED: errors.OutcomeUnknown,
        Intent.EXCHANGE: errors.OutcomeUnknown,
    }
    assert {intent: type(translate(problem, intent)) for intent in Intent} == expected
