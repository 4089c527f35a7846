"""Many records at once, as if a seller had used Square for months; no events, straight onto the shelves."""

import gc
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from providers.sandbox.core.twin import ControlError
from providers.sandbox.square import customers, ids, invoice_publishing, invoices, payment_sources, payments, seeding_more, times
from providers.sandbox.square.invoice_schedule import scheduled
from providers.sandbox.square.money import money
from providers.sandbox.square.order_totals import priced
from providers.sandbox.square.orders import tender_of
from providers.sandbox.square.payment_sources import Source
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

GIVEN_NAMES = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Niklaus", "Radia", "Tony", "Zoë", "José")
FAMILY_NAMES = (
    "Lovelace",
    "Hopper",
    "Turing",
    "Dijkstra",
    "Liskov",
    "Knuth",
    "Allen",
    "Wirth",
    "Perlman",
    "Hoare",
    "Müller",
    "Ñandú",
)
COUNTED = ("customers", "invoices", "payments", "disputes", "links", "subscriptions", "items")
KNOWN = {"account_id", *COUNTED, "seed", "payouts", "days", "paid_share", "prefix"}


@dataclass(slots=True, kw_only=True)
class Batch:
    customers: list[Record]
    orders: list[Record]
    invoices: list[Record]
    payments: list[Record]


def seed(square: Square, seller: Seller, body: Mapping[str, Any]) -> Record:
    """customers, invoices, payments, disputes, links, subscriptions, items: how many (payments: in-person sales without invoice).

    days: spread over so many days back. paid_share: percent of the invoices that are paid. payouts: true pays the payments out,
    one payout per location and day. prefix: for e-mail addresses. seed: the same one gives the same ids in an account seeded as
    often before. Answers the counts and the ids."""
    collecting = gc.isenabled()
    gc.disable()  # nothing made here is garbage, and looking for some takes longer than making it
    seller.seedings += 1
    try:
        if body.get("seed") is None:
            return _seed(square, seller, body)
        with ids.repeatable(f"{body['seed']}:{seller.id}:{seller.seedings}"):
            return _seed(square, seller, body)
    finally:
        if collecting:
            gc.enable()


def _seed(square: Square, seller: Seller, body: Mapping[str, Any]) -> Record:
    if unknown := set(body) - KNOWN:
        raise ControlError(f"unknown field {', '.join(sorted(unknown))}; known are {', '.join(sorted(KNOWN))}")
    counts = {name: int(body.get(name, 0)) for name in COUNTED}
    days, paid_share = int(body.get("days", 60)), int(body.get("paid_share", 50))
    batch = Batch(customers=[], orders=[], invoices=[], payments=[])
    now = square.now()
    for number in range(counts["customers"]):
        at = now - _ago(number, counts["customers"], days)
        batch.customers.append(_customer(number, at, str(body.get("prefix", "customer"))))
    recipients = batch.customers or list(seller.customers.records())
    if (counts["invoices"] or counts["subscriptions"]) and not recipients:
        raise ControlError("invoices and subscriptions need customers: seed some too")
    location_ids = [key for key, location in seller.locations.items() if location["status"] == "ACTIVE"]
    for number in range(counts["invoices"]):
        at = now - _ago(number, counts["invoices"], days)
        location_id = location_ids[number % len(location_ids)]
        paid = number * 100 // max(1, counts["invoices"]) % 100 < paid_share
        _add_invoice(square, seller, batch, recipients[number % len(recipients)], location_id, number, at, paid=paid)
    for number in range(counts["payments"]):
        at = now - _ago(number, counts["payments"], days)
        _add_sale(square, seller, batch, location_ids[number % len(location_ids)], number, at)
    _store(square, seller, batch)
    more = _more(square, seller, batch, recipients, counts, with_payouts=bool(body.get("payouts", False)))
    return {
        "account_id": seller.id,
        **{name: len(records) for name, records in more.items()},
        "customers": len(batch.customers),
        "invoices": len(batch.invoices),
        "payments": len(batch.payments),
        "customer_ids": [record["id"] for record in batch.customers],
        "invoice_ids": [record["id"] for record in batch.invoices],
        "payment_ids": [record["id"] for record in batch.payments],
    }


def _more(
    square: Square, seller: Seller, batch: Batch, recipients: list[Record], counts: Mapping[str, int], *, with_payouts: bool
) -> dict[str, list[Record]]:
    made = {
        "disputes": seeding_more.add_disputes(square, seller, batch.payments, counts["disputes"]),
        "links": seeding_more.add_links(square, seller, counts["links"]),
        "items": seeding_more.add_items(square, seller, counts["items"]) if counts["items"] else [],
        "payouts": seeding_more.add_payouts(square, seller, batch.payments) if with_payouts else [],
    }
    if counts["subscriptions"]:
        plan = seeding_more.add_plan(square, seller)
        made["subscriptions"] = seeding_more.add_subscriptions(square, seller, recipients, plan, counts["subscriptions"])
    return made


def _ago(number: int, count: int, days: int) -> timedelta:
    """Oldest first, never quite now."""
    return timedelta(seconds=days * 86_400 * (count - number) // max(1, count), milliseconds=number % 997)


def _customer(number: int, at: datetime, prefix: str) -> Record:
    return {
        "id": ids.customer(),
        "created_at": times.wire_trimmed(at, 2),
        "updated_at": times.wire_trimmed(at, 3),
        "given_name": GIVEN_NAMES[number % len(GIVEN_NAMES)],
        "family_name": f"{FAMILY_NAMES[number // len(GIVEN_NAMES) % len(FAMILY_NAMES)]} {number}",
        "email_address": f"{prefix}{number}@example.com",
        "phone_number": f"+1415{5_550_000 + number % 10_000:07d}",
        "address": {
            "address_line_1": f"{number + 1} Market Street",
            "locality": "San Francisco",
            "postal_code": "94103",
            "country": "US",
        },
        "preferences": {"email_unsubscribed": False},
        "creation_source": "THIRD_PARTY",
        "version": 0,
    }


def _order(seller: Seller, location_id: str, name: str, amount: int, at: datetime, customer_id: str | None) -> Record:
    currency = seller.locations[location_id]["currency"]
    moment = times.wire(at, 3)
    order: Record = {
        "id": ids.order(),
        "location_id": location_id,
        "line_items": [{"quantity": "1", "name": name, "base_price_money": money(amount, currency)}],
        "state": "OPEN",
        "version": 1,
        "created_at": moment,
        "updated_at": moment,
        "source": {"name": "Invoices"},
    }
    return priced({**order, "customer_id": customer_id} if customer_id else order, currency)


def _add_invoice(
    square: Square, seller: Seller, batch: Batch, customer: Record, location_id: str, number: int, at: datetime, *, paid: bool
) -> None:
    order = _order(seller, location_id, f"Work {number}", 1_000 + number * 37 % 90_000, at, customer["id"])
    currency = order["total_money"]["currency"]
    request = {"request_type": "BALANCE", "due_date": (at + timedelta(days=14)).date().isoformat()}
    requests = scheduled([request], order["total_money"]["amount"], currency, plus_plan=False)
    count = seller.next_invoice_number.get(location_id, 0) + 1
    seller.next_invoice_number[location_id] = count
    moment = times.wire(at, 0)
    snapshot = {name: customer[name] for name in invoices.RECIPIENT_FIELDS if customer.get(name)}
    invoice: Record = {
        "id": ids.invoice(),
        "version": 1,
        "location_id": location_id,
        "order_id": order["id"],
        "primary_recipient": {"customer_id": customer["id"], **snapshot},
        "payment_requests": requests,
        "delivery_method": "SHARE_MANUALLY",
        "accepted_payment_methods": {**invoices.NO_METHODS, "card": True},
        "invoice_number": f"{count:06d}",
        "title": f"Work {number}",
        "status": "UNPAID",
        "timezone": seller.locations[location_id]["timezone"],
        "store_payment_method_enabled": False,
        "created_at": moment,
        "updated_at": moment,
    }
    invoice["public_url"] = invoice_publishing.new_pay_page(square, seller, invoice["id"])
    seller.invoice_of_order[order["id"]] = invoice["id"]
    if paid:
        payment, order = _paid(square, seller, order, at, "INVOICES", customer["id"])
        batch.payments.append(payment)
        requests[0]["total_completed_amount_money"] = order["total_money"]
        invoice |= {"status": "PAID", "version": 2}
    else:
        invoice["next_payment_amount_money"] = order["total_money"]
    batch.orders.append(order)
    batch.invoices.append(invoice)


def _add_sale(square: Square, seller: Seller, batch: Batch, location_id: str, number: int, at: datetime) -> None:
    order = _order(seller, location_id, f"Sale {number}", 500 + number * 13 % 20_000, at, None)
    payment, order = _paid(square, seller, order, at, "SQUARE_POS", None)
    order.pop("version")
    batch.payments.append(payment)
    batch.orders.append(order)


def _paid(
    square: Square, seller: Seller, order: Record, at: datetime, product: str, customer_id: str | None
) -> tuple[Record, Record]:
    source = Source(source_type="CARD", card=payment_sources.card_record("4111111111111111", 11, square.now().year + 2))
    fields = {"customer_id": customer_id}
    amount = order["total_money"]["amount"]
    payment = payments.build(
        square, source, amount=amount, tip=0, order=order, product=product, status="COMPLETED", fields=fields
    )
    moment = times.wire(at + timedelta(milliseconds=1200), 3)
    payment |= {"created_at": times.wire(at, 3), "updated_at": moment}
    fee = payments.fee_entry(square, payments.fee_of(payment), order["total_money"]["currency"])
    payment["processing_fee"] = [{**fee, "effective_at": moment}]
    done = {
        **order,
        "tenders": [tender_of(payment)],
        "state": "COMPLETED",
        "closed_at": moment,
        "updated_at": moment,
        "version": 2,
    }
    seller.order_payments[order["id"]] = [payment["id"]]
    return payment, {**done, "net_amount_due_money": money(0, order["total_money"]["currency"])}


def _store(square: Square, seller: Seller, batch: Batch) -> None:
    moment = square.clock.timestamp()
    seller.customers.load(batch.customers, moment)
    for record in batch.customers:
        customers.index(seller, record)
    seller.orders.load(batch.orders, moment)
    seller.invoices.load(batch.invoices, moment)
    seller.payments.load(batch.payments, moment)
