"""Customers: create, sparse update, versions, deletion, bulk calls, merges."""

import pytest

from tests.providers.sandbox.square.shop import Shop, only_error


def test_created_customer_reads_back_with_version_zero(shop: Shop) -> None:
    made = shop.sdk.customers.create(given_name="Ada", address={"address_line1": "1 Main St"}).customer
    assert made is not None
    read = shop.get(f"/v2/customers/{made.id}")["customer"]
    assert read["version"] == 0
    assert read["creation_source"] == "THIRD_PARTY"
    assert read["address"] == {"address_line_1": "1 Main St"}
    assert "company_name" not in read


def test_same_person_created_twice_gives_two_customers(shop: Shop) -> None:
    assert shop.customer()["id"] != shop.customer()["id"]


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"note": "only a note"}, "BAD_REQUEST", None),
        ({"email_address": "nobody"}, "INVALID_EMAIL_ADDRESS", "email_address"),
        ({"phone_number": "12"}, "INVALID_PHONE_NUMBER", "phone_number"),
        ({"given_name": "x" * 301}, "VALUE_TOO_LONG", "given_name"),
        ({"given_name": "Ada", "birthday": "soon"}, "INVALID_TIME", "birthday"),
        ({"given_name": 7}, "EXPECTED_STRING", "given_name"),
        ({"given_name": "Ada", "nick_name": "A"}, "UNKNOWN_BODY_PARAMETER", "nick_name"),
        ({"given_name": "Ada", "address": {"country": "Utopia"}}, "INVALID_ENUM_VALUE", "address.country"),
        ({"given_name": "Ada", "address": ["1 Main St"]}, "EXPECTED_OBJECT", "address"),
    ],
)
def test_bad_fields_are_refused_in_squares_shape(shop: Shop, fields: dict[str, object], code: str, field: str | None) -> None:
    error = only_error(shop.api.post("/v2/customers", json=fields), 400)
    assert (error["category"], error["code"], error.get("field")) == ("INVALID_REQUEST_ERROR", code, field)
    assert shop.truth()["customers"] == []


def test_update_merges_fields_and_null_clears(shop: Shop) -> None:
    made = shop.customer(given_name="Ada", company_name="Engines", address={"locality": "London", "postal_code": "W1"})
    body = {"company_name": None, "nickname": "AL", "address": {"postal_code": None, "country": "GB"}}
    changed = shop.api.put(f"/v2/customers/{made['id']}", json=body).json()["customer"]
    assert changed["given_name"] == "Ada"
    assert changed["nickname"] == "AL"
    assert "company_name" not in changed
    assert changed["address"] == {"locality": "London", "country": "GB"}
    assert changed["version"] == 1


def test_update_that_would_leave_no_name_or_contact_is_refused(shop: Shop) -> None:
    made = shop.customer(given_name="Ada")
    assert only_error(shop.api.put(f"/v2/customers/{made['id']}", json={"given_name": None}), 400)["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [("documented", 409, "CONFLICT"), ("version_mismatch", 400, "VERSION_MISMATCH"), ("conflict", 409, "CONFLICT")],
)
def test_stale_version_is_refused_in_the_chosen_form(shop: Shop, form: str, status: int, code: str) -> None:
    shop.twin.control("settings", stale_version=form)
    made = shop.customer()
    path = f"/v2/customers/{made['id']}"
    assert shop.api.put(path, json={"note": "one", "version": 0}).status_code == 200
    assert only_error(shop.api.put(path, json={"note": "two", "version": 0}), status)["code"] == code
    assert only_error(shop.api.delete(path, params={"version": 0}), status)["code"] == code
    assert shop.get(path)["customer"]["note"] == "one"


def test_update_without_version_lets_the_last_writer_win(shop: Shop) -> None:
    made = shop.customer()
    for note in ("one", "two"):
        shop.api.put(f"/v2/customers/{made['id']}", json={"note": note})
    assert shop.get(f"/v2/customers/{made['id']}")["customer"]["note"] == "two"


def test_deleted_customer_is_gone_from_get_and_lists(shop: Shop) -> None:
    made = shop.customer()
    assert shop.api.delete(f"/v2/customers/{made['id']}").json() == {}
    assert only_error(shop.api.get(f"/v2/customers/{made['id']}"), 404)["code"] == "NOT_FOUND"
    assert shop.get("/v2/customers") == {}


def test_bulk_create_uses_map_keys_as_idempotency_keys_and_reports_each_error(shop: Shop) -> None:
    body = {"customers": {"key-1": {"given_name": "Ada"}, "key-2": {"note": "nobody"}}}
    first = shop.post("/v2/customers/bulk-create", body)["responses"]
    again = shop.post("/v2/customers/bulk-create", body)["responses"]
    assert first["key-1"]["customer"]["id"] == again["key-1"]["customer"]["id"]
    assert first["key-2"]["errors"][0]["code"] == "BAD_REQUEST"
    assert len(shop.truth()["customers"]) == 1


def test_bulk_retrieve_update_and_delete_answer_per_id(shop: Shop) -> None:
    one = shop.customer()["id"]
    read = shop.post("/v2/customers/bulk-retrieve", {"customer_ids": [one, "NOBODY"]})["responses"]
    assert read[one]["customer"]["id"] == one
    assert read["NOBODY"]["errors"][0]["code"] == "NOT_FOUND"
    changed = shop.post("/v2/customers/bulk-update", {"customers": {one: {"note": "x"}}})["responses"]
    assert changed[one]["customer"]["note"] == "x"
    assert shop.post("/v2/customers/bulk-delete", {"customer_ids": [one]})["responses"] == {one: {}}


def test_merge_makes_a_new_profile_and_repoints_the_invoice(shop: Shop) -> None:
    first, second = shop.customer(given_name="Ada", email_address="ada@example.com"), shop.customer(given_name="Augusta")
    invoice = shop.draft(customer=first)
    merged = shop.act("customers_merge", customer_ids=[first["id"], second["id"]])["customer"]
    assert merged["creation_source"] == "MERGE"
    assert merged["id"] not in (first["id"], second["id"])
    assert "given_name: Augusta" in merged["note"]
    assert [customer["id"] for customer in shop.get("/v2/customers")["customers"]] == [merged["id"]]
    assert shop.read_invoice(invoice["id"])["primary_recipient"]["customer_id"] == merged["id"]
    assert shop.api.get(f"/v2/customers/{first['id']}").status_code == 404
    shop.twin.control("settings", merged_customer_readable=True)
    assert shop.get(f"/v2/customers/{first['id']}")["customer"]["id"] == merged["id"]
