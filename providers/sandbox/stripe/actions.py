"""What a merchant does in the dashboard and a payer does at a till or on a page: POST /_twin/act."""

from collections.abc import Callable, Mapping
from typing import Any

from providers.sandbox.core.twin import ControlError, JsonObject
from providers.sandbox.stripe import (
    customers,
    disputes,
    invoice_collection,
    invoice_lifecycle,
    invoice_lines,
    invoices,
    payment_intents,
    payouts,
    refunds,
)
from providers.sandbox.stripe.accounts import account_record
from providers.sandbox.stripe.balance import book
from providers.sandbox.stripe.call import Call, dashboard_call
from providers.sandbox.stripe.charges import card_present_method
from providers.sandbox.stripe.errors import ApiError
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.invoice_collection import note_failed_attempt
from providers.sandbox.stripe.invoice_records import existing_invoice
from providers.sandbox.stripe.oauth import connect, revoke
from providers.sandbox.stripe.onboarding import finish_onboarding
from providers.sandbox.stripe.pages import pay_hosted
from providers.sandbox.stripe.payment_methods import attach, card_of_number, new_payment_method
from providers.sandbox.stripe.permissions import check_names
from providers.sandbox.stripe.webhook_endpoints import roll_secret
from providers.sandbox.stripe.world import PLATFORM_ACCOUNT, Key, World

DEFAULT_CARD = "4242424242424242"
Action = Callable[[Call, dict[str, Any]], JsonObject]
ACTIONS: dict[str, tuple[str, Action]] = {}
"""Name -> what it does and takes, and the function."""


def action(name: str, description: str) -> Callable[[Action], Action]:
    def register(function: Action) -> Action:
        ACTIONS[name] = (description, function)
        return function

    return register


def perform(world: World, account_id: str, name: str, body: Mapping[str, Any]) -> JsonObject:
    """Carry out an action; `livemode` in the body picks the mode, default test. Raises ControlError with Stripe's message."""
    if name not in ACTIONS:
        raise ControlError(f"unknown action {name}; there are: {', '.join(ACTIONS)}")
    values = dict(body)
    with world.lock:
        call = dashboard_call(world, world.known_account(account_id), bool(values.pop("livemode", False)))
        try:
            return ACTIONS[name][1](call, values)
        except ApiError as problem:
            raise ControlError(f"{problem.status} {problem.error.get('code') or problem.error['type']}: {problem}") from problem
        except KeyError as missing:
            raise ControlError(f"{name} needs {missing}") from missing


def _on(call: Call, ids: dict[str, str], **params: Any) -> Call:
    return Call(
        world=call.world, account=call.account, livemode=call.livemode, params=params, ids=ids, request_id=call.request_id
    )


@action("create_customer", "name, email, phone, address, metadata …")
def create_customer(call: Call, body: dict[str, Any]) -> JsonObject:
    return customers.create_customer(call.with_params(**body))


@action("update_customer", "customer_id and any field of a customer")
def update_customer(call: Call, body: dict[str, Any]) -> JsonObject:
    return customers.update_customer(_on(call, {"customer": body.pop("customer_id")}, **body))


@action("rename_customer", "customer_id, name")
def rename_customer(call: Call, body: dict[str, Any]) -> JsonObject:
    return customers.update_customer(_on(call, {"customer": body["customer_id"]}, name=body["name"]))


@action("delete_customer", "customer_id")
def delete_customer(call: Call, body: dict[str, Any]) -> JsonObject:
    return customers.delete_customer(_on(call, {"customer": body["customer_id"]}))


@action(
    "create_invoice",
    "customer_id, amount or items [{amount, description}], currency, days_until_due, finalize (true), send (true)",
)
def create_invoice(call: Call, body: dict[str, Any]) -> JsonObject:
    params = {
        "customer": body["customer_id"],
        "collection_method": "send_invoice",
        "days_until_due": body.get("days_until_due", 30),
    }
    params |= {name: body[name] for name in ("currency", "description", "metadata", "number") if name in body}
    invoice = invoices.create_invoice(call.with_params(**params))
    items = body.get("items") or [{"amount": body["amount"], "description": body.get("description", "Work")}]
    target = {"invoice": invoice["id"]}
    invoice_lines.add_lines(_on(call, target, lines=items))
    if body.get("finalize", True):
        invoice_lifecycle.finalize_invoice(_on(call, target))
        if body.get("send", True) and existing_invoice(call, invoice["id"])["status"] == "open":
            invoice_lifecycle.send_invoice(_on(call, target))
    return existing_invoice(call, invoice["id"])


@action("finalize_invoice", "invoice_id")
def finalize_invoice(call: Call, body: dict[str, Any]) -> JsonObject:
    return invoice_lifecycle.finalize_invoice(_on(call, {"invoice": body["invoice_id"]}))


@action("update_invoice", "invoice_id and any field of an invoice")
def update_invoice(call: Call, body: dict[str, Any]) -> JsonObject:
    return invoices.update_invoice(_on(call, {"invoice": body.pop("invoice_id")}, **body))


@action("delete_invoice", "invoice_id of a draft")
def delete_invoice(call: Call, body: dict[str, Any]) -> JsonObject:
    return invoices.delete_invoice(_on(call, {"invoice": body["invoice_id"]}))


@action("void_invoice", "invoice_id")
def void_invoice(call: Call, body: dict[str, Any]) -> JsonObject:
    return invoice_lifecycle.void_invoice(_on(call, {"invoice": body["invoice_id"]}))


@action("mark_uncollectible", "invoice_id")
def mark_uncollectible(call: Call, body: dict[str, Any]) -> JsonObject:
    return invoice_lifecycle.mark_uncollectible(_on(call, {"invoice": body["invoice_id"]}))


@action(
    "pay_invoice",
    "invoice_id, card (number, default 4242424242424242): the payer on the hosted page; a decline answers 200 with `declined`",
)
def pay_invoice(call: Call, body: dict[str, Any]) -> JsonObject:
    invoice = existing_invoice(call, body["invoice_id"])
    try:
        return pay_hosted(call, invoice, body.get("card", DEFAULT_CARD))
    except ApiError as problem:
        if problem.status != 402:
            raise
        declined = {name: problem.error[name] for name in ("code", "decline_code", "message") if name in problem.error}
        return {"declined": declined, "invoice": existing_invoice(call, invoice["id"])}


@action("pay_invoice_out_of_band", "invoice_id: the merchant marks it as paid by cash or transfer")
def pay_out_of_band(call: Call, body: dict[str, Any]) -> JsonObject:
    return invoice_collection.pay_invoice(_on(call, {"invoice": body["invoice_id"]}, paid_out_of_band=True))


@action("pay_invoice_part", "invoice_id, amount, card: a partial payment, attached to the invoice")
def pay_part(call: Call, body: dict[str, Any]) -> JsonObject:
    invoice = existing_invoice(call, body["invoice_id"])
    intent = _paid_intent(call, body["amount"], invoice["currency"], invoice["customer"], body.get("card", DEFAULT_CARD))
    return invoice_collection.attach_payment(_on(call, {"invoice": invoice["id"]}, payment_intent=intent["id"]))


@action(
    "take_payment", "amount, currency, customer_id (optional), card, in_person (false), description: a payment without an invoice"
)
def take_payment(call: Call, body: dict[str, Any]) -> JsonObject:
    customer_id, number = body.get("customer_id"), body.get("card", DEFAULT_CARD)
    currency = body.get("currency", call.account.currency)
    if not body.get("in_person"):
        return _paid_intent(call, body["amount"], currency, customer_id, number, body.get("description"))
    card = card_of_number(number)
    method = card_present_method(new_payment_method(call, card), card)
    call.store.payment_methods.put({name: value for name, value in method.items() if name != "card"})
    params = {"amount": body["amount"], "currency": currency, **_customer(customer_id)}
    intent = payment_intents.create_payment_intent(call.with_params(**params))
    intent |= {"payment_method": method["id"], "payment_method_types": ["card_present"], "description": body.get("description")}
    return payment_intents.take_money(call, intent, method, card)


@action("save_card", "customer_id, card: saved and made the default for invoices")
def save_card(call: Call, body: dict[str, Any]) -> JsonObject:
    method = attach(call, new_payment_method(call, card_of_number(body.get("card", DEFAULT_CARD))), body["customer_id"])
    settings = {"default_payment_method": method["id"]}
    customers.update_customer(_on(call, {"customer": body["customer_id"]}, invoice_settings=settings))
    return method


@action("authenticate", "payment_intent, passed (true): the payer completes or fails 3-D Secure")
def authenticate(call: Call, body: dict[str, Any]) -> JsonObject:
    try:
        return payment_intents.finish_authentication(call, body["payment_intent"], body.get("passed", True))
    except ApiError as problem:
        if problem.status != 402:
            raise
        note_failed_attempt(call, body["payment_intent"], problem.error.get("code"))
        return payment_intents.existing_intent(call, body["payment_intent"])


@action("refund", "payment_intent or charge, amount (default: all that is left), reason")
def refund(call: Call, body: dict[str, Any]) -> JsonObject:
    return refunds.create_refund(call.with_params(**body))


@action("fail_refund", "refund_id: the money comes back to the merchant")
def fail_refund(call: Call, body: dict[str, Any]) -> JsonObject:
    return refunds.fail_refund(call, body["refund_id"])


@action("dispute", "charge or payment_intent, reason (fraudulent), inquiry (false): the payer's bank disputes a payment")
def dispute(call: Call, body: dict[str, Any]) -> JsonObject:
    charge_id = body.get("charge") or payment_intents.existing_intent(call, body["payment_intent"])["latest_charge"]
    return disputes.open_dispute(call, charge_id, body.get("reason", "fraudulent"), inquiry=bool(body.get("inquiry")))


@action("resolve_dispute", "dispute_id, outcome: won, lost, warning_closed, or needs_response for an inquiry that is escalated")
def resolve_dispute(call: Call, body: dict[str, Any]) -> JsonObject:
    return disputes.resolve(call, body["dispute_id"], body["outcome"])


@action("pay_out", "an automatic payout of all that is available, now instead of at midnight")
def pay_out(call: Call, _body: dict[str, Any]) -> JsonObject:
    return {"payouts": payouts.pay_out_available(call.by_stripe())}


@action("fail_payout", "payout_id, code (account_closed): the bank sends the money back, even of a paid payout")
def fail_payout(call: Call, body: dict[str, Any]) -> JsonObject:
    return payouts.fail_payout(call, body["payout_id"], body.get("code", "account_closed"))


@action("charge_fee", "amount, description: Stripe takes a fee of its own, a stripe_fee row among the balance transactions")
def charge_fee(call: Call, body: dict[str, Any]) -> JsonObject:
    text = body.get("description", "Billing - Usage Fee")
    currency = body.get("currency", call.account.currency)
    return book(
        call,
        kind="stripe_fee",
        amount=-body["amount"],
        currency=currency,
        source=None,
        at_once=True,
        category="fee",
        description=text,
    )


@action("update_account", "charges_enabled, payouts_enabled, details_submitted, name, email")
def update_account(call: Call, body: dict[str, Any]) -> JsonObject:
    before = account_record(call.account)
    for name in ("charges_enabled", "payouts_enabled", "details_submitted", "name", "email", "controlled"):
        if name in body:
            setattr(call.account, name, body[name])
    after = account_record(call.account)
    emit(call, "account.updated", after, before=before)
    return after


@action(
    "create_restricted_key",
    "permissions: a list such as [customer_read, invoice_write]; a write permission includes reading",
)
def create_restricted_key(call: Call, body: dict[str, Any]) -> JsonObject:
    permissions = check_names(body["permissions"])
    secret = new_id(f"rk_{'live' if call.livemode else 'test'}_", length=40)
    call.world.keys[secret] = Key(
        account_id=call.account.id,
        livemode=call.livemode,
        is_platform=call.account.id == PLATFORM_ACCOUNT,
        permissions=permissions,
    )
    return {"key": secret, "permissions": sorted(permissions)}


@action("expire_key", "key: a secret or restricted key that is answered with 401 api_key_expired from now on")
def expire_key(call: Call, body: dict[str, Any]) -> JsonObject:
    if body["key"] not in call.world.keys:
        raise ControlError("there is no such key")
    call.world.expired_keys.add(body["key"])
    return {"expired": True}


@action("set_api_version", "api_version: the account's default, for calls and webhook endpoints that name none")
def set_api_version(call: Call, body: dict[str, Any]) -> JsonObject:
    call.account.api_version = body["api_version"]
    return {"api_version": call.account.api_version}


@action("finish_onboarding", "business_name, business_type, url: the merchant submits the onboarding page")
def submit_onboarding(call: Call, body: dict[str, Any]) -> JsonObject:
    return finish_onboarding(call, call.account, body)


@action("connect", "scope (read_write): the merchant connects the platform without the consent page")
def connect_platform(call: Call, body: dict[str, Any]) -> JsonObject:
    connection = connect(call.world, call.account.id, call.livemode, body.get("scope", "read_write"))
    return {"stripe_user_id": connection.account_id, "scope": connection.scope, "livemode": connection.livemode}


@action("disconnect", "the merchant removes the platform in the dashboard")
def disconnect(call: Call, body: dict[str, Any]) -> JsonObject:
    connection = call.world.connections.get((call.account.id, call.livemode))
    if connection is None:
        raise ControlError(f"{call.account.id} is not connected in this mode")
    revoke(call.world, connection)
    return {"disconnected": call.account.id}


@action(
    "roll_webhook_secret",
    "endpoint_id, keep_old_seconds (86400); account_id: the endpoint's owner, for the platform " + PLATFORM_ACCOUNT,
)
def roll_webhook_secret(call: Call, body: dict[str, Any]) -> JsonObject:
    if body["endpoint_id"] not in call.world.endpoint_secrets:
        raise ControlError(f"no webhook endpoint {body['endpoint_id']}")
    return {"secret": roll_secret(call.world, body["endpoint_id"], keep_old_seconds=float(body.get("keep_old_seconds", 86400)))}


@action("emit_event", "type, object: any event, as it is")
def emit_event(call: Call, body: dict[str, Any]) -> JsonObject:
    emit(call, body["type"], body["object"])
    return {"type": body["type"]}


def _paid_intent(
    call: Call, amount: int, currency: str, customer_id: str | None, number: str, description: str | None = None
) -> JsonObject:
    method = new_payment_method(call, card_of_number(number))
    params = {"amount": amount, "currency": currency, "payment_method": method["id"], "confirm": True, **_customer(customer_id)}
    params |= {"description": description} if description else {}
    return payment_intents.create_payment_intent(call.with_params(**params))


def _customer(customer_id: str | None) -> dict[str, str]:
    return {"customer": customer_id} if customer_id else {}
