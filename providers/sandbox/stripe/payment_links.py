"""Payment links: /v1/payment_links; whoever opens one gets a checkout session. They never expire and have no date."""

from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.checkout_lines import is_recurring, lines_of, list_object, priced
from providers.sandbox.stripe.checkout_records import wishes_of
from providers.sandbox.stripe.checkout_sessions import start_session
from providers.sandbox.stripe.errors import no_such, refused
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.expand import includable
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer, sublist
from providers.sandbox.stripe.params import blank_to_none, merged_metadata
from providers.sandbox.stripe.store import Record

MOST_LINES = 20
PLAIN_FIELDS = ("active", "allow_promotion_codes", "billing_address_collection", "payment_method_collection", "submit_type")
MAY_BE_EMPTY = ("inactive_message", "payment_method_types")


def payment_link_record(link_id: str, *, url: str, currency: str, livemode: bool) -> Record:
    return {
        "id": link_id,
        "object": "payment_link",
        "active": True,
        "after_completion": {"hosted_confirmation": {"custom_message": None}, "type": "hosted_confirmation"},
        "allow_promotion_codes": False,
        "application": None,
        "application_fee_amount": None,
        "application_fee_percent": None,
        "automatic_tax": {"enabled": False, "liability": None},
        "billing_address_collection": "auto",
        "consent_collection": None,
        "currency": currency,
        "custom_fields": [],
        "custom_text": {"after_submit": None, "shipping_address": None, "submit": None, "terms_of_service_acceptance": None},
        "customer_creation": "if_required",
        "inactive_message": None,
        "invoice_creation": {"enabled": False, "invoice_data": None},
        "livemode": livemode,
        "metadata": {},
        "on_behalf_of": None,
        "payment_intent_data": None,
        "payment_method_collection": "always",
        "payment_method_types": None,
        "phone_number_collection": {"enabled": False},
        "restrictions": None,
        "shipping_address_collection": None,
        "shipping_options": [],
        "submit_type": "auto",
        "subscription_data": None,
        "tax_id_collection": {"enabled": False, "required": "never"},
        "transfer_data": None,
        "url": url,
    }


def existing_link(call: Call, link_id: str) -> Record:
    link = call.store.payment_links.get(link_id)
    if link is None:
        raise no_such("payment_link", link_id, param="payment_link")
    return link


def is_open(link: Record) -> bool:
    """Whether a visitor may still pay: switched on, and below its limit of completed sessions."""
    limits = (link["restrictions"] or {}).get("completed_sessions")
    return bool(link["active"] and (limits is None or limits["count"] < limits["limit"]))


def visit(call: Call, link: Record, *, email: str | None, reference: str | None) -> Record:
    """A visitor's own session, with the link's metadata."""
    wishes = wishes_of(call, link["id"])
    lines = wishes["lines"]
    params: dict[str, Any] = {
        "mode": "subscription" if is_recurring(lines) else "payment",
        "metadata": link["metadata"],
        "customer_creation": link["customer_creation"],
        "automatic_tax": {"enabled": link["automatic_tax"]["enabled"]},
        "invoice_creation": link["invoice_creation"],
        "payment_intent_data": wishes.get("payment_intent_data") or {},
        "subscription_data": wishes.get("subscription_data") or {},
        "allowed_payment_method_types": link["payment_method_types"],
    }
    if link["after_completion"]["type"] == "redirect":
        params["success_url"] = link["after_completion"]["redirect"]["url"]
    params |= {name: value for name, value in (("customer_email", email), ("client_reference_id", reference)) if value}
    return start_session(call, params, lines=[{**line, "id": new_id("li_1", length=23)} for line in lines], link=link["id"])


@operation("POST /v1/payment_links")
def create_payment_link(call: Call) -> Record:
    params = call.params
    lines = lines_of(call, params["line_items"], most=MOST_LINES)
    if not lines:
        raise refused("You must provide at least one line item.", code="parameter_missing", param="line_items")
    token = f"{'live' if call.livemode else 'test'}_{new_id('', length=24)}"
    link = payment_link_record(
        new_id("plink_1", length=23),
        url=f"{call.world.base_url}/b/{token}",
        currency=lines[0]["price"]["currency"],
        livemode=call.livemode,
    )
    link["application"] = call.application
    _apply(link, params)
    call.store.checkout_wishes[link["id"]] = {
        "lines": lines,
        **{name: params.get(name) or {} for name in ("payment_intent_data", "subscription_data")},
    }
    call.world.link_tokens[token] = (call.account.id, call.livemode, link["id"])
    call.store.payment_links.put(link)
    emit(call, "payment_link.created", link)
    return link


@operation("GET /v1/payment_links")
def list_payment_links(call: Call) -> bytes:
    return list_answer(call, call.store.payment_links, equal={"active": call.params.get("active")})


@operation("GET /v1/payment_links/{payment_link}")
def get_payment_link(call: Call) -> Record:
    return existing_link(call, call.ids["payment_link"])


@operation("POST /v1/payment_links/{payment_link}")
def update_payment_link(call: Call) -> Record:
    """The amount of a link never changes, only quantities."""
    before, link = get_payment_link(call), get_payment_link(call)
    _apply(link, call.params)
    wishes = wishes_of(call, link["id"])
    lines = {line["id"]: line for line in wishes["lines"]}
    for index, wanted in enumerate(call.params.get("line_items") or []):
        if wanted["id"] not in lines:
            raise no_such("line item", wanted["id"], param=f"line_items[{index}][id]")
        lines[wanted["id"]]["quantity"] = wanted.get("quantity", lines[wanted["id"]]["quantity"])
    for name in ("payment_intent_data", "subscription_data"):
        if name in call.params:
            wishes[name] = {**wishes.get(name, {}), **call.params[name]}
    call.store.payment_links.put(link)
    emit(call, "payment_link.updated", link, before=before)
    return link


@operation("GET /v1/payment_links/{payment_link}/line_items")
def list_link_lines(call: Call) -> bytes:
    link = get_payment_link(call)
    return sublist(call, priced(wishes_of(call, link["id"])["lines"]), "item")


@includable("payment_link", "line_items")
def line_items_object(call: Call, link: Record) -> Record:
    return list_object(priced(wishes_of(call, link["id"])["lines"]), f"/v1/payment_links/{link['id']}/line_items")


def _apply(link: Record, params: dict[str, Any]) -> None:
    for name in PLAIN_FIELDS:
        if name in params:
            link[name] = params[name]
    for name in MAY_BE_EMPTY:
        if name in params:
            link[name] = blank_to_none(params[name])
    if "metadata" in params:
        link["metadata"] = merged_metadata(link["metadata"], params["metadata"])
    if "customer_creation" in params:
        link["customer_creation"] = params["customer_creation"]
    if "after_completion" in params:
        link["after_completion"] = _after_completion(params["after_completion"])
    if "restrictions" in params:
        wanted = blank_to_none(params["restrictions"])
        count = ((link["restrictions"] or {}).get("completed_sessions") or {}).get("count", 0)
        limit = wanted["completed_sessions"]["limit"] if wanted else None
        link["restrictions"] = {"completed_sessions": {"count": count, "limit": limit}} if wanted else None
    if "invoice_creation" in params:
        link["invoice_creation"] = {"enabled": params["invoice_creation"]["enabled"], "invoice_data": None}
    if "automatic_tax" in params:
        enabled = params["automatic_tax"]["enabled"]
        link["automatic_tax"] = {"enabled": enabled, "liability": {"type": "self"} if enabled else None}
    if "phone_number_collection" in params:
        link["phone_number_collection"] = params["phone_number_collection"]
    if "payment_intent_data" in params:
        link["payment_intent_data"] = _shown_data(params["payment_intent_data"])


def _after_completion(wanted: dict[str, Any]) -> Record:
    if wanted["type"] == "redirect":
        if not (wanted.get("redirect") or {}).get("url"):
            raise refused(
                "Missing required param: after_completion[redirect][url].", code="parameter_missing", param="after_completion"
            )
        return {"redirect": {"url": wanted["redirect"]["url"]}, "type": "redirect"}
    message = (wanted.get("hosted_confirmation") or {}).get("custom_message")
    return {"hosted_confirmation": {"custom_message": message}, "type": "hosted_confirmation"}


def _shown_data(data: dict[str, Any]) -> Record:
    names = ("capture_method", "description", "setup_future_usage", "statement_descriptor", "statement_descriptor_suffix")
    shown: Record = {name: data.get(name) for name in (*names, "transfer_group")}
    return shown | {"metadata": blank_to_none(data.get("metadata")) or {}}
