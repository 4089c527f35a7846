"""Every refusal of Stripe's becomes the error that says what to do next."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from providers.errors import (
    ActionRequired,
    CursorExpired,
    Declined,
    IntegrationRevoked,
    OutcomeUnknown,
    PermissionMissing,
    ProviderError,
    RateLimited,
    RecordNotFound,
    Rejected,
    Transient,
)
from providers.stripe.errors import Asking, translate, translate_no_answer

READ = Asking()
KEYED = Asking(writing=True, keyed=True)
UNKEYED = Asking(writing=True)
CREATE = Asking(writing=True, keyed=True, creating=True)
OWN_KEY = Asking(own_key=True)


def answer(status: int, asking: Asking = READ, headers: dict[str, str] | None = None, **error: Any) -> ProviderError:
    return translate(status, {"error": error}, {"request-id": "req_7"} | (headers or {}), asking)


@pytest.mark.parametrize(
    ("status", "asking", "error", "expected"),
    [
        (400, READ, {"code": "parameter_unknown", "param": "colour"}, Rejected),
        (400, KEYED, {"type": "idempotency_error"}, Rejected),
        (401, OWN_KEY, {"code": "api_key_expired"}, IntegrationRevoked),
        (401, READ, {"message": "Invalid API Key provided: sk_test_abc"}, Transient),
        (402, KEYED, {"type": "card_error", "code": "card_declined", "decline_code": "lost_card"}, Declined),
        (402, KEYED, {"type": "card_error", "code": "authentication_required"}, ActionRequired),
        (402, KEYED, {"type": "card_error", "code": "card_declined", "decline_code": "authentication_required"}, ActionRequired),
        (403, READ, {"code": "account_invalid"}, IntegrationRevoked),
        (403, READ, {"code": "more_permissions_required"}, PermissionMissing),
        (404, READ, {"code": "resource_missing", "param": "id"}, RecordNotFound),
        (404, CREATE, {"code": "resource_missing", "param": "customer"}, Rejected),
        (400, READ, {"code": "resource_missing", "param": "starting_after"}, CursorExpired),
        (409, KEYED, {"type": "idempotency_error", "code": "idempotency_key_in_use"}, Transient),
        (424, READ, {"type": "api_error"}, Transient),
        (429, READ, {"code": "rate_limit"}, RateLimited),
        (400, READ, {"code": "rate_limit"}, RateLimited),
        (429, KEYED, {"code": "lock_timeout"}, RateLimited),
        (500, READ, {"type": "api_error"}, Transient),
        (500, KEYED, {"type": "api_error"}, OutcomeUnknown),
        (503, KEYED, {"type": "api_error"}, OutcomeUnknown),
    ],
)
def test_a_refusal_becomes_what_to_do_next(status: int, asking: Asking, error: dict[str, Any], expected: type) -> None:
    problem = answer(status, asking, **error)
    assert type(problem) is expected
    assert problem.request_id == "req_7"


def test_a_rejection_names_code_and_field() -> None:
    problem = answer(400, code="amount_too_small", param="amount", message="Amount must be at least $0.50.")
    assert isinstance(problem, Rejected)
    assert (problem.code, problem.field, problem.detail) == ("amount_too_small", "amount", "Amount must be at least $0.50.")


def test_a_decline_names_the_banks_own_word() -> None:
    problem = answer(402, KEYED, type="card_error", code="card_declined", decline_code="insufficient_funds")
    assert isinstance(problem, Declined)
    assert problem.code == "insufficient_funds"


@pytest.mark.parametrize(
    ("reason", "scope"),
    [
        ("global-rate", "account"),
        ("endpoint-rate", "endpoint"),
        ("endpoint-concurrency", "endpoint"),
        ("resource-specific", "endpoint"),
    ],
)
def test_a_rate_limit_names_its_scope(reason: str, scope: str) -> None:
    problem = answer(429, headers={"stripe-rate-limited-reason": reason, "retry-after": "2"}, code="rate_limit")
    assert isinstance(problem, RateLimited)
    assert (problem.scope, problem.retry_after_seconds) == (scope, 2.0)


def test_no_key_ever_gets_into_a_message() -> None:
    problem = answer(400, message="Invalid key rk_live_51HsecretABC and whsec_abcdef in " + "x" * 1000)
    assert "secret" not in str(problem)
    assert "whsec_abcdef" not in str(problem)
    assert len(problem.detail) <= 300


@pytest.mark.parametrize("status", [200, 502])
def test_an_unreadable_answer_to_a_read_is_transient_and_to_a_write_unknown(status: int) -> None:
    assert type(translate(status, None, {}, READ)) is Transient
    assert type(translate(status, None, {}, KEYED)) is OutcomeUnknown


def test_what_was_never_sent_may_be_sent_again() -> None:
    for asking in (READ, KEYED, UNKEYED):
        assert type(translate_no_answer(httpx.ConnectError("refused"), asking)) is Transient
        assert type(translate_no_answer(httpx.ConnectTimeout("slow"), asking)) is Transient


def test_a_lost_answer_is_unknown_only_where_no_key_protects() -> None:
    lost = httpx.ReadTimeout("gone")
    assert type(translate_no_answer(lost, READ)) is Transient
    assert type(translate_no_answer(lost, KEYED)) is Transient
    assert type(translate_no_answer(lost, UNKEYED)) is OutcomeUnknown
