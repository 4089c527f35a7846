"""What sellers and payers do elsewhere than through the API: Dashboard, point of sale, pay page. Events follow as always."""

from collections.abc import Callable, Mapping
from typing import Any

from providers.sandbox.core.twin import ControlError
from providers.sandbox.square import (
    books,
    customer_merge,
    customers,
    invoice_publishing,
    invoice_settlement,
    invoices,
    locations,
    orders,
    payment_sources,
    payments,
    refunds,
    till,
)
from providers.sandbox.square.balance import add_entry
from providers.sandbox.square.errors import ApiFailure
from providers.sandbox.square.events import publish
from providers.sandbox.square.invoice_schedule import amount_left, next_amount
from providers.sandbox.square.money import money
from providers.sandbox.square.oauth import revoke_merchant
from providers.sandbox.square.payment_sources import Source
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

Body = Mapping[str, Any]
Act = Callable[[Square, Seller, Body], Record]
GOOD_CARD = "4111111111111111"


def act(square: Square, seller: Seller, action: str, body: Body) -> Record:
    """Raises ControlError for an unknown action, a missing field, or what Square would refuse."""
    if action not in ACTIONS:
        raise ControlError(f"unknown action {action}; known are {', '.join(sorted(ACTIONS))}")
    try:
        return ACTIONS[action][0](square, seller, body)
    except ApiFailure as failure:
        raise ControlError(f"{failure.errors[0]['code']}: {failure.errors[0]['detail']}") from failure
    except KeyError as missing:
        raise ControlError(f"{action} needs {missing.args[0]}") from missing


def _create_customer(square: Square, seller: Seller, body: Body) -> Record:
    fields = {name: value for name, value in body.items() if name != "creation_source"}
    customers.check_fields(fields)
    return {"customer": customers.create(square, seller, fields, source=body.get("creation_source", "DIRECTORY"))}


def _update_customer(square: Square, seller: Seller, body: Body) -> Record:
    changes = {name: value for name, value in body.items() if name != "customer_id"}
    customers.check_fields(changes)
    return {"customer": customers.change(square, seller, body["customer_id"], changes)}


def _delete_customer(square: Square, seller: Seller, body: Body) -> Record:
    customers.delete(square, seller, body["customer_id"])
    return {"deleted": body["customer_id"]}


def _merge_customers(square: Square, seller: Seller, body: Body) -> Record:
    return {"customer": customer_merge.merge(square, seller, list(body["customer_ids"]))}


def _refund_payment(square: Square, seller: Seller, body: Body) -> Record:
    payment = payments.find(seller, body["payment_id"])
    amount = int(body.get("amount") or payments.refundable(seller, payment))
    return {"refund": refunds.start(square, seller, payment, amount, reason=body.get("reason"))}


def _adjust_fee(square: Square, seller: Seller, body: Body) -> Record:
    payment = payments.find(seller, body["payment_id"])
    entry = {**payments.fee_entry(square, int(body["amount"]), payment["total_money"]["currency"]), "type": "ADJUSTMENT"}
    changed = payments.save(square, seller, {**payment, "processing_fee": [*payment.get("processing_fee", []), entry]})
    amount, currency, details = int(body["amount"]), payment["total_money"]["currency"], {"payment_id": payment["id"]}
    add_entry(square, seller, payment["location_id"], "ADJUSTMENT", gross=-amount, fee=0, currency=currency, details=details)
    return {"payment": changed}


def _pay_invoice(square: Square, seller: Seller, body: Body) -> Record:
    """What happens on the pay page. card: a number; method: card or bank; amount: default is what the page asks for."""
    invoice = invoices.find(seller, body["invoice_id"])
    if body.get("method") == "bank":
        source = Source(source_type="BANK_ACCOUNT", later_failure=body.get("failure"))
    else:
        expiry = body.get("expiry") or f"11/{square.now().year % 100 + 2:02d}"
        cvv, postal_code = body.get("cvv", "111"), body.get("postal_code", "94103")
        source = payment_sources.typed_card(square, body.get("card", GOOD_CARD), expiry, cvv, postal_code)
    amount = int(body.get("amount") or next_amount(invoice, invoice_settlement.today_of(square, invoice)))
    fields = {"buyer_email_address": body.get("email")}
    payment = invoice_settlement.pay(square, seller, invoice, source, amount=amount, tip=int(body.get("tip", 0)), fields=fields)
    return {"payment": payment, "invoice": invoices.find(seller, invoice["id"])}


def _record_payment(square: Square, seller: Seller, body: Body) -> Record:
    invoice = invoices.find(seller, body["invoice_id"])
    method, amount = str(body.get("method", "CASH")).upper(), int(body.get("amount") or amount_left(invoice))
    if method not in ("CASH", *invoice_settlement.NOTED_TYPES):
        raise ControlError(f"method must be CASH or one of {', '.join(invoice_settlement.NOTED_TYPES)}")
    payment = invoice_settlement.record_by_hand(square, seller, invoice, amount, method)
    return {"payment": payment, "invoice": invoices.find(seller, invoice["id"])}


def _invoice_failed(square: Square, seller: Seller, body: Body) -> Record:
    """Rare: Square gives the invoice up."""
    invoice = invoices.find(seller, body["invoice_id"])
    return {"invoice": invoice_settlement.saved(square, seller, {**invoice, "status": "FAILED"}, "invoice.updated")}


def _create_invoice(square: Square, seller: Seller, body: Body) -> Record:
    """From the Dashboard, published unless draft is true: customer_id, amount, due_date, title, location_id, delivery_method."""
    location = locations.active_location(seller, body.get("location_id"))
    line = {
        "quantity": "1",
        "name": body.get("item", "Service"),
        "base_price_money": money(int(body["amount"]), location["currency"]),
    }
    wanted = {"location_id": location["id"], "line_items": [line], "customer_id": body["customer_id"]}
    order = orders.add(square, seller, orders.build(square, seller, wanted, source="Invoices"))
    request = {"request_type": "BALANCE", "due_date": body.get("due_date") or square.now().date().isoformat()}
    fields = {
        "order_id": order["id"],
        "primary_recipient": {"customer_id": body["customer_id"]},
        "payment_requests": body.get("payment_requests") or [request],
        "delivery_method": body.get("delivery_method", "SHARE_MANUALLY"),
        "accepted_payment_methods": {"card": True},
        "title": body.get("title"),
        "invoice_number": body.get("invoice_number"),
    }
    invoice = invoices.create(square, seller, fields)
    if not body.get("draft"):
        invoice_publishing.publish(square, seller, invoice)
    return {"invoice": invoices.find(seller, invoice["id"]), "order": orders.find(seller, order["id"])}


def _publish_invoice(square: Square, seller: Seller, body: Body) -> Record:
    return {"invoice": invoice_publishing.publish(square, seller, invoices.find(seller, body["invoice_id"]))}


def _update_invoice(square: Square, seller: Seller, body: Body) -> Record:
    changes = {name: value for name, value in body.items() if name != "invoice_id"}
    return {"invoice": invoices.change(square, seller, invoices.find(seller, body["invoice_id"]), changes, [])}


def _cancel_invoice(square: Square, seller: Seller, body: Body) -> Record:
    return {"invoice": invoices.cancel(square, seller, invoices.find(seller, body["invoice_id"]))}


def _add_location(square: Square, seller: Seller, body: Body) -> Record:
    return {"location": locations.add(square, seller, body)}


def _change_location(square: Square, seller: Seller, body: Body) -> Record:
    location_id = locations.location_of(seller, body["location_id"])["id"]
    changes = {name: value for name, value in body.items() if name != "location_id"}
    return {"location": locations.change(square, seller, location_id, changes)}


def _revoke(square: Square, seller: Seller, body: Body) -> Record:
    revoke_merchant(square, seller.id, body.get("revoker_type", "MERCHANT"))
    return {"revoked": seller.id}


def _send_event(square: Square, seller: Seller, body: Body) -> Record:
    """An event as given, to see how receivers take what they do not know."""
    publish(square, seller, body["type"], dict(body["data"]))
    return {"sent": body["type"]}


ACTIONS: dict[str, tuple[Act, str]] = {
    "customer_create": (_create_customer, "profile fields; creation_source, DIRECTORY by default"),
    "customer_update": (_update_customer, "customer_id and changed fields; null clears"),
    "customer_delete": (_delete_customer, "customer_id"),
    "customers_merge": (_merge_customers, "customer_ids: a new profile, the old ones deleted"),
    "payment_refund": (_refund_payment, "payment_id, amount, reason"),
    "payment_adjust_fee": (_adjust_fee, "payment_id, amount: a later ADJUSTMENT of the processing fee"),
    "invoice_create": (_create_invoice, "customer_id, amount, due_date, title, location_id, delivery_method, draft"),
    "invoice_publish": (_publish_invoice, "invoice_id"),
    "invoice_update": (_update_invoice, "invoice_id and changed fields"),
    "invoice_pay": (_pay_invoice, "invoice_id, card, cvv, postal_code, expiry, tip, amount, method card or bank, failure"),
    "invoice_record_cash": (_record_payment, "invoice_id, amount: the seller notes a payment in cash"),
    "invoice_record_payment": (_record_payment, "invoice_id, amount, method CASH, CHECK, BANK_TRANSFER or OTHER: noted by hand"),
    "invoice_fail": (_invoice_failed, "invoice_id: FAILED"),
    "invoice_cancel": (_cancel_invoice, "invoice_id"),
    "location_create": (_add_location, "name, status, timezone"),
    "location_update": (_change_location, "location_id and changed fields, such as status INACTIVE"),
    "revoke": (_revoke, "the seller disconnects the application; revoker_type MERCHANT or SQUARE"),
    "event_send": (_send_event, "type and data of any event"),
    **till.ACTIONS,
    **books.ACTIONS,
}
