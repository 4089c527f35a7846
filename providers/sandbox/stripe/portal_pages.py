"""The billing portal as the customer sees it: subscriptions to cancel, cards to add and remove, invoices to look at."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from providers.sandbox.stripe.call import Call, dashboard_call
from providers.sandbox.stripe.customers import existing_customer, update_customer
from providers.sandbox.stripe.errors import ApiError
from providers.sandbox.stripe.pages import check_expiry
from providers.sandbox.stripe.payment_methods import attach, card_of_number, detach_payment_method, new_payment_method
from providers.sandbox.stripe.portal import existing_configuration
from providers.sandbox.stripe.store import Record
from providers.sandbox.stripe.subscription_records import existing_subscription
from providers.sandbox.stripe.subscriptions import cancel_subscription, update_subscription
from providers.sandbox.stripe.world import World

LIFE_SECONDS = 3600
SHOWN_INVOICES = 50


def portal_blueprint(world: World) -> Blueprint:
    blueprint = Blueprint("portal", __name__, template_folder="templates")
    blueprint.add_app_template_filter(lambda unix: f"{world.clock.moment(unix):%Y-%m-%d}", "display_day")

    @blueprint.get("/p/session/<token>")
    def show(token: str) -> AnyResponse:
        with world.lock:
            call, session = _opened(world, token)
            return Response(_page(call, session, notice=request.args.get("done")))

    @blueprint.post("/p/session/<token>")
    def act(token: str) -> AnyResponse:
        with world.lock:
            call, session = _opened(world, token)
            try:
                done = _act(call, session, request.form)
            except ApiError as problem:
                return Response(_page(call, session, error=str(problem)), problem.status)
        return redirect(f"{request.path}?done={done}", 303)

    return blueprint


def _opened(world: World, token: str) -> tuple[Call, Record]:
    if token not in world.portal_tokens:
        raise NotFound("There is no such billing portal session.")
    account_id, livemode, session_id = world.portal_tokens[token]
    call = dashboard_call(world, world.accounts[account_id], livemode)
    session = call.store.portal_sessions.get(session_id)
    if session is None or session["created"] + LIFE_SECONDS < call.now:
        raise NotFound("This billing portal session has expired.")
    return call, session


def _page(call: Call, session: Record, *, error: str | None = None, notice: str | None = None) -> str:
    customer = existing_customer(call, session["customer"])
    subscriptions = list(reversed(call.store.subscriptions.find(customer=customer["id"])))
    products = {item["price"]["product"] for found in subscriptions for item in found["items"]["data"]}
    invoices = [item for item in reversed(call.store.invoices.find(customer=customer["id"])) if item["status"] != "draft"]
    return render_template(
        "stripe/portal.html",
        account=call.account,
        session=session,
        configuration=existing_configuration(call, session["configuration"]),
        customer=customer,
        subscriptions=subscriptions,
        names={product_id: (call.store.products.get(product_id) or {}).get("name", product_id) for product_id in products},
        methods=call.store.payment_methods.find(customer=customer["id"]),
        invoices=invoices[:SHOWN_INVOICES],
        error=error,
        notice=notice,
    )


def _act(call: Call, session: Record, form: Mapping[str, str]) -> str:
    """What the customer pressed; returns what to tell. Raises ApiError."""
    features = existing_configuration(call, session["configuration"])["features"]
    customer, action = session["customer"], form.get("action")
    if action in ("cancel", "keep") and features["subscription_cancel"]["enabled"]:
        subscription = existing_subscription(call, form.get("subscription", ""))
        if subscription["customer"] != customer:
            raise NotFound("This subscription belongs to somebody else.")
        return _cancel(call, subscription, features["subscription_cancel"]["mode"], action)
    if not features["payment_method_update"]["enabled"]:
        raise NotFound("This portal does not offer that.")
    if action == "add":
        check_expiry(call, form)
        method = attach(call, new_payment_method(call, card_of_number(form.get("number", ""))), customer)
        _make_default(call, customer, method["id"])
        return "Card added."
    method_id = form.get("payment_method", "")
    known = call.store.payment_methods.get(method_id)
    if known is None or known["customer"] != customer:
        raise NotFound("There is no such payment method.")
    if action == "remove":
        detach_payment_method(call.part(ids={"payment_method": method_id}, params={}))
        return "Payment method removed."
    _make_default(call, customer, method_id)
    return "Default changed."


def _cancel(call: Call, subscription: Record, mode: str, action: str) -> str:
    ids = {"subscription_exposed_id": subscription["id"]}
    if action == "cancel" and mode == "immediately":
        cancel_subscription(call.part(ids=ids, params={}))
        return "Subscription canceled."
    params: dict[str, Any] = {"cancel_at_period_end": action == "cancel"}
    update_subscription(call.part(ids=ids, params=params))
    return "Subscription ends with its period." if action == "cancel" else "Subscription goes on."


def _make_default(call: Call, customer_id: str, method_id: str) -> None:
    params = {"invoice_settings": {"default_payment_method": method_id}}
    update_customer(call.part(ids={"customer": customer_id}, params=params))
