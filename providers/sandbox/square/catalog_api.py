"""The Catalog API: list, read, search by change time, upsert and delete."""

from collections.abc import Callable
from typing import Any

from providers.sandbox.square import catalog, times
from providers.sandbox.square.errors import ApiFailure, bad_request, invalid, missing
from providers.sandbox.square.http import Answer, Call, Routes
from providers.sandbox.square.pagination import page_body, page_limit
from providers.sandbox.square.shapes import enum_values
from providers.sandbox.square.shelf import Record

KEY_MAX_CHARS = 128
PAGE_SIZE = 100
QUERIES = ("exact_query", "prefix_query", "range_query", "text_query", "set_query", "sorted_attribute_query")

routes = Routes()


@routes.on("GET", "/v2/catalog/list", scopes=("ITEMS_READ",), query=("cursor", "types", "catalog_version"))
def list_catalog(call: Call) -> Answer:
    kinds = _kinds([part for part in call.query.get("types", "").upper().replace(" ", "").split(",") if part], "types")
    return page_body(
        call,
        call.seller.catalog,
        "objects",
        order="ID",
        limit=PAGE_SIZE,
        query=["list", sorted(kinds)],
        cursor=call.query.get("cursor"),
        where=lambda item: not item.get("is_deleted") and (not kinds or item["type"] in kinds),
    )


def _kinds(names: list[str], field: str) -> set[str]:
    known = enum_values("CatalogObjectType")
    if unknown := [name for name in names if name not in known]:
        raise invalid("INVALID_ENUM_VALUE", f"`{unknown[0]}` is not a valid enum value for `{field}`.", field)
    return set(names)


@routes.on(
    "GET",
    "/v2/catalog/object/<object_id>",
    scopes=("ITEMS_READ",),
    query=("include_related_objects", "catalog_version", "include_category_path_to_root"),
)
def get_object(call: Call, object_id: str) -> Answer:
    item = catalog.find(call.seller, object_id)
    return {"object": item, **_related(call, [item], wanted=call.flag("include_related_objects"))}


@routes.on("POST", "/v2/catalog/batch-retrieve", scopes=("ITEMS_READ",), body="BatchRetrieveCatalogObjectsRequest")
def batch_retrieve(call: Call) -> Answer:
    """Unknown ids are left out."""
    deleted_too = bool(call.body.get("include_deleted_objects"))
    found = [item for object_id in call.body["object_ids"] if (item := call.seller.catalog.get(object_id)) is not None]
    found = [item for item in found if deleted_too or not item.get("is_deleted")]
    answer: Record = {"objects": found} if found else {}
    return {**answer, **_related(call, found, wanted=bool(call.body.get("include_related_objects")))}


def _related(call: Call, items: list[Record], *, wanted: bool) -> Record:
    """What these objects point to: a variation's item, an item's categories and taxes, a plan of a variation."""
    if not wanted:
        return {}
    pointers: list[str] = []
    for item in items:
        data = item.get(catalog.data_name(item["type"])) or {}
        pointers += [data[name] for name in ("item_id", "subscription_plan_id", "category_id") if data.get(name)]
        pointers += [*(data.get("tax_ids") or []), *[part["id"] for part in data.get("categories") or [] if part.get("id")]]
    own = {item["id"] for item in items}
    found = [call.seller.catalog.get(pointer) for pointer in dict.fromkeys(pointers) if pointer not in own]
    living = [item for item in found if item is not None and not item.get("is_deleted")]
    return {"related_objects": living} if living else {}


@routes.on("POST", "/v2/catalog/object", scopes=("ITEMS_WRITE",), body="UpsertCatalogObjectRequest")
def upsert_object(call: Call) -> Answer:
    mappings: list[Record] = []

    def make() -> str:
        _require_key(call)
        stored, made = catalog.upsert(call.square, call.seller, [call.body["object"]])
        mappings.extend(made)
        return str(stored[0]["id"])

    answer = call.once(
        "UpsertCatalogObject",
        make,
        lambda made: {"catalog_object": catalog.find(call.seller, made)},
        key_max_chars=KEY_MAX_CHARS,
    )
    return {**answer, "id_mappings": mappings} if mappings else answer


@routes.on("POST", "/v2/catalog/batch-upsert", scopes=("ITEMS_WRITE",), body="BatchUpsertCatalogObjectsRequest")
def batch_upsert(call: Call) -> Answer:
    mappings: list[Record] = []

    def make() -> str:
        _require_key(call)
        objects = [item for batch in call.body["batches"] for item in batch["objects"]]
        if not 1 <= len(objects) <= 10_000:
            raise bad_request("Between 1 and 10,000 objects per call.", "batches")
        stored, made = catalog.upsert(call.square, call.seller, objects)
        mappings.extend(made)
        return " ".join(item["id"] for item in stored)

    def show(made: str) -> Record:
        found = [call.seller.catalog.get(object_id) for object_id in made.split()]
        return {"objects": [item for item in found if item], "updated_at": catalog.latest_time(call.seller)}

    answer = call.once("BatchUpsertCatalogObjects", make, show, key_max_chars=KEY_MAX_CHARS)
    return {**answer, "id_mappings": mappings} if mappings else answer


def _require_key(call: Call) -> None:
    if not call.body["idempotency_key"]:
        raise missing("idempotency_key")


@routes.on("DELETE", "/v2/catalog/object/<object_id>", scopes=("ITEMS_WRITE",))
def delete_object(call: Call, object_id: str) -> Answer:
    gone, moment = catalog.delete(call.square, call.seller, [object_id])
    return {"deleted_object_ids": gone, "deleted_at": moment}


@routes.on("POST", "/v2/catalog/batch-delete", scopes=("ITEMS_WRITE",), body="BatchDeleteCatalogObjectsRequest")
def batch_delete(call: Call) -> Answer:
    """Ids that are unknown or gone already are passed over."""
    living = []
    for object_id in call.body["object_ids"]:
        try:
            living.append(str(catalog.find(call.seller, object_id)["id"]))
        except ApiFailure:
            continue
    gone, moment = catalog.delete(call.square, call.seller, living)
    return {"deleted_object_ids": gone, "deleted_at": moment} if gone else {}


@routes.on("POST", "/v2/catalog/search", scopes=("ITEMS_READ",), body="SearchCatalogObjectsRequest")
def search_objects(call: Call) -> Answer:
    body = call.body
    kinds, deleted_too = _kinds(body.get("object_types") or [], "object_types"), bool(body.get("include_deleted_objects"))
    since = times.parse_key(body.get("begin_time"), "begin_time")
    query = {name: value for name, value in (body.get("query") or {}).items() if value}
    if unknown := [name for name in query if name not in QUERIES]:
        raise bad_request(f"This sandbox does not search by `{unknown[0]}`.", f"query.{unknown[0]}")
    tests = [_test(name, value) for name, value in query.items()]

    def fits(item: Record) -> bool:
        return (
            (deleted_too or not item.get("is_deleted"))
            and (not kinds or item["type"] in kinds)
            and (since is None or times.sort_key(item["updated_at"]) > since)
            and all(test(item) for test in tests)
        )

    extra: Record = {"latest_time": catalog.latest_time(call.seller)} if call.seller.catalog_version else {}
    if body.get("include_related_objects"):
        shown = [item for item in call.seller.catalog.records() if fits(item)]
        extra |= _related(call, shown, wanted=True)
    return page_body(
        call,
        call.seller.catalog,
        "objects",
        order="UPDATED_AT",
        limit=page_limit(body.get("limit"), default=100, most=1000),
        query=["search", sorted(kinds), deleted_too, body.get("begin_time"), query],
        cursor=body.get("cursor"),
        where=fits,
        bounds=(since, None),
        extra=extra,
    )


def _test(name: str, wanted: Record) -> Callable[[Record], bool]:
    attribute = wanted.get("attribute_name", "name")

    def value_of(item: Record) -> Any:
        return (item.get(catalog.data_name(item["type"])) or {}).get(attribute)

    def text_of(item: Record) -> str:
        return str(value_of(item) or "").lower()

    if name == "exact_query":
        return lambda item: bool(text_of(item) == str(wanted["attribute_value"]).lower())
    if name == "prefix_query":
        return lambda item: text_of(item).startswith(str(wanted["attribute_prefix"]).lower())
    if name == "set_query":
        values = {str(value).lower() for value in wanted["attribute_values"]}
        return lambda item: text_of(item) in values
    if name == "text_query":
        words = [str(word).lower() for word in wanted["keywords"]]
        return lambda item: all(word in text_of(item) for word in words)
    if name == "range_query":
        low, high = wanted.get("attribute_min_value"), wanted.get("attribute_max_value")
        return lambda item: (
            isinstance(value_of(item), int)
            and (low is None or value_of(item) >= low)
            and (high is None or value_of(item) <= high)
        )
    return lambda item: value_of(item) is not None


@routes.on("GET", "/v2/catalog/info", scopes=("ITEMS_READ",))
def catalog_info(_call: Call) -> Answer:
    limits = {
        "batch_upsert_max_objects_per_batch": 1000,
        "batch_upsert_max_total_objects": 10_000,
        "batch_retrieve_max_object_ids": 1000,
        "search_max_page_limit": 1000,
        "batch_delete_max_object_ids": 200,
    }
    return {"limits": limits}
