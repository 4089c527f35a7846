"""Cards on file: made from a token or a payment, disabled but never deleted."""

from providers.sandbox.square import ids, payments, times
from providers.sandbox.square.errors import PAYMENT_METHOD, ApiFailure, bad_request, invalid, missing, not_found, problem
from providers.sandbox.square.events import record_event
from providers.sandbox.square.http import Answer, Call, Routes, check_version
from providers.sandbox.square.pagination import page_body
from providers.sandbox.square.payment_sources import GOOD_NONCES, VERIFICATION_REQUIRED, from_source_id
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

PAGE_SIZE = 25
KEY_MAX_CHARS = 45
FORGOTTEN_FIELDS = ("id", "customer_id", "enabled", "reference_id", "version", "merchant_id")
"""All that card.forgotten still tells. Source: CardForgottenEventCard."""
SANDBOX_POSTAL_CODE = "94103"
"""Source: Square docs, devtools/sandbox/testing, Cards API."""

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
        if call.seller.customers.get(wanted["customer_id"]) is None:
            raise invalid("CUSTOMER_NOT_FOUND", f"Customer `{wanted['customer_id']}` not found.", "card.customer_id", status=404)
        _check_postal_code(call, wanted)
        return str(keep(call.square, call.seller, _shown_part(call, call.body["source_id"]), wanted)["id"])

    return call.once("CreateCard", make, lambda made: {"card": find(call.seller, made)}, key_max_chars=KEY_MAX_CHARS)


def keep(square: Square, seller: Seller, shown: Record, wanted: Record) -> Record:
    """Put a card on file. shown: what a payment shows of it; wanted: customer, name, address, reference."""
    names = ("cardholder_name", "billing_address", "customer_id", "reference_id")
    card = {
        "id": ids.card(),
        **shown,
        **{name: wanted[name] for name in names if wanted.get(name)},
        "merchant_id": seller.id,
        "enabled": True,
        "version": 1,
        "created_at": times.wire(square.now(), 3),
    }
    seller.cards.put(card, square.clock.timestamp())
    record_event(square, seller, "card.created", card)
    return card


def change(square: Square, seller: Seller, card: Record, changes: Record, event_type: str) -> Record:
    """What the card's bank or the buyer brings about: a new expiry, a card that is forgotten."""
    changed = {**card, **changes, "version": card["version"] + 1}
    seller.cards.put(changed, square.clock.timestamp())
    told = {name: changed[name] for name in FORGOTTEN_FIELDS if name in changed} if event_type == "card.forgotten" else changed
    record_event(square, seller, event_type, told)
    return changed


def _check_postal_code(call: Call, wanted: Record) -> None:
    """Square's sandbox keeps a test token's card only with the postal code 94103; whether one must be given is a setting."""
    if call.body["source_id"] not in GOOD_NONCES:
        return
    code = (wanted.get("billing_address") or {}).get("postal_code")
    if code != SANDBOX_POSTAL_CODE and (code or call.square.settings.card_postal_code_required):
        raise ApiFailure(
            400, problem(PAYMENT_METHOD, "INVALID_POSTAL_CODE", "Invalid postal code.", "card.billing_address.postal_code")
        )


def _shown_part(call: Call, source_id: str) -> Record:
    """From a nonce, or from the card of an earlier payment."""
    payment = call.seller.payments.get(source_id)
    if payment is not None:
        if payment["source_type"] != "CARD" or payment["status"] == "FAILED":
            raise invalid("INVALID_CARD_DATA", "The payment was not made with a card.", "source_id")
        shown: Record = payments.find(call.seller, source_id)["card_details"]["card"]
        return {name: value for name, value in shown.items() if name != "id"}
    token = call.body.get("verification_token")
    source = from_source_id(call.square, call.seller, source_id, None, verification_token=token)
    if call.square.settings.card_verification and not token:
        raise ApiFailure(400, problem(PAYMENT_METHOD, VERIFICATION_REQUIRED, f"Authorization error: '{VERIFICATION_REQUIRED}'"))
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
        gone = {"enabled": False, "disabled_at": times.wire(call.square.now(), 3)}
        card = change(call.square, call.seller, card, gone, "card.disabled")
    return {"card": card}
