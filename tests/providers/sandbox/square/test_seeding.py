"""Bulk seeding, and the truth of a seller as lines to compare."""

import json
from collections import Counter
from typing import Any

import httpx

from tests.providers.sandbox.square.shop import Shop, usd

DAY = 86_400


def lines_of(shop: Shop) -> list[dict[str, Any]]:
    with shop.twin.http.stream("GET", "/_twin/truth.jsonl", params={"account_id": shop.id}) as response:
        assert response.headers["transfer-encoding"] == "chunked"
        return [json.loads(line) for line in response.iter_lines()]


def test_every_seeded_kind_reads_back_through_the_api(shop: Shop) -> None:
    counts = {"customers": 30, "invoices": 20, "payments": 40, "disputes": 3, "links": 4, "subscriptions": 5, "items": 6}
    made = shop.seed(**counts, payouts=True, days=20)
    assert made["payments"] == 40 + 10  # half of the invoices are paid
    assert len(list(shop.sdk.disputes.list())) == 3
    assert len(list(shop.sdk.checkout.payment_links.list())) == 4
    assert len(shop.sdk.subscriptions.search().subscriptions or []) == 5
    assert len(list(shop.sdk.catalog.list(types="ITEM"))) == 6
    assert len(list(shop.sdk.inventory.batch_get_counts(location_ids=[shop.main]))) == 6
    payouts = [payout for place in (shop.main, shop.second) for payout in shop.sdk.payouts.list(location_id=place)]
    entries = [entry for payout in payouts for entry in shop.sdk.payouts.list_entries(payout.id)]
    waiting = shop.truth()["unpaid_balance"]
    assert len(entries) + len(waiting) == made["payments"]
    for payout in payouts:
        own = [entry for entry in entries if entry.payout_id == payout.id]
        assert payout.amount_money is not None
        assert sum(entry.net_amount_money.amount or 0 for entry in own if entry.net_amount_money) == payout.amount_money.amount


def test_seeded_link_is_paid_on_its_page_and_seeded_subscription_bills_next_month(shop: Shop) -> None:
    shop.use_own_token()
    shop.seed(customers=2, links=1, subscriptions=1)
    link = shop.get("/v2/online-checkout/payment-links")["payment_links"][0]
    shop.act("link_pay", link_id=link["id"])
    assert shop.get("/v2/payments")["payments"][0]["total_money"] == usd(1_000)
    subscription = shop.post("/v2/subscriptions/search", {})["subscriptions"][0]
    assert "invoice_ids" not in subscription
    shop.twin.advance(32 * DAY)
    assert len(shop.get(f"/v2/subscriptions/{subscription['id']}")["subscription"]["invoice_ids"]) == 1


def test_truth_streams_every_record_once_in_a_stable_order(shop: Shop) -> None:
    shop.seed(customers=700, invoices=300, payments=100, payouts=True)
    lines = lines_of(shop)
    kinds = Counter(line["kind"] for line in lines)
    assert (kinds["customers"], kinds["invoices"], kinds["payments"], kinds["orders"]) == (700, 300, 250, 400)
    assert [line["kind"] for line in lines] == sorted(line["kind"] for line in lines)
    customers = [line["record"]["id"] for line in lines if line["kind"] == "customers"]
    assert customers == sorted(set(customers))
    assert lines == lines_of(shop)


def test_truth_is_what_the_api_answers(shop: Shop) -> None:
    shop.invoice(1_000)
    shop.twin.advance(5)
    by_kind: dict[str, list[Any]] = {}
    for line in lines_of(shop):
        by_kind.setdefault(line["kind"], []).append(line["record"])
    assert by_kind["customers"] == shop.get("/v2/customers")["customers"]
    assert by_kind["invoices"] == shop.get("/v2/invoices", location_id=shop.main)["invoices"]


def test_same_seed_gives_the_same_ids_and_another_one_others(shop: Shop) -> None:
    def made(seed: int) -> list[str]:
        shop.twin.control("reset")
        shop.twin.control("accounts", id="MSEEDED", name="Seeded")
        answer = shop.twin.control("seed", account_id="MSEEDED", customers=5, invoices=5, payments=5, seed=seed)
        return [record_id for name in ("customer_ids", "invoice_ids", "payment_ids") for record_id in answer[name]]

    assert made(7) == made(7)
    assert not set(made(7)) & set(made(8))
    twice = [shop.twin.control("seed", account_id="MSEEDED", customers=2, seed=8)["customer_ids"] for _ in range(2)]
    assert not set(twice[0]) & set(twice[1])


def test_stream_of_named_kinds_has_no_others(shop: Shop) -> None:
    shop.seed(customers=3, payments=2)
    query = {"account_id": shop.id, "kinds": "payments,customers"}
    lines = shop.twin.http.get("/_twin/truth.jsonl", params=query).text.splitlines()
    assert Counter(json.loads(line)["kind"] for line in lines) == {"customers": 3, "payments": 2}
    refused = shop.twin.http.get("/_twin/truth.jsonl", params={**query, "kinds": "secrets"})
    assert (refused.status_code, "known are" in refused.json()["error"]) == (400, True)


def test_unknown_account_is_refused_before_the_stream_begins(shop: Shop) -> None:
    for query in ("", "?account_id=NOBODY"):
        answer = httpx.get(f"{shop.twin.base_url}/_twin/truth.jsonl{query}")
        assert (answer.status_code, "error" in answer.json()) == (400, True)
