"""The Terminal and Devices APIs: checkouts at the counter, and the devices they are sent to."""

from datetime import timedelta

from providers.sandbox.square import ids, terminal, times
from providers.sandbox.square.errors import invalid, missing, not_found
from providers.sandbox.square.http import Answer, Call, Routes
from providers.sandbox.square.locations import location_of
from providers.sandbox.square.pagination import page_body, page_limit, page_of
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

KEY_MAX_CHARS = 64
PATH = "/v2/terminals/checkouts"
SEARCH_DAYS = 1
"""How far back a search without created_at looks. Source: SearchTerminalCheckouts, created_at."""
STATUSES = (*terminal.OPEN, "CANCELED", "COMPLETED")
PAIRING_MINUTES = 5

routes = Routes()


@routes.on("POST", PATH, scopes=("PAYMENTS_WRITE",), body="CreateTerminalCheckoutRequest")
def create_checkout(call: Call) -> Answer:
    def make() -> str:
        if not call.body["idempotency_key"]:
            raise missing("idempotency_key")
        application = call.caller.application
        return str(terminal.create(call.square, call.seller, call.body["checkout"], application_id=application.id)["id"])

    return call.once(
        "CreateTerminalCheckout", make, lambda made: {"checkout": terminal.find(call.seller, made)}, key_max_chars=KEY_MAX_CHARS
    )


@routes.on("GET", f"{PATH}/<checkout_id>", scopes=("PAYMENTS_READ",))
def get_checkout(call: Call, checkout_id: str) -> Answer:
    return {"checkout": terminal.find(call.seller, checkout_id)}


@routes.on("POST", f"{PATH}/<checkout_id>/cancel", scopes=("PAYMENTS_WRITE",))
def cancel_checkout(call: Call, checkout_id: str) -> Answer:
    return {"checkout": terminal.request_cancel(call.square, call.seller, terminal.find(call.seller, checkout_id))}


@routes.on("POST", f"{PATH}/<checkout_id>/dismiss", scopes=("PAYMENTS_WRITE",))
def dismiss_checkout(call: Call, checkout_id: str) -> Answer:
    """Takes the finished checkout off the device's screen; nothing of it changes."""
    return {"checkout": terminal.find(call.seller, checkout_id)}


@routes.on("POST", f"{PATH}/search", scopes=("PAYMENTS_READ",), body="SearchTerminalCheckoutsRequest")
def search_checkouts(call: Call) -> Answer:
    query = call.body.get("query") or {}
    wanted = query.get("filter") or {}
    status, device_id = wanted.get("status"), wanted.get("device_id")
    if status not in (None, *STATUSES):
        raise invalid("INVALID_VALUE", f"`{status}` is not a checkout status.", "query.filter.status")
    window, field = wanted.get("created_at") or {}, "query.filter.created_at"
    start = times.parse_key(window.get("start_at"), f"{field}.start_at")
    start = start or times.sort_key(times.wire(call.square.now() - timedelta(days=SEARCH_DAYS), 6))
    end = times.parse_key(window.get("end_at"), f"{field}.end_at")
    return page_body(
        call,
        call.seller.terminal_checkouts,
        "checkouts",
        order="CREATED_AT",
        limit=page_limit(call.body.get("limit"), default=100, most=100),
        query=["search", query],
        cursor=call.body.get("cursor"),
        descending=(query.get("sort") or {}).get("sort_order", "DESC") == "DESC",
        where=lambda checkout: (
            status in (None, checkout["status"])
            and (device_id is None or terminal.plain_id(device_id) == terminal.plain_id(checkout["device_options"]["device_id"]))
        ),
        bounds=(start, end),
    )


def pair(square: Square, seller: Seller, location_id: str, name: str) -> Record:
    """A device at this location from now on; returns it as the Devices API shows it."""
    plain = ids.upper(15)
    device: Record = {
        "id": f"device:{plain}",
        "attributes": {
            "type": "TERMINAL",
            "manufacturer": "Square",
            "model": "T2",
            "name": name,
            "manufacturers_id": plain,
            "updated_at": times.wire(square.now(), 3),
            "version": "5.41.0085",
            "merchant_token": seller.id,
        },
        "status": {"category": "AVAILABLE"},
        "_location_id": location_id,
    }
    seller.devices[plain] = device
    return shown(device)


def shown(device: Record) -> Record:
    return {name: value for name, value in device.items() if not name.startswith("_")}


@routes.on("GET", "/v2/devices", scopes=("DEVICES_READ",), query=("cursor", "sort_order", "limit", "location_id"))
def list_devices(call: Call) -> Answer:
    location_id = call.query.get("location_id")
    if location_id is not None:
        location_of(call.seller, location_id)
    found = [
        (plain, shown(device)) for plain, device in call.seller.devices.items() if location_id in (None, device["_location_id"])
    ]
    limit = page_limit(call.whole_number("limit"), default=100, most=100)
    return page_of(call, found, "devices", limit=limit, query=["devices", location_id], cursor=call.query.get("cursor"))


@routes.on("GET", "/v2/devices/<device_id>", scopes=("DEVICES_READ",))
def get_device(call: Call, device_id: str) -> Answer:
    known = call.seller.devices.get(terminal.plain_id(device_id))
    if known is None:
        raise not_found("Device", device_id, "device_id")
    return {"device": shown(known)}


@routes.on("POST", "/v2/devices/codes", scopes=("DEVICE_CREDENTIAL_MANAGEMENT",), body="CreateDeviceCodeRequest")
def create_code(call: Call) -> Answer:
    """A code that the seller types on the device; the control action device_pair does so."""

    def make() -> str:
        wanted, now = call.body["device_code"], call.square.now()
        location_id = location_of(call.seller, wanted.get("location_id"), "device_code.location_id")["id"]
        code: Record = {
            "id": ids.upper(13),
            "name": wanted.get("name") or "Terminal",
            "code": ids.upper(6),
            "product_type": "TERMINAL_API",
            "location_id": location_id,
            "status": "UNPAIRED",
            "pair_by": times.wire(now + timedelta(minutes=PAIRING_MINUTES), 3),
            "created_at": times.wire(now, 3),
            "status_changed_at": times.wire(now, 3),
        }
        call.seller.device_codes[code["id"]] = code
        return str(code["id"])

    return call.once("CreateDeviceCode", make, lambda made: {"device_code": call.seller.device_codes[made]}, key_max_chars=128)


@routes.on("GET", "/v2/devices/codes/<code_id>", scopes=("DEVICE_CREDENTIAL_MANAGEMENT",))
def get_code(call: Call, code_id: str) -> Answer:
    known = call.seller.device_codes.get(code_id)
    if known is None:
        raise not_found("Device code", code_id, "id")
    return {"device_code": known}


@routes.on(
    "GET",
    "/v2/devices/codes",
    scopes=("DEVICE_CREDENTIAL_MANAGEMENT",),
    query=("cursor", "location_id", "product_type", "status"),
)
def list_codes(call: Call) -> Answer:
    location_id, status = call.query.get("location_id"), call.query.get("status")
    found = [
        (f"{code['created_at']}|{code['id']}", code)
        for code in call.seller.device_codes.values()
        if location_id in (None, code["location_id"]) and status in (None, code["status"])
    ]
    query = ["codes", location_id, status]
    return page_of(call, found, "device_codes", limit=100, query=query, cursor=call.query.get("cursor"))
