"""Who may call a view: marks on views, and the one place that checks them before any view runs."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast, overload
from urllib.parse import quote

from flask import Flask, current_app, g, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from hub.config import Settings
from hub.http.problems import Problem
from hub.http.requests import wants_page
from hub.identity import api_keys, sessions
from hub.identity.caller import Caller, Limit, Role
from hub.identity.sessions import SignedIn
from hub.identity.tokens import fresh_token

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SIGN_IN_PATH = "/sign-in"
CHOOSE_TENANT_PATH = "/tenants"
CSRF_FIELD = "csrf_token"
CSRF_HEADER = "X-CSRF-Token"

V = TypeVar("V", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Access:
    """What a view demands. `form`: a public view that is a browser's form, so CSRF is checked without a session too."""

    kind: Literal["public", "signed_in", "role"]
    role: Role | None = None
    limited: frozenset[Limit] = frozenset()
    form: bool = False


def require(role: Role, *, limited: Limit | None = None) -> Callable[[V], V]:
    """A caller with at least this role: by API key, or signed in (then with CSRF protection on unsafe methods).

    limited: connect sessions ("connect") or a contact's ("portal") may call it as well. Position among decorators is free."""
    if role not in ("viewer", "manager", "owner"):
        raise ValueError(f"{role!r} is no role")
    return _marker(Access("role", role, frozenset({limited} if limited else ())))


def signed_in(view: V) -> V:
    """A person with a full session, whether or not a tenant is chosen: `current_session()` tells who."""
    return _marker(Access("signed_in"))(view)


@overload
def public(view: V) -> V: ...
@overload
def public(*, form: bool) -> Callable[[V], V]: ...
def public(view: V | None = None, *, form: bool = False) -> V | Callable[[V], V]:
    """Anybody. `@public` for what proves itself (a signed webhook) or needs none; `@public(form=True)` for browsers' forms."""
    marker: Callable[[V], V] = _marker(Access("public", form=form))
    return marker(view) if view is not None else marker


def access_of(view: Callable[..., Any]) -> Access | None:
    """What a view demands; None where it was forgotten, and then nobody gets in."""
    return cast("Access | None", getattr(view, "__payhub_auth__", None))


def current() -> Caller:
    """Who calls, in a view marked with `require`."""
    caller = g.get("caller")
    if not isinstance(caller, Caller):
        raise RuntimeError("current() is for views marked with require(role)")
    return caller


def current_or_none() -> Caller | None:
    """Who calls, also in public views and templates; None for nobody or before a tenant is chosen."""
    return cast("Caller | None", g.get("caller"))


def current_session() -> SignedIn | None:
    """The browser's session, also in public views; None for an API key or nobody."""
    return cast("SignedIn | None", g.get("signed_in"))


def settings() -> Settings:
    return cast(Settings, current_app.extensions["payhub_settings"])


def install(app: Flask) -> None:
    app.before_request(_check)
    app.after_request(_set_visitor_cookie)
    app.context_processor(
        lambda: {
            "caller": current_or_none(),
            "signed_in": current_session(),
            "csrf_token": csrf_token,
            "request_id": g.get("request_id", ""),
        }
    )


def _marker(access: Access) -> Callable[[V], V]:
    def mark(view: V) -> V:
        view.__payhub_auth__ = access  # type: ignore[attr-defined]
        return view

    return mark


# --- checking -----------------------------------------------------------------------------------------------------------


def _check() -> BaseResponse | None:
    if request.endpoint is None or request.endpoint == "static" or request.endpoint.endswith(".static"):
        return None  # 404 and 405 come next; static files are public
    access = access_of(current_app.view_functions[request.endpoint])
    if access is None:
        raise RuntimeError(f"the view {request.endpoint} declares no access: mark it with require(role) or public")
    key_caller = _by_api_key(access)
    if key_caller is not None:
        g.caller = key_caller
    else:
        _by_session()
        if request.method not in SAFE_METHODS and (access.kind != "public" or access.form):
            _check_signed_in_for(access)
            _check_csrf()
    if access.kind == "public":
        return None
    return _admit(access)


def _by_api_key(access: Access) -> Caller | None:
    """Public views may use the header for something else, so it is not looked at there."""
    header = request.headers.get("Authorization")
    if header is None or access.kind == "public":
        return None
    scheme, _, presented = header.partition(" ")
    caller = api_keys.resolve(presented.strip()) if scheme.lower() == "bearer" else None
    if caller is None:
        raise _not_signed_in("This API key is unknown or revoked. Make a new one on the API keys page.", "invalid_api_key")
    return caller


def _by_session() -> None:
    token = request.cookies.get(session_cookie_name())
    found = sessions.resolve(token) if token else None
    if found is not None:
        g.signed_in = found
        g.caller = found.caller()


def _check_signed_in_for(access: Access) -> None:
    if access.kind != "public" and current_session() is None:
        raise _not_signed_in("Sign in, or send an API key as `Authorization: Bearer ph_…`.", "not_signed_in")


def _admit(access: Access) -> BaseResponse | None:
    session, caller = current_session(), current_or_none()
    if session is None and caller is None:
        if wants_page() and request.method in SAFE_METHODS:
            return redirect(f"{SIGN_IN_PATH}?next={quote(request.full_path.rstrip('?'), safe='')}", 303)
        raise _not_signed_in("Sign in, or send an API key as `Authorization: Bearer ph_…`.", "not_signed_in")
    if access.kind == "signed_in":
        if session is None or session.limited_to is not None:
            raise Problem(403, "person_needed", "For people only", "This needs a person who signed in, not a key or a link.")
        return None
    if caller is None:
        if wants_page() and request.method in SAFE_METHODS:
            return redirect(CHOOSE_TENANT_PATH, 303)
        raise Problem(403, "tenant_not_chosen", "No business chosen", "Choose the business to work in first, at /tenants.")
    if caller.limited_to is not None and caller.limited_to not in access.limited:
        raise Problem(403, "limited_session", "Not part of this link", "The link you came by does not reach this page. Sign in.")
    if access.role is not None and not caller.may(access.role):
        raise Problem(
            403,
            "role_too_low",
            "Your role does not allow this",
            f"This needs the role {access.role}; yours is {caller.role}. Ask an owner of the business.",
        )
    return None


def _not_signed_in(detail: str, code: str) -> Problem:
    return Problem(401, code, "Not signed in", detail, headers={"WWW-Authenticate": 'Bearer realm="payhub"'})


# --- cookies and CSRF ---------------------------------------------------------------------------------------------------


def session_cookie_name() -> str:
    # __Host- makes browsers refuse the cookie from any other host, path or plain HTTP; it needs Secure.
    return "__Host-payhub_signin" if settings().secure_cookies else "payhub_signin"


def visitor_cookie_name() -> str:
    return "__Host-payhub_visitor" if settings().secure_cookies else "payhub_visitor"


def put_session_cookie(response: BaseResponse, token: str, *, lives_for_seconds: int) -> None:
    _put_cookie(response, session_cookie_name(), token, lives_for_seconds)


def drop_session_cookie(response: BaseResponse) -> None:
    response.delete_cookie(session_cookie_name(), path="/", secure=settings().secure_cookies, httponly=True, samesite="Lax")


def _put_cookie(response: BaseResponse, name: str, value: str, lives_for_seconds: int | None) -> None:
    response.set_cookie(
        name, value, max_age=lives_for_seconds, path="/", secure=settings().secure_cookies, httponly=True, samesite="Lax"
    )


def csrf_token() -> str:
    """For a form's hidden field `csrf_token` or the header X-CSRF-Token: bound to the session, or to the visitor before one."""
    session = current_session()
    if session is not None:
        return _csrf_mac("session", session.token_hash)
    visitor = g.get("new_visitor") or request.cookies.get(visitor_cookie_name())
    if not visitor:
        visitor = g.new_visitor = fresh_token()
    return _csrf_mac("visitor", visitor.encode())


def _check_csrf() -> None:
    presented = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD) or ""
    session, visitor = current_session(), request.cookies.get(visitor_cookie_name())
    expected = ""
    if session is not None:
        expected = _csrf_mac("session", session.token_hash)
    elif visitor:
        expected = _csrf_mac("visitor", visitor.encode())
    if not expected or not hmac.compare_digest(presented.encode("utf-8", "replace"), expected.encode()):
        raise Problem(
            403,
            "csrf_failed",
            "This form is out of date",
            "The request did not come from a page of ours that is still valid. Load the page again and repeat.",
        )


def _csrf_mac(kind: str, bound_to: bytes) -> str:
    key = settings().secret_key.reveal().encode()
    return hmac.new(key, b"payhub csrf " + kind.encode() + b" " + bound_to, hashlib.sha256).hexdigest()


def _set_visitor_cookie(response: BaseResponse) -> Any:
    if g.get("new_visitor"):
        _put_cookie(response, visitor_cookie_name(), g.new_visitor, None)
    return response
