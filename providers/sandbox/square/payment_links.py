"""Payment links: an order waiting behind a short address, for one buyer and one payment."""

from collections.abc import Mapping
from typing import Any

from providers.sandbox.square import cards, customers, ids, orders, payments, subscriptions, times
from providers.sandbox.square.errors import bad_request, invalid, missing, not_found
from providers.sandbox.square.money import amount_of, checked
from providers.sandbox.square.payment_sources import Source
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square
from providers.sandbox.square.subscription_billing import settle

OPTION_DEFAULTS = {"allow_tipping": False, "ask_for_shipping_address": False}


def find(seller: Seller, link_id: str) -> Record:
    known = seller.payment_links.get(link_id)
    if known is None:
        raise not_found("Payment link", link_id, "id")
    return known


def create(square: Square, seller: Seller, wanted: Mapping[str, Any], *, source: str) -> Record:
    """A link with its DRAFT order. Raises the documented refusals."""
    quick_pay, order = wanted.get("quick_pay"), wanted.get("order")
    if quick_pay and order:
        raise invalid("CONFLICTING_PARAMETERS", "Provide either `quick_pay` or `order`, not both.", "order")
    if not quick_pay and not order:
        raise missing("order")
    options, prefilled = wanted.get("checkout_options") or {}, wanted.get("pre_populated_data") or {}
    check_prefilled(prefilled)
    check_options(seller, options)
    made = orders.build(square, seller, _order(quick_pay, order, options), source=source)
    made["state"] = "DRAFT"
    if not amount_of(made["total_money"]):
        raise bad_request("The order must cost something.", "order")
    orders.add(square, seller, made)
    link_id, code, moment = ids.payment_link(), ids.link_code(), times.wire(square.now(), 0)
    link: Record = {
        "id": link_id,
        "version": 1,
        "order_id": made["id"],
        "url": f"{square.base_url}/u/{code}",
        "long_url": f"{square.base_url}/checkout/{seller.id}/{link_id}",
        "created_at": moment,
    }
    names = ("description", "payment_note")
    link |= {name: wanted[name] for name in names if wanted.get(name)}
    if options:
        link["checkout_options"] = _shown_options(options)
    if prefilled:
        link["pre_populated_data"] = {name: value for name, value in prefilled.items() if value is not None}
    seller.payment_links.put(link, square.clock.timestamp())
    square.links[code] = square.links[link_id] = (seller.id, link_id)
    return link


def _order(quick_pay: Record | None, order: Record | None, options: Record) -> Record:
    if quick_pay:
        line = {"name": quick_pay["name"], "quantity": "1", "base_price_money": quick_pay["price_money"]}
        wanted: Record = {"location_id": quick_pay["location_id"], "line_items": [line]}
    else:
        wanted = {name: value for name, value in (order or {}).items() if name != "state"}
        if not wanted.get("line_items"):
            raise missing("order.line_items")
    shipping = options.get("shipping_fee")
    if shipping:
        charge = {
            "name": shipping.get("name") or "Shipping",
            "amount_money": shipping["charge"],
            "calculation_phase": "SUBTOTAL_PHASE",
        }
        wanted["service_charges"] = [*(wanted.get("service_charges") or []), charge]
    return wanted


def check_prefilled(prefilled: Mapping[str, Any]) -> None:
    fields = {"email_address": prefilled.get("buyer_email"), "phone_number": prefilled.get("buyer_phone_number")}
    customers.check_fields(fields, "pre_populated_data.")


def check_options(seller: Seller, options: Mapping[str, Any]) -> None:
    if len(options.get("custom_fields") or []) > 2:
        raise invalid("ARRAY_LENGTH_TOO_LONG", "A checkout has at most 2 custom fields.", "checkout_options.custom_fields")
    if options.get("shipping_fee"):
        checked(options["shipping_fee"]["charge"], seller.currency, "checkout_options.shipping_fee.charge")
    if options.get("subscription_plan_id"):
        subscriptions.variation_of(seller, options["subscription_plan_id"], "checkout_options.subscription_plan_id")


def _shown_options(options: Mapping[str, Any]) -> Record:
    return {**OPTION_DEFAULTS, **{name: value for name, value in options.items() if value is not None}}


def change(square: Square, seller: Seller, link: Record, changes: Mapping[str, Any]) -> Record:
    """checkout_options are replaced whole, pre_populated_data merged, null clears."""
    merged = dict(link)
    for name in ("description", "payment_note", "checkout_options", "pre_populated_data"):
        if name not in changes:
            continue
        value = changes[name]
        if value is None:
            merged.pop(name, None)
        elif name == "checkout_options":
            check_options(seller, value)
            merged[name] = _shown_options(value)
        elif name == "pre_populated_data":
            check_prefilled(value)
            known = {**link.get(name, {}), **value}
            merged[name] = {part: text for part, text in known.items() if text is not None}
        else:
            merged[name] = value
    merged |= {"version": link["version"] + 1, "updated_at": times.wire(square.now(), 0)}
    seller.payment_links.put(merged, square.clock.timestamp())
    return merged


def delete(square: Square, seller: Seller, link: Record) -> str | None:
    """Returns the id of the order that was cancelled with it, None if somebody had paid."""
    seller.payment_links.remove(link["id"], square.clock.timestamp())
    for code in [code for code, target in square.links.items() if target == (seller.id, link["id"])]:
        del square.links[code]
    order = orders.find(seller, link["order_id"])
    if order.get("tenders") or order["state"] not in ("DRAFT", "OPEN"):
        return None
    orders.cancel(square, seller, order["id"])
    return str(order["id"])


def is_paid(seller: Seller, link: Record) -> bool:
    return bool(orders.find(seller, link["order_id"]).get("tenders"))


def pay(square: Square, seller: Seller, link: Record, source: Source, *, tip: int, fields: Mapping[str, Any]) -> Record:
    """What the buyer does on the page. The order is OPEN afterwards, not COMPLETED, and has no customer of its own."""
    order = orders.find(seller, link["order_id"])
    if is_paid(seller, link) or order["state"] not in ("DRAFT", "OPEN"):
        raise bad_request("This checkout was already completed.")
    options = link.get("checkout_options") or {}
    note = {"note": link.get("payment_note"), "buyer_email_address": fields.get("buyer_email_address")}
    more = {name: value for name, value in fields.items() if name in ("shipping_address", "customer_id")}
    payment = payments.take(
        square,
        seller,
        source,
        amount=amount_of(order["net_amount_due_money"]),
        tip=tip if options.get("allow_tipping") else 0,
        order=order,
        product="ECOMMERCE_API",
        fields={**note, **more},
        completes_order=False,
    )
    paid = orders.find(seller, order["id"])
    if options.get("ask_for_shipping_address") and fields.get("shipping_address"):
        recipient = {"address": fields["shipping_address"], "display_name": fields.get("name") or "Buyer"}
        paid = {**paid, "fulfillments": [_shipment(recipient)]}
    orders.save(square, seller, {**paid, "state": "OPEN"})
    if options.get("subscription_plan_id"):
        _subscribe(square, seller, link, payment, source, fields)
    return payments.find(seller, payment["id"])


def _shipment(recipient: Record) -> Record:
    return {"uid": ids.uid(), "type": "SHIPMENT", "state": "PROPOSED", "shipment_details": {"recipient": recipient}}


def _subscribe(square: Square, seller: Seller, link: Record, payment: Record, source: Source, fields: Mapping[str, Any]) -> None:
    """The buyer's card is kept and a subscription to the plan begins with the next period."""
    email = fields.get("buyer_email_address") or "buyer@example.com"
    profile = customers.create(
        square, seller, {"given_name": fields.get("name") or "Buyer", "email_address": email}, source="THIRD_PARTY"
    )
    payments.save(square, seller, {**payments.find(seller, payment["id"]), "customer_id": profile["id"]})
    card = cards.keep(square, seller, source.card or {}, {"customer_id": profile["id"]})
    wanted = {
        "location_id": payment["location_id"],
        "customer_id": profile["id"],
        "plan_variation_id": link["checkout_options"]["subscription_plan_id"],
        "card_id": card["id"],
    }
    made = subscriptions.create(square, seller, wanted, source="Checkout")
    settle(square, seller, made["id"])
