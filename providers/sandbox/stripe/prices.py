"""Prices: /v1/prices; amount, currency and interval never change (Stripe: archive a price and make another)."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.errors import no_such, refused
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.params import blank_to_none, merged_metadata
from providers.sandbox.stripe.price_records import decimal_text, price_record
from providers.sandbox.stripe.search import search_answer
from providers.sandbox.stripe.store import Record


def unit_amount_of(params: Mapping[str, Any], path: str = "") -> str:
    """What one unit costs in minor units, as text; a price may have a fraction of a cent. Raises 400."""
    given = params.get("unit_amount", params.get("unit_amount_decimal"))
    if given is None:
        raise refused(
            "Prices require an `unit_amount` or `unit_amount_decimal` parameter to be set.",
            code="parameter_missing",
            param=path + "unit_amount",
        )
    try:
        unit = Decimal(str(given))
    except InvalidOperation as problem:
        raise refused(f"Invalid decimal: {given}", param=path + "unit_amount_decimal") from problem
    if unit < 0:
        raise refused(
            "This value must be greater than or equal to 0.", code="parameter_invalid_integer", param=path + "unit_amount"
        )
    return decimal_text(unit)


def new_price(call: Call, params: Mapping[str, Any], *, inline: bool = False, path: str = "") -> Record:
    """Store a price and emit price.created; an inline one (price_data) is inactive, never listed and makes no event."""
    price = price_record(
        new_id("price_1", length=23),
        product=params["product"],
        currency=params["currency"].lower(),
        unit_amount_decimal=unit_amount_of(params, path),
        created=call.now,
        livemode=call.livemode,
        recurring=params.get("recurring"),
    )
    for name in ("nickname", "lookup_key", "tax_behavior"):
        price[name] = blank_to_none(params.get(name, price[name]))
    price["active"] = False if inline else params.get("active", True)
    price["metadata"] = merged_metadata({}, params.get("metadata"))
    call.store.prices.put(price)
    if inline:
        call.store.inline_prices.add(price["id"])
    else:
        emit(call, "price.created", price)
    return price


def existing_price(call: Call, price_id: str, *, param: str = "price") -> Record:
    price = call.store.prices.get(price_id)
    if price is None:
        raise no_such("price", price_id, param=param)
    return price


@operation("GET /v1/prices")
def list_prices(call: Call) -> bytes:
    params = call.params
    recurring, keys = params.get("recurring"), params.get("lookup_keys")
    inline = call.store.inline_prices

    def keep(row: Any, prices: Any) -> bool:
        interval = prices.field(row, "recurring") or {}
        return (
            row.order[2] not in inline
            and (not keys or prices.field(row, "lookup_key") in keys)
            and all(interval.get(name) == value for name, value in (recurring or {}).items())
        )

    equal = {name: params.get(name) for name in ("active", "currency", "product", "type")}
    return list_answer(call, call.store.prices, equal=equal, keep=keep)


@operation("GET /v1/prices/search")
def search_prices(call: Call) -> bytes:
    return search_answer(call, call.store.prices, but=call.store.inline_prices)


@operation("GET /v1/prices/{price}")
def get_price(call: Call) -> Record:
    return existing_price(call, call.ids["price"])


@operation("POST /v1/prices/{price}")
def update_price(call: Call) -> Record:
    before, price = get_price(call), get_price(call)
    params = call.params
    for name in ("active", "nickname", "tax_behavior"):
        if name in params:
            price[name] = blank_to_none(params[name])
    if "lookup_key" in params:
        _set_lookup_key(call, price, blank_to_none(params["lookup_key"]), bool(params.get("transfer_lookup_key")))
    if "metadata" in params:
        price["metadata"] = merged_metadata(price["metadata"], params["metadata"])
    call.store.prices.put(price)
    emit(call, "price.updated", price, before=before)
    return price


def check_lookup_key(call: Call, key: str | None, *, transfer: bool, owner: str | None = None) -> None:
    """A key belongs to one price. Raises 400, or takes it from the other price if `transfer`."""
    if key is None:
        return
    for other in call.store.prices.find(lookup_key=key):
        if other["id"] == owner:
            continue
        if not transfer:
            raise refused(
                f"A price (`{other['id']}`) already uses that lookup key (`{key}`). "
                "You may use `transfer_lookup_key=true` to transfer it.",
                param="lookup_key",
            )
        call.store.prices.put({**other, "lookup_key": None})


def _set_lookup_key(call: Call, price: Record, key: str | None, transfer: bool) -> None:
    check_lookup_key(call, key, transfer=transfer, owner=price["id"])
    price["lookup_key"] = key
