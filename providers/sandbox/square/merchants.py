"""The merchant behind a token, and how new sandbox merchants come to be."""

from collections.abc import Mapping
from typing import Any

from providers.sandbox.core.twin import ControlError
from providers.sandbox.square import ids, locations, times
from providers.sandbox.square.errors import not_found
from providers.sandbox.square.http import Answer, Call, Routes
from providers.sandbox.square.money import PROCESSING_CURRENCIES
from providers.sandbox.square.state import Seller, Square

routes = Routes()


def create_seller(square: Square, body: Mapping[str, Any]) -> Seller:
    """body: name, country, currency, language, locations [{name, status, timezone, currency}]; the first one is the main one."""
    currency = body.get("currency", "USD")
    if currency not in PROCESSING_CURRENCIES:
        raise ControlError(f"currency must be one of {', '.join(PROCESSING_CURRENCIES)}")
    wanted = body.get("locations") or [{"name": "Main"}]
    merchant_id = body.get("id") or ids.merchant()
    if merchant_id in square.sellers:
        raise ControlError(f"the account {merchant_id} exists already")
    merchant = {
        "id": merchant_id,
        "business_name": body.get("name") or "Sandbox Shop",
        "country": body.get("country", "US"),
        "language_code": body.get("language", "en-US"),
        "currency": currency,
        "status": "ACTIVE",
        "main_location_id": wanted[0].get("id") or ids.location(),
        "created_at": times.wire(square.now(), 3),
    }
    seller = square.add_seller(merchant, body.get("access_token") or ids.access_token())
    for position, location in enumerate(wanted):
        location_id = merchant["main_location_id"] if position == 0 else location.get("id") or ids.location()
        seller.locations[location_id] = locations.build(square, seller, location_id, location)
    return seller


@routes.on("GET", "/v2/merchants", scopes=("MERCHANT_PROFILE_READ",), query=("cursor",))
def list_merchants(call: Call) -> Answer:
    return {"merchant": [call.seller.merchant]}


@routes.on("GET", "/v2/merchants/<merchant_id>", scopes=("MERCHANT_PROFILE_READ",))
def get_merchant(call: Call, merchant_id: str) -> Answer:
    if merchant_id not in ("me", call.seller.id):
        raise not_found("Merchant", merchant_id)
    return {"merchant": call.seller.merchant}
