"""Many records at once, without events: customers, invoices with their payments, payments without an invoice, refunds."""

import random
from collections.abc import Mapping
from typing import Any

import orjson

from providers.sandbox.stripe.balance import AVAILABLE_AFTER_SECONDS, balance_transaction_record, keep_watch, processing_fee
from providers.sandbox.stripe.call import Call
from providers.sandbox.stripe.cards import BY_NUMBER
from providers.sandbox.stripe.charges import charge_record
from providers.sandbox.stripe.customers import new_customer
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.invoice_lifecycle import give_hosted_page
from providers.sandbox.stripe.invoice_lines import item_record, line_of
from providers.sandbox.stripe.invoice_payments import invoice_payment_record
from providers.sandbox.stripe.invoice_records import customer_snapshot, invoice_record
from providers.sandbox.stripe.invoice_totals import with_totals
from providers.sandbox.stripe.payment_intents import payment_intent_record
from providers.sandbox.stripe.payment_methods import payment_method_record
from providers.sandbox.stripe.refunds import refund_record
from providers.sandbox.stripe.seed_history import add_disputes, add_payouts, add_subscriptions
from providers.sandbox.stripe.store import Record

GIVEN = (
    "Ada",
    "Brook",
    "Chidi",
    "Dana",
    "Emil",
    "Fatima",
    "Goro",
    "Hana",
    "Ivan",
    "Jo",
    "Kofi",
    "Lena",
    "Mia",
    "Noor",
    "Omar",
    "Zoë",
)
FAMILY = (
    "Adler",
    "Brown",
    "Costa",
    "Dubois",
    "Evans",
    "Fischer",
    "García",
    "Hansen",
    "Ito",
    "Jones",
    "Kim",
    "Łukasz",
    "Müller",
    "O'Neil",
)
STREETS = ("Main St", "Oak Ave", "Pine Rd", "Elm St", "Lake Dr")
WORK = ("Garden work", "Boiler service", "Kitchen tap", "Roof repair", "Catering", "Hourly work", "Spare parts")
DAY = 86400
CARD = BY_NUMBER["4242424242424242"]


class Seeder:
    """One bulk load. The same seed and numbers give the same records but for times, which end at the twin's now.

    days: how far back records reach. same_second: share of records created in the same second as the one before.
    paid, drafts, voided, refunded, disputed: shares. subscriptions: how many. payouts: true for those of each past midnight.
    lines: most lines per invoice. events: emit *.created for customers and invoices.
    """

    def __init__(self, call: Call, body: Mapping[str, Any]) -> None:
        self._call = call
        self._body = body
        self._random = random.Random(body.get("seed", 1))  # noqa: S311
        self._now = call.now
        self._days = body.get("days", 80)
        self._same_second = float(body.get("same_second", 0.2))
        self._shares = {name: float(body.get(name, share)) for name, share in SHARES.items()}
        self._lines = int(body.get("lines", 2))
        self._currency = body.get("currency", call.account.currency)
        self._collections = call.store.collections()
        self._waiting: list[tuple[str, Record]] = []
        self._counts: dict[str, int] = {}

    def load(self, *, customers: int, invoices: int, payments: int, events: bool) -> dict[str, int]:
        known = [] if customers else self._call.store.customers.find()
        new = [self._customer(created) for created in self._moments(customers or (0 if known else 1))]
        people = known + new
        for created in self._moments(invoices):
            self._invoice(self._random.choice(people), created)
            self._flush()
        for created in self._moments(payments):
            self._payment(self._random.choice(people) if self._random.random() < 0.7 else None, created)
            self._flush()
        for customer in known:
            self._call.store.customers.put(customer)
        self._waiting = [("customers", customer) for customer in new]
        self._flush()
        for collection in self._collections.values():
            collection.sort()
        self._add_history(people)
        if events:
            self._tell(new)
        return self._counts

    def _add_history(self, people: list[Record]) -> None:
        wanted = int(self._body.get("subscriptions", 0))
        if wanted:
            moments = self._moments(wanted)
            self._counts["subscriptions"] = add_subscriptions(self._call, self._random, people, moments, self._currency)
        if self._body.get("disputed"):
            self._counts["disputes"] = add_disputes(self._call, self._random, float(self._body["disputed"]))
        if self._body.get("payouts"):
            self._counts["payouts"] = add_payouts(self._call, self._random)

    def _flush(self) -> None:
        """Store what is complete, so that a big load does not live in memory twice."""
        for name, record in self._waiting:
            self._collections[name].add_unsorted(record)
            self._counts[name] = self._counts.get(name, 0) + 1
        self._waiting.clear()

    def _tell(self, customers: list[Record]) -> None:
        for customer in customers:
            emit(self._call, "customer.created", customer)
        for body in self._call.store.invoices.bodies():
            emit(self._call, "invoice.created", orjson.loads(body))

    def _moments(self, count: int) -> list[int]:
        """Creation times, oldest first, some of them equal."""
        moments = sorted(self._now - self._random.randrange(self._days * DAY) for _ in range(count))
        for index in range(1, count):
            if self._random.random() < self._same_second:
                moments[index] = moments[index - 1]
        return sorted(moments)

    def _id(self, prefix: str, length: int = 23) -> str:
        return new_id(prefix, source=self._random, length=length)

    def _add(self, name: str, record: Record) -> Record:
        self._waiting.append((name, record))
        return record

    def _customer(self, created: int) -> Record:
        pick = self._random.choice
        customer = new_customer(self._id("cus_", 14), created, self._call.livemode, self._id("", 8).upper())
        name = f"{pick(GIVEN)} {pick(FAMILY)}"
        street = f"{self._random.randrange(1, 999)} {pick(STREETS)}"
        customer |= {
            "name": name,
            "email": f"{customer['id'][4:].lower()}@example.com",
            "phone": f"+1555{self._random.randrange(10**7):07d}",
            "currency": self._currency,
            "address": {
                "city": "Springfield",
                "country": self._call.account.country,
                "line1": street,
                "line2": None,
                "postal_code": f"{self._random.randrange(10**5):05d}",
                "state": "IL",
            },
        }
        return customer

    def _invoice(self, customer: Record, created: int) -> None:
        call, chance = self._call, self._random.random()
        invoice = invoice_record(
            self._id("in_1"),
            customer=customer["id"],
            currency=self._currency,
            created=created,
            livemode=call.livemode,
            country=call.account.country,
            name=call.account.name,
        )
        invoice |= customer_snapshot(customer) | {"collection_method": "send_invoice", "due_date": created + 30 * DAY}
        lines = [self._line(invoice, created) for _ in range(self._random.randrange(1, self._lines + 1))]
        invoice = with_totals(invoice, lines)
        if len(lines) > len(invoice["lines"]["data"]):
            call.store.invoice_lines[invoice["id"]] = lines
        if chance >= self._shares["drafts"]:
            self._finalize(invoice, customer, created, chance)
        else:
            call.store.invoice_lines[invoice["id"]] = lines
        self._add("invoices", invoice)

    def _finalize(self, invoice: Record, customer: Record, created: int, chance: float) -> None:
        sequence = customer["next_invoice_sequence"]
        customer["next_invoice_sequence"] = sequence + 1
        invoice |= {
            "status": "open",
            "number": f"{customer['invoice_prefix']}-{sequence:04d}",
            "effective_at": created,
            "ending_balance": 0,
        }
        invoice["status_transitions"]["finalized_at"] = created
        give_hosted_page(self._call, invoice, self._id("", 40))
        intent = self._intent(invoice["amount_due"], customer, created)
        intent["automatic_payment_methods"] = None
        payment = invoice_payment_record(invoice, intent, created=created, is_default=True, payment_id=self._id("inpay_1"))
        self._add("invoice_payments", payment)
        left = chance - self._shares["drafts"]
        if left < self._shares["voided"]:
            invoice["status"] = "void"
            invoice["status_transitions"]["voided_at"] = created
            intent |= {"status": "canceled", "canceled_at": created, "cancellation_reason": "void_invoice"}
            payment["status"] = "canceled"
            payment["status_transitions"]["canceled_at"] = created
        elif left < self._shares["voided"] + self._shares["paid"]:
            self._pay(intent, created)
            payment |= {"status": "paid", "amount_paid": intent["amount"]}
            payment["status_transitions"]["paid_at"] = created
            invoice |= {
                "status": "paid",
                "amount_paid": invoice["amount_due"],
                "amount_remaining": 0,
                "attempted": True,
                "attempt_count": 1,
            }
            invoice["status_transitions"]["paid_at"] = created

    def _line(self, invoice: Record, created: int) -> Record:
        item = item_record(
            self._id("ii_1"),
            amount=self._random.randrange(500, 90_000),
            currency=self._currency,
            customer=invoice["customer"],
            created=created,
            livemode=self._call.livemode,
        )
        item |= {"description": self._random.choice(WORK), "invoice": invoice["id"]}
        self._add("invoiceitems", item)
        return line_of(item, invoice["id"], self._id("il_1"))

    def _payment(self, customer: Record | None, created: int) -> None:
        self._pay(self._intent(self._random.randrange(500, 50_000), customer, created), created)

    def _intent(self, amount: int, customer: Record | None, created: int) -> Record:
        intent = payment_intent_record(
            self._id("pi_3"),
            amount=amount,
            currency=self._currency,
            created=created,
            livemode=self._call.livemode,
            customer=customer["id"] if customer else None,
            secret=self._id("", 25),
        )
        return self._add("payment_intents", intent)

    def _pay(self, intent: Record, created: int) -> None:
        method = self._add("payment_methods", payment_method_record(self._id("pm_1"), CARD, created, self._call.livemode))
        self._call.store.card_numbers[method["id"]] = CARD.number
        charge = self._add("charges", charge_record(self._id("ch_3"), intent, method, CARD, created=created))
        charge["balance_transaction"] = self._book(
            "charge", charge["amount"], charge["id"], created, processing_fee(charge["amount"])
        )
        intent |= {
            "status": "succeeded",
            "amount_received": intent["amount"],
            "latest_charge": charge["id"],
            "payment_method": method["id"],
        }
        if self._random.random() < self._shares["refunded"]:
            amount = charge["amount"] if self._random.random() < 0.5 else charge["amount"] // 2
            refund = self._add("refunds", refund_record(self._id("re_3"), charge, amount, created))
            refund["balance_transaction"] = self._book("refund", -amount, refund["id"], created, 0)
            charge |= {"amount_refunded": amount, "refunded": amount == charge["amount"]}

    def _book(self, kind: str, amount: int, source: str, created: int, fee: int) -> str:
        available_on = created + AVAILABLE_AFTER_SECONDS
        transaction = balance_transaction_record(
            self._id("txn_1"),
            kind=kind,
            amount=amount,
            fee=fee,
            currency=self._currency,
            source=source,
            created=created,
            available_on=available_on,
            status="available" if available_on <= self._now else "pending",
        )
        keep_watch(self._call, transaction)
        return str(self._add("balance_transactions", transaction)["id"])


SHARES = {"drafts": 0.05, "voided": 0.05, "paid": 0.6, "refunded": 0.05}
