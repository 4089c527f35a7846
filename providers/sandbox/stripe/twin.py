"""The Stripe twin put together: application, control API, credentials, start and stop."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any
from wsgiref.types import WSGIApplication

import orjson
from flask import Flask, request
from werkzeug.wrappers import Response

from providers.sandbox.core.clock import Clock
from providers.sandbox.core.control import control_blueprint
from providers.sandbox.core.faults import Faults
from providers.sandbox.core.frontdoor import FrontDoor
from providers.sandbox.core.requestlog import RequestLog
from providers.sandbox.core.timetable import Timetable
from providers.sandbox.core.twin import ControlError, JsonObject
from providers.sandbox.core.webhooks import Sender
from providers.sandbox.stripe import (
    accounts,
    coupons,
    credit_notes,
    customers,
    invoice_payments,
    invoice_previews,
    invoices,
    payment_links,
    payment_methods,
    payment_records,
    price_choice,
    products,
    refunds,
    setup_intents,
    start,
    subscription_changes,
    subscriptions,
    tax_ids,
    tax_rates,
)
from providers.sandbox.stripe.actions import perform
from providers.sandbox.stripe.api import Api, account_of, render_fault
from providers.sandbox.stripe.balance import release_funds
from providers.sandbox.stripe.call import dashboard_call
from providers.sandbox.stripe.checkout_pages import checkout_blueprint
from providers.sandbox.stripe.oauth import connect, oauth_blueprint
from providers.sandbox.stripe.onboarding import onboarding_blueprint
from providers.sandbox.stripe.pages import pages_blueprint
from providers.sandbox.stripe.portal_pages import portal_blueprint
from providers.sandbox.stripe.seed import Seeder
from providers.sandbox.stripe.store import Record
from providers.sandbox.stripe.world import DOCUMENTED_RATE_LIMITS, PLATFORM_ACCOUNT, Options, World

NOUNS = (
    accounts,
    coupons,
    customers,
    credit_notes,
    invoice_payments,
    invoice_previews,
    invoices,
    payment_methods,
    payment_records,
    price_choice,
    products,
    refunds,
    setup_intents,
    subscription_changes,
    subscriptions,
    tax_ids,
    tax_rates,
    payment_links,
)
"""Their import registers the operations; each brings the nouns that it is made of."""
LINES_AT_ONCE = 500
RETRY_DELAYS = (300.0, 1800.0, 7200.0)
"""Seconds before attempts two to four: a sandbox tries three more times over a few hours."""


class StripeTwin:
    name = "stripe"

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.clock = Clock()
        self.faults = Faults()
        self.requests = RequestLog()
        self._timetable = Timetable(self.clock)
        self.sender = Sender(self.clock, self._timetable, retry_delays=RETRY_DELAYS)
        self.world = World(self.clock, self._timetable, self.sender, settings)
        self._api = Api(self.world)
        self.app: WSGIApplication = FrontDoor(
            self._flask(),
            clock=self.clock,
            faults=self.faults,
            requests=self.requests,
            account_of=account_of(self.world),
            render_fault=render_fault,
            waits_itself=lambda environ: environ["PATH_INFO"].startswith("/v1/"),
        )

    def start(self, base_url: str) -> None:
        self.world.base_url = base_url
        self.sender.start()
        self._timetable.start()

    def stop(self) -> None:
        self._timetable.stop()
        self.sender.stop()

    def settle(self, seconds: float) -> bool:
        return self._timetable.wait_until_done(seconds)

    def describe(self) -> JsonObject:
        return self.world.describe()

    def state(self) -> JsonObject:
        with self.world.lock:
            shown = [account for account in self.world.accounts.values() if account.id != PLATFORM_ACCOUNT]
            return {
                "api_version": self.describe()["api_version"],
                "accounts": [self._account_state(account.id) for account in shown],
            }

    def settings(self) -> JsonObject:
        return {**asdict(self.world.options), "webhooks": self.sender.settings()}

    def change_settings(self, changes: Mapping[str, Any]) -> JsonObject:
        known = {item.name for item in fields(Options)}
        for name, value in changes.items():
            try:
                if name == "webhooks":
                    self.sender.change(value)
                elif name == "rate_limits":
                    self.world.options.rate_limits = _limits(value)
                elif name in known:
                    setattr(self.world.options, name, value)
                else:
                    raise ControlError(f"unknown setting {name}; there are: {', '.join(sorted(known))}, webhooks")
            except (TypeError, ValueError, AttributeError) as problem:
                raise ControlError(f"{name}: {problem}") from problem
        return self.settings()

    def reset(self) -> None:
        self._timetable.clear()
        self.sender.reset()
        self.faults.remove()
        self.requests.clear()
        self.clock.reset()
        self._api.reset()
        self.world.clear()

    def create_account(self, body: Mapping[str, Any]) -> JsonObject:
        """name, country, currency, email; connect: true (with scope, livemode) connects it to the platform at once."""
        with self.world.lock:
            account = self.world.add_account(
                name=body.get("name", "New Business"),
                country=body.get("country", "US"),
                currency=body.get("currency", "usd"),
                email=body.get("email"),
                account_id=body.get("account_id"),
            )
            if body.get("connect"):
                connect(self.world, account.id, bool(body.get("livemode", False)), body.get("scope", "read_write"))
            keys = {("live" if livemode else "test"): values for livemode, values in account.keys.items()}
            return {"account_id": account.id, "name": account.name, "keys": keys}

    def seed(self, body: Mapping[str, Any]) -> JsonObject:
        account = self.world.known_account(str(body.get("account_id")))
        with self.world.lock:
            call = dashboard_call(self.world, account, bool(body.get("livemode", False)))
            counts = {name: int(body.get(name, 0)) for name in ("customers", "invoices", "payments")}
            return {"created": Seeder(call, body).load(**counts, events=bool(body.get("events", False)))}

    def truth(self, account_id: str) -> JsonObject:
        """`?livemode=1` for live data, `?kinds=customers,invoices` for less."""
        self.world.known_account(account_id)
        with self.world.lock:
            livemode = request.args.get("livemode", "0") in ("1", "true")
            release_funds(dashboard_call(self.world, self.world.accounts[account_id], livemode))
            store = self.world.store(account_id, livemode)
            wanted = request.args.get("kinds", ",".join(name for name in store.collections() if name != "events")).split(",")
            collections = {name: collection for name, collection in store.collections().items() if name in wanted}
            kinds = {name: [orjson.Fragment(body) for body in collection.bodies()] for name, collection in collections.items()}
            return {"account_id": account_id, "deleted_customers": sorted(store.deleted_customers), **kinds}

    def truth_lines(self, account_id: str, query: Mapping[str, str]) -> Iterator[bytes]:
        """`livemode=1` for live data, `kinds=customers,invoices` for less; events only if they are named."""
        self.world.known_account(account_id)
        with self.world.lock:
            call = dashboard_call(self.world, self.world.accounts[account_id], query.get("livemode", "0") in ("1", "true"))
            release_funds(call)
            collections = call.store.collections()
            wanted = query["kinds"].split(",") if query.get("kinds") else [name for name in collections if name != "events"]
            snapshots = {name: list(collections[name].bodies()) for name in wanted if name in collections}
        return _canonical_lines(snapshots)

    def act(self, account_id: str, action: str, body: Mapping[str, Any]) -> JsonObject:
        return perform(self.world, account_id, action, body)

    def start_page(self) -> JsonObject:
        return start.page(self.world)

    def _account_state(self, account_id: str) -> Record:
        modes = {}
        for livemode in (False, True):
            store = self.world.store(account_id, livemode)
            counts = {name: len(collection) for name, collection in store.collections().items() if len(collection)}
            modes["live" if livemode else "test"] = {
                "connected": (account_id, livemode) in self.world.connections,
                "counts": counts,
            }
        account = self.world.accounts[account_id]
        return {"id": account_id, "name": account.name, "charges_enabled": account.charges_enabled, **modes}

    def _flask(self) -> Flask:
        app = Flask(__name__, static_folder=None)
        app.register_blueprint(control_blueprint(self))
        app.register_blueprint(oauth_blueprint(self.world))
        app.register_blueprint(pages_blueprint(self.world))
        app.register_blueprint(checkout_blueprint(self.world))
        app.register_blueprint(portal_blueprint(self.world))
        app.register_blueprint(onboarding_blueprint(self.world))

        @app.route("/v1/<path:rest>", methods=["GET", "POST", "DELETE", "PUT", "PATCH"])
        def api(rest: str) -> Response:
            return self._api.answer(request)

        return app


def _canonical_lines(snapshots: Mapping[str, list[bytes]]) -> Iterator[bytes]:
    """Some hundred records at a time."""
    for kind in sorted(snapshots):
        bodies = snapshots[kind]
        for first in range(0, len(bodies), LINES_AT_ONCE):
            records = [orjson.loads(body) for body in bodies[first : first + LINES_AT_ONCE]]
            rows = ({"kind": kind, "id": record["id"], "record": record} for record in records)
            yield b"".join(orjson.dumps(row, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE) for row in rows)


def _limits(value: Any) -> dict[str, int | None]:
    """`documented`, `off`, or numbers by name: global_live, global_test, per_endpoint, concurrent."""
    if value == "documented":
        return dict(DOCUMENTED_RATE_LIMITS)
    if value == "off":
        return dict.fromkeys(DOCUMENTED_RATE_LIMITS)
    return {**dict.fromkeys(DOCUMENTED_RATE_LIMITS), **value}


def create_twin(settings: Mapping[str, str]) -> StripeTwin:
    """settings: stripe_secret_key, stripe_live_secret_key, stripe_publishable_key, stripe_client_id … (world.DEVELOPMENT)."""
    return StripeTwin(settings)
