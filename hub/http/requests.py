"""What every request gets: an id, a log context, a size limit, security headers."""

from __future__ import annotations

import re
import secrets

import structlog
from flask import Flask, g, request
from werkzeug.wrappers import Response as BaseResponse

from hub.config import Settings

REQUEST_ID_HEADER = "X-Request-Id"
SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
BODY_LIMIT_BYTES = 1_000_000
MACHINE_PATHS = ("/healthz", "/readyz", "/metrics")
HSTS_SECONDS = 365 * 24 * 3600

# form-action lets a form's answer redirect on to a provider's or an identity provider's page: browsers apply it to the whole
# chain of redirects, whose hosts are the provider's affair. Scripts and styles come from this origin only, none inline.
CONTENT_SECURITY_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: https:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self' https:",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}


def wants_page() -> bool:
    """Whether a person's browser is to get HTML. Below /api/ only who asks for HTML and not for JSON."""
    if request.path in MACHINE_PATHS:
        return False
    accepted = request.accept_mimetypes
    html, json = accepted["text/html"], max(accepted["application/json"], accepted["application/problem+json"])
    if request.path.startswith("/api/"):
        return "text/html" in accepted.values() and html > 0 and "application/json" not in accepted.values()
    return not accepted or (html > 0 and html >= json)


def install(app: Flask, settings: Settings) -> None:
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = BODY_LIMIT_BYTES
    policy = dict(CONTENT_SECURITY_POLICY)
    if not settings.secure_cookies:
        # The twins and a CRM under development speak plain HTTP on this machine.
        policy["form-action"] += " http://localhost:* http://127.0.0.1:*"
    policy_header = "; ".join(f"{name} {value}" for name, value in policy.items())

    @app.before_request
    def _begin() -> None:
        given = request.headers.get(REQUEST_ID_HEADER, "")
        g.request_id = given if SAFE_REQUEST_ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def _finish(response: BaseResponse) -> BaseResponse:
        headers = response.headers
        headers[REQUEST_ID_HEADER] = g.get("request_id", "")
        headers.setdefault("Content-Security-Policy", policy_header)
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        if settings.secure_cookies:
            headers.setdefault("Strict-Transport-Security", f"max-age={HSTS_SECONDS}")
        if request.endpoint is None or not request.endpoint.endswith("static"):
            headers.setdefault("Cache-Control", "no-store")
        return response

    @app.teardown_request
    def _forget(_: BaseException | None) -> None:
        structlog.contextvars.clear_contextvars()
