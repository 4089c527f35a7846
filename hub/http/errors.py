"""The one handler that makes every error of a request a problem document, or a page for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from apiflask import HTTPError
from flask import Flask, Response, g, render_template
from flask_limiter import RateLimitExceeded
from jinja2 import TemplateError
from markupsafe import escape
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from hub.http.problems import Problem
from hub.http.requests import wants_page
from providers.errors import (
    Declined,
    IntegrationRevoked,
    OutcomeUnknown,
    PermissionMissing,
    ProviderError,
    RateLimited,
    RecordNotFound,
    Rejected,
    Transient,
    VersionConflict,
)

RETRY_AFTER_SECONDS = 5
STORAGE_FULL = frozenset({"53100", "58030", "XX000"})  # disk full, input/output error, and a file that may not grow

# status -> code, title, what to do where the exception's own words do not help
HTTP_PROBLEMS: Mapping[int, tuple[str, str, str]] = {
    400: ("bad_request", "Bad request", "The request cannot be read. Check its form and its JSON."),
    404: ("not_found", "Not found", "There is nothing at this address. Check the id and the address."),
    405: ("method_not_allowed", "Method not allowed", "This address does not take this method; see the Allow header."),
    406: ("not_acceptable", "Not acceptable", "None of the media types that the Accept header names can be given."),
    408: ("request_timeout", "The request took too long", "The rest of the request did not arrive. Send it again."),
    413: ("too_large", "Too large", "The body is larger than this address takes. Send less at once."),
    415: ("unsupported_media_type", "Unsupported media type", "Send the body as application/json."),
    429: ("too_many_requests", "Too many requests", "Wait before trying again; see the Retry-After header."),
}
# provider's error -> status, code, title; the first that fits
PROVIDER_PROBLEMS: tuple[tuple[type[ProviderError], int, str, str], ...] = (
    (RateLimited, 503, "provider_busy", "The payment provider asks us to wait"),
    (Transient, 503, "provider_unavailable", "The payment provider cannot be reached"),
    (OutcomeUnknown, 503, "outcome_unknown", "It is not known yet whether this happened"),
    (IntegrationRevoked, 409, "reconnect_needed", "The connection has ended"),
    (PermissionMissing, 409, "permission_missing", "The connection lacks a permission"),
    (VersionConflict, 409, "version_conflict", "Changed meanwhile"),
    (RecordNotFound, 404, "provider_record_not_found", "Not found at the payment provider"),
    (Declined, 402, "payment_declined", "The payment was declined"),
    (Rejected, 422, "provider_refused", "The payment provider refused this"),
)

log = structlog.get_logger(__name__)


def install(app: Flask) -> None:
    app.register_error_handler(Exception, answer)
    # APIFlask installs a handler for its own class, which would be the nearer one.
    app.register_error_handler(HTTPError, answer)
    app.register_error_handler(HTTPException, answer)


def answer(error: Exception) -> BaseResponse:
    """The response for any exception. Unexpected ones are logged with the request id; their text stays in the log."""
    if isinstance(error, HTTPException) and error.code is not None and error.code < 400:
        return error.get_response()  # a redirect to the address with its slash
    problem = problem_of(error)
    if problem.status >= 500 and not isinstance(error, Problem):
        if problem.code == "internal_error":
            log.error("request_failed", exc_info=error)
        else:
            log.warning("request_not_served", problem=problem.code, error=type(error).__name__)
    if wants_page():
        return page(problem)
    return problem.json_response(g.get("request_id", ""))


def problem_of(error: Exception) -> Problem:
    """What an exception means to the caller."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in STORAGE_FULL:
        detail = "The database has no room, so nothing was changed; what is stored is safe. Try again later."
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS * 12)}
        return Problem(503, "storage_full", "We cannot store anything at the moment", detail, headers=headers)
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        return Problem(
            503,
            "database_unavailable",
            "We cannot reach our database",
            "Nothing was lost and nothing was changed. Try again in a moment.",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )
    if isinstance(error, DataError | UnicodeEncodeError):
        detail = "A value has a form that cannot be stored. Check numbers for their size and text for control characters."
        return Problem(422, "unstorable_value", "The request is not valid", detail)
    if isinstance(error, ProviderError):
        return _provider_problem(error)
    if isinstance(error, HTTPError):
        return _validation_problem(error)
    if isinstance(error, HTTPException) and error.code is not None:
        return _http_problem(error)
    detail = "This is a fault of ours, and it was noted. Try again; if it stays, give the request id to support."
    return Problem(500, "internal_error", "Something went wrong", detail)


def page(problem: Problem) -> Response:
    """The problem as a page; a bare one when the template itself cannot be rendered."""
    fields = {
        "status": problem.status,
        "title": problem.title,
        "detail": problem.detail or problem.title,
        "code": problem.code,
        "errors": problem.errors,
        "request_id": g.get("request_id", ""),
    }
    try:
        text = render_template("error.html", **fields)
    except (TemplateError, OperationalError, InterfaceError, PoolTimeout):
        log.exception("error_page_failed")
        text = (
            f"<!doctype html><html lang=en><title>{escape(problem.title)}</title><h1>{escape(problem.title)}</h1>"
            f"<p>{escape(fields['detail'])}<p>Request id: {escape(fields['request_id'])}"
        )
    return Response(text, problem.status, headers=problem.headers, mimetype="text/html")


def _http_problem(error: HTTPException) -> Problem:
    status = error.code or 500
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After", "WWW-Authenticate")}
    if isinstance(error, RateLimitExceeded) and error.limit is not None:
        headers["Retry-After"] = str(error.limit.limit.get_expiry())  # the whole window: enough whenever it began
    if status in HTTP_PROBLEMS:
        code, title, detail = HTTP_PROBLEMS[status]
    elif status < 500:
        code, title, detail = "request_refused", error.name, "The request cannot be served as it is."
    else:
        code, title, detail = "unavailable", error.name, "Try again in a moment."
    return Problem(status, code, title, detail, headers=headers)


def _provider_problem(error: ProviderError) -> Problem:
    for kind, status, code, title in PROVIDER_PROBLEMS:
        if isinstance(error, kind):
            headers = {}
            if status == 503:
                seconds = getattr(error, "retry_after_seconds", None)
                headers["Retry-After"] = str(max(1, round(seconds)) if seconds else RETRY_AFTER_SECONDS)
            return Problem(status, code, title, error.detail, headers=headers)
    return Problem(502, "provider_failed", "The payment provider gave no usable answer", error.detail)


def _validation_problem(error: HTTPError) -> Problem:
    status = error.status_code
    if not isinstance(error.detail, Mapping) or not error.detail:
        code, title, detail = HTTP_PROBLEMS.get(status, ("request_refused", str(error.message), "The request is refused."))
        return Problem(status, code, title, detail)
    errors = [each for location in error.detail.values() for each in _flat("", location)]
    named = ", ".join(dict.fromkeys(each["field"] for each in errors if each["field"]))
    detail = f"Mend these fields and send it again: {named}." if named else errors[0]["message"]
    return Problem(status, "validation_failed", "The request is not valid", detail, errors=errors)


def _flat(path: str, found: Any) -> Iterator[dict[str, str]]:
    """marshmallow's nested messages as {field, message}, with fields such as `items.0.amount`."""
    if isinstance(found, Mapping):
        for key, inner in found.items():
            yield from _flat(path if key == "_schema" else f"{path}.{key}" if path else str(key), inner)
    elif isinstance(found, list | tuple):
        for inner in found:
            yield from _flat(path, inner)
    else:
        yield {"field": path, "message": str(found)}
