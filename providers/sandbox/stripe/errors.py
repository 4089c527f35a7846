"""Stripe's error bodies (Stripe docs: api/errors)."""

from collections.abc import Mapping
from typing import Any

DOC_URL = "https://stripe.com/docs/error-codes/"
ACCOUNT_INVALID = (
    "The provided key '{key}' does not have access to account '{account}' (or that account does not exist). "
    "Application access may have been revoked."
)


class ApiError(Exception):
    """An answer of status >= 400.

    executed: False when the request was refused before anything ran, so that its idempotency key stays unused.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        executed: bool = True,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.executed = executed
        self.headers = dict(headers or {})
        self.error: dict[str, Any] = {}
        if code is not None:
            self.error |= {"code": code, "doc_url": DOC_URL + code.replace("_", "-")}
        self.error |= {"message": message} | ({"param": param} if param else {})
        self.error |= dict(extra or {})
        self.error["type"] = kind

    def body(self, request_id: str) -> dict[str, Any]:
        url = f"https://dashboard.stripe.com/test/logs/{request_id}"
        return {"error": {**self.error, "request_log_url": url} if self.status in (400, 402, 404) else self.error}


def refused(message: str, *, code: str | None = None, param: str | None = None) -> ApiError:
    """A parameter that fails validation: nothing ran."""
    return ApiError(400, message, code=code, param=param, executed=False)


def wrong_state(message: str, code: str | None = None, **extra: Any) -> ApiError:
    """The object is not in a state that allows this."""
    return ApiError(400, message, code=code, extra=extra)


def no_such(noun: str, object_id: str, *, param: str = "id", other_mode: str | None = None) -> ApiError:
    """404 for an unknown id; other_mode: `live` or `test` when a similar object exists there."""
    hint = ""
    if other_mode is not None:
        this_mode = "test" if other_mode == "live" else "live"
        hint = f"; a similar object exists in {other_mode} mode, but a {this_mode} mode key was used to make this request."
    return ApiError(404, f"No such {noun}: '{object_id}'{hint}", code="resource_missing", param=param)


def card_error(message: str, *, code: str, decline_code: str | None = None, **extra: Any) -> ApiError:
    values = {"decline_code": decline_code} if decline_code else {}
    return ApiError(402, message, kind="card_error", code=code, extra={**values, **extra})
