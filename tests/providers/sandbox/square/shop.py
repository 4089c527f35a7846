"""One seller of the Square twin and its connection to our application, as tests use them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from square import Square

ALL_SCOPES = (
    "MERCHANT_PROFILE_READ CUSTOMERS_READ CUSTOMERS_WRITE ORDERS_READ ORDERS_WRITE INVOICES_READ INVOICES_WRITE "
    "PAYMENTS_READ PAYMENTS_WRITE SUBSCRIPTIONS_READ SUBSCRIPTIONS_WRITE DISPUTES_READ DISPUTES_WRITE PAYOUTS_READ ITEMS_READ "
    "ITEMS_WRITE INVENTORY_READ INVENTORY_WRITE DEVICES_READ DEVICE_CREDENTIAL_MANAGEMENT"
)
REDIRECT_URI = "http://127.0.0.1:5000/callback"
GOOD_CARD = {"card_number": "4111 1111 1111 1111", "expiry": "11/39", "cvv": "111", "postal_code": "94103", "method": "card"}
NO_RETRIES: Any = {"max_retries": 0}


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD"}


def only_error(response: httpx.Response, status: int) -> dict[str, str]:
    assert response.status_code == status, response.text
    errors = response.json()["errors"]
    assert len(errors) == 1, errors
    error: dict[str, str] = errors[0]
    return error


@dataclass
class TwinClient:
    """The twin from outside: its control API, its OAuth pages, its credentials."""

    base_url: str
    http: httpx.Client
    new_client: Callable[..., httpx.Client]

    def __post_init__(self) -> None:
        self.credentials: dict[str, str] = self.http.get("/_twin/describe").json()

    def control(self, path: str, /, **body: Any) -> dict[str, Any]:
        response = self.http.post(f"/_twin/{path}", json=body)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def advance(self, seconds: float) -> None:
        self.control("clock", advance_seconds=seconds)

    def consent(self, merchant_id: str, *, decision: str = "allow", scopes: str = ALL_SCOPES, **fields: str) -> dict[str, str]:
        """What comes back to the redirect URI after the click."""
        form = {
            "client_id": self.credentials["application_id"],
            "scope": scopes,
            "state": "state-1",
            "redirect_uri": REDIRECT_URI,
            "merchant_id": merchant_id,
            "decision": decision,
            **fields,
        }
        response = self.http.post("/oauth2/authorize", data=form)
        assert response.status_code == 302, response.text
        assert response.headers["location"].startswith(REDIRECT_URI)
        return query_of(response.headers["location"])

    def token(self, grant_type: str = "authorization_code", **fields: Any) -> httpx.Response:
        own = {"client_id": self.credentials["application_id"], "client_secret": self.credentials["application_secret"]}
        body = {**own, "grant_type": grant_type, **fields}
        return self.http.post("/oauth2/token", json={name: value for name, value in body.items() if value is not None})

    def connect(self, merchant_id: str, scopes: str = ALL_SCOPES) -> dict[str, Any]:
        code = self.consent(merchant_id, scopes=scopes)["code"]
        response = self.token(code=code, redirect_uri=REDIRECT_URI)
        assert response.status_code == 200, response.text
        tokens: dict[str, Any] = response.json()
        return tokens

    def revoke(self, **fields: Any) -> httpx.Response:
        body = {"client_id": self.credentials["application_id"], **fields}
        headers = {"Authorization": f"Client {self.credentials['application_secret']}"}
        return self.http.post("/oauth2/revoke", json=body, headers=headers)

    def as_bearer(self, token: str) -> httpx.Client:
        return self.new_client(base_url=self.base_url, headers={"Authorization": f"Bearer {token}"})

    def owner(self) -> httpx.Client:
        return self.as_bearer(self.credentials["access_token"])


class Shop:
    """A connected seller with three locations: main, second and a closed one."""

    def __init__(self, twin: TwinClient, *, currency: str = "USD") -> None:
        wanted = [
            {"name": "Main"},
            {"name": "Second", "timezone": "America/Los_Angeles"},
            {"name": "Closed", "status": "INACTIVE"},
        ]
        account = twin.control("accounts", name="Corner Shop", locations=wanted, currency=currency)
        self.twin = twin
        self.id: str = account["id"]
        self.personal_access_token: str = account["access_token"]
        self.main, self.second, self.closed = (location["id"] for location in account["locations"])
        self.tokens = twin.connect(self.id)
        self.api = twin.as_bearer(self.tokens["access_token"])
        self.sdk = Square(base_url=twin.base_url, token=self.tokens["access_token"], httpx_client=twin.new_client())

    def use_own_token(self) -> None:
        """Call with the seller's personal access token, which does not end as the clock goes on for months."""
        self.api = self.twin.as_bearer(self.personal_access_token)
        self.sdk = Square(base_url=self.twin.base_url, token=self.personal_access_token, httpx_client=self.twin.new_client())

    def act(self, action: str, /, **fields: Any) -> dict[str, Any]:
        return self.twin.control("act", account_id=self.id, action=action, **fields)

    def seed(self, **counts: Any) -> dict[str, Any]:
        return self.twin.control("seed", account_id=self.id, **counts)

    def truth(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.twin.http.get("/_twin/truth", params={"account_id": self.id}).json()
        return answer

    def post(self, path: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
        response = self.api.post(path, json=body)
        assert response.status_code == status, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        response = self.api.get(path, params=query)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def customer(self, **fields: Any) -> dict[str, Any]:
        body = fields or {"given_name": "Ada", "family_name": "Lovelace", "email_address": "ada@example.com"}
        customer: dict[str, Any] = self.post("/v2/customers", body)["customer"]
        return customer

    def order(self, amount: int = 10_000, *, location_id: str | None = None, **fields: Any) -> dict[str, Any]:
        line = {"name": "Work", "quantity": "1", "base_price_money": usd(amount)}
        body = {"order": {"location_id": location_id or self.main, "line_items": [line], **fields}}
        order: dict[str, Any] = self.post("/v2/orders", body)["order"]
        return order

    def draft(self, amount: int = 10_000, *, customer: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        """A DRAFT invoice with one BALANCE, or the payment_requests given."""
        order = self.order(amount)
        invoice = {
            "order_id": order["id"],
            "location_id": self.main,
            "primary_recipient": {"customer_id": (customer or self.customer())["id"]},
            "payment_requests": [{"request_type": "BALANCE", "due_date": "2039-01-31"}],
            "delivery_method": "SHARE_MANUALLY",
            "accepted_payment_methods": {"card": True},
            **fields,
        }
        made: dict[str, Any] = self.post("/v2/invoices", {"invoice": invoice})["invoice"]
        return made

    def publish(self, invoice: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = self.post(f"/v2/invoices/{invoice['id']}/publish", {"version": invoice["version"]})["invoice"]
        return made

    def invoice(self, amount: int = 10_000, **fields: Any) -> dict[str, Any]:
        """A published one."""
        return self.publish(self.draft(amount, **fields))

    def read_invoice(self, invoice_id: str) -> dict[str, Any]:
        invoice: dict[str, Any] = self.get(f"/v2/invoices/{invoice_id}")["invoice"]
        return invoice

    def payment(self, amount: int = 1_000, *, key: str, **fields: Any) -> dict[str, Any]:
        body = {"source_id": "cnon:card-nonce-ok", "idempotency_key": key, "amount_money": usd(amount), **fields}
        payment: dict[str, Any] = self.post("/v2/payments", body)["payment"]
        return payment

    def card(self, customer: dict[str, Any], *, key: str = "card-1", **fields: Any) -> dict[str, Any]:
        """A card on file of this customer."""
        address = {"postal_code": "94103"}
        wanted = {"customer_id": customer["id"], "billing_address": address}
        body = {"idempotency_key": key, "source_id": "cnon:card-nonce-ok", "card": wanted, **fields}
        made: dict[str, Any] = self.post("/v2/cards", body)["card"]
        return made

    def link(self, amount: int = 2_500, **fields: Any) -> dict[str, Any]:
        """A payment link, quick pay unless an order is given."""
        quick_pay = {"name": "Deposit", "price_money": usd(amount), "location_id": self.main}
        body = fields if "order" in fields else {"quick_pay": quick_pay, **fields}
        made: dict[str, Any] = self.post("/v2/online-checkout/payment-links", body)["payment_link"]
        return made

    def pay_page(self, invoice: dict[str, Any], **form: str) -> httpx.Response:
        """The form of the hosted page, sent as a browser without JavaScript does; not redirected."""
        return self.twin.http.post(invoice["public_url"], data={**GOOD_CARD, **form})
