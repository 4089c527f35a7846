"""How Square words the faults that tests switch on."""

from wsgiref.types import WSGIEnvironment

import orjson
from werkzeug.wrappers import Response

from providers.sandbox.core.faults import FaultKind, FaultRule
from providers.sandbox.square.errors import INVALID_REQUEST, problem
from providers.sandbox.square.http import rate_limited
from providers.sandbox.square.settings import Settings

TOLD, TOLD_SECONDS = "retry_after", 1
"""A rate limit with this reason says when to come again; a plan by seed may draw from reasons."""
SERVER_CODES = {502: "BAD_GATEWAY", 503: "SERVICE_UNAVAILABLE", 504: "GATEWAY_TIMEOUT"}


def render(rule: FaultRule, environ: WSGIEnvironment, settings: Settings) -> Response:
    """429, 409 (or 400 VERSION_MISMATCH by `reason`) and 5xx; the OAuth endpoints have a form of their own."""
    if rule.kind is FaultKind.RATE_LIMITED:
        body = _limited(environ, settings)
        response = _answer(429, body)
    elif rule.kind is FaultKind.CONFLICT and rule.reason == "VERSION_MISMATCH":
        detail = "Object version does not match latest database version."
        response = _answer(400, {"errors": [problem(INVALID_REQUEST, "VERSION_MISMATCH", detail, "version")]})
    elif rule.kind is FaultKind.CONFLICT:
        detail = "The record was changed at the same time."
        response = _answer(409, {"errors": [problem(INVALID_REQUEST, "CONFLICT", detail)]})
    else:
        status = rule.status or 500
        code = SERVER_CODES.get(status, "INTERNAL_SERVER_ERROR")
        response = _answer(status, {"errors": [problem("API_ERROR", code, "An internal error has occurred.")]})
    seconds = rule.retry_after if rule.retry_after is not None else TOLD_SECONDS if rule.reason == TOLD else None
    if seconds is not None:
        response.headers["Retry-After"] = str(seconds)
    return response


def _limited(environ: WSGIEnvironment, settings: Settings) -> dict[str, object]:
    """The token endpoint has been seen to answer in the old form. Source: Square's developer forum, thread 3338."""
    if environ.get("PATH_INFO", "").startswith("/oauth2") and settings.oauth_error_form == "v1":
        return {"message": "Too many requests", "type": "TOO_MANY_REQUESTS"}
    return {"errors": rate_limited().errors}


def _answer(status: int, body: dict[str, object]) -> Response:
    return Response(orjson.dumps(body), status, content_type="application/json")
