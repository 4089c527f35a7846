"""More of a merchant's past for bulk loads: running subscriptions, disputes, and the payouts that the money went out with."""

import random
from typing import Any

from providers.sandbox.stripe.balance import balance_transaction_record
from providers.sandbox.stripe.call import Call
from providers.sandbox.stripe.disputes import dispute_record
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.payouts import DAY_SECONDS, bank_account_of, payout_record
from providers.sandbox.stripe.price_records import price_record
from providers.sandbox.stripe.products import product_record
from providers.sandbox.stripe.store import Record
from providers.sandbox.stripe.subscription_cycles import plan_next
from providers.sandbox.stripe.subscription_records import item_of_price, period_after, subscription_record

PLANS = (("Window cleaning", 4500, "month"), ("Garden care", 12000, "month"), ("Boiler check", 18000, "year"))


def add_subscriptions(call: Call, chance: random.Random, customers: list[Record], moments: list[int], currency: str) -> int:
    """Active subscriptions that bill on from now; without invoices of their past. moments: when each began."""
    prices = [_price(call, chance, *plan, currency=currency, created=min(moments, default=call.now)) for plan in PLANS]
    for created in moments:
        price, customer = chance.choice(prices), chance.choice(customers)
        subscription = subscription_record(
            new_id("sub_1", source=chance, length=23),
            customer=customer["id"],
            currency=currency,
            created=created,
            livemode=call.livemode,
        )
        subscription |= {"collection_method": "send_invoice", "days_until_due": 14}
        end = period_after(call, price["recurring"], created, call.now)
        item = item_of_price(subscription["id"], price, 1, start=created, end=end, created=created)
        item["id"] = new_id("si_", source=chance, length=14)
        subscription["items"]["data"] = [item]
        call.store.subscription_items.put(item)
        call.store.subscriptions.put(subscription)
        plan_next(call, subscription)
    return len(moments)


def add_disputes(call: Call, chance: random.Random, share: float) -> int:
    """This share of the seeded charges is disputed: some open, some lost, some won."""
    count = 0
    for charge in call.store.charges.find():
        if charge["status"] != "succeeded" or charge["refunded"] or chance.random() >= share:
            continue
        created = min(call.now, charge["created"] + DAY_SECONDS)
        dispute = dispute_record(
            new_id("du_1", source=chance, length=23),
            charge,
            reason=chance.choice(("fraudulent", "product_not_received")),
            inquiry=False,
            created=created,
            network=charge["payment_method_details"]["card"]["network"],
        )
        dispute["balance_transactions"] = [_row(call, chance, dispute, -dispute["amount"], "dispute", 1500, created)]
        if dispute["evidence_details"]["due_by"] < call.now:
            dispute["status"] = chance.choice(("won", "lost"))
        if dispute["status"] == "won":
            back = _row(call, chance, dispute, dispute["amount"], "dispute_reversal", 0, created + DAY_SECONDS)
            dispute["balance_transactions"].append(back)
        call.store.disputes.put(dispute)
        call.store.charges.put({**charge, "disputed": True})
        count += 1
    return count


def add_payouts(call: Call, chance: random.Random) -> int:
    """An automatic payout for each past midnight on which money had become available."""
    nights: dict[tuple[int, str], list[Record]] = {}
    for transaction_id in list(call.store.awaiting_payout):
        row = call.store.balance_transactions.get(transaction_id)
        night = (row["available_on"] // DAY_SECONDS + 1) * DAY_SECONDS if row else call.now
        if row is not None and night <= call.now:
            nights.setdefault((night, row["currency"]), []).append(row)
    count, carried = 0, dict[str, list[Record]]()
    for (night, currency), rows in sorted(nights.items(), key=lambda item: item[0]):
        members = carried.pop(currency, []) + rows
        amount = sum(row["net"] for row in members)
        if amount <= 0:
            carried[currency] = members
            continue
        _pay_out(call, chance, members, amount, currency, night)
        count += 1
    return count


def _pay_out(call: Call, chance: random.Random, rows: list[Record], amount: int, currency: str, night: int) -> None:
    payout = payout_record(
        new_id("po_1", source=chance, length=23),
        amount=amount,
        currency=currency,
        created=night,
        arrival=night + 2 * DAY_SECONDS,
        automatic=True,
        livemode=call.livemode,
        destination=bank_account_of(call.account.id),
    )
    if payout["arrival_date"] <= call.now:
        payout |= {"status": "paid", "reconciliation_status": "completed"}
        payout["trace_id"] = {"status": "supported", "value": new_id("", source=chance, length=15)}
    else:
        payout["status"] = "in_transit"
    own = _stored(call, chance, "payout", "payout", -amount, 0, currency, payout["id"], night, night)
    payout["balance_transaction"] = own["id"]
    for row in (*rows, own):
        call.store.payout_of[row["id"]] = payout["id"]
        call.store.awaiting_payout.pop(row["id"], None)
    call.store.payouts.put(payout)


def _row(call: Call, chance: random.Random, dispute: Record, amount: int, category: str, fee: int, created: int) -> Record:
    available_on = created + 2 * DAY_SECONDS
    row = _stored(call, chance, "adjustment", category, amount, fee, dispute["currency"], dispute["id"], created, available_on)
    call.store.awaiting_payout[row["id"]] = None
    return row


def _stored(call: Call, chance: random.Random, kind: str, category: str, *amounts: Any) -> Record:
    """amounts: amount, fee, currency, source, created, available_on."""
    amount, fee, currency, source, created, available_on = amounts
    row = balance_transaction_record(
        new_id("txn_1", source=chance, length=23),
        kind=kind,
        amount=amount,
        fee=fee,
        currency=currency,
        source=source,
        created=created,
        available_on=available_on,
        status="available",
        category=category,
    )
    call.store.balance_transactions.put(row)
    return row


def _price(call: Call, chance: random.Random, name: str, amount: int, interval: str, *, currency: str, created: int) -> Record:
    product = product_record(new_id("prod_", source=chance, length=14), name, created=created, livemode=call.livemode)
    price = price_record(
        new_id("price_1", source=chance, length=23),
        product=product["id"],
        currency=currency,
        unit_amount_decimal=str(amount),
        created=created,
        livemode=call.livemode,
        recurring={"interval": interval},
    )
    call.store.products.put(product)
    call.store.prices.put(price)
    return price
