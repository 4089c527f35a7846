"""The Square twin put together: application, control API, webhook sender, timed happenings."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from providers.sandbox.core.clock import Clock
from providers.sandbox.core.control import control_blueprint
from providers.sandbox.core.faults import Faults
from providers.sandbox.core.frontdoor import FrontDoor
from providers.sandbox.core.ratelimit import RateLimiter
from providers.sandbox.core.requestlog import RequestLog
from providers.sandbox.core.timetable import Timetable
from providers.sandbox.core.twin import ControlError, JsonObject
from providers.sandbox.core.webhooks import Sender
from providers.sandbox.square import (
    cards,
    catalog_api,
    consent,
    customer_search,
    customers,
    dashboard,
    disputes_api,
    events,
    fault_answers,
    inventory,
    invoice_attachments,
    invoices_api,
    link_page,
    locations,
    merchants,
    oauth,
    order_search,
    orders_api,
    pages,
    payment_links_api,
    payments_api,
    payouts,
    payouts_api,
    refunds,
    seeding,
    start,
    subscriptions_api,
    terminal_api,
    truth,
    verification,
    webhook_subscriptions,
)
from providers.sandbox.square.access import merchant_of
from providers.sandbox.square.errors import INVALID_REQUEST, problem
from providers.sandbox.square.http import json_response
from providers.sandbox.square.settings import changed, from_text
from providers.sandbox.square.state import Application, Seller, Square

APPLICATION_ID = "sandbox-sq0idb-PayhubDevelopmentApp00"
APPLICATION_SECRET = "sandbox-sq0csb-development-secret-of-the-square-twin-00000"  # noqa: S105
ACCESS_TOKEN = "EAAAlDevelopmentTokenOfTheApplicationOwnerAtTheSquareTwin0000000"  # noqa: S105
OWNER_MERCHANT_ID = "MDEFAULTTEST1"
OWNER_LOCATION_ID = "LDEFAULTMAIN1"
NOUNS = (
    merchants,
    locations,
    customers,
    customer_search,
    orders_api,
    order_search,
    invoices_api,
    payments_api,
    refunds,
    cards,
    catalog_api,
    inventory,
    subscriptions_api,
    disputes_api,
    payouts_api,
    payment_links_api,
    terminal_api,
    invoice_attachments,
    events,
    webhook_subscriptions,
)


class SquareTwin:
    name = "square"

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.clock = Clock()
        self.faults = Faults()
        self.requests = RequestLog()
        self._timetable = Timetable(self.clock)
        self._limiter = RateLimiter()
        self._first_settings = from_text(settings)
        self._started_with = settings
        self.sender = Sender(self.clock, self._timetable, retry_delays=events.RETRY_DELAYS_SECONDS)
        platform = Application(
            id=settings.get("square_application_id", APPLICATION_ID),
            secret=settings.get("square_application_secret", APPLICATION_SECRET),
            personal_access_token=settings.get("square_access_token", ACCESS_TOKEN),
            name=settings.get("square_application_name", "Payhub"),
        )
        self.square = Square(self.clock, self._timetable, self.sender, platform, self._first_settings)
        self.square.on_balance.append(lambda seller, location_id: payouts.time_next(self.square, seller, location_id))
        self._add_owner()
        self._plan_faults()
        self.app: WSGIApplication = FrontDoor(
            self._flask(),
            clock=self.clock,
            faults=self.faults,
            requests=self.requests,
            account_of=lambda environ: merchant_of(self.square, environ.get("HTTP_AUTHORIZATION")),
            render_fault=lambda rule, environ: fault_answers.render(rule, environ, self.square.settings),
            idempotency_key_of=idempotency_key_of,
        )

    def _plan_faults(self) -> None:
        """Faults by seed from the first request on, as given when the twin is started."""
        settings = self._started_with
        if "square_fault_seed" in settings:
            share = float(settings.get("square_fault_share", "0.1"))
            self.faults.set_plan({"seed": int(settings["square_fault_seed"]), "share": share, "path": "/v2/*"})

    def _flask(self) -> Flask:
        app = Flask("providers.sandbox.square", static_folder=None, template_folder="templates")
        app.register_blueprint(control_blueprint(self))
        for noun in NOUNS:
            noun.routes.register(app, self.square, self._limiter)
        for part in (oauth, consent, pages, link_page, verification):
            part.register(app, self.square)
        app.register_error_handler(404, _no_such_endpoint)
        app.register_error_handler(405, _no_such_endpoint)
        return app

    def _add_owner(self) -> None:
        owner = {
            "id": OWNER_MERCHANT_ID,
            "name": "Default Test Account",
            "access_token": self.square.platform.personal_access_token,
            "locations": [{"id": OWNER_LOCATION_ID, "name": "Default Test Account"}],
        }
        merchants.create_seller(self.square, owner)
        # The same token is the platform application's, not one of a seller with an application of its own.
        self.square.applications[self.square.platform.personal_access_token] = self.square.platform
        self.square.owner_id = OWNER_MERCHANT_ID

    def start(self, base_url: str) -> None:
        self.square.base_url = base_url
        self._timetable.start()
        self.sender.start()

    def stop(self) -> None:
        self._timetable.stop()
        self.sender.stop()

    def settle(self, seconds: float) -> bool:
        return self._timetable.wait_until_done(seconds)

    def describe(self) -> JsonObject:
        platform = self.square.platform
        return {
            "base_url": self.square.base_url,
            "application_id": platform.id,
            "application_secret": platform.secret,
            "access_token": platform.personal_access_token,
            "default_merchant_id": OWNER_MERCHANT_ID,
            "default_location_id": OWNER_LOCATION_ID,
        }

    def state(self) -> JsonObject:
        with self.square.lock:
            return {
                "accounts": [_account(self.square, seller) for seller in self.square.sellers.values()],
                "webhook_subscriptions": [
                    {name: subscription[name] for name in ("id", "notification_url", "enabled", "event_types")}
                    for subscription in self.square.subscriptions.values()
                ],
                "timed": self._timetable.pending(),
            }

    def settings(self) -> JsonObject:
        return {**asdict(self.square.settings), "webhooks": self.sender.settings()}

    def change_settings(self, changes: Mapping[str, Any]) -> JsonObject:
        own = {name: value for name, value in changes.items() if name != "webhooks"}
        with self.square.lock:
            self.square.settings = changed(self.square.settings, own)
        try:
            self.sender.change(changes.get("webhooks") or {})
        except (TypeError, ValueError) as wrong:
            raise ControlError(str(wrong)) from wrong
        return self.settings()

    def reset(self) -> None:
        with self.square.lock:
            self.square.empty()
            self.square.settings = self._first_settings
            self.square.platform.events_enabled = False
            self._add_owner()
        self._timetable.clear()
        self.sender.reset()
        self.faults.remove()
        self._plan_faults()
        self.requests.clear()
        self._limiter.clear()
        self.clock.reset()

    def create_account(self, body: Mapping[str, Any]) -> JsonObject:
        with self.square.lock:
            seller = merchants.create_seller(self.square, body)
            return {
                "id": seller.id,
                "merchant_id": seller.id,
                "access_token": seller.personal_access_token,
                "main_location_id": seller.main_location_id,
                "locations": list(seller.locations.values()),
                "merchant": seller.merchant,
            }

    def seed(self, body: Mapping[str, Any]) -> JsonObject:
        with self.square.lock:
            return seeding.seed(self.square, self._seller(str(body.get("account_id", OWNER_MERCHANT_ID))), body)

    def truth(self, account_id: str) -> JsonObject:
        with self.square.lock:
            return truth.of(self._seller(account_id))

    def truth_lines(self, account_id: str, query: Mapping[str, str]) -> Iterator[bytes]:
        """query: kinds, with commas between them, limits the answer to these."""
        records = self.truth(account_id)
        wanted = [name for name in query.get("kinds", "").split(",") if name] or list(records)
        if unknown := [name for name in wanted if name not in records]:
            raise ControlError(f"there is no kind {unknown[0]}; known are {', '.join(sorted(records))}")
        return truth.lines({name: records[name] for name in wanted})

    def act(self, account_id: str, action: str, body: Mapping[str, Any]) -> JsonObject:
        with self.square.lock:
            return dashboard.act(self.square, self._seller(account_id), action, body)

    def start_page(self) -> JsonObject:
        with self.square.lock:
            accounts = [
                {**_account(self.square, seller), "access_token": seller.personal_access_token}
                for seller in self.square.sellers.values()
            ]
        accounts = [{name: account[name] for name in ("id", "name", "access_token", "state", "counts")} for account in accounts]
        return start.page(self.square.base_url, self.describe(), accounts, self.square.settings)

    def _seller(self, account_id: str) -> Seller:
        seller = self.square.sellers.get(account_id)
        if seller is None:
            raise ControlError(f"there is no account {account_id}; known are {', '.join(self.square.sellers)}")
        return seller


def _account(square: Square, seller: Seller) -> JsonObject:
    numbers = ((name.replace("_", " "), len(getattr(seller, name))) for name in truth.KINDS)
    counts = ", ".join(f"{number} {name}" for name, number in numbers if number) or "empty"
    connected = "connected" if square.live_grants(seller.id) else "not connected"
    return {"id": seller.id, "name": seller.merchant["business_name"], "state": connected, "counts": counts}


def _no_such_endpoint(failure: HTTPException) -> Response | HTTPException:
    if not request.path.startswith(("/v2", "/oauth2")):
        return failure
    detail = f"API endpoint for URL path `{request.path}` and HTTP method `{request.method}` is not found."
    return json_response({"errors": [problem(INVALID_REQUEST, "NOT_FOUND", detail)]}, 404)


def idempotency_key_of(environ: WSGIEnvironment) -> str | None:
    """From the body, where Square has it; the stream is put back for the application."""
    if environ["REQUEST_METHOD"] not in ("POST", "PUT"):
        return None
    stream = environ["wsgi.input"]
    stream.seek(0)
    raw = stream.read()
    stream.seek(0)
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    key = body.get("idempotency_key") if isinstance(body, dict) else None
    return key if isinstance(key, str) else None


def create_twin(settings: Mapping[str, str]) -> SquareTwin:
    """settings: square_application_id, square_application_secret, square_access_token, square_fault_seed, square_fault_share
    (0 to 1), and names of settings.Settings."""
    return SquareTwin(settings)
