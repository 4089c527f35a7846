"""Products: /v1/products."""

from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.errors import ApiError, no_such, refused, wrong_state
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.params import blank_to_none, merged_metadata
from providers.sandbox.stripe.prices import new_price
from providers.sandbox.stripe.search import search_answer
from providers.sandbox.stripe.store import Record

PLAIN_FIELDS = ("name", "description", "active", "images", "url", "unit_label", "statement_descriptor", "shippable", "tax_code")
WITHOUT_NONE = {"images": [], "active": True}


def product_record(product_id: str, name: str, *, created: int, livemode: bool) -> Record:
    return {
        "id": product_id,
        "object": "product",
        "active": True,
        "created": created,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": livemode,
        "marketing_features": [],
        "metadata": {},
        "name": name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": created,
        "url": None,
    }


def new_product(call: Call, params: dict[str, Any]) -> Record:
    """Store a product and emit product.created."""
    product_id = params.get("id") or new_id("prod_", length=14)
    if product_id in call.store.products:
        raise ApiError(400, f"Product already exists: {product_id}.", code="resource_already_exists")
    product = product_record(product_id, params["name"], created=call.now, livemode=call.livemode)
    product["type"] = params.get("type", "service")
    _apply(product, params)
    call.store.products.put(product)
    emit(call, "product.created", product)
    return product


def existing_product(call: Call, product_id: str, *, param: str = "product") -> Record:
    product = call.store.products.get(product_id)
    if product is None:
        raise no_such("product", product_id, param=param)
    return product


@operation("POST /v1/products")
def create_product(call: Call) -> Record:
    product = new_product(call, call.params)
    if "default_price_data" in call.params:
        price = new_price(call, {**call.params["default_price_data"], "product": product["id"]})
        product["default_price"] = price["id"]
        call.store.products.put(product)
    return product


@operation("GET /v1/products")
def list_products(call: Call) -> bytes:
    equal = {name: call.params.get(name) for name in ("active", "shippable", "type", "url")}
    ids = call.params.get("ids")
    return list_answer(call, call.store.products, equal=equal, keep=ids and (lambda row, _products: row.order[2] in ids))


@operation("GET /v1/products/search")
def search_products(call: Call) -> bytes:
    return search_answer(call, call.store.products)


@operation("GET /v1/products/{id}")
def get_product(call: Call) -> Record:
    return existing_product(call, call.ids["id"], param="id")


@operation("POST /v1/products/{id}")
def update_product(call: Call) -> Record:
    before, product = get_product(call), get_product(call)
    _apply(product, call.params)
    default_price = call.params.get("default_price")
    if default_price:
        price = call.store.prices.get(default_price)
        if price is None or price["product"] != product["id"]:
            raise refused("The price given as default_price does not belong to this product.", param="default_price")
        product["default_price"] = default_price
    product["updated"] = call.now
    call.store.products.put(product)
    emit(call, "product.updated", product, before=before)
    return product


@operation("DELETE /v1/products/{id}")
def delete_product(call: Call) -> Record:
    product = get_product(call)
    if call.store.prices.find(product=product["id"]):
        raise wrong_state("This product cannot be deleted because it has one or more user-created prices.")
    call.store.products.remove(product["id"])
    emit(call, "product.deleted", product)
    return {"id": product["id"], "object": "product", "deleted": True}


def _apply(product: Record, params: dict[str, Any]) -> None:
    for name in PLAIN_FIELDS:
        if name in params:
            value = blank_to_none(params[name])
            product[name] = WITHOUT_NONE.get(name) if value is None else value
    for name in ("marketing_features", "package_dimensions"):
        if name in params:
            product[name] = blank_to_none(params[name]) or ([] if name == "marketing_features" else None)
    if "metadata" in params:
        product["metadata"] = merged_metadata(product["metadata"], params["metadata"])
