"""The control API: accounts, seeds, acts, truth, faults, reset; and that many callers at once do no harm."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from providers.sandbox.square import create_twin
from tests.providers.sandbox.square.published_schema import PublishedSchema
from tests.providers.sandbox.square.shop import Shop, TwinClient, only_error, usd


def test_seeded_records_are_ordinary_ones(shop: Shop) -> None:
    answer = shop.seed(customers=20, invoices=20, payments=10, days=30)
    assert (len(answer["customer_ids"]), len(answer["invoice_ids"])) == (20, 20)
    by_location = [shop.get("/v2/invoices", location_id=location_id)["invoices"] for location_id in (shop.main, shop.second)]
    invoices = [invoice for found in by_location for invoice in found]
    assert {invoice["status"] for invoice in invoices} == {"PAID", "UNPAID"}
    unpaid = next(invoice for invoice in invoices if invoice["status"] == "UNPAID")
    assert shop.pay_page(unpaid).status_code == 303
    assert shop.read_invoice(unpaid["id"])["status"] == "PAID"
    truth = shop.truth()
    assert len(truth["payments"]) == 21
    assert {payment["order_id"] for payment in truth["payments"]} <= {order["id"] for order in truth["orders"]}


def test_sale_at_the_till_has_an_order_without_version(shop: Shop) -> None:
    sale = shop.act("pos_sale", amount=700, tip=100, method="cash", location_id=shop.second)
    assert "version" not in sale["order"]
    assert sale["payment"]["total_money"] == usd(800)
    assert sale["order"]["state"] == "COMPLETED"
    body = {"order": {"version": 1, "location_id": shop.second, "reference_id": "x"}}
    assert shop.api.put(f"/v2/orders/{sale['order']['id']}", json=body).status_code == 400


def test_acts_that_square_would_refuse_say_why(shop: Shop) -> None:
    for body in (
        {"action": "fly"},
        {"action": "customer_delete"},
        {"action": "customer_delete", "customer_id": "NOBODY"},
        {"action": "pos_sale", "amount": 1, "location_id": shop.closed},
    ):
        response = shop.twin.http.post("/_twin/act", json={"account_id": shop.id, **body})
        assert response.status_code == 400
        assert response.json()["error"]


def test_unknown_settings_and_bad_values_are_refused(twin: TwinClient) -> None:
    for body in ({"speed": 1}, {"stale_version": "sometimes"}, {"empty_middle_page": "yes"}):
        assert twin.http.post("/_twin/settings", json=body).status_code == 400


def test_reset_forgets_everything_but_the_default_account(shop: Shop) -> None:
    shop.customer()
    shop.twin.control("settings", customer_lag_seconds=30)
    shop.twin.control("reset")
    assert [account["id"] for account in shop.twin.http.get("/_twin/state").json()["accounts"]] == [
        shop.twin.credentials["default_merchant_id"]
    ]
    assert shop.api.get("/v2/locations").status_code == 401
    assert shop.twin.http.get("/_twin/settings").json()["customer_lag_seconds"] == 0


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"kind": "rate_limited", "retry_after": 7}, 429, "RATE_LIMITED"),
        ({"kind": "server_error"}, 500, "INTERNAL_SERVER_ERROR"),
        ({"kind": "server_error", "status": 503}, 503, "SERVICE_UNAVAILABLE"),
        ({"kind": "rate_limited"}, 429, "RATE_LIMITED"),
        ({"kind": "conflict"}, 409, "CONFLICT"),
        ({"kind": "conflict", "reason": "VERSION_MISMATCH"}, 400, "VERSION_MISMATCH"),
    ],
)
def test_faults_answer_in_squares_shape_and_change_nothing(shop: Shop, fault: dict[str, object], status: int, code: str) -> None:
    added = shop.twin.http.post("/_twin/faults", json={**fault, "path": "/v2/customers", "account": shop.id})
    assert added.status_code == 200
    refused = shop.api.post("/v2/customers", json={"given_name": "Ada"})
    assert only_error(refused, status)["code"] == code
    assert refused.headers.get("retry-after") == ("7" if "retry_after" in fault else None)
    assert shop.truth()["customers"] == []
    assert shop.customer()["version"] == 0


def test_dropped_connection_leaves_the_effect(shop: Shop) -> None:
    shop.twin.http.post("/_twin/faults", json={"kind": "dropped", "path": "/v2/customers"})
    with pytest.raises(httpx.TransportError):
        shop.api.post("/v2/customers", json={"given_name": "Ada"})
    assert len(shop.truth()["customers"]) == 1


def test_faults_by_seed_hit_the_same_requests_in_every_run(shop: Shop) -> None:
    def run() -> list[str]:
        plan = {"seed": 11, "share": 0.4, "path": "/v2/locations", "seconds": 0, "reasons": ["retry_after", "silent"]}
        shop.twin.http.post("/_twin/fault-plan", json=plan).raise_for_status()
        told = shop.twin.http.get("/_twin/fault-plan", params={"preview": 20}).json()["next"]
        fates = {entry["in"]: entry["kind"] for entry in told}
        foretold = [fates.get(number, "healthy") for number in range(20)]
        for _ in range(20):
            try:
                shop.api.get("/v2/locations")
            except httpx.TransportError:
                continue
        log = shop.twin.http.get("/_twin/requests", params={"path": "/v2/locations"}).json()["requests"]
        assert [entry["fault"] or "healthy" for entry in log[-20:]] == foretold
        return foretold

    first = run()
    assert len(set(first)) > 3
    assert run() == first
    shop.twin.http.delete("/_twin/fault-plan")
    assert {shop.api.get("/v2/locations").status_code for _ in range(20)} == {200}


def test_fault_seed_given_at_the_start_holds_also_after_a_reset() -> None:
    twin = create_twin({"square_fault_seed": "7", "square_fault_share": "0.25"})
    for _ in range(2):
        plan = twin.faults.plan()
        assert plan is not None
        assert (plan["seed"], plan["share"], plan["path"]) == (7, 0.25, "/v2/*")
        twin.reset()


def test_wrong_fault_plan_is_refused_in_words(twin: TwinClient) -> None:
    refused = twin.http.post("/_twin/fault-plan", json={"speed": 0.5})
    assert (refused.status_code, "speed" in refused.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    ("kind", "made"), [("html_error", 0), ("dropped_before", 0), ("broken_body", 1), ("server_error_after", 1)]
)
def test_broken_answers_say_nothing_about_the_effect(shop: Shop, kind: str, made: int) -> None:
    shop.twin.http.post("/_twin/faults", json={"kind": kind, "path": "/v2/customers"})
    headers = {"Authorization": f"Bearer {shop.personal_access_token}"}
    try:
        answer = httpx.post(f"{shop.twin.base_url}/v2/customers", json={"given_name": "Ada"}, headers=headers)
    except httpx.TransportError:
        assert kind == "dropped_before"
    else:
        whole = answer.status_code == 200 and answer.text.endswith("}")
        assert not whole
    assert len(shop.truth()["customers"]) == made


def test_request_budget_answers_rate_limited(shop: Shop) -> None:
    shop.twin.control("settings", requests_per_second=2)
    statuses = [shop.api.get("/v2/locations").status_code for _ in range(6)]
    assert statuses[:2] == [200, 200]
    assert 429 in statuses


def test_requests_are_logged_without_bodies_or_tokens(shop: Shop) -> None:
    shop.customer(given_name="Secret Name", idempotency_key="key-1")
    log = shop.twin.http.get("/_twin/requests", params={"path": "/v2/customers"})
    entry = log.json()["requests"][0]
    assert (entry["method"], entry["status"], entry["account"], entry["idempotency_key"]) == ("POST", 200, shop.id, "key-1")
    assert "Secret Name" not in log.text
    assert shop.tokens["access_token"] not in log.text


def test_many_callers_at_once_lose_nothing(shop: Shop) -> None:
    def make(number: int) -> str:
        body = {"given_name": f"Customer {number}", "idempotency_key": f"key-{number // 2}"}
        first: str = shop.api.post("/v2/customers", json={**body, "given_name": "Same"}).json()["customer"]["id"]
        return first

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(make, range(60)))
    assert len(set(ids)) == 30
    assert len(shop.truth()["customers"]) == 30


def test_payers_racing_for_one_invoice_pay_it_once(shop: Shop) -> None:
    invoice = shop.invoice(1_000)
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda _: shop.pay_page(invoice).status_code, range(6)))
    assert sorted(statuses) == [303, 402, 402, 402, 402, 402]
    assert len(shop.truth()["payments"]) == 1


def test_start_page_tells_credentials_and_actions(twin: TwinClient) -> None:
    page = twin.http.get("/").text
    wanted = (
        "pos_sale",
        "dispute_open",
        "4111 1111 1111 1111",
        "5248 4800 0021 0034",
        "fault-plan",
        "truth.jsonl",
        "payout_send",
    )
    for text in (twin.credentials["application_id"], twin.credentials["access_token"], *wanted):
        assert text in page


def test_answers_are_held_against_the_published_schema(shop: Shop, published_schema: PublishedSchema | None) -> None:
    if published_schema is None:
        pytest.skip("PAYHUB_CONTRACT_SPECS names no folder with square-api.json: answers are not held against Square's schema")
    before = published_schema.checked
    shop.invoice()
    assert published_schema.checked > before
    published_schema.look_at_event({"type": "invoice.created", "event_id": 7})
    assert "not of type 'string'" in published_schema.deviations.pop()
