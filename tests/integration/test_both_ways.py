"""What changes on one side is soon the same on the other, for each provider."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from hub import clock, queue
from hub.audit import SYSTEM
from hub.integrations import service
from hub.models import Client, Invoice, SyncRun
from sync import schedule
from tests.integration.scene import Scene, Shop

VISIBLE_WITHIN_SECONDS = 5.0


@pytest.fixture
def shop(scene: Scene, provider_name: str) -> Shop:
    """Connected and read once."""
    connected = scene.connect(provider_name)
    queue.run_pending()
    assert connected.row(SyncRun).outcome == "completed"
    return connected


def make_customer(shop: Shop, given: str = "Ada", family: str = "Byron") -> str:
    if shop.twin.name == "stripe":
        return str(shop.act("create_customer", name=f"{given} {family}", email="ada@example.com")["id"])
    made = shop.act("customer_create", given_name=given, family_name=family, email_address="ada@example.com")
    return str(made["customer"]["id"])


def edit_customer(shop: Shop, external_id: str, family: str, phone: str) -> None:
    if shop.twin.name == "stripe":
        shop.act("update_customer", customer_id=external_id, name=f"Ada {family}", phone=phone)
    else:
        shop.act("customer_update", customer_id=external_id, family_name=family, phone_number=phone)


def delete_customer(shop: Shop, external_id: str) -> None:
    shop.act({"stripe": "delete_customer", "square": "customer_delete"}[shop.twin.name], customer_id=external_id)


def make_invoice(shop: Shop, customer_id: str, amount: int = 12_500) -> str:
    if shop.twin.name == "stripe":
        return str(shop.act("create_invoice", customer_id=customer_id, amount=amount)["id"])
    return str(shop.act("invoice_create", customer_id=customer_id, amount=amount)["invoice"]["id"])


def pay(shop: Shop, external_id: str, **how: Any) -> dict[str, Any]:
    return shop.act({"stripe": "pay_invoice", "square": "invoice_pay"}[shop.twin.name], invoice_id=external_id, **how)


def theirs(shop: Shop, kind: str, external_id: str) -> dict[str, Any]:
    """The provider's own word on one record."""
    (raw,) = [raw for raw in shop.truth()[kind] if raw["id"] == external_id]
    found: dict[str, Any] = raw
    return found


def their_name(shop: Shop, external_id: str) -> str:
    raw = theirs(shop, "customers", external_id)
    return str(raw["name"]) if shop.twin.name == "stripe" else f"{raw['given_name']} {raw['family_name']}"


# --- the merchant acts in the provider's dashboard ----------------------------------------------------------------------


def test_customer_made_edited_and_deleted_at_the_provider_is_the_same_here(shop: Shop) -> None:
    external_id = make_customer(shop)
    shop.hear()
    client = shop.client(external_id)
    assert client is not None
    assert (client.given_name, client.family_name, client.email) == ("Ada", "Byron", "ada@example.com")
    edit_customer(shop, external_id, "Lovelace", "+14155550123")
    shop.hear()
    client = shop.client(external_id)
    assert client is not None
    assert (client.family_name, client.phone) == ("Lovelace", "+14155550123")
    delete_customer(shop, external_id)
    shop.hear()
    remote = shop.remote("customer", external_id)
    assert remote is not None
    assert remote.deleted_at is not None
    assert shop.row(Client).family_name == "Lovelace"  # the CRM's own record stays


def test_event_is_visible_within_seconds(shop: Shop) -> None:
    began = time.monotonic()
    external_id = make_customer(shop)
    shop.until("the new customer", lambda: shop.client(external_id))
    assert time.monotonic() - began < VISIBLE_WITHIN_SECONDS


def test_invoice_made_and_paid_at_the_provider_is_paid_here_once(shop: Shop) -> None:
    external_id = make_invoice(shop, make_customer(shop))
    shop.hear()
    invoice = shop.invoice(external_id)
    assert invoice is not None
    assert (invoice.status, invoice.total, shop.balance(external_id).due) == ("open", 12_500, 12_500)
    pay(shop, external_id)
    shop.hear()
    invoice = shop.invoice(external_id)
    assert invoice is not None
    assert invoice.status == "paid"
    balance = shop.balance(external_id)
    assert (balance.paid, balance.due) == (12_500, 0)
    assert len(shop.remotes("payment")) == 1


def test_invoice_voided_at_the_provider_owes_nothing_here(shop: Shop) -> None:
    external_id = make_invoice(shop, make_customer(shop))
    shop.hear()
    shop.act({"stripe": "void_invoice", "square": "invoice_cancel"}[shop.twin.name], invoice_id=external_id)
    shop.hear()
    invoice = shop.invoice(external_id)
    assert invoice is not None
    assert (invoice.status, shop.balance(external_id).due) == ("void", 0)


def test_duplicated_and_reordered_deliveries_end_in_the_truth(shop: Shop) -> None:
    shop.twin.webhooks(chaos={"duplicate": 0.5, "reorder": 0.5, "seed": 7})
    external_id = make_customer(shop)
    for number in range(5):
        edit_customer(shop, external_id, f"Byron{number}", f"+1415555010{number}")
    invoice_id = make_invoice(shop, external_id)
    pay(shop, invoice_id)
    shop.hear()
    client = shop.client(external_id)
    assert client is not None
    assert (client.family_name, client.phone) == ("Byron4", "+14155550104")
    assert (shop.balance(invoice_id).paid, shop.balance(invoice_id).due) == (12_500, 0)
    assert len(shop.remotes("payment")) == 1


# --- the business acts in the CRM ---------------------------------------------------------------------------------------


def test_client_edited_in_the_crm_is_the_same_at_the_provider_and_its_echo_changes_nothing(shop: Shop) -> None:
    external_id = make_customer(shop)
    shop.hear()
    client = shop.row(Client)
    edit = {"family_name": "Lovelace", "phone": "+14155550123", "email": "countess@example.com"}
    shop.api("PATCH", f"/api/clients/{client.id}", edit)
    queue.run_pending()
    assert their_name(shop, external_id) == "Ada Lovelace"
    raw = theirs(shop, "customers", external_id)
    assert "+14155550123" in raw.values()
    assert "countess@example.com" in raw.values()
    before = shop.row(Client)
    shop.hear()
    assert shop.row(Client).revision == before.revision
    assert {event.outcome for event in shop.events()} <= {"applied", "unchanged", "stale", "echo"}


def test_invoice_made_in_the_crm_is_open_at_the_provider_and_paid_there_once(shop: Shop) -> None:
    client = shop.api("POST", "/api/clients", {"given_name": "Ada", "family_name": "Byron", "email": "ada@example.com"})
    body = {
        "client_id": client["id"],
        "amount": 12_500,
        "currency": "USD",
        "due_date": (clock.now() + timedelta(days=14)).date().isoformat(),
        "items": [{"description": "Cake", "amount": 10_000}, {"description": "Delivery", "amount": 2_500}],
    }
    created = create_invoice(shop, body)
    invoice = shop.row(Invoice, id=created)
    (external_id,) = shop.remotes("invoice")
    raw = theirs(shop, "invoices", external_id)
    assert raw["status"] in ("open", "UNPAID")
    assert (invoice.status, invoice.total) == ("open", 12_500)
    assert invoice.pay_url
    assert len(shop.truth()["customers"]) == 1
    pay(shop, external_id)
    shop.hear()
    assert shop.row(Invoice).status == "paid"
    assert (shop.balance(external_id).paid, shop.balance(external_id).due) == (12_500, 0)


def create_invoice(shop: Shop, body: dict[str, Any]) -> int:
    """The CRM's call; the route waits a while for a worker, which here is this test."""
    path = f"/api/integrations/payments/{shop.integration_id}/create-invoice"
    created = shop.api_while_working("POST", path, body)
    return int(created["invoice_id"])


# --- refunds and the end of access --------------------------------------------------------------------------------------


def test_part_of_a_payment_given_back_at_the_provider_is_owed_to_nobody_here(shop: Shop) -> None:
    external_id = make_invoice(shop, make_customer(shop))
    paid = pay(shop, external_id)
    shop.hear()
    (payment_id,) = shop.remotes("payment")
    if shop.twin.name == "stripe":
        shop.act("refund", payment_intent=payment_id, amount=2_500)
    else:
        shop.act("payment_refund", payment_id=paid["payment"]["id"], amount=2_500)
        shop.twin.advance(3600)  # a refund is pending at first
    shop.hear()
    balance = shop.balance(external_id)
    assert (balance.paid, balance.refunded) == (12_500, 2_500)


def test_merchant_who_ends_access_is_asked_to_reconnect_and_reconnecting_resumes(shop: Shop) -> None:
    shop.act({"stripe": "disconnect", "square": "revoke"}[shop.twin.name])
    shop.hear()
    assert shop.integration().status == "reconnect"
    assert shop.integration().next_sync_at is None
    clock.advance(timedelta(seconds=2))
    shop.twin.advance(2)
    missed = make_customer(shop)
    again = shop.scene.connect(shop.twin.name, account=(shop.account_id, shop.key), tenant_id=shop.tenant_id)
    assert again.integration_id == shop.integration_id
    queue.run_pending()
    assert shop.integration().status == "active"
    assert shop.client(missed) is not None
    heard = make_customer(shop, "Grace", "Hopper")
    shop.hear()
    assert shop.client(heard) is not None


def test_hourly_sync_finds_what_came_while_webhooks_were_switched_off(shop: Shop) -> None:
    kept = make_customer(shop)
    gone = make_customer(shop, "Grace", "Hopper")
    shop.hear()
    service.configure(shop.tenant_id, shop.integration_id, {"webhook_enabled": False}, actor=SYSTEM)
    edit_customer(shop, kept, "Lovelace", "+14155550123")
    delete_customer(shop, gone)
    invoice_id = make_invoice(shop, kept)
    pay(shop, invoice_id)
    shop.hear()
    assert shop.invoice(invoice_id) is None
    clock.advance(timedelta(minutes=70))
    shop.twin.advance(70 * 60)
    schedule.plan_runs()
    queue.run_pending()
    client = shop.client(kept)
    assert client is not None
    assert client.family_name == "Lovelace"
    assert gone not in shop.remotes("customer")
    assert (shop.balance(invoice_id).paid, shop.balance(invoice_id).due) == (12_500, 0)
