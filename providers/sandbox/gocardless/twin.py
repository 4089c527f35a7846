"""The GoCardless twin put together: application, control API, sender, what merchants and banks do."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

from flask import Flask
from werkzeug.wrappers import Response

from providers.sandbox.core.clock import Clock
from providers.sandbox.core.control import control_blueprint
from providers.sandbox.core.faults import FaultKind, FaultRule, Faults
from providers.sandbox.core.frontdoor import FrontDoor
from providers.sandbox.core.requestlog import RequestLog
from providers.sandbox.core.timetable import Timetable
from providers.sandbox.core.twin import ControlError, JsonObject
from providers.sandbox.core.webhooks import Sender
from providers.sandbox.gocardless import api, banking, pages
from providers.sandbox.gocardless.errors import Refused, answer_of, misused
from providers.sandbox.gocardless.events import RETRY_DELAYS_SECONDS, deliver
from providers.sandbox.gocardless.state import PREFIXES, Organisation, Record, Settings, World

OWNER = "OR00000DEFAULT"
SETTING = "gocardless_"
Act = Callable[[World, Organisation, Mapping[str, Any]], Record]


def _moved(resource: str, status: str, action: str | None = None) -> Act:
    def act(world: World, organisation: Organisation, body: Mapping[str, Any]) -> Record:
        record = organisation.find(resource, str(body.get("id")))
        banking.move(world, organisation, resource, record, status, action)
        return {resource: record}

    return act


def _link_pay(world: World, organisation: Organisation, body: Mapping[str, Any]) -> Record:
    return {"payments": banking.pay_request(world, organisation, organisation.find("billing_requests", str(body.get("id"))))}


def _customer_edit(world: World, organisation: Organisation, body: Mapping[str, Any]) -> Record:
    customer = organisation.find("customers", str(body.get("id")))
    customer.update({name: value for name, value in body.items() if name != "id"})
    return {"customers": customer}


def _customer_remove(world: World, organisation: Organisation, body: Mapping[str, Any]) -> Record:
    organisation.removed.add(organisation.find("customers", str(body.get("id")))["id"])
    return {}


def _revoke(world: World, organisation: Organisation, body: Mapping[str, Any]) -> Record:
    world.tokens = {token: owner for token, owner in world.tokens.items() if owner != organisation.id}
    return {}


ACTIONS: dict[str, tuple[Act, str]] = {
    "payment_confirm": (_moved("payments", "confirmed"), "id: the bank has paid"),
    "payment_fail": (_moved("payments", "failed"), "id: the bank refuses"),
    "payment_charge_back": (_moved("payments", "charged_back"), "id: the payer takes the money back"),
    "refund_pay": (_moved("refunds", "paid"), "id: the refund has arrived"),
    "refund_bounce": (_moved("refunds", "bounced", "failed"), "id: the refund comes back"),
    "mandate_cancel": (_moved("mandates", "cancelled"), "id: the payer ends the mandate"),
    "link_pay": (_link_pay, "id of a billing request: a payer pays it"),
    "customer_edit": (_customer_edit, "id and fields; no event tells of it"),
    "customer_remove": (_customer_remove, "id; no event tells of it"),
    "revoke": (_revoke, "the merchant disconnects the app"),
}


class GoCardlessTwin:
    name = "gocardless"

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.clock, self.faults, self.requests = Clock(), Faults(), RequestLog()
        self._timetable = Timetable(self.clock)
        self.sender = Sender(self.clock, self._timetable, retry_delays=RETRY_DELAYS_SECONDS)
        known = {item.name for item in fields(Settings)}
        given = {name.removeprefix(SETTING): value for name, value in settings.items() if name.startswith(SETTING)}
        self._first = {name: value for name, value in given.items() if name in known}
        self.world = World(self.clock, self._timetable, self.sender, Settings(**self._first))
        self.world.add_organisation("Default Organisation", id=OWNER)
        app = Flask("providers.sandbox.gocardless", static_folder=None, template_folder="templates")
        app.register_blueprint(control_blueprint(self))
        api.register(app, self.world)
        pages.register(app, self.world)
        self.app: WSGIApplication = FrontDoor(
            app,
            clock=self.clock,
            faults=self.faults,
            requests=self.requests,
            account_of=self._account_of,
            render_fault=render_fault,
        )

    def _account_of(self, environ: WSGIEnvironment) -> str | None:
        return self.world.tokens.get(environ.get("HTTP_AUTHORIZATION", "").partition(" ")[2])

    def start(self, base_url: str) -> None:
        self.world.base_url = base_url
        self._timetable.start()
        self.sender.start()

    def stop(self) -> None:
        self._timetable.stop()
        self.sender.stop()

    def settle(self, seconds: float) -> bool:
        return self._timetable.wait_until_done(seconds)

    def describe(self) -> JsonObject:
        settings = self.world.settings
        return {
            "base_url": self.world.base_url,
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
            "webhook_secret": settings.webhook_secret,
            "default_organisation_id": OWNER,
        }

    def state(self) -> JsonObject:
        with self.world.lock:
            return {"accounts": [self._told(each) for each in self.world.organisations.values()]}

    def _told(self, organisation: Organisation) -> JsonObject:
        counts = ", ".join(f"{len(shelf)} {name}" for name, shelf in organisation.shelves.items() if shelf)
        connected = "connected" if organisation.id in self.world.tokens.values() else "not connected"
        return {"id": organisation.id, "name": organisation.name, "state": connected, "counts": counts}

    def settings(self) -> JsonObject:
        return {**asdict(self.world.settings), "webhooks": self.sender.settings()}

    def change_settings(self, changes: Mapping[str, Any]) -> JsonObject:
        own = {name: value for name, value in changes.items() if name != "webhooks"}
        try:
            with self.world.lock:
                self.world.settings = Settings(**{**asdict(self.world.settings), **own})
            self.sender.change(changes.get("webhooks") or {})
        except (TypeError, ValueError) as wrong:
            raise ControlError(str(wrong)) from wrong
        return self.settings()

    def reset(self) -> None:
        with self.world.lock:
            self.world.empty()
            self.world.settings = Settings(**self._first)
            self.world.add_organisation("Default Organisation", id=OWNER)
        self._timetable.clear()
        self.sender.reset()
        self.faults.remove()
        self.requests.clear()
        self.clock.reset()

    def create_account(self, body: Mapping[str, Any]) -> JsonObject:
        with self.world.lock:
            made = self.world.add_organisation(
                str(body.get("name", "New Organisation")),
                currency=str(body.get("currency", "GBP")),
                country=str(body.get("country", "GB")),
            )
            return {"id": made.id, "name": made.name}

    def seed(self, body: Mapping[str, Any]) -> JsonObject:
        """`customers`, `mandates` (active, each with a customer), `payments` (confirmed), `billing_requests`: how many."""
        world, made = self.world, {}
        with world.lock:
            organisation = self._organisation(str(body.get("account_id", OWNER)))

            def customer(number: int) -> Record:
                names = {"given_name": "Ada", "family_name": f"Payer {number}", "email": f"ada{number}@example.com"}
                return world.add(organisation, "customers", **names, metadata={})

            def mandate(number: int) -> Record:
                return banking.add_mandate(world, organisation, customer(number)["id"])

            def payment(number: int) -> Record:
                asked = {"amount": 1_000 + number, "currency": organisation.currency}
                return banking.add_payment(world, organisation, mandate(number), asked, "confirmed")

            makers: dict[str, Callable[[int], Record]] = {"customers": customer, "mandates": mandate, "payments": payment}
            for name, make in makers.items():
                made[f"{name}_ids"] = [make(number)["id"] for number in range(int(body.get(name, 0)))]
        return made

    def truth(self, account_id: str) -> JsonObject:
        with self.world.lock:
            organisation = self._organisation(account_id)
            shelves = organisation.shelves.items()
            return {name: [each for each in shelf.values() if each["id"] not in organisation.removed] for name, shelf in shelves}

    def act(self, account_id: str, action: str, body: Mapping[str, Any]) -> JsonObject:
        if action not in ACTIONS:
            raise ControlError(f"there is no action {action}; known are {', '.join(sorted(ACTIONS))}")
        with self.world.lock:
            try:
                done = ACTIONS[action][0](self.world, self._organisation(account_id), body)
            except Refused as refused:
                raise ControlError(refused.message) from refused
            deliver(self.world)
            return done

    def start_page(self) -> JsonObject:
        post = f"curl -X POST {self.world.base_url}/_twin"
        account = f'"account_id": "{OWNER}"'
        return {
            "title": "GoCardless sandbox on this machine",
            "intro": "A stand-in for GoCardless's API, consent page and payment pages. Nothing here reaches GoCardless.",
            "accent": "#1c1b18",
            "facts": [(name.replace("_", " "), value) for name, value in self.describe().items()],
            "accounts": self.state()["accounts"],
            "notes": [
                "The consent page: /oauth/authorize; any http://localhost or http://127.0.0.1 address may be the redirect_uri.",
                f"It knows {', '.join(PREFIXES)}. A payment is submitted after one day of the clock, confirmed after three.",
                "Webhooks go to the address in the setting webhook_url.",
            ],
            "actions": [(name, words) for name, (_, words) in sorted(ACTIONS.items())],
            "examples": [
                ("Records", f'{post}/seed -d \'{{{account}, "mandates": 10, "payments": 10}}\''),
                ("Three days later", f"{post}/clock -d '{{\"advance_seconds\": 259200}}'"),
            ],
        }

    def _organisation(self, account_id: str) -> Organisation:
        organisation = self.world.organisations.get(account_id)
        if organisation is None:
            raise ControlError(f"there is no account {account_id}; known are {', '.join(self.world.organisations)}")
        return organisation


def render_fault(rule: FaultRule, _environ: WSGIEnvironment) -> Response:
    if rule.kind is FaultKind.RATE_LIMITED:
        return answer_of(misused(429, "rate_limit_exceeded", "Rate limit exceeded"))
    if rule.kind is FaultKind.CONFLICT:
        return answer_of(Refused(409, "invalid_state", "Conflict", reason="conflict"))
    return answer_of(Refused(rule.status or 500, "gocardless", "Internal server error", reason="internal_server_error"))


def create_twin(settings: Mapping[str, str]) -> GoCardlessTwin:
    """settings: names of state.Settings with the prefix gocardless_."""
    return GoCardlessTwin(settings)
