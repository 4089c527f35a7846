"""What a merchant and its payers do at the provider, without us: the other hand in tests."""

from __future__ import annotations

from datetime import timedelta

from providers.fake.world.desks import DESKS, saved_card, write
from providers.fake.world.wire import Json
from providers.fake.world.world import FakeWorld


class Merchant:
    """Acts in one account. Kinds by the provider's word: customer, invoice, payment, refund, payment_method, ..."""

    def __init__(self, world: FakeWorld, account_id: str) -> None:
        self.world = world
        self.account_id = account_id
        self.books = world.books(account_id)
        self.currency = str(self.books.profile["currency"])

    def add_customer(self, **fields: str) -> str:
        named = fields or {"given_name": "Ada", "family_name": "Lovelace", "email": "ada@example.com"}
        return str(self.books.create("customer", dict(named))["id"])

    def add_payment_method(self, customer_id: str) -> str:
        return str(self.books.add("payment_method", saved_card(customer_id))["id"])

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

    def make(self, kind: str, **fields: object) -> str:
        """A record of a kind that has a desk (subscription, payment_link, ...), with the fields of a call."""
        return str(write(self.books, DESKS[kind], kind, None, "create", dict(fields))["id"])

    def add_subscription(self, customer_id: str, minor_units: int = 1_900) -> str:
        amount = {"amount": minor_units, "currency": self.currency}
        return self.make("subscription", customer_id=customer_id, name="Care plan", amount=amount, interval="month")

    def add_dispute(self, payment_id: str, minor_units: int = 4_200) -> str:
        """The payer complains at the bank; the merchant has a week to answer."""
        payment = self.books.shelves["payment"].get(payment_id)
        self.books.change("payment", payment, disputed=True)
        respond_by = (self.books.now() + timedelta(days=7)).isoformat()
        fields = {"payment_id": payment_id, "amount": {"amount": minor_units, "currency": self.currency}}
        fields |= {"status": "needs_response", "reason": "not_received", "respond_by": respond_by}
        return str(self.books.add("dispute", {**fields, "evidence": {}, "evidence_submitted": False})["id"])

    def decide_dispute(self, dispute_id: str, status: str) -> None:
        """The bank decides: "won" or "lost"."""
        self.books.change("dispute", self.books.shelves["dispute"].get(dispute_id), status=status)

    def add_payout(self, *payment_ids: str) -> str:
        """What these payments brought after fees is on its way to the bank."""
        payments = [self.books.shelves["payment"].get(id) for id in payment_ids]
        net = sum(payment["amount"]["amount"] - payment["fee"]["amount"] for payment in payments)
        fields = {"amount": {"amount": net, "currency": self.currency}, "status": "in_transit", "is_complete": True}
        arrives_on = (self.books.now() + timedelta(days=2)).date().isoformat()
        payout = self.books.add("payout", {**fields, "arrives_on": arrives_on, "automatic": True})
        for payment in payments:
            entry = {"parent_id": payout["id"], "entry_type": "charge", "gross": payment["amount"], "fee": payment["fee"]}
            entry["net"] = {"amount": payment["amount"]["amount"] - payment["fee"]["amount"], "currency": self.currency}
            entry |= {"payment_id": payment["id"], "effective_at": payment["created_at"]}
            self.books.add("payout_entry", entry)
        return str(payout["id"])

    def settle_payout(self, payout_id: str, status: str) -> None:
        """The bank answers: "paid" or "failed"."""
        self.books.change("payout", self.books.shelves["payout"].get(payout_id), status=status)

    def pay_link(self, link_id: str) -> str:
        """A payer opens the link and pays; the payment's id."""
        link = self.books.shelves["payment_link"].get(link_id)
        body: Json = {"source": "fake_card_ok", "amount": link["amount"], "customer_id": link.get("customer_id")}
        payment = self.books.create_payment({**body, "reference": link.get("reference")})
        self.books.change("payment_link", link, status="paid", payment_id=payment["id"], url=None)
        return str(payment["id"])

    def pay_at_terminal(self, checkout_id: str) -> str:
        """The payer holds a card to the reader; the payment's id."""
        checkout = self.books.shelves["terminal_checkout"].get(checkout_id)
        payment = self.books.create_payment({"source": "fake_card_ok", "amount": checkout["amount"]})
        self.books.change("payment", payment, device=checkout["device_id"])
        self.books.change("terminal_checkout", checkout, status="completed", payment_ids=[payment["id"]])
        return str(payment["id"])

    def complete_setup(self, setup_id: str) -> str:
        """The payer enters a card on our page; the saved method's id."""
        setup = self.books.shelves["payment_method_setup"].get(setup_id)
        method_id = self.add_payment_method(str(setup["customer_id"]))
        self.books.change("payment_method_setup", setup, status="succeeded", payment_method_id=method_id)
        return method_id

    def add_catalog_item(self, name: str = "Tap", minor_units: int = 2_500) -> str:
        item_id = f"item_{self.books.next_number()}"
        price = {"amount": minor_units, "currency": self.currency}
        fields = {"item_id": item_id, "name": name, "variation_name": "Brass", "sku": "TAP-1", "price": price}
        return str(self.books.add("catalog_item", fields)["id"])

    def count(self, catalog_item_id: str, quantity: str = "12") -> str:
        """So many of it are in stock at the main location."""
        place = next(place["id"] for place in self.books.shelves["location"] if place["is_main"])
        fields = {"id": f"{catalog_item_id}:{place}:in_stock", "catalog_item_id": catalog_item_id, "location_id": place}
        fields |= {"state": "in_stock", "quantity": quantity}
        return str(self.books.add("inventory_count", {**fields, "counted_at": self.books.now().isoformat()})["id"])

    def edit(self, kind: str, id: str, **fields: object) -> None:
        self.books.change(kind, self.books.shelves[kind].get(id), **fields)

    def delete(self, kind: str, id: str) -> None:
        self.books.remove(kind, self.books.shelves[kind].get(id))

    def merge_customers(self, gone_id: str, into_id: str) -> None:
        self.books.merge_customers(gone_id, into_id)
