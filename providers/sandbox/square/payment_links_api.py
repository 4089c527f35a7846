"""The Checkout API: payment links, created, listed, changed and deleted."""

from providers.sandbox.square import orders, payment_links
from providers.sandbox.square.http import Answer, Call, Routes, check_version
from providers.sandbox.square.pagination import page_body, page_limit
from providers.sandbox.square.shelf import Record

KEY_MAX_CHARS = 192
WRITE = ("PAYMENTS_WRITE", "ORDERS_READ", "ORDERS_WRITE")
PATH = "/v2/online-checkout/payment-links"

routes = Routes()


@routes.on("POST", PATH, scopes=WRITE, body="CreatePaymentLinkRequest")
def create_link(call: Call) -> Answer:
    def make() -> str:
        link = payment_links.create(call.square, call.seller, call.body, source=call.caller.application.name)
        return str(link["id"])

    def show(made: str) -> Record:
        link = payment_links.find(call.seller, made)
        related: Record = {"orders": [orders.find(call.seller, link["order_id"])]}
        plan = call.seller.catalog.get((link.get("checkout_options") or {}).get("subscription_plan_id") or "")
        if plan:
            related["subscription_plans"] = [plan]
        return {"payment_link": link, "related_resources": related}

    return call.once("CreatePaymentLink", make, show, key_max_chars=KEY_MAX_CHARS)


@routes.on("GET", PATH, scopes=("ORDERS_READ",), query=("cursor", "limit"))
def list_links(call: Call) -> Answer:
    return page_body(
        call,
        call.seller.payment_links,
        "payment_links",
        order="CREATED_AT",
        limit=page_limit(call.whole_number("limit"), default=100, most=1000, ignore_excess=True),
        query="list",
        cursor=call.query.get("cursor"),
        descending=True,
    )


@routes.on("GET", f"{PATH}/<link_id>", scopes=("ORDERS_READ",))
def get_link(call: Call, link_id: str) -> Answer:
    return {"payment_link": payment_links.find(call.seller, link_id)}


@routes.on("PUT", f"{PATH}/<link_id>", scopes=WRITE, body="UpdatePaymentLinkRequest")
def update_link(call: Call, link_id: str) -> Answer:
    link, changes = payment_links.find(call.seller, link_id), call.body["payment_link"]
    check_version(call.square, "payment link", link["version"], changes.get("version"), documented="CONFLICT")
    return {"payment_link": payment_links.change(call.square, call.seller, link, changes)}


@routes.on("DELETE", f"{PATH}/<link_id>", scopes=("ORDERS_READ", "ORDERS_WRITE"))
def delete_link(call: Call, link_id: str) -> Answer:
    canceled = payment_links.delete(call.square, call.seller, payment_links.find(call.seller, link_id))
    return {"id": link_id, **({"cancelled_order_id": canceled} if canceled else {})}
