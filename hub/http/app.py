"""The application factory: APIFlask with the hub's rules around every request."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

from apiflask import APIFlask
from flask import Blueprint, Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

from hub import process
from hub.config import Settings
from hub.http import access, errors, health, idempotency, limits, media, metrics, openapi, requests

WEB_FOLDER = Path(__file__).resolve().parent.parent / "web"
STATIC_SECONDS = 3600


class BigintConverter(IntegerConverter):
    """`<int:id>` as the database keeps it: a larger number is nobody's id, so it is 404 and not an error."""

    def __init__(self, map: Map) -> None:
        super().__init__(map, max=2**63 - 1)


class FlashSession(SecureCookieSessionInterface):
    """Flask's session, but none for webhooks: reading its cookie costs a tenth of a delivery."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if request.path.startswith("/api/webhooks/"):
            return self.make_null_session(app)
        return super().open_session(app, request)


def create_app(settings: Settings, blueprints: Iterable[Blueprint] = ()) -> APIFlask:
    """The web application of this process, after hub.process.boot. Health, metrics and the API document are always there;
    everything else comes as `blueprints`. Every view declares its access, see hub.http.access."""
    app = openapi.DocumentedFlask(
        "hub",
        title="Payhub",
        version="0.1.0",
        spec_path=openapi.SPEC_PATH,
        docs_path=None,
        json_errors=False,
        root_path=str(WEB_FOLDER.parent),
        template_folder=str(WEB_FOLDER / "templates"),
        static_folder=str(WEB_FOLDER / "static"),
        static_url_path="/static",
    )
    app.config["SECRET_KEY"] = settings.secret_key.reveal()
    # Flask's own session carries flashed messages and nothing else; signing in has its own cookie, see hub.http.access.
    app.config["SESSION_COOKIE_NAME"] = "__Host-payhub_flash" if settings.secure_cookies else "payhub_flash"
    app.session_interface = FlashSession()
    app.config["SESSION_COOKIE_SECURE"] = settings.secure_cookies
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = STATIC_SECONDS
    app.extensions["payhub_settings"] = settings
    app.url_map.converters["int"] = BigintConverter
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    # The order is the order in which a request meets them.
    for part in (
        functools.partial(requests.install, app, settings),
        functools.partial(metrics.install, app),
        functools.partial(limits.install, app, process.current().redis_url),
        functools.partial(access.install, app),
        functools.partial(media.install, app),
        functools.partial(idempotency.install, app),
        functools.partial(errors.install, app),
    ):
        part()
    openapi.configure(app, settings.base_url)
    app.register_blueprint(health.blueprint)
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    return app
