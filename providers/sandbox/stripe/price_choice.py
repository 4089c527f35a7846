"""The price that a request names or describes: an id, or price_data with a product or product_data; and creating prices."""

from collections.abc import Mapping
from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.errors import refused
from providers.sandbox.stripe.prices import check_lookup_key, existing_price, new_price
from providers.sandbox.stripe.products import existing_product, new_product
from providers.sandbox.stripe.store import Record


def chosen_price(call: Call, params: Mapping[str, Any], path: str) -> Record:
    """path: where the parameters stand, `items[0]`, for error messages. Raises 400 and 404."""
    if params.get("price") and params.get("price_data"):
        raise refused("You may only specify one of these parameters: price, price_data.", param=f"{path}[price_data]")
    if params.get("price"):
        price = existing_price(call, params["price"], param=f"{path}[price]")
        if not price["active"] and price["id"] not in call.store.inline_prices:
            raise refused("The price specified is inactive. This field only accepts active prices.", param=f"{path}[price]")
        return price
    if not params.get("price_data"):
        raise refused(
            f"One of the following params should be provided for this request: {path}[price] or {path}[price_data].",
            code="parameter_missing",
            param=path,
        )
    data = dict(params["price_data"])
    if data.get("product_data"):
        data["product"] = new_product(call, data["product_data"])["id"]
    if not data.get("product"):
        raise refused(
            "One of `product` or `product_data` must be provided.", code="parameter_missing", param=f"{path}[price_data][product]"
        )
    existing_product(call, data["product"], param=f"{path}[price_data][product]")
    return new_price(call, data, inline=True, path=f"{path}[price_data].")


@operation("POST /v1/prices")
def create_price(call: Call) -> Record:
    params = dict(call.params)
    if params.get("tiers") or params.get("custom_unit_amount"):
        raise refused("The twin knows prices per unit only.", param="billing_scheme")
    check_lookup_key(call, params.get("lookup_key"), transfer=bool(params.get("transfer_lookup_key")))
    if params.get("product_data"):
        params["product"] = new_product(call, params["product_data"])["id"]
    if not params.get("product"):
        raise refused("You must specify either `product` or `product_data`.", code="parameter_missing", param="product")
    existing_product(call, params["product"])
    return new_price(call, params)
