"""Payouts: a location's balance, paid out by the clock, entry by entry."""

from typing import Any

import pytest

from tests.providers.sandbox.square.receiver import Receiver
from tests.providers.sandbox.square.shop import Shop, only_error, usd

DAY = 86_400


def net(entries: list[dict[str, Any]]) -> int:
    return sum(int(entry["net_amount_money"]["amount"]) for entry in entries)


def sale(shop: Shop, amount: int, **fields: Any) -> dict[str, Any]:
    payment: dict[str, Any] = shop.act("pos_sale", amount=amount, **fields)["payment"]
    return payment


def entries_of(shop: Shop, payout: dict[str, Any]) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = shop.get(f"/v2/payouts/{payout['id']}/payout-entries", sort_order="ASC").get(
        "payout_entries", []
    )
    return listed


def test_the_day_ends_with_a_payout_whose_entries_add_up(shop: Shop, receiver: Receiver, eventually: Any) -> None:
    shop.twin.control("clock", frozen=True, now="2027-03-01T10:00:00+00:00")
    shop.use_own_token()
    card, _cash = sale(shop, 10_000, tip=500), sale(shop, 700, method="cash")
    shop.twin.advance(10)
    shop.post("/v2/refunds", {"idempotency_key": "r", "payment_id": card["id"], "amount_money": usd(2_000)})
    shop.twin.advance(15 * 3_600)
    payout = shop.get("/v2/payouts")["payouts"][0]
    entries = entries_of(shop, payout)
    assert [entry["type"] for entry in entries] == ["CHARGE", "REFUND"]
    assert entries[0]["type_charge_details"] == {"payment_id": card["id"]}
    assert entries[0]["gross_amount_money"] == usd(10_500)
    assert entries[1]["type_refund_details"]["payment_id"] == card["id"]
    assert payout["amount_money"] == usd(net(entries))
    assert (payout["status"], payout["type"], payout["arrival_date"]) == ("SENT", "BATCH", "2027-03-03")
    shop.twin.advance(DAY)
    assert shop.get(f"/v2/payouts/{payout['id']}")["payout"]["status"] == "PAID"
    eventually(lambda: receiver.of_type("payout.paid"))
    assert receiver.of_type("payout.sent")[0]["data"]["object"]["payout"]["id"] == payout["id"]


def test_a_jump_of_days_makes_a_payout_for_each_day_that_earned(shop: Shop) -> None:
    shop.use_own_token()
    shop.twin.control("clock", frozen=True, now="2027-03-01T10:00:00+00:00")
    plan = shop.act("plan_create", name="Daily", amount=1_000, cadence="DAILY", periods=3)
    customer = shop.customer()
    shop.act(
        "subscription_create",
        customer_id=customer["id"],
        plan_variation_id=plan["plan_variation_id"],
        card_id=shop.card(customer)["id"],
    )
    shop.twin.advance(10 * DAY)
    payouts = shop.get("/v2/payouts", sort_order="ASC")["payouts"]
    assert [(payout["created_at"][:10], payout["status"]) for payout in payouts] == [
        ("2027-03-02", "PAID"),
        ("2027-03-03", "PAID"),
        ("2027-03-04", "PAID"),
    ]
    assert payouts[0]["updated_at"] == "2027-03-03T00:00:00Z"


def test_each_location_has_its_own_and_the_list_shows_only_the_main_one(shop: Shop) -> None:
    sale(shop, 1_000)
    sale(shop, 2_000, location_id=shop.second)
    shop.twin.advance(5)
    main, second = (shop.act("payout_send", location_id=place)["payout"] for place in (shop.main, shop.second))
    assert [entry["id"] for entry in shop.get("/v2/payouts")["payouts"]] == [main["id"]]
    assert [entry.id for entry in shop.sdk.payouts.list(location_id=shop.second)] == [second["id"]]


def test_failed_payout_comes_back_onto_the_balance(shop: Shop, receiver: Receiver, eventually: Any) -> None:
    shop.twin.control("settings", payout_outcome="FAILED", payouts_automatic=False)
    sale(shop, 1_000)
    shop.twin.advance(5)
    payout = shop.act("payout_send")["payout"]
    shop.twin.advance(DAY)
    assert shop.get(f"/v2/payouts/{payout['id']}")["payout"]["status"] == "FAILED"
    back = shop.act("payout_send")["entries"]
    assert [(entry["type"], entry["net_amount_money"]) for entry in back] == [("RETURNED_PAYOUT", payout["amount_money"])]
    eventually(lambda: receiver.of_type("payout.failed"))


def test_paid_payout_may_bounce_later(shop: Shop) -> None:
    sale(shop, 1_000)
    shop.twin.advance(5)
    payout = shop.act("payout_send")["payout"]
    for status in ("PAID", "FAILED"):
        assert shop.act("payout_end", payout_id=payout["id"], status=status)["payout"]["status"] == status


def test_disputes_and_fee_adjustments_are_entries_and_may_make_it_negative(shop: Shop) -> None:
    payment = sale(shop, 5_000)
    shop.twin.advance(5)
    shop.act("payout_send")
    shop.act("dispute_open", payment_id=payment["id"])
    shop.act("payment_adjust_fee", payment_id=payment["id"], amount=25)
    payout = shop.act("payout_send")["payout"]
    assert [entry["type"] for entry in entries_of(shop, payout)] == ["DISPUTE", "ADJUSTMENT"]
    assert payout["amount_money"] == usd(-5_025)


def test_balance_of_nothing_is_not_paid_out(shop: Shop) -> None:
    shop.twin.control("settings", dispute_outcome="WON")
    payment = sale(shop, 5_000)
    shop.twin.advance(5)
    shop.act("payout_send")
    dispute = shop.act("dispute_open", payment_id=payment["id"])["dispute"]
    shop.act("dispute_decide", dispute_id=dispute["id"], outcome="WON")
    shop.twin.advance(2 * DAY)
    assert len(shop.get("/v2/payouts")["payouts"]) == 1
    assert [entry["type"] for entry in shop.truth()["unpaid_balance"]] == ["DISPUTE", "DISPUTE"]


def test_instant_payout_costs_a_fee_and_shows_no_entries(shop: Shop) -> None:
    sale(shop, 10_000)
    shop.twin.advance(5)
    sent = shop.act("payout_send", instant=True)
    fee = sent["payout"]["payout_fee"][0]["amount_money"]["amount"]
    assert (sent["payout"]["type"], sent["payout"]["destination"]["type"]) == ("SIMPLE", "CARD")
    assert sent["entries"][-1]["type"] == "DEPOSIT_FEE"
    assert sent["entries"][-1]["net_amount_money"]["amount"] == -fee
    assert entries_of(shop, sent["payout"]) == []


def test_entries_may_stay_behind_their_payout(shop: Shop) -> None:
    shop.twin.control("settings", payout_entries_delay_seconds=3_600.0)
    sale(shop, 1_000)
    shop.twin.advance(5)
    payout = shop.act("payout_send")["payout"]
    assert entries_of(shop, payout) == []
    shop.twin.advance(3_601)
    assert net(entries_of(shop, payout)) == payout["amount_money"]["amount"]


def test_entries_are_paged_and_filters_hold(shop: Shop) -> None:
    for _ in range(5):
        sale(shop, 1_000)
    shop.twin.advance(5)
    payout = shop.act("payout_send")["payout"]
    assert len(list(shop.sdk.payouts.list_entries(payout["id"], limit=2))) == 5
    assert shop.get("/v2/payouts", status="FAILED") == {}
    assert only_error(shop.api.get("/v2/payouts?status=LOST"), 400)["code"] == "INVALID_ENUM_VALUE"
    assert shop.get("/v2/payouts", end_time=payout["created_at"]) == {}
    assert shop.api.get("/v2/payouts/po_unknown").status_code == 404


def test_list_without_begin_time_goes_back_one_year(shop: Shop) -> None:
    shop.use_own_token()
    sale(shop, 1_000)
    shop.twin.advance(5)
    payout = shop.act("payout_send")["payout"]
    shop.twin.advance(366 * DAY)
    assert shop.get("/v2/payouts") == {}
    assert len(shop.get("/v2/payouts", begin_time=payout["created_at"])["payouts"]) == 1


@pytest.mark.parametrize("scope", ["PAYOUTS_READ", "DISPUTES_READ"])
def test_missing_scope_refuses_the_list_and_sends_no_events(shop: Shop, receiver: Receiver, scope: str) -> None:
    scopes = "PAYMENTS_READ"
    other = shop.twin.control("accounts", name="Other")
    token = shop.twin.connect(other["id"], scopes)["access_token"]
    path = "/v2/payouts" if scope == "PAYOUTS_READ" else "/v2/disputes"
    refused = shop.twin.as_bearer(token).get(path)
    assert only_error(refused, 403)["code"] == "INSUFFICIENT_SCOPES"
    payment = shop.twin.control("act", account_id=other["id"], action="pos_sale", amount=500)["payment"]
    shop.twin.advance(5)
    shop.twin.control("act", account_id=other["id"], action="dispute_open", payment_id=payment["id"])
    shop.twin.control("act", account_id=other["id"], action="payout_send")
    assert shop.twin.http.get("/_twin/deliveries", params={"wait": 5}).json()["idle"]
    assert {name.partition(".")[0] for name in receiver.types()} == {"payment"}
