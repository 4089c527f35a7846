"""Square's error body: a list of category, code, detail and field under an HTTP status."""

from typing import Any

INVALID_REQUEST = "INVALID_REQUEST_ERROR"
AUTHENTICATION = "AUTHENTICATION_ERROR"
PAYMENT_METHOD = "PAYMENT_METHOD_ERROR"
REFUND = "REFUND_ERROR"


class ApiFailure(Exception):
    """An answer other than 2xx. `beside` is what stands next to `errors` in the body, as the FAILED payment does."""

    def __init__(self, status: int, *errors: dict[str, str], beside: dict[str, Any] | None = None) -> None:
        super().__init__(errors)
        self.status = status
        self.errors = list(errors)
        self.beside = beside or {}

    def body(self) -> dict[str, Any]:
        return {"errors": self.errors, **self.beside}


def problem(category: str, code: str, detail: str, field: str | None = None) -> dict[str, str]:
    entry = {"category": category, "code": code, "detail": detail}
    return {**entry, "field": field} if field else entry


def invalid(code: str, detail: str, field: str | None = None, *, status: int = 400) -> ApiFailure:
    return ApiFailure(status, problem(INVALID_REQUEST, code, detail, field))


def bad_request(detail: str, field: str | None = None) -> ApiFailure:
    return invalid("BAD_REQUEST", detail, field)


def missing(field: str) -> ApiFailure:
    return invalid("MISSING_REQUIRED_PARAMETER", f"Missing required parameter. `{field}` must be set.", field)


def not_found(what: str, record_id: str, field: str | None = None) -> ApiFailure:
    return invalid("NOT_FOUND", f"{what} with ID `{record_id}` not found.", field, status=404)


def unauthorized(code: str = "UNAUTHORIZED", detail: str = "This request could not be authorized.") -> ApiFailure:
    return ApiFailure(401, problem(AUTHENTICATION, code, detail))


def forbidden(code: str, detail: str) -> ApiFailure:
    return ApiFailure(403, problem(AUTHENTICATION, code, detail))
