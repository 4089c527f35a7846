"""Bodies of API calls are JSON, or refused as such: a form or a text must not pass for an empty object."""

from __future__ import annotations

from flask import Flask, current_app, request

from hub.http.access import access_of
from hub.http.problems import Problem

WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


def install(app: Flask) -> None:
    """After access.install. Public views (signed webhooks) read their bodies themselves."""
    app.before_request(_check)


def _check() -> None:
    if request.endpoint is None or request.method not in WITH_BODY or not request.path.startswith("/api/"):
        return
    access = access_of(current_app.view_functions[request.endpoint])
    if access is None or access.kind == "public":
        return
    if (request.content_length or request.headers.get("Transfer-Encoding")) and not request.is_json:
        raise Problem(415, "unsupported_media_type", "Unsupported media type", "Send the body as application/json.")
    if request.is_json:
        try:
            request.get_json(silent=True)  # kept by the request, so the view does not read it again
        except RecursionError as error:
            raise Problem(400, "bad_request", "Bad request", "The JSON is nested too deeply.") from error
