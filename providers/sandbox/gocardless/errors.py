"""Refusals in GoCardless's shape."""

import secrets
from typing import Any

import orjson
from werkzeug.wrappers import Response

DOCUMENTATION = "https://developer.gocardless.com/api-reference#"


class Refused(Exception):
    """Answered as {"error": ...}. `entry`: its one entry under `errors`, {"reason", ...} or {"field", "message"}."""

    def __init__(self, status: int, error_type: str, message: str, **entry: Any) -> None:
        super().__init__(message)
        self.status, self.error_type, self.message, self.entry = status, error_type, message, entry


def invalid(field: str, message: str) -> Refused:
    return Refused(422, "validation_failed", message, field=field, request_pointer=f"/{field}")


def wrong_state(reason: str, message: str) -> Refused:
    return Refused(422, "invalid_state", message, reason=reason)


def misused(status: int, reason: str, message: str) -> Refused:
    return Refused(status, "invalid_api_usage", message, reason=reason)


def not_found() -> Refused:
    return misused(404, "resource_not_found", "Resource not found")


def answer_of(refused: Refused) -> Response:
    request_id = secrets.token_hex(16)
    error = {
        "message": refused.message,
        "errors": [{"message": refused.message, **refused.entry}],
        "documentation_url": DOCUMENTATION + str(refused.entry.get("reason", refused.error_type)),
        "type": refused.error_type,
        "request_id": request_id,
        "code": refused.status,
    }
    answer = Response(orjson.dumps({"error": error}), refused.status, content_type="application/json")
    answer.headers["X-Request-Id"] = request_id
    return answer
