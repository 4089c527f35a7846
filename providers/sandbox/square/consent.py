"""The page on which a seller allows or denies the application: GET /oauth2/authorize."""

from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from providers.sandbox.square import ids, scopes
from providers.sandbox.square.oauth import CODE_LIFE, Code
from providers.sandbox.square.state import Square

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class PageRefused(Exception):
    """The request cannot be answered by a redirect, because where to is wrong or unknown."""


def register(app: Flask, square: Square) -> None:
    @app.get("/oauth2/authorize")
    def consent_page() -> Response | str:
        try:
            with square.lock:
                asked = _asked_scopes(square)
                _redirect_target(square)
                sellers = [seller.merchant for seller in square.sellers.values()]
        except PageRefused as refused:
            return Response(render_template("square/refused.html", reason=str(refused)), 400)
        return render_template(
            "square/consent.html",
            application=square.platform,
            sellers=sellers,
            scopes=[(scope, scopes.DESCRIPTIONS.get(scope, scope)) for scope in asked],
            fields=request.args,
        )

    @app.post("/oauth2/authorize")
    def decide() -> BaseResponse:
        try:
            with square.lock:
                return redirect(_decided(square), code=302)
        except PageRefused as refused:
            return Response(render_template("square/refused.html", reason=str(refused)), 400)


def _decided(square: Square) -> str:
    target = _redirect_target(square)
    asked = _asked_scopes(square)
    state = request.values.get("state")
    if request.form.get("decision") != "allow":
        answer = {"error": "access_denied", "error_description": "user_denied"}
    else:
        merchant_id = request.form.get("merchant_id", "")
        if merchant_id not in square.sellers:
            raise PageRefused("Choose a business to connect.")
        answer = {"code": _issue_code(square, merchant_id, asked), "response_type": "code"}
    if state is not None:
        answer["state"] = state
    separator = "&" if urlsplit(target).query else "?"
    return target + separator + urlencode(answer)


def _issue_code(square: Square, merchant_id: str, asked: tuple[str, ...]) -> str:
    code = Code(
        value=ids.authorization_code(),
        merchant_id=merchant_id,
        scopes=asked,
        redirect_uri=request.values.get("redirect_uri") or None,
        challenge=request.values.get("code_challenge") or None,
        expires_at=square.now() + CODE_LIFE,
    )
    square.codes[code.value] = code
    return code.value


def _asked_scopes(square: Square) -> tuple[str, ...]:
    if request.values.get("client_id") != square.platform.id:
        raise PageRefused("The client_id is not that of a registered application.")
    asked = tuple(dict.fromkeys((request.values.get("scope") or "").split())) or scopes.DEFAULT
    if unknown := [scope for scope in asked if scope not in scopes.KNOWN]:
        raise PageRefused(f"Unknown scope {unknown[0]}.")
    return asked


def _redirect_target(square: Square) -> str:
    registered = square.settings.redirect_uris
    asked = request.values.get("redirect_uri")
    if not asked:
        if registered:
            return registered[0]
        raise PageRefused("No redirect_uri was given and the application has registered none.")
    if registered:
        if asked not in registered:
            raise PageRefused("The redirect_uri is not the registered one.")
    elif urlsplit(asked).scheme != "http" or urlsplit(asked).hostname not in LOOPBACK:
        raise PageRefused("The redirect_uri is not registered; here any http://localhost and http://127.0.0.1 is.")
    return asked
