"""Checkout sessions: /v1/checkout/sessions create, read, list, update, expire, line_items."""

from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.checkout_lines import (
    MOST_PAYMENT_LINES,
    MOST_SUBSCRIPTION_LINES,
    is_recurring,
    lines_of,
    list_object,
    priced,
)
from providers.sandbox.stripe.checkout_records import details_of, existing_session, session_record, wishes_of
from providers.sandbox.stripe.coupons import redeem
from providers.sandbox.stripe.customers import existing_customer
from providers.sandbox.stripe.errors import ApiError, refused, wrong_state
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.expand import includable
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer, sublist
from providers.sandbox.stripe.params import blank_to_none, merged_metadata, required
from providers.sandbox.stripe.payment_intents import check_amount
from providers.sandbox.stripe.setup_intents import new_setup_intent
from providers.sandbox.stripe.store import Record
from providers.sandbox.stripe.tax_rates import automatic_rate

LEAST_SECONDS = 30 * 60
MOST_SECONDS = 24 * 3600
WITHOUT_PAGE = ("embedded_page", "elements", "form")
AS_GIVEN = (
    "allow_promotion_codes",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "customer_email",
    "locale",
    "payment_method_collection",
    "phone_number_collection",
    "return_url",
    "submit_type",
    "success_url",
)
DATA = ("payment_intent_data", "subscription_data", "setup_intent_data", "invoice_creation")


@operation("POST /v1/checkout/sessions")
def create_session(call: Call) -> Record:
    return start_session(call, call.params)


def start_session(call: Call, params: dict[str, Any], *, lines: list[Record] | None = None, link: str | None = None) -> Record:
    """Store a new session. lines, link: of the payment link that makes it. Raises 400 and 404."""
    mode = required(params, "mode")
    ui_mode = params.get("ui_mode", "hosted_page")
    _check_addresses(params, ui_mode, link)
    if params.get("customer"):
        existing_customer(call, params["customer"])
        if params.get("customer_email"):
            raise refused("You may only specify one of these parameters: customer, customer_email.", param="customer_email")
    session_id = new_id("cs_live_" if call.livemode else "cs_test_", length=58)
    session = session_record(session_id, mode, created=call.now, expires_at=_expiry(call, params), livemode=call.livemode)
    session |= {name: params[name] for name in AS_GIVEN if name in params}
    session |= {"ui_mode": ui_mode, "customer": params.get("customer"), "payment_link": link}
    session["metadata"] = merged_metadata({}, params.get("metadata"))
    session["payment_method_types"] = params.get("allowed_payment_method_types") or ["card"]
    if mode == "payment":
        session["customer_creation"] = None if params.get("customer") else params.get("customer_creation", "if_required")
        enabled = (params.get("invoice_creation") or {}).get("enabled", False)
        session["invoice_creation"] = {"enabled": enabled, "invoice_data": _invoice_data(params)}
    elif mode == "subscription":
        session["customer_creation"] = None if params.get("customer") else "always"
    call.store.checkout_wishes[session_id] = {
        "lines": [],
        "by_platform": call.application is not None,
        **{name: params.get(name) or {} for name in DATA},
    }
    _give_lines(call, session, params, lines)
    _give_addresses(call, session)
    known = call.store.customers.get(params["customer"]) if params.get("customer") else None
    email = known["email"] if known else params.get("customer_email")
    session["customer_details"] = details_of(email, known["name"] if known else None) if email else None
    call.store.checkout_sessions.put(session)
    call.plan(session["expires_at"], lambda later: _expire_by_clock(later, session_id))
    return session


def expire(call: Call, session: Record) -> Record:
    session |= {"status": "expired", "url": None}
    call.store.checkout_sessions.put(session)
    emit(call, "checkout.session.expired", session)
    return session


def shown_lines(call: Call, session: Record) -> list[Record]:
    wishes = wishes_of(call, session["id"])
    return priced(wishes["lines"], wishes.get("discounts", ()), wishes.get("rates", ()))


@operation("GET /v1/checkout/sessions")
def list_sessions(call: Call) -> bytes:
    equal = {name: call.params.get(name) for name in ("customer", "payment_intent", "payment_link", "status", "subscription")}
    equal["email"] = (call.params.get("customer_details") or {}).get("email")
    return list_answer(call, call.store.checkout_sessions, equal=equal)


@operation("GET /v1/checkout/sessions/{session}")
def get_session(call: Call) -> Record:
    return existing_session(call, call.ids["session"])


@operation("POST /v1/checkout/sessions/{session}")
def update_session(call: Call) -> Record:
    session = get_session(call)
    if set(call.params) - {"metadata", "expand"} and session["status"] != "open":
        raise wrong_state(f"Only open sessions can be updated; this one is {session['status']}.")
    if "metadata" in call.params:
        session["metadata"] = merged_metadata(session["metadata"], call.params["metadata"])
    if "payment_intent_data" in call.params:
        wishes_of(call, session["id"])["payment_intent_data"] |= call.params["payment_intent_data"]
    call.store.checkout_sessions.put(session)
    return session


@operation("POST /v1/checkout/sessions/{session}/expire")
def expire_session(call: Call) -> Record:
    session = get_session(call)
    if session["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of {session['status']}."
        )
        raise wrong_state(message)
    return expire(call, session)


@operation("GET /v1/checkout/sessions/{session}/line_items")
def list_session_lines(call: Call) -> bytes:
    return sublist(call, shown_lines(call, get_session(call)), "item")


def _check_addresses(params: dict[str, Any], ui_mode: str, link: str | None) -> None:
    if ui_mode in WITHOUT_PAGE:
        for name in ("success_url", "cancel_url"):
            if params.get(name):
                raise refused(f"`{name}` is not supported when `ui_mode` is `{ui_mode}`. Use `return_url`.", param=name)
        if not params.get("return_url") and params.get("redirect_on_completion") != "never":
            raise refused(
                f"Missing required param: return_url, as ui_mode is {ui_mode} and redirect_on_completion is not never.",
                code="parameter_missing",
                param="return_url",
            )
        return
    if params.get("return_url"):
        raise refused("`return_url` is not supported when `ui_mode` is `hosted_page`. Use `success_url`.", param="return_url")
    if link is None and not params.get("success_url"):
        raise refused("Missing required param: success_url.", code="parameter_missing", param="success_url")


def _expiry(call: Call, params: dict[str, Any]) -> int:
    wanted = params.get("expires_at")
    if wanted is None:
        return call.now + MOST_SECONDS
    if wanted < call.now + LEAST_SECONDS:
        raise refused(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.", param="expires_at"
        )
    if wanted > call.now + MOST_SECONDS:
        raise refused("The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.", param="expires_at")
    return int(wanted)


def _give_lines(call: Call, session: Record, params: dict[str, Any], lines: list[Record] | None) -> None:
    mode = session["mode"]
    if mode == "setup":
        if params.get("line_items"):
            raise refused("You can not pass `line_items` in `setup` mode.", param="line_items")
        data = params.get("setup_intent_data") or {}
        intent = new_setup_intent(call, {**data, "customer": params.get("customer")})
        call.store.session_of_setup[intent["id"]] = session["id"]
        session |= {"setup_intent": intent["id"], "currency": params.get("currency")}
        return
    if lines is None:
        most = MOST_SUBSCRIPTION_LINES * 2 if mode == "subscription" else MOST_PAYMENT_LINES
        lines = lines_of(call, required(params, "line_items"), most=most)
    if mode == "payment" and is_recurring(lines):
        raise refused(
            "You specified `payment` mode but passed a recurring price. "
            "Either switch to `subscription` mode or use only one-time prices.",
            param="mode",
        )
    if mode == "subscription" and not is_recurring(lines):
        raise refused("You must provide at least one recurring price in `subscription` mode.", param="line_items")
    wishes = call.store.checkout_wishes[session["id"]]
    wishes["lines"] = lines
    if params.get("discounts"):
        ids = redeem(call, params["discounts"], checkout_session=session["id"], customer=params.get("customer"))
        wishes["discounts"] = [(discount_id, call.store.coupon_of_discount[discount_id]) for discount_id in ids]
        session["discounts"] = [{"coupon": coupon["id"], "promotion_code": None} for _, coupon in wishes["discounts"]]
    if (params.get("automatic_tax") or {}).get("enabled"):
        wishes["rates"] = [automatic_rate(call)]
        session["automatic_tax"] |= {
            "enabled": True,
            "liability": {"type": "self"},
            "provider": "stripe",
            "status": "complete",
        }
    _sum_up(session, shown_lines(call, session), params)


def _sum_up(session: Record, items: list[Record], params: dict[str, Any]) -> None:
    session["currency"] = items[0]["currency"]
    session["amount_subtotal"] = sum(item["amount_subtotal"] for item in items)
    total = session["amount_total"] = sum(item["amount_total"] for item in items)
    session["total_details"] = {
        "amount_discount": sum(item["amount_discount"] for item in items),
        "amount_shipping": 0,
        "amount_tax": sum(item["amount_tax"] for item in items),
    }
    trial = session["mode"] == "subscription" and (params.get("subscription_data") or {}).get("trial_period_days")
    if trial:
        session["amount_total"] = session["amount_subtotal"] = 0
    elif session["mode"] == "payment" and total:
        try:
            check_amount(total, session["currency"])
        except ApiError as problem:
            message = "The Checkout Session's total amount due must add up to at least the minimum charge amount."
            raise refused(f"{message} ({problem})", code="amount_too_small", param="line_items") from problem


def _give_addresses(call: Call, session: Record) -> None:
    if session["ui_mode"] == "hosted_page":
        session["url"] = f"{call.world.base_url}/c/pay/{session['id']}"
        return
    session["client_secret"] = f"{session['id']}_secret_{new_id('', length=40)}"
    if session["ui_mode"] == "embedded_page":
        session["redirect_on_completion"] = call.params.get("redirect_on_completion", "always")


def _invoice_data(params: dict[str, Any]) -> Record:
    data = (params.get("invoice_creation") or {}).get("invoice_data") or {}
    return {
        "account_tax_ids": None,
        "custom_fields": blank_to_none(data.get("custom_fields")),
        "description": data.get("description"),
        "footer": data.get("footer"),
        "issuer": None,
        "metadata": data.get("metadata") or {},
        "rendering_options": None,
    }


def _expire_by_clock(call: Call, session_id: str) -> None:
    session = call.store.checkout_sessions.get(session_id)
    if session is not None and session["status"] == "open":
        expire(call, session)


@includable("checkout.session", "line_items")
def line_items_object(call: Call, session: Record) -> Record:
    return list_object(shown_lines(call, session), f"/v1/checkout/sessions/{session['id']}/line_items")
