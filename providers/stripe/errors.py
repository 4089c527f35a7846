"""Stripe's refusals into ours, in one place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import stripe

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

# Nothing was sent yet: the request may be repeated whatever it is.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_NEEDS_PAYER = frozenset(["authentication_required", "invoice_payment_intent_requires_action"])
_CURSOR_PARAMETERS = frozenset(["starting_after", "ending_before"])
_SCOPES = {"global-rate": "account", "global-concurrency": "account"}
_KEY_LIKE = re.compile(r"\b(?:sk|rk|pk|whsec)_[A-Za-z0-9_*]+")
_DETAIL_MAX_CHARS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What was asked, as far as the meaning of a failure depends on it.

    `keyed`: an idempotency key went along. `creating`: the path named no record of its own, so that a missing one can only
    be a parameter. `own_key`: the account's own pasted key was used, not the platform's.
    """

    writing: bool = False
    keyed: bool = False
    creating: bool = False
    own_key: bool = False


def translate_no_answer(problem: httpx.HTTPError, asking: Asking) -> ProviderError:
    """No complete answer came. A keyed write may be repeated under its key; an unkeyed one may have happened."""
    if isinstance(problem, _NEVER_SENT):
        return Transient("Stripe could not be reached; nothing was sent. It will be tried again.")
    if asking.writing and not asking.keyed:
        return OutcomeUnknown("The connection to Stripe was lost before its answer; the change may have been made.")
    return Transient("Stripe did not answer in time. It will be tried again.")


def translate_sdk(problem: stripe.StripeError, asking: Asking) -> ProviderError:
    body = problem.json_body
    return translate(
        problem.http_status or 0,
        body if isinstance(body, dict) else None,
        {str(name).lower(): str(value) for name, value in (problem.headers or {}).items()},
        asking,
    )


def parsed(content: bytes) -> dict[str, Any] | None:
    """The JSON object of an answer, None if it is not one."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


def translate(status: int, body: dict[str, Any] | None, headers: Mapping[str, str], asking: Asking) -> ProviderError:
    """An answer that is no success, or a success that cannot be read, into what the caller does next.

    `body` is None where it was not a JSON object; `headers` with lower-case names. Stripe docs: api/errors, error-low-level.
    """
    request_id = headers.get("request-id")
    error = body.get("error") if body else None
    if not isinstance(error, dict) or status < 400:
        return _unreadable(status, request_id, asking)
    code = _text(error.get("code"))
    if status == 429 or code in ("rate_limit", "lock_timeout"):
        return _too_fast(code, headers, request_id)
    if status == 409:
        return Transient("Stripe is still working on the same request. It will be tried again.", request_id=request_id)
    if status >= 500 or status == 424:
        return _stripe_fault(request_id, asking)
    if status in (401, 403):
        return _no_entry(status, code, request_id, asking)
    return _refused(status, error, code, request_id, asking)


def _unreadable(status: int, request_id: str | None, asking: Asking) -> ProviderError:
    detail = f"Stripe's answer (HTTP {status}) could not be read."
    if status == 429:
        return RateLimited(detail, request_id=request_id)
    if asking.writing:
        return OutcomeUnknown(f"{detail} The change may have been made.", request_id=request_id)
    return Transient(f"{detail} It will be tried again.", request_id=request_id)


def _stripe_fault(request_id: str | None, asking: Asking) -> ProviderError:
    # A 500 under a key is stored and replayed for ever (Stripe docs: api/idempotent_requests), so the key is spent.
    if asking.writing:
        return OutcomeUnknown("Stripe failed while making the change; it may have been made.", request_id=request_id)
    return Transient("Stripe has a problem of its own. It will be tried again.", request_id=request_id)


def _too_fast(code: str | None, headers: Mapping[str, str], request_id: str | None) -> RateLimited:
    if code == "lock_timeout":
        return RateLimited(
            "Stripe is busy with this very object.", retry_after_seconds=1.0, scope="endpoint", request_id=request_id
        )
    scope = _SCOPES.get(headers.get("stripe-rate-limited-reason", "global-rate"), "endpoint")
    try:
        retry_after = float(headers["retry-after"])
    except (KeyError, ValueError):
        retry_after = None
    return RateLimited("Stripe asks us to slow down.", retry_after_seconds=retry_after, scope=scope, request_id=request_id)


def _no_entry(status: int, code: str | None, request_id: str | None, asking: Asking) -> ProviderError:
    if status == 403 and code != "account_invalid":
        return PermissionMissing(
            "Stripe does not permit this with the present connection; reconnect with full access.", request_id=request_id
        )
    if status == 403 or asking.own_key:
        return IntegrationRevoked("Stripe no longer lets us into this account; connect it again.", request_id=request_id)
    # Our own key was refused: that says nothing about the tenant's connection, so its work must wait, not end.
    return Transient("Stripe refused the platform's own key; the operator must check STRIPE_SECRET_KEY.", request_id=request_id)


def _refused(status: int, error: dict[str, Any], code: str | None, request_id: str | None, asking: Asking) -> ProviderError:
    detail = lay_text(error.get("message")) or "Stripe refused the request."
    parameter = _text(error.get("param"))
    decline = _text(error.get("decline_code"))
    if code in _NEEDS_PAYER or decline == "authentication_required":
        return ActionRequired(
            "The payer's bank asks for confirmation.", next_url=_next_url(error), code=code, request_id=request_id
        )
    if status == 402 or error.get("type") == "card_error":
        return Declined(detail, code=decline or code, request_id=request_id)
    if error.get("type") == "idempotency_error":
        return Rejected(
            "This idempotency key was used before with other content.", code="idempotency_error", request_id=request_id
        )
    if code == "resource_missing" and parameter in _CURSOR_PARAMETERS:
        return CursorExpired("The list changed where we had stopped; it must be read again.", request_id=request_id)
    if status == 404 and not asking.creating:
        return RecordNotFound("Stripe has no such record.", request_id=request_id)
    return Rejected(detail, code=code or _text(error.get("type")), field=parameter, request_id=request_id)


def _next_url(error: dict[str, Any]) -> str | None:
    intent = error.get("payment_intent")
    action = intent.get("next_action") if isinstance(intent, dict) else None
    redirect = action.get("redirect_to_url") if isinstance(action, dict) else None
    return _text(redirect.get("url")) if isinstance(redirect, dict) else None


def lay_text(message: object) -> str:
    """Stripe's sentence, shortened, with anything that looks like a key taken out."""
    return _KEY_LIKE.sub("(key)", str(message))[:_DETAIL_MAX_CHARS] if message else ""


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
