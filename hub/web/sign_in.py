"""Pages of signing in and out: mailed link, OpenID Connect, choosing a business, arriving by a CRM's link."""

from __future__ import annotations

import base64
import binascii

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from hub import db
from hub.http import Problem, current_session, public, signed_in
from hub.http.access import drop_session_cookie, put_session_cookie, settings
from hub.http.limits import limit_sign_in, limit_token_use
from hub.identity import connect_links, links, oidc, sessions
from hub.identity.oidc import Attempt, OidcClient, OidcRefused
from hub.identity.paths import is_allowed, own_path
from hub.identity.tokens import token_hash

blueprint = Blueprint("sign_in", __name__)

NONCE_BYTES = 12
COOKIE_SECONDS = int(sessions.ABSOLUTE_LIMIT.total_seconds())

log = structlog.get_logger(__name__)


@blueprint.get("/sign-in")
@public
def page() -> BaseResponse | str:
    next_path = own_path(request.args.get("next"))
    session = current_session()
    if session is not None and session.limited_to is None:
        return redirect(next_path, 303)
    return render_template("sign_in.html", next_path=next_path, oidc=settings().oidc_issuer is not None)


@blueprint.post("/sign-in")
@public(form=True)
def send_link() -> BaseResponse:
    address = request.form.get("email", "").strip()
    if "@" not in address or len(address) > 254:
        raise Problem(422, "validation_failed", "This is no mail address", "Go back and write the address you sign in with.")
    limit_sign_in(address)
    links.send(address, request.form.get("next", "/"), settings().base_url)
    return redirect("/sign-in/sent", 303)


@blueprint.get("/sign-in/sent")
@public
def sent() -> str:
    """The same for every address: it does not tell who has an account."""
    return render_template("sign_in_sent.html", mailbox=not settings().production)


@blueprint.get(links.LINK_PATH)
@public
def link() -> str:
    """Only asks: mail scanners open every link, and opening must not use it up."""
    limit_token_use()
    token = request.args.get("token", "")
    if not links.is_usable(token):
        raise _expired_link()
    return render_template("sign_in_confirm.html", token=token)


@blueprint.post(links.LINK_PATH)
@public(form=True)
def use_link() -> BaseResponse:
    limit_token_use()
    taken = links.take(request.form.get("token", ""), replaces=_present_hash())
    if taken is None:
        raise _expired_link()
    token, next_path = taken
    return _signed_in(token, next_path)


@blueprint.post("/sign-in/oidc")
@public(form=True)
def begin_oidc() -> BaseResponse:
    limit_token_use()
    try:
        attempt, url = _oidc_client().begin(request.form.get("next", "/"))
    except OidcRefused as error:
        raise _oidc_problem(error) from error
    response = redirect(url, 303)
    response.set_cookie(
        _attempt_cookie_name(),
        _seal(attempt),
        max_age=int(oidc.ATTEMPT_LIFE.total_seconds()),
        path="/",
        secure=settings().secure_cookies,
        httponly=True,
        samesite="Lax",
    )
    return response


@blueprint.get(oidc.CALLBACK_PATH)
@public
def finish_oidc() -> BaseResponse:
    limit_token_use()
    attempt = _unseal(request.cookies.get(_attempt_cookie_name(), ""))
    if attempt is None:
        raise Problem(
            400, "wrong_state", "This sign-in cannot go on", "It was begun in another browser or long ago. Begin again."
        )
    try:
        identity = _oidc_client().finish(attempt, request.args)
        token = oidc.sign_in(identity, replaces=_present_hash())
        response = _signed_in(token, attempt.next_path)
    except OidcRefused as error:
        raise _oidc_problem(error) from error
    response.delete_cookie(_attempt_cookie_name(), path="/", secure=settings().secure_cookies, httponly=True, samesite="Lax")
    return response


@blueprint.post("/sign-out")
@public(form=True)
def sign_out() -> BaseResponse:
    session = current_session()
    if session is not None:
        with db.system_session() as database:
            sessions.end(database, session.token_hash)
    return _signed_out("/sign-in")


@blueprint.post("/sign-out/everywhere")
@signed_in
def sign_out_everywhere() -> BaseResponse:
    session = current_session()
    assert session is not None
    assert session.user_id is not None
    with db.system_session() as database:
        sessions.end_all(database, session.user_id)
    return _signed_out("/sign-in")


@blueprint.get("/tenants")
@signed_in
def tenants() -> str:
    session = current_session()
    assert session is not None
    assert session.user_id is not None
    with db.system_session() as database:
        choices = sessions.choices_of(database, session.user_id)
    return render_template("sign_in_tenants.html", choices=choices, chosen=session.tenant_id)


@blueprint.post("/tenants")
@signed_in
def choose_tenant() -> BaseResponse:
    session = current_session()
    assert session is not None
    chosen = request.form.get("tenant_id", type=int)
    with db.system_session() as database:
        if chosen is None or not sessions.choose_tenant(database, session, chosen):
            raise Problem(404, "not_found", "Not found", "You belong to no such business. Choose one from the list.")
    return redirect("/", 303)


@blueprint.get(f"{connect_links.LINK_PATH}/<token>")
@public
def arrive(token: str) -> BaseResponse:
    """Opened by the CRM's redirect, so one step; the session it makes can do little and lives for an hour."""
    limit_token_use()
    taken = connect_links.take(token, replaces=_present_hash())
    if taken is None:
        raise Problem(
            410,
            "connect_link_used",
            "This link no longer works",
            "It works once and for ten minutes. Get a new one in your CRM.",
        )
    session_token, landing = taken
    return _signed_in(session_token, landing, lives_for_seconds=int(sessions.LIMITED_LIMIT.total_seconds()))


@blueprint.get(f"{connect_links.LINK_PATH}/return")
@public
def go_back() -> BaseResponse:
    """Back to the CRM: the page named when the link was made, if its origin is still on the tenant's list."""
    session = current_session()
    if session is None or session.limited_to is None or session.tenant_id is None or session.return_url is None:
        return redirect("/", 303)
    with db.tenant_session(session.tenant_id) as database:
        allowed = is_allowed(session.return_url, connect_links.return_origins(database, session.tenant_id))
    with db.system_session() as database:
        sessions.end(database, session.token_hash)
    if not allowed:
        raise Problem(403, "return_not_allowed", "Cannot go back by itself", "That page is no longer allowed. Open your CRM.")
    return _signed_out(session.return_url)


def _signed_in(token: str, path: str, *, lives_for_seconds: int = COOKIE_SECONDS) -> BaseResponse:
    response = redirect(own_path(path), 303)
    put_session_cookie(response, token, lives_for_seconds=lives_for_seconds)
    return response


def _signed_out(location: str) -> BaseResponse:
    response: Response = make_response(redirect(location, 303))
    drop_session_cookie(response)
    return response


def _present_hash() -> bytes | None:
    session = current_session()
    return session.token_hash if session is not None else None


def _expired_link() -> Problem:
    return Problem(410, "sign_in_link_used", "This link no longer works", "It works once and for 15 minutes. Ask for a new one.")


def _oidc_client() -> OidcClient:
    if settings().oidc_issuer is None:
        raise Problem(404, "not_found", "Not found", "Sign-in by an identity provider is not set up here.")
    client = current_app.extensions.get("payhub_oidc") or OidcClient(settings())
    current_app.extensions["payhub_oidc"] = client
    return client


def _oidc_problem(error: OidcRefused) -> Problem:
    log.warning("oidc_refused", refusal=error.code)
    status = {"unreachable": 503, "unknown_user": 403, "other_identity": 403, "denied": 403}.get(error.code, 400)
    return Problem(status, error.code, "This sign-in cannot go on", error.detail)


def _attempt_cookie_name() -> str:
    return "__Host-payhub_oidc" if settings().secure_cookies else "payhub_oidc"


def _seal(attempt: Attempt) -> str:
    nonce = token_hash(attempt.nonce)[:NONCE_BYTES]  # each attempt's own random value, so never used twice
    key = oidc.attempt_key(settings().secret_key.reveal())
    return base64.urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, attempt.to_text().encode(), None)).decode()


def _unseal(cookie: str) -> Attempt | None:
    key = oidc.attempt_key(settings().secret_key.reveal())
    try:
        sealed = base64.urlsafe_b64decode(cookie.encode())
        return Attempt.from_text(AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None).decode())
    except (InvalidTag, binascii.Error, ValueError):
        return None
