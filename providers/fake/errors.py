"""What went wrong, in the words of providers.errors."""

from __future__ import annotations

from typing import Any

import orjson

from providers.errors import (
    ActionRequired,
    CredentialsExpired,
    CursorExpired,
    Declined,
    IntegrationRevoked,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    RecordNotFound,
    Rejected,
    Transient,
    VersionConflict,
)
from providers.fake.world.wire import Answer

BY_CODE: dict[str, type[ProviderError]] = {
    "token_expired": CredentialsExpired,
    "grant_revoked": IntegrationRevoked,
    "unauthorized": IntegrationRevoked,
    "version_conflict": VersionConflict,
    "not_found": RecordNotFound,
    "cursor_expired": CursorExpired,
}


def translate(answer: Answer | None, *, repeatable: bool) -> ProviderError:
    """The error for an answer that is not a success, or for no answer (None).

    `repeatable`: a read, or a write whose idempotency key is honoured. The fake keeps only successes under a key, so that
    even after a 500 the same key may be sent again (Stripe differs)."""
    if answer is None:
        if repeatable:
            return Transient("The fake provider did not answer. It will be asked again.")
        return OutcomeUnknown("The fake provider did not answer, so the change may have happened.")
    if answer.status == 429:
        return RateLimited(
            "The fake provider asks for fewer requests.",
            retry_after_seconds=answer.retry_after_seconds,
            request_id=answer.request_id,
        )
    error = error_of(answer)
    if answer.status >= 500 or error is None:
        if repeatable:
            return Transient("The fake provider has a problem. It will be asked again.", request_id=answer.request_id)
        return OutcomeUnknown("The fake provider failed, so the change may have happened.", request_id=answer.request_id)
    code, detail, field = str(error.get("code")), str(error.get("detail")), error.get("field")
    if code in BY_CODE:
        return BY_CODE[code](detail, request_id=answer.request_id)
    if code == "authentication_required":
        return ActionRequired(detail, code=code, request_id=answer.request_id)
    rejection = Declined if answer.status == 402 else Rejected
    return rejection(detail, code=code, field=field, request_id=answer.request_id)


def error_of(answer: Answer) -> dict[str, Any] | None:
    """The error object of an answer's body; None where the body is not the provider's JSON."""
    try:
        error = orjson.loads(answer.body)["error"]
    except (ValueError, TypeError, KeyError):
        return None
    return error if isinstance(error, dict) else None
