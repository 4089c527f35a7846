"""Connect and load: what the provider holds is here, field by field, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub import clock, queue
from hub.models import Client, InvoiceLine, Payment, Refund, SyncRun
from tests.integration.scene import Scene, Shop

HISTORY = timedelta(days=90)
LATE_SECONDS = 2.5  # the longest that a twin takes to add something of itself
STRIPE_OPEN, SQUARE_OPEN = {"open"}, {"UNPAID", "PARTIALLY_PAID", "SCHEDULED", "PAYMENT_PENDING"}


def seeded(scene: Scene, provider: str) -> Shop:
    """A merchant of long standing, connected and read for the first time."""
    twin = scene.twins[provider]
    account = twin.new_account()
    twin.control("POST", "seed", {"account_id": account[0], "customers": 40, "invoices": 60, "payments": 25, "days": 200})
    if provider == "square":
        twin.act(account[0], "pos_sale", amount=700, tip=90)
    else:
        twin.act(account[0], "take_payment", amount=700, in_person=True)
    shop = scene.connect(provider, account=account)
    queue.run_pending()
    return shop


def moment(raw: Mapping[str, Any]) -> datetime:
    if "created" in raw:
        return datetime.fromtimestamp(raw["created"], UTC)
    return datetime.fromisoformat(raw["created_at"])


def recent(records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    since = clock.now() - HISTORY
    return {raw["id"]: raw for raw in records if moment(raw) >= since}


@pytest.fixture
def shop(scene: Scene, provider_name: str) -> Shop:
    return seeded(scene, provider_name)


def test_first_sync_brings_everything_that_is_asked_for(shop: Shop) -> None:
    truth = shop.truth()
    assert shop.row(SyncRun).outcome == "completed"
    customers = {raw["id"]: raw for raw in truth["customers"]}
    instant = {raw["id"] for raw in truth.get("hidden_customers", [])}  # Square makes them of till buyers, and lists them nowhere
    assert set(customers) <= set(shop.remotes("customer")) <= set(customers) | instant
    for external_id, raw in customers.items():
        check_customer(shop.twin.name, shop.client(external_id), raw)
    still_open = {raw["id"]: raw for raw in truth["invoices"] if raw["status"] in STRIPE_OPEN | SQUARE_OPEN}
    invoices = {**recent(truth["invoices"]), **still_open}
    assert set(recent(truth["invoices"])) < set(invoices) < {raw["id"] for raw in truth["invoices"]}
    extra = set(shop.remotes("invoice")) - set(invoices)
    assert set(invoices) <= set(shop.remotes("invoice"))
    assert extra <= {raw["id"] for raw in truth["invoices"]}
    orders = {raw["id"]: raw for raw in truth.get("orders", [])}
    by_id = {raw["id"]: raw for raw in truth["invoices"]}
    for external_id in shop.remotes("invoice"):
        check_invoice(shop, external_id, by_id[external_id], orders)


def test_first_sync_brings_payments_and_refunds_of_ninety_days_with_and_without_an_invoice(shop: Shop) -> None:
    truth = shop.truth()
    raw_payments = truth["payments"] if shop.twin.name == "square" else truth["payment_intents"]
    within = {key: raw for key, raw in recent(raw_payments).items() if raw.get("latest_charge") or raw.get("amount_money")}
    payments = shop.remotes("payment")
    assert set(within) <= set(payments)
    refunds = recent(truth["refunds"])
    assert set(refunds) <= set(shop.remotes("refund"))
    asked_for_by_refund = {raw.get("payment_intent") or raw.get("payment_id") for raw in truth["refunds"]}
    assert set(payments) - set(within) <= asked_for_by_refund | {raw["id"] for raw in raw_payments}
    charges = {raw["id"]: raw for raw in truth.get("charges", [])}
    fees = {raw["id"]: raw["fee"] for raw in truth.get("balance_transactions", [])}
    for external_id, raw in within.items():
        check_payment(shop.local(Payment, "payment", external_id), raw, charges, fees)
    for external_id, raw in refunds.items():
        check_refund(shop.local(Refund, "refund", external_id), raw)
    in_person = [payment for payment in shop.rows(Payment) if payment.amount in (700, 790)]
    assert in_person


def test_second_sync_changes_nothing(shop: Shop) -> None:
    time.sleep(LATE_SECONDS)
    shop.sync(full=True)  # takes in what the provider adds late of itself: fees, a till buyer's profile
    run = shop.sync(full=True)
    assert {kind: (counts["created"], counts["updated"]) for kind, counts in run.counts.items()} == dict.fromkeys(
        run.counts, (0, 0)
    )


def check_customer(provider: str, client: Client | None, raw: Mapping[str, Any]) -> None:
    assert client is not None
    if provider == "stripe":
        seen = (f"{client.given_name} {client.family_name}".strip() or client.company_name, client.email, client.phone)
        assert seen == (raw["name"] or "", raw["email"] or "", raw["phone"] or "")
        theirs = raw["address"] or {}
        names = {"line1": "line1", "city": "city", "state": "region", "postal_code": "postal_code", "country": "country"}
    else:
        seen = (client.given_name, client.family_name, client.email)
        assert seen == (raw.get("given_name", ""), raw.get("family_name", ""), raw.get("email_address", ""))
        theirs = raw.get("address") or {}
        names = {"address_line_1": "line1", "locality": "city", "postal_code": "postal_code", "country": "country"}
    assert {ours: client.address.get(ours, "") for ours in names.values()} == {
        ours: theirs.get(name) or "" for name, ours in names.items()
    }


def check_invoice(shop: Shop, external_id: str, raw: Mapping[str, Any], orders: Mapping[str, Any]) -> None:
    invoice = shop.invoice(external_id)
    assert invoice is not None
    assert invoice.client_id is not None
    lines = shop.rows(InvoiceLine, invoice_id=invoice.id)
    balance = shop.balance(external_id)
    if shop.twin.name == "stripe":
        total, currency, number = raw["total"], raw["currency"].upper(), raw["number"]
        paid, due = raw["amount_paid"], raw["amount_remaining"]
        assert sum(line.amount for line in lines) == raw["subtotal"]
        due_on = datetime.fromtimestamp(raw["due_date"], UTC).date() if raw["due_date"] else None
    else:
        requests = raw["payment_requests"]
        total = sum(request["computed_amount_money"]["amount"] for request in requests)
        paid = sum(request.get("total_completed_amount_money", {}).get("amount", 0) for request in requests)
        currency, number = requests[0]["computed_amount_money"]["currency"], raw.get("invoice_number")
        due = total - paid
        due_on = datetime.fromisoformat(requests[-1]["due_date"]).date()
        assert sum(line.amount for line in lines) == orders[raw["order_id"]]["total_money"]["amount"]
    assert (invoice.total, invoice.currency, invoice.provider_number, invoice.due_on) == (total, currency, number, due_on)
    if raw["status"].lower() in ("open", "paid", "unpaid", "partially_paid"):
        assert (balance.paid, balance.due) == (paid, due), (raw["status"], balance)


def check_payment(payment: Payment | None, raw: Mapping[str, Any], charges: Mapping[str, Any], fees: Mapping[str, int]) -> None:
    assert payment is not None
    if "amount_money" in raw:
        assert (payment.amount, payment.currency) == (raw["total_money"]["amount"], raw["total_money"]["currency"])
        assert payment.tip == raw.get("tip_money", {}).get("amount", 0)
        charged = [entry["amount_money"]["amount"] for entry in raw.get("processing_fee", [])]
        assert payment.fee == (sum(charged) if charged else None)
        assert payment.status == {"COMPLETED": "succeeded", "FAILED": "failed"}.get(raw["status"], payment.status)
        return
    assert (payment.amount, payment.currency) == (raw["amount"], raw["currency"].upper())
    charge = charges[raw["latest_charge"]]
    assert payment.fee == (fees[charge["balance_transaction"]] if charge.get("balance_transaction") else None)
    assert payment.status == {"succeeded": "succeeded", "requires_payment_method": "failed"}.get(raw["status"], payment.status)


def check_refund(refund: Refund | None, raw: Mapping[str, Any]) -> None:
    assert refund is not None
    amount = raw["amount"] if "amount" in raw else raw["amount_money"]["amount"]
    assert refund.amount == amount
    assert refund.payment_id is not None
    assert refund.status == {"succeeded": "succeeded", "COMPLETED": "succeeded"}.get(raw["status"], refund.status)
