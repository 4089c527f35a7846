"""Subscriptions: plans with phases, cycles on the clock, and scheduled actions."""

from datetime import date
from typing import Any

import pytest

from tests.providers.sandbox.square.receiver import Receiver
from tests.providers.sandbox.square.shop import NO_RETRIES, Shop, only_error, usd

DAY = 86_400


@pytest.fixture
def monthly(shop: Shop) -> str:
    """A plan variation of 29 a month; the clock stands at a plain day."""
    shop.use_own_token()
    shop.twin.control("clock", frozen=True, now="2027-01-15T12:00:00+00:00")
    variation_id: str = shop.act("plan_create", name="Care", amount=2_900)["plan_variation_id"]
    return variation_id


def subscribe(shop: Shop, variation_id: str, **fields: Any) -> dict[str, Any]:
    customer = fields.pop("customer", None) or shop.customer()
    body = {"location_id": shop.main, "plan_variation_id": variation_id, "customer_id": customer["id"], **fields}
    made: dict[str, Any] = shop.post("/v2/subscriptions", body)["subscription"]
    return made


def read(shop: Shop, subscription: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = shop.get(f"/v2/subscriptions/{subscription['id']}", include="actions")["subscription"]
    return answer


def invoices(shop: Shop, subscription: dict[str, Any]) -> list[dict[str, Any]]:
    """Oldest first."""
    return [shop.read_invoice(invoice_id) for invoice_id in reversed(read(shop, subscription).get("invoice_ids", []))]


def test_card_on_file_pays_each_month_as_the_clock_goes(shop: Shop, monthly: str, receiver: Receiver, eventually: Any) -> None:
    customer = shop.customer()
    made = subscribe(shop, monthly, customer=customer, card_id=shop.card(customer)["id"])
    assert (made["status"], made["charged_through_date"], made["monthly_billing_anchor_date"]) == ("ACTIVE", "2027-02-14", 15)
    shop.twin.advance(65 * DAY)
    billed = invoices(shop, made)
    assert [invoice["status"] for invoice in billed] == ["PAID", "PAID", "PAID"]
    assert [invoice["payment_requests"][0]["due_date"] for invoice in billed] == ["2027-01-15", "2027-02-15", "2027-03-15"]
    assert {invoice["subscription_id"] for invoice in billed} == {made["id"]}
    assert [invoice["created_at"][:10] for invoice in billed] == ["2027-01-15", "2027-02-15", "2027-03-15"]
    payments = shop.get("/v2/payments")["payments"]
    assert [payment["created_at"][:10] for payment in payments] == ["2027-03-15", "2027-02-15", "2027-01-15"]
    assert [payment["total_money"]["amount"] for payment in payments] == [2_900] * 3
    eventually(lambda: len(receiver.of_type("subscription.updated")) >= 3)
    assert len(receiver.of_type("subscription.created")) == 1


def test_without_a_card_the_invoices_stay_unpaid_and_the_subscription_active(shop: Shop, monthly: str) -> None:
    made = subscribe(shop, monthly)
    shop.twin.advance(40 * DAY)
    assert [invoice["status"] for invoice in invoices(shop, made)] == ["UNPAID", "UNPAID"]
    assert read(shop, made)["status"] == "ACTIVE"
    shop.pay_page(invoices(shop, made)[0])
    assert [invoice["status"] for invoice in invoices(shop, made)] == ["PAID", "UNPAID"]


@pytest.mark.parametrize("told", [False, True])
def test_refused_card_leaves_the_invoice_unpaid_and_is_told_only_by_switch(
    shop: Shop, monthly: str, receiver: Receiver, *, told: bool
) -> None:
    shop.twin.control("settings", subscription_charge_failed_event=told)
    customer = shop.customer()
    card = shop.card(customer)
    made = subscribe(shop, monthly, customer=customer, card_id=card["id"])
    shop.act("card_decline", card_id=card["id"], code="INSUFFICIENT_FUNDS")
    shop.twin.advance(40 * DAY)
    assert [invoice["status"] for invoice in invoices(shop, made)] == ["PAID", "UNPAID"]
    assert shop.twin.http.get("/_twin/deliveries", params={"wait": 5}).json()["idle"]
    assert bool(receiver.of_type("invoice.scheduled_charge_failed")) is told


def test_phases_follow_each_other_and_the_last_one_completes(shop: Shop, monthly: str) -> None:
    plan = shop.act("plan_create", name="Course", amount=10_000, periods=2, trial_periods=1, cadence="WEEKLY")
    made = subscribe(shop, plan["plan_variation_id"])
    assert "invoice_ids" not in made
    shop.twin.advance(30 * DAY)
    after = read(shop, made)
    assert (after["status"], after["completed_date"]) == ("COMPLETED", "2027-02-05")
    assert len(after["invoice_ids"]) == 2
    older = shop.api.get(f"/v2/subscriptions/{made['id']}", headers={"Square-Version": "2025-08-20"}).json()["subscription"]
    assert older["status"] == "CANCELED"
    assert "completed_date" not in older


def test_pending_until_its_start_and_then_active(shop: Shop, monthly: str) -> None:
    made = subscribe(shop, monthly, start_date="2027-02-01")
    assert made["status"] == "PENDING"
    assert "invoice_ids" not in made
    shop.twin.advance(20 * DAY)
    assert read(shop, made)["status"] == "ACTIVE"
    kinds = [
        event["subscription_event_type"] for event in shop.get(f"/v2/subscriptions/{made['id']}/events")["subscription_events"]
    ]
    assert kinds == ["START_SUBSCRIPTION"]


def test_canceled_stays_active_until_the_paid_period_ends(shop: Shop, monthly: str) -> None:
    made = subscribe(shop, monthly)
    answer = shop.sdk.subscriptions.cancel(made["id"], request_options=NO_RETRIES)
    assert answer.subscription is not None
    assert (answer.subscription.status, answer.subscription.canceled_date) == ("ACTIVE", "2027-02-14")
    assert [action.type for action in answer.actions or []] == ["CANCEL"]
    shop.twin.advance(30 * DAY)  # the last paid day
    assert read(shop, made)["status"] == "ACTIVE"
    shop.twin.advance(DAY)
    assert read(shop, made)["status"] == "CANCELED"
    assert len(invoices(shop, made)) == 1


def test_deleted_action_takes_the_cancellation_back(shop: Shop, monthly: str) -> None:
    made = subscribe(shop, monthly)
    shop.post(f"/v2/subscriptions/{made['id']}/cancel", {})
    action = read(shop, made)["actions"][0]
    kept = shop.api.delete(f"/v2/subscriptions/{made['id']}/actions/{action['id']}").json()["subscription"]
    assert "canceled_date" not in kept
    shop.twin.advance(40 * DAY)
    assert read(shop, made)["status"] == "ACTIVE"


def test_pause_of_two_cycles_bills_nothing_meanwhile(shop: Shop, monthly: str) -> None:
    made = subscribe(shop, monthly)
    answer = shop.post(f"/v2/subscriptions/{made['id']}/pause", {"pause_cycle_duration": 2, "pause_reason": "Holidays"})
    assert {action["type"]: action["effective_date"] for action in answer["actions"]} == {
        "PAUSE": "2027-02-15",
        "RESUME": "2027-04-15",
    }
    shop.twin.advance(50 * DAY)
    assert (read(shop, made)["status"], len(invoices(shop, made))) == ("PAUSED", 1)
    shop.twin.advance(45 * DAY)
    assert (read(shop, made)["status"], len(invoices(shop, made))) == ("ACTIVE", 2)
    events = shop.get(f"/v2/subscriptions/{made['id']}/events")["subscription_events"]
    assert [event["subscription_event_type"] for event in events] == [
        "START_SUBSCRIPTION",
        "PAUSE_SUBSCRIPTION",
        "RESUME_SUBSCRIPTION",
    ]
    assert events[1]["info"] == {"code": "USER_PROVIDED", "detail": "Holidays"}


def test_pause_asked_for_within_the_paid_period_begins_after_it(shop: Shop, monthly: str) -> None:
    made = subscribe(shop, monthly)
    answer = shop.post(f"/v2/subscriptions/{made['id']}/pause", {"pause_effective_date": "2027-01-20"})
    assert [(action["type"], action["effective_date"]) for action in answer["actions"]] == [("PAUSE", "2027-02-15")]


def test_cancel_date_can_be_cleared_by_update_but_not_set(shop: Shop, monthly: str) -> None:
    made = subscribe(shop, monthly)
    path = f"/v2/subscriptions/{made['id']}"
    refused = shop.api.put(path, json={"subscription": {"canceled_date": "2027-03-01"}})
    assert only_error(refused, 400)["field"] == "subscription.canceled_date"
    shop.post(f"{path}/cancel", {})
    shop.api.put(path, json={"subscription": {"canceled_date": None}}).raise_for_status()
    shop.twin.advance(40 * DAY)
    assert read(shop, made)["status"] == "ACTIVE"


def test_resume_by_hand_bills_from_that_day(shop: Shop, monthly: str) -> None:
    made = subscribe(shop, monthly)
    shop.post(f"/v2/subscriptions/{made['id']}/pause", {})
    shop.twin.advance(60 * DAY)
    assert read(shop, made)["status"] == "PAUSED"
    resumed = shop.sdk.subscriptions.resume(made["id"], request_options=NO_RETRIES).subscription
    assert resumed is not None
    assert resumed.status == "ACTIVE"
    assert [invoice["payment_requests"][0]["due_date"] for invoice in invoices(shop, made)] == ["2027-01-15", "2027-03-16"]


def test_swapped_plan_counts_from_the_next_period(shop: Shop, monthly: str) -> None:
    made = subscribe(shop, monthly)
    other = shop.act("plan_create", name="Premium", amount=4_900)["plan_variation_id"]
    shop.post(f"/v2/subscriptions/{made['id']}/swap-plan", {"new_plan_variation_id": other})
    assert read(shop, made)["plan_variation_id"] == monthly
    shop.twin.advance(40 * DAY)
    assert read(shop, made)["plan_variation_id"] == other
    sums = [invoice["payment_requests"][0]["computed_amount_money"]["amount"] for invoice in invoices(shop, made)]
    assert sums == [2_900, 4_900]


def test_update_changes_price_card_and_refuses_a_stale_version(shop: Shop, monthly: str) -> None:
    customer = shop.customer()
    made = subscribe(shop, monthly, customer=customer)
    changes = {"price_override_money": usd(1_000), "card_id": shop.card(customer)["id"], "version": made["version"]}
    before = read(shop, made)
    changes["version"] = before["version"]
    shop.api.put(f"/v2/subscriptions/{made['id']}", json={"subscription": changes}).raise_for_status()
    stale = shop.api.put(f"/v2/subscriptions/{made['id']}", json={"subscription": changes})
    assert only_error(stale, 409)["code"] == "CONFLICT"
    shop.twin.advance(40 * DAY)
    last = invoices(shop, made)[-1]
    assert (last["status"], last["payment_requests"][0]["computed_amount_money"]["amount"]) == ("PAID", 1_000)
    shop.api.put(f"/v2/subscriptions/{made['id']}", json={"subscription": {"card_id": None}}).raise_for_status()
    assert "card_id" not in read(shop, made)


def test_billing_day_31_becomes_the_last_of_shorter_months(shop: Shop, monthly: str) -> None:
    made = subscribe(shop, monthly, start_date="2027-01-31", monthly_billing_anchor_date=31)
    shop.twin.advance(120 * DAY)
    days = [invoice["payment_requests"][0]["due_date"] for invoice in invoices(shop, made)]
    assert days == ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"]
    assert all(date.fromisoformat(day) for day in days)


def test_deleted_customer_deactivates_at_the_next_bill(shop: Shop, monthly: str) -> None:
    customer = shop.customer()
    made = subscribe(shop, monthly, customer=customer)
    shop.act("customer_delete", customer_id=customer["id"])
    shop.twin.advance(40 * DAY)
    assert read(shop, made)["status"] == "DEACTIVATED"
    last = shop.get(f"/v2/subscriptions/{made['id']}/events")["subscription_events"][-1]
    assert (last["subscription_event_type"], last["info"]["code"]) == ("DEACTIVATE_SUBSCRIPTION", "CUSTOMER_DELETED")


@pytest.mark.parametrize(
    ("customer", "fields", "code"),
    [
        ({"company_name": "Firm"}, {}, "CUSTOMER_MISSING_EMAIL"),
        ({"email_address": "a@example.com"}, {}, "CUSTOMER_MISSING_NAME"),
        (None, {"customer_id": "NOBODY"}, "CUSTOMER_NOT_FOUND"),
        (None, {"start_date": "2026-01-01"}, "INVALID_DATE"),
        (None, {"card_id": "ccof:unknown"}, "INVALID_CARD"),
        (None, {"plan_variation_id": "UNKNOWN"}, "NOT_FOUND"),
    ],
)
def test_refusals_of_a_new_subscription(
    shop: Shop, monthly: str, customer: dict[str, Any] | None, fields: dict[str, Any], code: str
) -> None:
    profile = shop.customer(**customer) if customer else shop.customer()
    body = {"location_id": shop.main, "plan_variation_id": monthly, "customer_id": profile["id"], **fields}
    refused = shop.api.post("/v2/subscriptions", json=body)
    assert refused.status_code in (400, 404)
    assert refused.json()["errors"][0]["code"] == code
    assert shop.truth()["subscriptions"] == []


def test_search_by_customer_pages_with_actions(shop: Shop, monthly: str) -> None:
    customer = shop.customer()
    mine = [subscribe(shop, monthly, customer=customer)["id"] for _ in range(3)]
    subscribe(shop, monthly)
    shop.post(f"/v2/subscriptions/{mine[0]}/cancel", {})
    query = {"filter": {"customer_ids": [customer["id"]]}}
    found, cursor = [], None
    while True:
        page = shop.sdk.subscriptions.search(query=query, limit=2, cursor=cursor, include=["actions"])  # type: ignore[arg-type]
        found += page.subscriptions or []
        cursor = page.cursor
        if cursor is None:
            break
    assert sorted(str(entry.id) for entry in found) == sorted(mine)
    assert sum(bool(entry.actions) for entry in found) == 1


def test_changed_anchor_moves_the_billing_day(shop: Shop, monthly: str) -> None:
    made = subscribe(shop, monthly)
    shop.post(f"/v2/subscriptions/{made['id']}/billing-anchor", {"monthly_billing_anchor_date": 1})
    assert read(shop, made)["monthly_billing_anchor_date"] == 1
    shop.twin.advance(80 * DAY)
    days = [invoice["payment_requests"][0]["due_date"] for invoice in invoices(shop, made)]
    assert days == ["2027-01-15", "2027-03-01", "2027-04-01"]


def test_bulk_swap_moves_every_living_subscription_of_the_location(shop: Shop, monthly: str) -> None:
    made = [subscribe(shop, monthly) for _ in range(3)]
    shop.act("subscription_cancel", subscription_id=made[0]["id"])
    other = shop.act("plan_create", name="Premium", amount=4_900)["plan_variation_id"]
    body = {"old_plan_variation_id": monthly, "new_plan_variation_id": other, "location_id": shop.main}
    assert shop.post("/v2/subscriptions/bulk-swap-plan", body) == {"affected_subscriptions": 2}
    shop.twin.advance(40 * DAY)
    plans = [read(shop, subscription)["plan_variation_id"] for subscription in made]
    assert plans == [monthly, other, other]


def test_seller_ends_at_once_and_a_deactivated_one_can_resume(shop: Shop, monthly: str) -> None:
    ended, paused = subscribe(shop, monthly), subscribe(shop, monthly)
    assert shop.act("subscription_cancel", subscription_id=ended["id"])["subscription"]["status"] == "CANCELED"
    assert only_error(shop.api.post(f"/v2/subscriptions/{ended['id']}/pause", json={}), 400)["code"] == "BAD_REQUEST"
    shop.act("subscription_deactivate", subscription_id=paused["id"])
    shop.twin.advance(40 * DAY)
    assert len(invoices(shop, paused)) == 1
    shop.post(f"/v2/subscriptions/{paused['id']}/resume", {})
    assert (read(shop, paused)["status"], len(invoices(shop, paused))) == ("ACTIVE", 2)
