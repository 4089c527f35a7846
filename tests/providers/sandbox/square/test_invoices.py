"""Invoices: what each state allows, payment requests, recipients, schedules."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.providers.sandbox.square.shop import Shop, only_error, usd

DEPOSIT_AND_BALANCE = [
    {"request_type": "DEPOSIT", "due_date": "2039-01-01", "percentage_requested": "30"},
    {"request_type": "BALANCE", "due_date": "2039-02-01"},
]


def refused(shop: Shop, path: str, body: dict[str, Any], status: int = 400) -> dict[str, str]:
    return only_error(shop.api.post(path, json=body), status)


def put(shop: Shop, invoice: dict[str, Any], **changes: Any) -> dict[str, Any]:
    response = shop.api.put(f"/v2/invoices/{invoice['id']}", json={"invoice": {"version": invoice["version"], **changes}})
    assert response.status_code == 200, response.text
    changed: dict[str, Any] = response.json()["invoice"]
    return changed


def test_a_draft_becomes_unpaid_on_publish_with_a_pay_page(shop: Shop) -> None:
    draft = shop.draft(12_345)
    assert (draft["status"], draft["version"], draft["invoice_number"]) == ("DRAFT", 0, "000001")
    assert "public_url" not in draft
    published = shop.publish(draft)
    assert (published["status"], published["version"]) == ("UNPAID", 1)
    assert published["next_payment_amount_money"] == usd(12_345)
    assert shop.twin.http.get(published["public_url"]).status_code == 200
    assert published["primary_recipient"]["email_address"] == "ada@example.com"


def test_publish_with_stale_version_is_refused_and_with_the_same_key_replayed(shop: Shop) -> None:
    draft = shop.draft()
    path = f"/v2/invoices/{draft['id']}/publish"
    assert refused(shop, path, {"version": 5})["code"] == "VERSION_MISMATCH"
    first = shop.post(path, {"version": 0, "idempotency_key": "publish-1"})["invoice"]
    assert shop.post(path, {"version": 0, "idempotency_key": "publish-1"})["invoice"] == first
    assert refused(shop, path, {"version": 1})["code"] == "BAD_REQUEST"


def test_email_delivery_needs_a_recipient_with_an_email(shop: Shop) -> None:
    phone_only = shop.customer(given_name="Ada", phone_number="+14155550100")
    by_email = shop.draft(customer=phone_only, delivery_method="EMAIL")
    error = refused(shop, f"/v2/invoices/{by_email['id']}/publish", {"version": 0})
    assert (error["detail"], error["field"]) == ("Payer email is required", "invoice.primary_recipient.customer_id")
    assert shop.invoice(customer=phone_only)["status"] == "UNPAID"
    nameless = shop.draft(customer=shop.customer(given_name="No contact"))
    assert refused(shop, f"/v2/invoices/{nameless['id']}/publish", {"version": 0})["code"] == "BAD_REQUEST"


def test_an_order_carries_one_invoice_and_must_be_open(shop: Shop) -> None:
    draft = shop.draft()
    fields = {name: draft[name] for name in ("order_id", "delivery_method", "accepted_payment_methods", "primary_recipient")}
    body = {"invoice": {**fields, "payment_requests": [{"request_type": "BALANCE", "due_date": "2039-01-01"}]}}
    assert "already associated" in refused(shop, "/v2/invoices", body)["detail"]
    shop.api.delete(f"/v2/invoices/{draft['id']}")
    assert shop.get(f"/v2/orders/{draft['order_id']}")["order"]["state"] == "CANCELED"
    assert "OPEN" in refused(shop, "/v2/invoices", body)["detail"]


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [{"request_type": "DEPOSIT", "due_date": "2039-01-01", "percentage_requested": "30"}],
        [{"request_type": "BALANCE", "due_date": "2039-01-01"}, {"request_type": "BALANCE", "due_date": "2039-01-01"}],
        [{"request_type": "BALANCE", "due_date": "2039-01-01", "fixed_amount_requested_money": usd(1)}],
        [{"request_type": "BALANCE", "due_date": "1st of May"}],
        [{"request_type": "BALANCE"}],
        [{**DEPOSIT_AND_BALANCE[0], "due_date": "2039-03-01"}, DEPOSIT_AND_BALANCE[1]],
        [{**DEPOSIT_AND_BALANCE[0], "percentage_requested": None}, DEPOSIT_AND_BALANCE[1]],
        [{**DEPOSIT_AND_BALANCE[0], "tipping_enabled": True}, DEPOSIT_AND_BALANCE[1]],
    ],
)
def test_illegal_payment_requests_are_refused(shop: Shop, requests: list[dict[str, Any]]) -> None:
    fields = {
        "order_id": shop.order()["id"],
        "delivery_method": "SHARE_MANUALLY",
        "accepted_payment_methods": {"card": True},
        "payment_requests": requests,
    }
    assert shop.api.post("/v2/invoices", json={"invoice": fields}).status_code == 400
    assert shop.truth()["invoices"] == []


def test_instalments_need_the_plus_plan(shop: Shop) -> None:
    part = {"request_type": "INSTALLMENT", "percentage_requested": "50", "due_date": "2039-01-01"}
    fields = {
        "order_id": shop.order(1_001)["id"],
        "delivery_method": "SHARE_MANUALLY",
        "accepted_payment_methods": {"card": True},
        "payment_requests": [part, part],
    }
    assert refused(shop, "/v2/invoices", {"invoice": fields}, 403)["code"] == "MERCHANT_SUBSCRIPTION_NOT_FOUND"
    shop.twin.control("settings", invoices_plus=True)
    made = shop.post("/v2/invoices", {"invoice": fields})["invoice"]
    assert [request["computed_amount_money"]["amount"] for request in made["payment_requests"]] == [500, 501]


def test_deposit_and_balance_are_computed_from_the_order(shop: Shop) -> None:
    draft = shop.draft(9_999, payment_requests=DEPOSIT_AND_BALANCE)
    assert [request["computed_amount_money"] for request in draft["payment_requests"]] == [usd(3_000), usd(6_999)]


def test_update_is_sparse_and_null_clears(shop: Shop) -> None:
    draft = shop.draft(title="Garden", description="Trees")
    changed = put(shop, draft, title="Pond", description=None)
    assert (changed["title"], changed["version"]) == ("Pond", 1)
    assert "description" not in changed
    uid = changed["payment_requests"][0]["uid"]
    later = put(shop, changed, payment_requests=[{"uid": uid, "due_date": "2039-12-24"}])
    assert later["payment_requests"][0]["due_date"] == "2039-12-24"
    assert later["payment_requests"][0]["request_type"] == "BALANCE"


def test_order_location_and_published_recipient_cannot_change(shop: Shop) -> None:
    published = shop.invoice()
    for change in (
        {"order_id": "other"},
        {"location_id": shop.second},
        {"primary_recipient": {"customer_id": shop.customer(given_name="Eve")["id"]}},
    ):
        body = {"invoice": {"version": published["version"], **change}}
        assert shop.api.put(f"/v2/invoices/{published['id']}", json=body).status_code == 400


def test_recipient_snapshot_is_refreshed_by_clearing_first(shop: Shop) -> None:
    customer = shop.customer()
    draft = shop.draft(customer=customer)
    shop.api.put(f"/v2/customers/{customer['id']}", json={"family_name": "King"})
    recipient = {"customer_id": customer["id"]}
    same = put(shop, draft, primary_recipient=recipient)
    assert same["primary_recipient"]["family_name"] == "Lovelace"
    fresh = put(shop, put(shop, same, primary_recipient=None), primary_recipient=recipient)
    assert fresh["primary_recipient"]["family_name"] == "King"


def test_a_changed_order_changes_the_open_invoice(shop: Shop) -> None:
    published = shop.invoice(1_000)
    order = shop.get(f"/v2/orders/{published['order_id']}")["order"]
    extra = {"name": "More", "quantity": "1", "base_price_money": usd(250)}
    changes = {"version": order["version"], "location_id": shop.main, "line_items": [extra]}
    assert shop.api.put(f"/v2/orders/{order['id']}", json={"order": changes}).status_code == 200
    assert shop.read_invoice(published["id"])["next_payment_amount_money"] == usd(1_250)


def test_only_drafts_are_deleted_and_only_published_ones_cancelled(shop: Shop) -> None:
    draft = shop.draft()
    assert refused(shop, f"/v2/invoices/{draft['id']}/cancel", {"version": 0})["code"] == "BAD_REQUEST"
    published = shop.publish(draft)
    assert only_error(shop.api.delete(f"/v2/invoices/{draft['id']}"), 400)["code"] == "BAD_REQUEST"
    cancelled = shop.post(f"/v2/invoices/{draft['id']}/cancel", {"version": published["version"]})["invoice"]
    assert cancelled["status"] == "CANCELED"
    assert cancelled["public_url"] == published["public_url"]
    assert "next_payment_amount_money" not in cancelled
    assert shop.get(f"/v2/orders/{draft['order_id']}")["order"]["state"] == "CANCELED"
    assert "can no longer be paid" in shop.twin.http.get(cancelled["public_url"]).text


def test_paid_invoice_can_be_neither_changed_nor_cancelled(shop: Shop) -> None:
    paid = shop.act("invoice_pay", invoice_id=shop.invoice()["id"])["invoice"]
    assert paid["status"] == "PAID"
    assert refused(shop, f"/v2/invoices/{paid['id']}/cancel", {"version": paid["version"]})["code"] == "BAD_REQUEST"
    body = {"invoice": {"version": paid["version"], "title": "x"}}
    assert only_error(shop.api.put(f"/v2/invoices/{paid['id']}", json=body), 400)["code"] == "BAD_REQUEST"


def test_scheduled_invoice_opens_when_its_time_comes(shop: Shop, eventually: Any) -> None:
    now = datetime.fromisoformat(shop.twin.http.get("/_twin/clock").json()["now"])
    at = (now + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    scheduled = shop.invoice(scheduled_at=at)
    assert scheduled["status"] == "SCHEDULED"
    assert "public_url" not in scheduled
    shop.twin.advance(2 * 3600 + 1)
    eventually(lambda: shop.read_invoice(scheduled["id"])["status"] == "UNPAID")
    assert "public_url" in shop.read_invoice(scheduled["id"])


def test_card_on_file_is_charged_on_publish_or_the_failure_is_told(shop: Shop, receiver: Any, eventually: Any) -> None:
    customer = shop.customer()
    card = {"idempotency_key": "card-1", "source_id": "cnon:card-nonce-ok", "card": {"customer_id": customer["id"]}}
    card_id = shop.post("/v2/cards", card)["card"]["id"]
    request = {
        "request_type": "BALANCE",
        "due_date": "2020-01-01",
        "automatic_payment_source": "CARD_ON_FILE",
        "card_id": card_id,
    }
    automatic: dict[str, Any] = {"payment_requests": [request], "delivery_method": "EMAIL", "customer": customer}
    assert shop.invoice(**automatic)["status"] == "PAID"
    shop.api.post(f"/v2/cards/{card_id}/disable")
    assert shop.invoice(**automatic)["status"] == "UNPAID"
    eventually(lambda: receiver.of_type("invoice.scheduled_charge_failed"))


def test_temporary_link_is_renewed_by_reading_again(shop: Shop) -> None:
    published = shop.invoice()
    shop.twin.advance(29 * 86_400)
    assert shop.read_invoice(published["id"])["public_url"] == published["public_url"]
    tokens = shop.twin.token("refresh_token", refresh_token=shop.tokens["refresh_token"]).json()
    shop.twin.advance(2 * 86_400)
    assert shop.twin.http.get(published["public_url"]).status_code == 410
    api = shop.twin.as_bearer(tokens["access_token"])
    fresh = api.get(f"/v2/invoices/{published['id']}").json()["invoice"]
    assert fresh["public_url"] != published["public_url"]
    assert fresh["version"] == published["version"]
    assert shop.twin.http.get(fresh["public_url"]).status_code == 200


def test_invoices_are_listed_and_searched_one_location_at_a_time(shop: Shop) -> None:
    ada, eve = shop.customer(), shop.customer(given_name="Eve", email_address="eve@example.com")
    first, second = shop.draft(customer=ada), shop.draft(customer=eve)
    assert only_error(shop.api.get("/v2/invoices"), 400)["field"] == "location_id"
    assert {invoice["id"] for invoice in shop.get("/v2/invoices", location_id=shop.main)["invoices"]} == {
        first["id"],
        second["id"],
    }
    assert shop.get("/v2/invoices", location_id=shop.second) == {}
    query = {"filter": {"location_ids": [shop.main], "customer_ids": [eve["id"]]}}
    assert [invoice["id"] for invoice in shop.post("/v2/invoices/search", {"query": query})["invoices"]] == [second["id"]]
    query = {"filter": {"location_ids": [shop.main, shop.second]}}
    assert refused(shop, "/v2/invoices/search", {"query": query})["code"] == "BAD_REQUEST"


def test_invoice_numbers_are_unique_within_a_location(shop: Shop) -> None:
    shop.draft(invoice_number="2026-1")
    order = shop.order()
    fields = {
        "order_id": order["id"],
        "invoice_number": "2026-1",
        "delivery_method": "SHARE_MANUALLY",
        "accepted_payment_methods": {"card": True},
        "payment_requests": [{"request_type": "BALANCE", "due_date": "2039-01-01"}],
    }
    assert refused(shop, "/v2/invoices", {"invoice": fields})["field"] == "invoice.invoice_number"
