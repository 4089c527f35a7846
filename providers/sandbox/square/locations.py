"""Locations: a seller has several, some INACTIVE; they cannot be deleted and carry neither version nor updated_at."""

from collections.abc import Mapping
from typing import Any

from providers.sandbox.square import ids, times
from providers.sandbox.square.errors import ApiFailure, invalid, not_found
from providers.sandbox.square.events import publish
from providers.sandbox.square.http import Answer, Call, Routes
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

routes = Routes()


def build(square: Square, seller: Seller, location_id: str, wanted: Mapping[str, Any]) -> Record:
    return {
        "id": location_id,
        "name": wanted.get("name") or f"Location {len(seller.locations) + 1}",
        "timezone": wanted.get("timezone", "UTC"),
        "capabilities": ["CREDIT_CARD_PROCESSING", "AUTOMATIC_TRANSFERS"],
        "status": wanted.get("status", "ACTIVE"),
        "created_at": times.wire(square.now(), 0),
        "merchant_id": seller.id,
        "country": wanted.get("country", seller.merchant["country"]),
        "language_code": seller.merchant["language_code"],
        "currency": wanted.get("currency", seller.currency),
        "business_name": seller.merchant["business_name"],
        "type": wanted.get("type", "PHYSICAL"),
        "mcc": "7299",
    }


def add(square: Square, seller: Seller, wanted: Mapping[str, Any]) -> Record:
    location = build(square, seller, ids.location(), wanted)
    seller.locations[location["id"]] = location
    _tell(square, seller, "location.created", location["id"])
    return location


def change(square: Square, seller: Seller, location_id: str, changes: Mapping[str, Any]) -> Record:
    seller.locations[location_id] = {**seller.locations[location_id], **changes}
    _tell(square, seller, "location.updated", location_id)
    return seller.locations[location_id]


def _tell(square: Square, seller: Seller, event_type: str, location_id: str) -> None:
    """Location events carry only the id; their data.type is capitalised, unlike all others."""
    publish(square, seller, event_type, {"type": "Location", "id": location_id}, location_id=location_id)


def location_of(seller: Seller, location_id: str | None, field: str = "location_id") -> Record:
    """The location, the main one for None. Raises INVALID_LOCATION-like refusals for a foreign id."""
    known = seller.locations.get(location_id or seller.main_location_id)
    if known is None:
        raise invalid("INVALID_VALUE", f"Location `{location_id}` does not belong to the merchant.", field)
    return known


def active_location(seller: Seller, location_id: str | None, field: str = "location_id") -> Record:
    location = location_of(seller, location_id, field)
    if location["status"] != "ACTIVE":
        raise invalid("BAD_REQUEST", f"Location `{location['id']}` is not active.", field)
    return location


@routes.on("GET", "/v2/locations", scopes=("MERCHANT_PROFILE_READ",))
def list_locations(call: Call) -> Answer:
    return {"locations": list(call.seller.locations.values())}


@routes.on("GET", "/v2/locations/<location_id>", scopes=("MERCHANT_PROFILE_READ",))
def get_location(call: Call, location_id: str) -> Answer:
    try:
        return {"location": location_of(call.seller, None if location_id == "main" else location_id)}
    except ApiFailure:
        raise not_found("Location", location_id) from None
