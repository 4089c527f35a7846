"""Keys, customers, lists, parameters and search of the Stripe twin."""

from typing import Any

import httpx
import pytest
import stripe

from providers.sandbox.stripe.world import DEVELOPMENT
from tests.providers.sandbox.stripe.conftest import BAKERY, Platform


def refusal(call: Any, *arguments: Any) -> stripe.StripeError:
    with pytest.raises(stripe.StripeError) as caught:
        call(*arguments)
    return caught.value


def test_missing_and_unknown_keys_are_answered_401(platform: Platform) -> None:
    assert platform.http.get("/v1/customers").status_code == 401
    wrong = platform.http.get("/v1/customers", headers={"Authorization": "Bearer sk_test_wrong_key_of_somebody"})
    assert wrong.status_code == 401
    assert "sk_test_wrong_key_of_somebody" not in wrong.text


def test_key_may_come_as_basic_user_name(platform: Platform) -> None:
    answer = platform.http.get("/v1/account", auth=httpx.BasicAuth(DEVELOPMENT["stripe_secret_key"], ""))
    assert answer.status_code == 200


def test_account_own_key_opens_its_data_without_the_header(platform: Platform) -> None:
    account = platform.control("accounts", name="Own Key Ltd")
    own = platform.sdk(account["keys"]["test"]["rk"])
    own.v1.customers.create({"name": "Zed"})
    assert own.v1.accounts.retrieve_current().id == account["account_id"]
    assert [customer.name for customer in own.v1.customers.list().data] == ["Zed"]


def test_live_and_test_data_are_apart_and_the_message_says_so(platform: Platform) -> None:
    platform.act("connect", livemode=True)
    customer = platform.customer()
    live: Any = platform.sdk(DEVELOPMENT["stripe_live_secret_key"])
    error = refusal(live.v1.customers.retrieve, customer.id, {}, platform.as_bakery)
    assert (error.http_status, error.code) == (404, "resource_missing")
    assert "a similar object exists in test mode" in str(error)


def test_answers_carry_request_id_and_version(platform: Platform) -> None:
    answer = platform.post("/v1/customers", {"name": "x"}, Stripe_Version="2026-10-28.endive", Idempotency_Key="k-1")
    assert answer.headers["Request-Id"].startswith("req_")
    assert answer.headers["Stripe-Version"] == "2026-10-28.endive"
    assert answer.headers["Idempotency-Key"] == "k-1"


def test_customer_round_trip_merges_metadata_and_unsets_with_blank(platform: Platform) -> None:
    customer = platform.customer(metadata={"a": "1", "b": "2"}, phone="+1555", address={"line1": "1 Main St"})
    updated = platform.v1.customers.update(customer.id, {"metadata": {"a": "", "c": "3"}, "phone": ""}, platform.as_bakery)
    assert updated.metadata.to_dict() == {"b": "2", "c": "3"}
    assert updated.phone is None
    assert updated.address.line1 == "1 Main St"


def test_deleted_customer_answers_200_deleted_and_leaves_lists(platform: Platform) -> None:
    customer = platform.customer()
    platform.v1.customers.delete(customer.id, {}, platform.as_bakery)
    read = platform.v1.customers.retrieve(customer.id, {}, platform.as_bakery)
    assert read.to_dict() == {"id": customer.id, "object": "customer", "deleted": True}
    assert platform.v1.customers.list({}, platform.as_bakery).data == []
    error = refusal(platform.v1.invoices.create, {"customer": customer.id}, platform.as_bakery)
    assert error.code == "resource_missing"


@pytest.mark.parametrize(
    ("path", "params", "code", "param"),
    [
        ("/v1/customers", {"nickname": "x"}, "parameter_unknown", "nickname"),
        ("/v1/customers", {"address[planet]": "x"}, "parameter_unknown", "address[planet]"),
        ("/v1/customers", {"balance": "ten"}, "parameter_invalid_integer", "balance"),
        ("/v1/customers", {"tax_exempt": "maybe"}, None, "tax_exempt"),
        ("/v1/customers", {"email": "nonsense"}, "email_invalid", "email"),
        ("/v1/customers", {"metadata[k]": "x" * 501}, None, "metadata[k]"),
        ("/v1/customers", {f"metadata[{'k' * 41}]": "x"}, None, "metadata"),
        ("/v1/payment_intents", {"currency": "usd"}, "parameter_missing", "amount"),
        ("/v1/payment_intents", {"amount": "10.5", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ("/v1/payment_intents", {"amount": "10", "currency": "usd"}, "amount_too_small", "amount"),
        (
            "/v1/payment_intents",
            {"amount": "1000", "currency": "usd", "payment_method_types[0]": "card"},
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
        ("/v1/invoices", {}, "parameter_missing", "customer"),
        ("/v1/refunds", {"payment_intent": "pi_none"}, "resource_missing", "payment_intent"),
    ],
)
def test_bad_parameter_is_named_in_stripes_shape(
    platform: Platform, path: str, params: dict[str, str], code: str | None, param: str
) -> None:
    answer = platform.post(path, params)
    assert answer.status_code in (400, 404)
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert (error.get("code"), error["param"]) == (code, param)


def test_unknown_path_is_answered_404(platform: Platform) -> None:
    assert "Unrecognized request URL" in platform.post("/v1/nonsense").json()["error"]["message"]


def test_list_walks_all_records_once_newest_first(platform: Platform) -> None:
    platform.control("seed", account_id=BAKERY, customers=57, same_second=0.6)
    page = platform.v1.customers.list({"limit": 10}, platform.as_bakery)
    walked = list(page.auto_paging_iter())
    assert len({customer.id for customer in walked}) == len(walked) == 57
    assert [customer.created for customer in walked] == sorted((customer.created for customer in walked), reverse=True)
    assert len({customer.created for customer in walked}) < 57
    assert page.has_more is True


def test_exactly_one_full_page_has_no_more(platform: Platform) -> None:
    platform.control("seed", account_id=BAKERY, customers=10)
    assert platform.v1.customers.list({"limit": 10}, platform.as_bakery).has_more is False


def test_ending_before_walks_back_to_the_newest(platform: Platform) -> None:
    platform.control("seed", account_id=BAKERY, customers=25)
    ids = [customer.id for customer in platform.v1.customers.list({"limit": 100}, platform.as_bakery).data]
    page = platform.v1.customers.list({"limit": 5, "ending_before": ids[20]}, platform.as_bakery)
    assert [customer.id for customer in page.data] == ids[15:20]
    back = [customer.id for customer in page.auto_paging_iter()]
    assert sorted(back) == sorted(ids[:20])


def test_created_filter_bounds_are_whole_seconds(platform: Platform) -> None:
    platform.control("clock", frozen=True)
    moment = int(platform.http.get("/_twin/clock").json()["unix"])
    first = platform.customer()
    platform.control("clock", advance_seconds=1)
    second = platform.customer()

    def listed(created: Any) -> list[str]:
        return [customer.id for customer in platform.v1.customers.list({"created": created}, platform.as_bakery).data]

    assert listed({"gte": moment}) == [second.id, first.id]
    assert listed({"gt": moment}) == [second.id]
    assert listed({"lt": moment + 1}) == [first.id]
    assert listed(moment + 1) == [second.id]
    assert listed({"gte": moment + 2}) == []


def test_limit_beyond_100_and_unknown_cursor_are_refused(platform: Platform) -> None:
    assert refusal(platform.v1.customers.list, {"limit": 101}, platform.as_bakery).http_status == 400
    assert refusal(platform.v1.customers.list, {"starting_after": "cus_gone"}, platform.as_bakery).code == "resource_missing"


def test_email_filter_and_search_find_the_customer(platform: Platform) -> None:
    customer = platform.customer(email="Mixed@Example.com", metadata={"hub": "7"})
    platform.customer(email="other@example.com")
    assert [found.id for found in platform.v1.customers.list({"email": "mixed@example.com"}, platform.as_bakery).data] == [
        customer.id
    ]
    found = platform.v1.customers.search({"query": "email:'mixed@example.com' AND metadata['hub']:'7'"}, platform.as_bakery)
    assert [match.id for match in found.data] == [customer.id]


def test_search_index_lags_when_told_to(platform: Platform) -> None:
    platform.control("settings", search_lag_seconds=60)
    platform.customer()
    assert platform.v1.customers.search({"query": "name:'Ada'"}, platform.as_bakery).data == []
    platform.control("clock", advance_seconds=61)
    assert len(platform.v1.customers.search({"query": "name:'Ada'"}, platform.as_bakery).data) == 1
