"""Seeded payouts, disputes, payment links, subscriptions and catalog items, beside customers, invoices and sales."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from providers.sandbox.square import balance, catalog, disputes, ids, orders, payouts, subscriptions, times
from providers.sandbox.square.cadence import following
from providers.sandbox.square.money import amount_of, money
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square
from providers.sandbox.square.subscription_billing import settle

WORDS = ("Coffee", "Tea", "Cake", "Bread", "Soup", "Salad", "Juice", "Water")


def add_payouts(square: Square, seller: Seller, payments: Iterable[Record]) -> list[Record]:
    """One PAID payout per location and day for these payments, sent the morning after, with their entries."""
    days: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for payment in payments:
        days[payment["location_id"], payment["created_at"][:10]].append(payment)
    made = []
    for (location_id, day), taken in sorted(days.items()):
        entries = [_charge(square, payment) for payment in taken]
        sent_at = times.parse(f"{day}T00:00:00Z", "day") + timedelta(days=1, hours=5)
        if sent_at > square.now():
            seller.balance.setdefault(location_id, []).extend(entries)
            payouts.time_next(square, seller, location_id)
            continue
        payout, kept = payouts.build(square, seller, location_id, entries, at=sent_at)
        arrived = times.wire(sent_at + timedelta(days=1), 0)
        made.append({**payout, "status": "PAID", "updated_at": arrived, "version": 2})
        seller.payout_entries[payout["id"]] = kept
    seller.payouts.load(made, square.clock.timestamp())
    return made


def _charge(square: Square, payment: Record) -> Record:
    fee = sum(amount_of(part["amount_money"]) for part in payment.get("processing_fee") or [])
    total, details = payment["total_money"], {"payment_id": payment["id"]}
    gross, currency, at = total["amount"], total["currency"], payment["updated_at"]
    return balance.entry(square, "CHARGE", gross=gross, fee=fee, currency=currency, details=details, at=at)


def add_disputes(square: Square, seller: Seller, payments: list[Record], count: int) -> list[Record]:
    """Open ones on the newest payments."""
    made = []
    for payment in payments[-count:] if count else []:
        dispute = disputes.build(square, payment, amount=None, reason="NOT_AS_DESCRIBED", inquiry=False, days=14.0)
        made.append(dispute)
    seller.disputes.load(made, square.clock.timestamp())
    return made


def add_links(square: Square, seller: Seller, count: int) -> list[Record]:
    """Unpaid ones at the main location."""
    made = []
    for number in range(count):
        currency = seller.locations[seller.main_location_id]["currency"]
        line = {"name": f"Deposit {number}", "quantity": "1", "base_price_money": money(1_000 + number * 7, currency)}
        wanted = {"location_id": seller.main_location_id, "line_items": [line], "state": "DRAFT"}
        order = orders.build(square, seller, wanted, source="Checkout")
        seller.orders.put(order, square.clock.timestamp())
        link_id, code = ids.payment_link(), ids.link_code()
        link = {
            "id": link_id,
            "version": 1,
            "order_id": order["id"],
            "url": f"{square.base_url}/u/{code}",
            "long_url": f"{square.base_url}/checkout/{seller.id}/{link_id}",
            "created_at": times.wire(square.now(), 0),
        }
        square.links[code] = square.links[link_id] = (seller.id, link_id)
        made.append(link)
    seller.payment_links.load(made, square.clock.timestamp())
    return made


def add_subscriptions(square: Square, seller: Seller, recipients: list[Record], variation: Record, count: int) -> list[Record]:
    """ACTIVE ones whose current month is charged already; the next bills come by the clock."""
    made = []
    for number in range(count):
        wanted = {
            "location_id": seller.main_location_id,
            "customer_id": recipients[number % len(recipients)]["id"],
            "plan_variation_id": variation["id"],
        }
        subscription, billing = subscriptions.build(square, seller, wanted, source="Square Dashboard")
        billing.next_bill = following(billing.next_bill, "MONTHLY", billing.anchor_day)
        billing.periods_done = 1
        subscription |= {"status": "ACTIVE", "monthly_billing_anchor_date": billing.anchor_day}
        subscription["charged_through_date"] = (billing.next_bill - timedelta(days=1)).isoformat()
        seller.billing[subscription["id"]] = billing
        made.append(subscription)
    seller.subscriptions.load(made, square.clock.timestamp())
    for subscription in made:
        settle(square, seller, subscription["id"])
    return made


def add_plan(square: Square, seller: Seller) -> Record:
    """The variation that seeded subscriptions have; made once."""
    known = (
        item for item in seller.catalog.records() if item["type"] == "SUBSCRIPTION_PLAN_VARIATION" and not item["is_deleted"]
    )
    found = next(known, None)
    if found is not None:
        return found
    phase = {"cadence": "MONTHLY", "pricing": {"type": "STATIC", "price_money": money(2_900, seller.currency)}}
    data = {"name": "Monthly", "phases": [phase]}
    variation = {"type": "SUBSCRIPTION_PLAN_VARIATION", "id": "#monthly", "subscription_plan_variation_data": data}
    plan_data = {"name": "Care plan", "subscription_plan_variations": [variation]}
    plan = {"type": "SUBSCRIPTION_PLAN", "id": "#plan", "subscription_plan_data": plan_data}
    stored, _ = catalog.upsert(square, seller, [plan])
    variations: list[Record] = stored[0]["subscription_plan_data"]["subscription_plan_variations"]
    return variations[0]


def add_items(square: Square, seller: Seller, count: int) -> list[Record]:
    """Items with one variation each and stock at the main location."""
    version, moment = catalog.next_version(square, seller)
    made: list[Record] = []
    for number in range(count):
        item_id, variation_id = ids.catalog_object(), ids.catalog_object()
        price = money(300 + number * 5 % 4_000, seller.currency)
        own = {"present_at_all_locations": True, "version": version, "updated_at": moment, "is_deleted": False}
        data = {"item_id": item_id, "name": "Regular", "ordinal": 0, "pricing_type": "FIXED_PRICING", "price_money": price}
        variation = {"type": "ITEM_VARIATION", "id": variation_id, "item_variation_data": data, **own}
        item = {"name": f"{WORDS[number % len(WORDS)]} {number}", "variations": [variation]}
        made += [variation, {"type": "ITEM", "id": item_id, "item_data": item, **own}]
        key = (variation_id, seller.main_location_id, "IN_STOCK")
        seller.inventory[key] = {
            "catalog_object_id": variation_id,
            "catalog_object_type": "ITEM_VARIATION",
            "state": "IN_STOCK",
            "location_id": seller.main_location_id,
            "quantity": str(number % 100),
            "calculated_at": moment,
        }
    seller.catalog.load(made, square.clock.timestamp())
    return made
