"""GoCardless's failures into ours: {"error": {"type", "request_id", "errors": [{"reason" or "field", ...}], ...}}."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

import httpx
import orjson

from providers.errors import (
    CursorExpired,
    IntegrationRevoked,
    OutcomeUnknown,
    PermissionMissing,
    ProviderError,
    RateLimited,
    RecordNotFound,
    Rejected,
    Transient,
)


class Intent(Enum):
    """What the failed request was for: it decides what an unclear answer means."""

    READ = "read"
    CONTINUE = "continue"  # a list, from a cursor on
    CREATE = "create"  # keyed: a second time it answers with what was made
    REPEATABLE = "repeatable"  # a PUT, a DELETE: done twice is done once
    ONCE = "once"  # without a key, or a code that works once


class AlreadyMade(ProviderError):
    """This key has made a record before. Stays within the adapter."""

    def __init__(self, id: str) -> None:
        super().__init__("This key has made a record before.")
        self.id = id


# Nothing has left this machine when these are raised.
NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
LAY_TEXTS = {
    "mandate_is_inactive": "The client's bank debit mandate is no longer active: ask for a new one.",
    "available_refund_amount_insufficient": "There is not enough money on the GoCardless balance for this refund.",
    "total_amount_confirmation_invalid": "Other refunds of this payment were made meanwhile: look at them, then try again.",
    "cancellation_failed": "It is too late to cancel this.",
    "invalid_grant": "GoCardless did not accept the connection code: it may have been used or be too old.",
}


def translate(problem: httpx.Response | httpx.HTTPError, intent: Intent) -> ProviderError:
    """Our error for an answer that is not a good one, or for none."""
    if isinstance(problem, NOTHING_SENT):
        return Transient("GoCardless could not be reached.")
    if isinstance(problem, httpx.HTTPError):
        return _unclear("The connection to GoCardless broke before its answer was complete.", intent, None)
    status, error = problem.status_code, _error(problem)
    named = error.get("request_id") or problem.headers.get("x-request-id")
    request_id = str(named) if named else None
    if status == 429:
        return RateLimited("GoCardless asks us to slow down.", retry_after_seconds=_wait(problem), request_id=request_id)
    if status >= 500 or status < 400 or not error:
        return _unclear("GoCardless has a problem of its own at the moment.", intent, request_id)
    if "oauth" in error:
        return _refused(error["oauth"], None, request_id)
    if status == 401:
        return IntegrationRevoked("GoCardless no longer lets us into this account: connect it again.", request_id=request_id)
    if status == 403:
        return PermissionMissing("The connection lacks a permission at GoCardless for this.", request_id=request_id)
    if status in (404, 410) and intent is not Intent.CREATE:
        return RecordNotFound("GoCardless does not have this record.", request_id=request_id)
    if intent is Intent.CONTINUE:  # all else about the list was accepted for its first page
        return CursorExpired("GoCardless no longer continues this list.", request_id=request_id)
    first = _first(error)
    made = (first.get("links") or {}).get("conflicting_resource_id")
    if first.get("reason") == "idempotent_creation_conflict" and made:
        return AlreadyMade(str(made))
    return _refused(str(first.get("reason") or error.get("type") or "")[:60], first.get("field"), request_id)


def _refused(code: str, field: Any, request_id: str | None) -> Rejected:
    where = str(field)[:60] if field else None
    text = LAY_TEXTS.get(code) or f"GoCardless refused this ({code}{', ' + where if where else ''})."
    return Rejected(text, code=code or None, field=where, request_id=request_id)


def _error(answer: httpx.Response) -> dict[str, Any]:
    """The error object; {} for what is not GoCardless's JSON. OAuth names only a word: {"oauth": word}."""
    try:
        error = orjson.loads(answer.content)["error"]
    except (ValueError, TypeError, KeyError):
        return {}
    return error if isinstance(error, dict) else {"oauth": str(error)[:60]}


def _first(error: dict[str, Any]) -> dict[str, Any]:
    errors = error.get("errors")
    return errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}


def _unclear(detail: str, intent: Intent, request_id: str | None) -> ProviderError:
    if intent is Intent.ONCE:
        return OutcomeUnknown(f"{detail} Whether it was done is not known.", request_id=request_id)
    return Transient(detail, request_id=request_id)


def _wait(answer: httpx.Response) -> float | None:
    """RateLimit-Reset is a date; None where it is missing (GoCardless docs: rate limiting)."""
    try:
        reset, now = (parsedate_to_datetime(answer.headers[name]) for name in ("ratelimit-reset", "date"))
    except (KeyError, ValueError):
        return None
    return max((reset - now).total_seconds(), 0.0)
