"""Older shapes of the API's objects: what a caller or webhook endpoint with an older Stripe-Version gets to see.

Records are kept in the shape of API_VERSION; each change below takes one step back. Sources: Stripe's API changelog and the
changelog of stripe-python (12.0.0 for basil, 13.0.0 for clover, 15.0.0 for dahlia, 16.0.0 for endive).
"""

from collections.abc import Callable
from typing import Any

from providers.sandbox.stripe.price_records import price_record
from providers.sandbox.stripe.store import Record, Store, subscription_of

BASIL, CLOVER, DAHLIA, DAHLIA_JULY, ENDIVE = "2025-03-31", "2025-09-30", "2026-03-25", "2026-07-29", "2026-09-30"
OLD_UI_MODES = {"hosted_page": "hosted", "embedded_page": "embedded", "elements": "custom"}
Change = Callable[[Store, Record], None]
CHANGES: list[tuple[str, str, Change]] = []
"""(first date of the newer shape, kind, step back), newest first."""


def changed_in(date: str, kind: str) -> Callable[[Change], Change]:
    def register(step: Change) -> Change:
        CHANGES.append((date, kind, step))
        CHANGES.sort(key=lambda change: change[0], reverse=True)
        return step

    return register


def is_older(version: str, date: str) -> bool:
    """Versions begin with their date, `2025-03-31.basil`."""
    return version[:10] < date


def has_older_shapes(version: str) -> bool:
    return is_older(version, ENDIVE)


def in_version(store: Store, record: Record, version: str) -> Record:
    """A copy of a record, and of all records within it, in the shape of a version."""
    if not has_older_shapes(version):
        return record
    shown: Record = {name: _inner(store, value, version) for name, value in record.items()}
    for date, kind, step in CHANGES:
        if kind == shown.get("object") and is_older(version, date):
            step(store, shown)
    return shown


def _inner(store: Store, value: Any, version: str) -> Any:
    if isinstance(value, dict):
        return in_version(store, value, version)
    if isinstance(value, list):
        return [_inner(store, item, version) for item in value]
    return value


@changed_in(ENDIVE, "invoice")
@changed_in(ENDIVE, "subscription")
def without_status_details(_store: Store, record: Record) -> None:
    record.pop("status_details", None)


@changed_in(DAHLIA_JULY, "refund")
def without_payer(_store: Store, refund: Record) -> None:
    for name in ("customer", "customer_account", "payment_method"):
        refund.pop(name, None)


@changed_in(DAHLIA, "invoice")
def without_payments_elsewhere(_store: Store, invoice: Record) -> None:
    invoice["_paid_elsewhere"] = invoice.pop("amount_paid_off_stripe", None)


@changed_in(DAHLIA, "checkout.session")
def with_old_ui_mode(_store: Store, session: Record) -> None:
    session["ui_mode"] = OLD_UI_MODES.get(session["ui_mode"], session["ui_mode"])


@changed_in(DAHLIA, "line_item")
@changed_in(DAHLIA, "invoiceitem")
def without_decimal_quantity(_store: Store, line: Record) -> None:
    line.pop("quantity_decimal", None)


@changed_in(CLOVER, "discount")
def with_coupon(store: Store, discount: Record) -> None:
    discount.pop("source", None)
    discount["coupon"] = store.coupon_of_discount.get(discount["id"])


@changed_in(CLOVER, "subscription")
def without_billing_mode(_store: Store, subscription: Record) -> None:
    for name in ("billing_mode", "billing_schedules"):
        subscription.pop(name, None)


@changed_in(BASIL, "invoice")
def with_payment_and_subscription(store: Store, invoice: Record) -> None:
    intent_id, charge_id = _payment_of(store, invoice["id"])
    paid_elsewhere = invoice.pop("_paid_elsewhere", 0)
    parent = invoice.pop("parent", None)
    details = (parent or {}).get("subscription_details")
    taxes = invoice.pop("total_taxes", [])
    discounts = [store.discounts.get(item) for item in invoice["discounts"] if isinstance(item, str)]
    for name in ("amount_overpaid", "payments", "confirmation_secret", "customer_account"):
        invoice.pop(name, None)
    invoice |= {
        "application_fee_amount": None,
        "charge": charge_id,
        "discount": _old_discount(store, discounts[0]) if discounts and discounts[0] else None,
        "paid": invoice["status"] == "paid",
        "paid_out_of_band": invoice["status"] == "paid" and bool(paid_elsewhere),
        "payment_intent": intent_id,
        "quote": None,
        "subscription": subscription_of({"parent": parent}),
        "subscription_details": {"metadata": details["metadata"]} if details else {"metadata": None},
        "tax": sum(row["amount"] for row in taxes) if taxes else None,
        "total_tax_amounts": [_old_tax(row) for row in taxes],
        "transfer_data": None,
    }


@changed_in(BASIL, "line_item")
def with_price_and_type(store: Store, line: Record) -> None:
    parent = line.pop("parent") or {}
    price = _price(store, line)
    item = parent.get("invoice_item_details") or parent.get("subscription_item_details") or {}
    line |= {
        "invoice_item": item.get("invoice_item"),
        "plan": _plan(price),
        "price": price,
        "proration": item.get("proration", False),
        "proration_details": {"credited_items": None},
        "subscription": item.get("subscription"),
        "tax_amounts": [_old_tax(row) for row in line.pop("taxes", [])],
        "tax_rates": store.line_rates.get(line["id"], []),
        "type": "subscription" if parent.get("type") == "subscription_item_details" else "invoiceitem",
        "unit_amount_excluding_tax": price["unit_amount_decimal"],
    }
    if item.get("subscription_item"):
        line["subscription_item"] = item["subscription_item"]
    for name in ("pricing", "subtotal"):
        line.pop(name, None)


@changed_in(BASIL, "invoiceitem")
def with_item_price(store: Store, item: Record) -> None:
    details = ((item.pop("parent", None) or {}).get("subscription_details")) or {}
    price = _price(store, item)
    item |= {
        "plan": _plan(price),
        "price": price,
        "subscription": details.get("subscription"),
        "unit_amount": price["unit_amount"],
        "unit_amount_decimal": price["unit_amount_decimal"],
    }
    if details.get("subscription_item"):
        item["subscription_item"] = details["subscription_item"]
    for name in ("pricing", "net_amount", "proration_details", "customer_account"):
        item.pop(name, None)


@changed_in(BASIL, "charge")
def with_invoice_of_charge(store: Store, charge: Record) -> None:
    charge["invoice"] = _invoice_of(store, charge["payment_intent"])


@changed_in(BASIL, "payment_intent")
def with_invoice_of_intent(store: Store, intent: Record) -> None:
    intent["invoice"] = _invoice_of(store, intent["id"])
    intent.pop("customer_account", None)


@changed_in(BASIL, "subscription")
def with_period(store: Store, subscription: Record) -> None:
    items = subscription["items"]["data"]
    stored = store.subscription_items.get(items[0]["id"]) if items else None
    discounts = [store.discounts.get(item) for item in subscription["discounts"] if isinstance(item, str)]
    subscription |= {
        "current_period_end": stored["current_period_end"] if stored else subscription["created"],
        "current_period_start": stored["current_period_start"] if stored else subscription["created"],
        "discount": _old_discount(store, discounts[0]) if discounts and discounts[0] else None,
    }
    subscription.pop("customer_account", None)


@changed_in(BASIL, "subscription_item")
def without_period(_store: Store, item: Record) -> None:
    for name in ("current_period_end", "current_period_start"):
        item.pop(name, None)


@changed_in(BASIL, "checkout.session")
def with_shipping_details(_store: Store, session: Record) -> None:
    collected = session.pop("collected_information", None) or {}
    session["shipping_details"] = collected.get("shipping_details")


@changed_in(BASIL, "credit_note")
def with_tax_amounts(_store: Store, note: Record) -> None:
    note["tax_amounts"] = [_old_tax(row) for row in note.pop("total_taxes", [])]


def _payment_of(store: Store, invoice_id: str) -> tuple[str | None, str | None]:
    """Payment intent and charge that an invoice used to name: of the paid payment, else of its own open one."""
    payments = [row for row in store.invoice_payments.find(invoice=invoice_id) if row["payment"].get("payment_intent")]
    chosen = [row for row in payments if row["status"] == "paid"] or [row for row in payments if row["is_default"]]
    if not chosen:
        return None, None
    intent_id = chosen[0]["payment"]["payment_intent"]
    intent = store.payment_intents.get(intent_id) or {}
    return intent_id, intent.get("latest_charge")


def _invoice_of(store: Store, intent_id: str | None) -> str | None:
    payments = store.invoice_payments.find(payment_intent=intent_id) if intent_id else []
    return str(payments[0]["invoice"]) if payments else None


def _price(store: Store, line: Record) -> Record:
    """The whole price of a line; amounts that were given without one had a price made for them."""
    pricing = line.get("pricing") or {}
    named = pricing.get("price_details") or {"price": f"price_{line['id']}", "product": f"prod_{line['id']}"}
    known = store.prices.get(named["price"])
    if known is not None:
        return known
    made = price_record(
        named["price"],
        product=named["product"],
        currency=line["currency"],
        unit_amount_decimal=pricing.get("unit_amount_decimal") or str(line["amount"]),
        created=line["period"]["start"],
        livemode=line["livemode"],
    )
    return {**made, "active": False}


def _plan(price: Record) -> Record | None:
    recurring = price["recurring"]
    if recurring is None:
        return None
    names = ("id", "active", "billing_scheme", "created", "currency", "livemode", "metadata", "nickname", "product")
    plan: Record = {name: price[name] for name in names}
    plan |= {"object": "plan", "amount": price["unit_amount"], "amount_decimal": price["unit_amount_decimal"]}
    return plan | {name: recurring[name] for name in ("interval", "interval_count", "trial_period_days", "usage_type")}


def _old_tax(row: Record) -> Record:
    return {
        "amount": row["amount"],
        "inclusive": row["tax_behavior"] == "inclusive",
        "tax_rate": (row.get("tax_rate_details") or {}).get("tax_rate"),
        "taxability_reason": row["taxability_reason"],
        "taxable_amount": row["taxable_amount"],
    }


def _old_discount(store: Store, discount: Record) -> Record:
    shown = dict(discount)
    with_coupon(store, shown)
    return shown
