"""A Stripe twin over real HTTP, the official SDK, and one connected account."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import stripe

from providers.sandbox.core.exchanges import Exchanges
from providers.sandbox.core.server import serving
from providers.sandbox.stripe import create_twin
from providers.sandbox.stripe.twin import StripeTwin
from providers.sandbox.stripe.world import DEVELOPMENT
from tests.contract.checked_run import probe_exchanges
from tests.providers.sandbox.receiver import Receiver

stripe.enable_telemetry = False
TRANSPORT = stripe.RequestsClient(timeout=30)
"""Shared: making one takes longer than most tests."""
BAKERY = "acct_1SandboxBakery0001"
PLUMBER = "acct_1SandboxPlumber001"
VERSION = "2026-10-28.endive"


@dataclass
class Platform:
    """The platform's view of a running twin."""

    twin: StripeTwin
    url: str
    http: httpx.Client
    client: stripe.StripeClient
    as_bakery: Any

    @property
    def v1(self) -> Any:
        """Untyped on purpose: tests send wrong parameters too."""
        return self.client.v1

    def sdk(self, key: str, **options: Any) -> stripe.StripeClient:
        hosts: Any = dict.fromkeys(("api", "connect", "files", "meter_events"), self.url)
        return stripe.StripeClient(key, base_addresses=hosts, http_client=TRANSPORT, **options)

    def control(self, path: str, /, **body: Any) -> dict[str, Any]:
        """POST to the control API."""
        answer = self.http.post(f"/_twin/{path}", json=body)
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def act(self, action: str, *, account_id: str = BAKERY, **body: Any) -> dict[str, Any]:
        return self.control("act", account_id=account_id, action=action, **body)

    def post(self, path: str, data: dict[str, str] | None = None, **headers: str) -> httpx.Response:
        """A raw form POST as the platform on behalf of the bakery."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        base = {"Authorization": f"Bearer {DEVELOPMENT['stripe_secret_key']}", "Stripe-Account": BAKERY}
        return self.http.post(path, data=data or {}, headers={**base, **names})

    def customer(self, **params: Any) -> Any:
        return self.v1.customers.create({"name": "Ada", "email": "ada@example.com", **params}, self.as_bakery)

    def paying_customer(self, card: str = "4242424242424242", **params: Any) -> Any:
        """A customer whose saved card is charged for invoices."""
        customer = self.customer(**params)
        self.act("save_card", customer_id=customer.id, card=card)
        return customer

    def price(self, amount: int = 1500, interval: str | None = "month", *, name: str = "Window cleaning", **params: Any) -> Any:
        """A price of this many cents, recurring unless interval is None."""
        wanted: dict[str, Any] = {"currency": "usd", "unit_amount": amount, "product_data": {"name": name}, **params}
        if interval:
            wanted["recurring"] = {"interval": interval}
        return self.v1.prices.create(wanted, self.as_bakery)

    def subscribe(self, customer: Any = None, amount: int = 1500, **params: Any) -> Any:
        """A subscription of a paying customer, monthly unless items are given."""
        customer = customer or self.paying_customer()
        wanted = {"customer": customer.id, **params}
        if "items" not in wanted:
            wanted["items"] = [{"price": self.price(amount).id}]
        return self.v1.subscriptions.create(wanted, self.as_bakery)

    def subscription(self, subscription_id: str) -> Any:
        return self.v1.subscriptions.retrieve(subscription_id, {}, self.as_bakery)

    def pass_days(self, days: float) -> None:
        """Move the twin's clock; all that falls due has happened when this returns."""
        assert self.control("clock", advance_seconds=int(days * 86400))["settled"]

    def event_types(self, pattern: str = "*") -> list[str]:
        """Types of the bakery's events, oldest first."""
        found = self.v1.events.list({"type": pattern, "limit": 100}, self.as_bakery).data
        return [event.type for event in reversed(found)]

    def open_invoice(self, amount: int = 2500, **params: Any) -> Any:
        """A finalized invoice over this amount in cents."""
        customer = self.customer()
        wanted = {"customer": customer.id, "collection_method": "send_invoice", "days_until_due": 30, "currency": "usd", **params}
        invoice = self.v1.invoices.create(wanted, self.as_bakery)
        self.v1.invoices.add_lines(invoice.id, {"lines": [{"amount": amount, "description": "Cake"}]}, self.as_bakery)
        return self.v1.invoices.finalize_invoice(invoice.id, {}, self.as_bakery)

    def pay_page(self, invoice: Any, number: str = "4242424242424242") -> httpx.Response:
        """The payer types a card on the hosted invoice page."""
        return self.http.post(invoice.hosted_invoice_url, data={"number": number, "expiry": "12/34", "cvc": "123"})

    def endpoint(self, receiver: Receiver, *types: str, connect: bool = True) -> Any:
        return self.v1.webhook_endpoints.create(
            {"url": receiver.url, "enabled_events": list(types) or ["*"], "connect": connect, "api_version": VERSION}
        )

    def invoice(self, invoice_id: str, *expand: str) -> Any:
        return self.v1.invoices.retrieve(invoice_id, {"expand": list(expand)}, self.as_bakery)


@pytest.fixture
def twin() -> StripeTwin:
    return create_twin({})


@pytest.fixture
def exchanges() -> Exchanges | None:
    """Where the twin writes down what goes over the wire, for the contract checker."""
    return probe_exchanges("stripe")


@pytest.fixture
def stripe_platform(twin: StripeTwin, exchanges: Exchanges | None) -> Iterator[Platform]:
    """Not connected to anybody yet."""
    with (
        serving(twin, exchanges=exchanges) as url,
        httpx.Client(base_url=url, trust_env=False, verify=False, timeout=30) as http,
    ):
        hosts: Any = dict.fromkeys(("api", "connect", "files", "meter_events"), url)
        client = stripe.StripeClient(
            DEVELOPMENT["stripe_secret_key"],
            base_addresses=hosts,
            client_id=DEVELOPMENT["stripe_client_id"],
            http_client=TRANSPORT,
        )
        yield Platform(twin, url, http, client, {"stripe_account": BAKERY})


@pytest.fixture
def platform(stripe_platform: Platform) -> Platform:
    """Connected to the bakery in test mode."""
    stripe_platform.act("connect")
    return stripe_platform
