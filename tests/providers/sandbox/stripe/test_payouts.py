"""Payouts of the Stripe twin: by the clock and by hand, with the balance transactions they contain."""

from typing import Any

import pytest
import stripe

from tests.providers.sandbox.stripe.conftest import Platform


def payouts(platform: Platform) -> list[Any]:
    """Oldest first."""
    return list(reversed(platform.v1.payouts.list({}, platform.as_bakery).data))


def rows_of(platform: Platform, payout_id: str) -> list[Any]:
    return list(platform.v1.balance_transactions.list({"payout": payout_id, "limit": 100}, platform.as_bakery).data)


def test_money_is_paid_out_at_the_midnight_after_it_is_available(platform: Platform) -> None:
    for amount in (2000, 3000):
        platform.act("take_payment", amount=amount)
    platform.pass_days(0.01)
    assert payouts(platform) == []
    platform.pass_days(3.1)
    [payout] = payouts(platform)
    rows = rows_of(platform, payout.id)
    assert sorted(row.type for row in rows) == ["charge", "charge", "payout"]
    assert sum(row.net for row in rows) == 0
    assert payout.amount == sum(row.net for row in rows if row.type == "charge")
    assert (payout.automatic, payout.created % 86400) == (True, 0)


def test_payout_goes_through_transit_to_paid_and_is_reconciled(platform: Platform) -> None:
    platform.act("take_payment", amount=2000)
    platform.pass_days(7)
    [payout] = payouts(platform)
    assert (payout.status, payout.reconciliation_status) == ("paid", "completed")
    assert platform.event_types("payout.*") == [
        "payout.created",
        "payout.updated",
        "payout.updated",
        "payout.paid",
        "payout.reconciliation_completed",
    ]


def test_paid_payout_can_fail_and_the_money_comes_back(platform: Platform) -> None:
    platform.act("take_payment", amount=2000)
    platform.pass_days(7)
    [payout] = payouts(platform)
    failed = platform.act("fail_payout", payout_id=payout.id)
    assert (failed["status"], failed["failure_code"]) == ("failed", "account_closed")
    [available] = platform.v1.balance.retrieve({}, platform.as_bakery).available
    assert available.amount == payout.amount
    assert platform.event_types("payout.*")[-1] == "payout.failed"


def test_refunds_disputes_and_fees_are_rows_of_the_payout(platform: Platform) -> None:
    intent = platform.act("take_payment", amount=9000)
    platform.act("refund", payment_intent=intent["id"], amount=1000)
    platform.act("charge_fee", amount=150, description="Radar")
    platform.pass_days(4)
    [payout] = payouts(platform)
    rows = rows_of(platform, payout.id)
    assert sorted((row.type, row.amount) for row in rows if row.type != "payout") == [
        ("charge", 9000),
        ("refund", -1000),
        ("stripe_fee", -150),
    ]
    assert payout.amount == 9000 - 291 - 1000 - 150


def test_late_balance_transactions_go_into_a_later_payout(platform: Platform) -> None:
    platform.control("settings", balance_transaction_lag_seconds=5 * 86400)
    intent = platform.act("take_payment", amount=2000)
    platform.pass_days(4)
    charge = platform.v1.charges.retrieve(intent["latest_charge"], {}, platform.as_bakery)
    assert (charge.balance_transaction, payouts(platform)) == (None, [])
    platform.pass_days(6)
    assert len(payouts(platform)) == 1


def test_debt_is_not_paid_out(platform: Platform) -> None:
    platform.act("charge_fee", amount=150)
    platform.pass_days(3)
    assert payouts(platform) == []


def test_manual_schedule_pays_only_on_request(platform: Platform) -> None:
    platform.control("settings", payout_schedule="manual")
    platform.act("take_payment", amount=5000, card="4000000000000077")
    platform.pass_days(5)
    assert payouts(platform) == []
    with pytest.raises(stripe.InvalidRequestError) as refused:
        platform.v1.payouts.create({"amount": 999_999, "currency": "usd"}, platform.as_bakery)
    assert refused.value.code == "balance_insufficient"
    payout = platform.v1.payouts.create({"amount": 1000, "currency": "usd", "metadata": {"n": "1"}}, platform.as_bakery)
    assert (payout.status, payout.automatic, payout.reconciliation_status) == ("pending", False, "not_applicable")
    canceled = platform.v1.payouts.cancel(payout.id, {}, platform.as_bakery)
    assert canceled.status == "canceled"
    [available] = platform.v1.balance.retrieve({}, platform.as_bakery).available
    assert available.amount == 5000 - 175


def test_payout_is_found_by_status_and_arrival(platform: Platform) -> None:
    platform.act("take_payment", amount=2000)
    platform.pass_days(7)
    [payout] = payouts(platform)
    listed = platform.v1.payouts.list({"status": "paid", "arrival_date": {"gte": payout.arrival_date}}, platform.as_bakery)
    assert [found.id for found in listed.data] == [payout.id]
    assert platform.v1.payouts.list({"status": "failed"}, platform.as_bakery).data == []
    expanded = platform.v1.payouts.retrieve(payout.id, {"expand": ["balance_transaction"]}, platform.as_bakery)
    assert expanded.balance_transaction.amount == -payout.amount


def test_pending_funds_become_available(platform: Platform) -> None:
    platform.control("settings", payout_schedule="manual")
    platform.act("take_payment", amount=2000)
    platform.pass_days(1)
    balance = platform.v1.balance.retrieve({}, platform.as_bakery)
    assert (balance.available[0].amount, balance.pending[0].amount) == (0, 2000 - 88)
    platform.pass_days(2)
    [row] = platform.v1.balance_transactions.list({}, platform.as_bakery).data
    assert row.status == "available"
