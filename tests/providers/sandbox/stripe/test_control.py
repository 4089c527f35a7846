"""The control API of the Stripe twin: seeding, truth, settings, reset."""

import json
import time

from tests.providers.sandbox.stripe.conftest import BAKERY, Platform

NO_KINDS = {"account_id", "deleted_customers"}


def test_seed_makes_what_was_asked_and_truth_shows_it(platform: Platform) -> None:
    platform.control("seed", account_id=BAKERY, seed=7, customers=50, invoices=80, payments=20)
    truth = platform.http.get("/_twin/truth", params={"account_id": BAKERY}).json()
    assert (len(truth["customers"]), len(truth["invoices"])) == (50, 80)
    listed = platform.v1.invoices.list({"limit": 100}, platform.as_bakery).data
    assert {invoice.id for invoice in listed} == {invoice["id"] for invoice in truth["invoices"]}
    statuses = {invoice["status"] for invoice in truth["invoices"]}
    assert {"open", "paid"} <= statuses
    for invoice in truth["invoices"]:
        assert invoice["total"] == sum(line["amount"] for line in invoice["lines"]["data"])
    paid = [charge for charge in truth["charges"] if charge["paid"]]
    assert {charge["balance_transaction"] for charge in paid} <= {row["id"] for row in truth["balance_transactions"]}
    assert [event.type for event in platform.v1.events.list({}, platform.as_bakery).data] == ["account.application.authorized"]


def test_seeded_open_invoice_can_be_paid(platform: Platform) -> None:
    platform.control("seed", account_id=BAKERY, customers=2, invoices=10, paid=0, drafts=0, voided=0)
    invoice = platform.v1.invoices.list({"status": "open"}, platform.as_bakery).data[0]
    assert platform.act("pay_invoice", invoice_id=invoice.id)["status"] == "paid"


def test_same_seed_gives_the_same_ids(platform: Platform) -> None:
    other = platform.control("accounts", name="Twin of the bakery")["account_id"]
    for account_id in (BAKERY, other):
        platform.control("seed", account_id=account_id, seed=3, customers=5, invoices=5)
    ids = [
        {record["id"] for record in platform.http.get("/_twin/truth", params={"account_id": account_id}).json()["invoices"]}
        for account_id in (BAKERY, other)
    ]
    assert ids[0] == ids[1]


def test_thousands_of_records_are_made_in_seconds_and_a_page_in_milliseconds(platform: Platform) -> None:
    began = time.monotonic()
    platform.control("seed", account_id=BAKERY, customers=1_000, invoices=1_000)
    assert time.monotonic() - began < 30, "a quarter of a second on an idle machine"
    headers = {"Authorization": "Bearer sk_test_sandboxPlatformTest0000000001", "Stripe-Account": BAKERY}
    times = []
    for _ in range(20):
        began = time.monotonic()
        platform.http.get("/v1/invoices", params={"limit": 100}, headers=headers)
        times.append(time.monotonic() - began)
    assert sorted(times)[10] < 0.1, "three milliseconds on an idle machine"


def test_seed_emits_events_only_when_asked(platform: Platform) -> None:
    platform.control("seed", account_id=BAKERY, customers=3, events=True)
    assert [event.type for event in platform.v1.events.list({"type": "customer.*"}, platform.as_bakery).data] == [
        "customer.created"
    ] * 3


def test_reset_forgets_records_connections_faults_and_time(platform: Platform) -> None:
    platform.customer()
    platform.control("faults", kind="conflict", times=None)
    platform.control("clock", advance_seconds=86400)
    platform.control("reset")
    state = platform.http.get("/_twin/state").json()
    assert state["faults"] == []
    assert abs(state["clock"]["unix"] - time.time()) < 5
    assert [account["test"] for account in state["accounts"]] == [{"connected": False, "counts": {}}] * 2


def test_unknown_setting_and_bad_clock_are_refused_with_a_reason(platform: Platform) -> None:
    answer = platform.http.post("/_twin/settings", json={"speed": 9})
    assert (answer.status_code, "unknown setting speed" in answer.json()["error"]) == (400, True)
    answer = platform.http.post("/_twin/clock", json={"now": "2026-01-01T00:00:00"})
    assert (answer.status_code, "UTC offset" in answer.json()["error"]) == (400, True)
    assert platform.http.post("/_twin/act", content=b"{").status_code == 400


def test_request_log_has_no_bodies_or_keys(platform: Platform) -> None:
    platform.customer(name="Secret Name")
    text = platform.http.get("/_twin/requests", params={"account": BAKERY}).text
    assert '"path": "/v1/customers"' in text
    assert "Secret Name" not in text
    assert "sk_test" not in text


def test_truth_streams_every_record_in_a_fixed_order(platform: Platform) -> None:
    wanted = {"customers": 40, "invoices": 60, "payments": 600, "subscriptions": 5, "disputed": 0.1, "payouts": True}
    platform.control("seed", account_id=BAKERY, **wanted)
    whole = platform.http.get("/_twin/truth", params={"account_id": BAKERY}).json()
    with platform.http.stream("GET", "/_twin/truth.jsonl", params={"account_id": BAKERY}) as answer:
        assert answer.headers["Transfer-Encoding"] == "chunked"
        lines = list(answer.iter_lines())
    rows = [json.loads(line) for line in lines]
    told = {(row["kind"], row["id"]) for row in rows}
    assert told == {(kind, record["id"]) for kind, records in whole.items() if kind not in NO_KINDS for record in records}
    assert lines == [json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False) for row in rows]
    assert [row["kind"] for row in rows] == sorted(row["kind"] for row in rows)


def test_seeded_history_adds_up(platform: Platform) -> None:
    made = platform.control(
        "seed", account_id=BAKERY, customers=20, payments=300, subscriptions=8, disputed=0.1, payouts=True, days=60
    )["created"]
    assert made["subscriptions"] == 8
    assert made["disputes"] > 5
    assert made["payouts"] > 20
    for payout in platform.v1.payouts.list({"limit": 3, "status": "paid"}, platform.as_bakery).data:
        rows = platform.v1.balance_transactions.list({"payout": payout.id, "limit": 100}, platform.as_bakery).data
        assert sum(row.net for row in rows) == 0
    platform.pass_days(40)
    assert platform.v1.invoices.list({"status": "open"}, platform.as_bakery).data


def test_clock_answers_when_everything_due_has_happened(platform: Platform) -> None:
    platform.subscribe()
    platform.pass_days(400)
    assert len(platform.v1.invoices.list({"limit": 100}, platform.as_bakery).data) == 14


def test_plan_by_seed_fails_the_same_requests(platform: Platform) -> None:
    headers = {"Authorization": "Bearer sk_test_sandboxPlatformTest0000000001"}

    def statuses() -> list[int]:
        platform.control("fault-plan", seed=5, share=0.4, kinds=["server_error", "rate_limited", "html_error"])
        return [platform.http.get("/v1/customers", headers=headers).status_code for _ in range(30)]

    first = statuses()
    assert first == statuses()
    assert {200, 500, 429, 502} == set(first)
