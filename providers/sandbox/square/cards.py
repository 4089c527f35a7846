"""Cards on file: made from a token or a payment, disabled but never deleted."""

from providers.sandbox.square import customers, ids, payments, times
from providers.sandbox.square.errors import PAYMENT_METHOD, ApiFailure, bad_request, invalid, missing, not_found, problem
from providers.sandbox.square.events import record_event
from providers.sandbox.square.http import Answer, Call, Routes, check_version
from providers.sandbox.square.pagination import page_body
from providers.sandbox.square.payment_sources import from_source_id
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller

PAGE_SIZE = 25
KEY_MAX_CHARS = 45

routes = Routes()


def find(seller: Seller, card_id: str) -> Record:
    card = seller.cards.get(card_id)
    if card is None:
        raise not_found("Card", card_id, "card_id")
    return card


@routes.on("POST", "/v2/cards", scopes=("PAYMENTS_WRITE",), body="CreateCardRequest")
def create_card(call: Call) -> Answer:
    if not call.body["idempotency_key"]:
        raise missing("idempotency_key")

    def make() -> str:
        wanted = call.body["card"]
        if not wanted.get("customer_id"):
            raise missing("card.customer_id")
        customers.find(call.seller, wanted["customer_id"])
        names = ("cardholder_name", "billing_address", "customer_id", "reference_id")
        card = {
            "id": ids.card(),
            **_shown_part(call, call.body["source_id"]),
            **{name: wanted[name] for name in names if wanted.get(name)},
            "merchant_id": call.seller.id,
            "enabled": True,
            "version": 1,
            "created_at": times.wire(call.square.now(), 3),
        }
        call.seller.cards.put(card, call.square.clock.timestamp())
        record_event(call.square, call.seller, "card.created", card)
        return str(card["id"])

    return call.once("CreateCard", make, lambda made: {"card": find(call.seller, made)}, key_max_chars=KEY_MAX_CHARS)


def _shown_part(call: Call, source_id: str) -> Record:
    """From a nonce, or from the card of an earlier payment."""
    payment = call.seller.payments.get(source_id)
    if payment is not None:
        if payment["source_type"] != "CARD" or payment["status"] == "FAILED":
            raise invalid("INVALID_CARD_DATA", "The payment was not made with a card.", "source_id")
        shown: Record = payments.find(call.seller, source_id)["card_details"]["card"]
        return {name: value for name, value in shown.items() if name != "id"}
    source = from_source_id(call.square, call.seller, source_id, None)
    if source.decline is not None:
        raise ApiFailure(call.square.settings.decline_status, problem(PAYMENT_METHOD, *source.decline))
    if source.card is None:
        raise bad_request("Cards are made from card tokens or payments.", "source_id")
    return source.card


@routes.on(
    "GET",
    "/v2/cards",
    scopes=("PAYMENTS_READ",),
    query=("cursor", "customer_id", "include_disabled", "reference_id", "sort_order"),
)
def list_cards(call: Call) -> Answer:
    customer_id, reference_id = call.query.get("customer_id"), call.query.get("reference_id")
    disabled_too = call.flag("include_disabled")
    direction = call.choice("sort_order", ("ASC", "DESC"), "ASC")
    return page_body(
        call,
        call.seller.cards,
        "cards",
        order="CREATED_AT",
        limit=PAGE_SIZE,
        query=[customer_id, reference_id, disabled_too, direction],
        cursor=call.query.get("cursor"),
        descending=direction == "DESC",
        where=lambda card: (
            (disabled_too or card["enabled"])
            and customer_id in (None, card.get("customer_id"))
            and reference_id in (None, card.get("reference_id"))
        ),
    )


@routes.on("GET", "/v2/cards/<card_id>", scopes=("PAYMENTS_READ",))
def get_card(call: Call, card_id: str) -> Answer:
    return {"card": find(call.seller, card_id)}


@routes.on("POST", "/v2/cards/<card_id>/disable", scopes=("PAYMENTS_WRITE",))
def disable_card(call: Call, card_id: str) -> Answer:
    card = find(call.seller, card_id)
    check_version(call.square, "card", card["version"], None, documented="CONFLICT", required=False)
    if card["enabled"]:
        card = {**card, "enabled": False, "version": card["version"] + 1}
        call.seller.cards.put(card, call.square.clock.timestamp())
        record_event(call.square, call.seller, "card.disabled", card)
    return {"card": card}
