"""What a merchant and its payers do at the provider, without us: the other hand in tests."""

from __future__ import annotations

from providers.fake.world.wire import Json
from providers.fake.world.world import FakeWorld


class Merchant:
    """Acts in one account. Kinds by the provider's word: customer, invoice, payment, refund, payment_method, location."""

    def __init__(self, world: FakeWorld, account_id: str) -> None:
        self.world = world
        self.account_id = account_id
        self.books = world.books(account_id)
        self.currency = str(self.books.profile["currency"])

    def add_customer(self, **fields: str) -> str:
        named = fields or {"given_name": "Ada", "family_name": "Lovelace", "email": "ada@example.com"}
        return str(self.books.create("customer", dict(named))["id"])

    def add_payment_method(self, customer_id: str) -> str:
        fields = {
            "customer_id": customer_id,
            "brand": "VISA",
            "last4": "4242",
            "exp_month": 12,
            "exp_year": 2040,
            "enabled": True,
        }
        return str(self.books.add("payment_method", fields)["id"])

    def add_invoice(self, customer_id: str, minor_units: int = 12_500, *, status: str = "open") -> str:
        """An invoice of one line, published unless `status` is "draft"."""
        amount = {"amount": minor_units, "currency": self.currency}
        lines = [{"description": "Work", "amount": amount, "quantity": "1", "unit_amount": amount}]
        invoice = self.books.create("invoice", {"customer_id": customer_id, "lines": lines})
        if status == "open":
            self.books.perform("invoice", invoice["id"], "publish", {})
        return str(invoice["id"])

    def pay(self, invoice_id: str, minor_units: int | None = None) -> str:
        """The payer pays on the hosted page: all that is due, or part of it. The payment's id."""
        invoice = self.books.shelves["invoice"].get(invoice_id)
        amount = {"amount": minor_units or invoice["total"] - invoice["paid"], "currency": invoice["currency"]}
        body: Json = {"source": "fake_card_ok", "amount": amount, "invoice_id": invoice_id, "customer_id": invoice["customer_id"]}
        return str(self.books.create_payment(body)["id"])

    def add_payment(self, minor_units: int = 4_200) -> str:
        """A sale without an invoice."""
        amount = {"amount": minor_units, "currency": self.currency}
        return str(self.books.create_payment({"source": "fake_card_ok", "amount": amount})["id"])

    def refund(self, payment_id: str, minor_units: int) -> str:
        amount = {"amount": minor_units, "currency": self.currency}
        return str(self.books.create("refund", {"payment_id": payment_id, "amount": amount})["id"])

    def add_location(self, name: str) -> str:
        fields = {"name": name, "currency": self.currency, "country": "US", "timezone": "UTC", "active": True, "is_main": False}
        return str(self.books.add("location", fields)["id"])

    def edit(self, kind: str, id: str, **fields: object) -> None:
        self.books.change(kind, self.books.shelves[kind].get(id), **fields)

    def delete(self, kind: str, id: str) -> None:
        self.books.remove(kind, self.books.shelves[kind].get(id))

    def merge_customers(self, gone_id: str, into_id: str) -> None:
        self.books.merge_customers(gone_id, into_id)
