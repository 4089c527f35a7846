"""Invoices over HTTP: made here, issued at the provider, paid with a saved method."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest
from sqlalchemy import select

from hub import clock, db, process
from hub.audit import SYSTEM
from hub.crm import clients, invoices, outbox
from hub.models import AuditEntry, Change, Invoice, RemoteRecord, Tenant
from providers.fake.provider import FakeProvider
from tests.hub.crm.office import ITEM, Office, refused
from tests.sync.hub_in_process import HubInProcess, sync_now

UNKNOWN = 987_654_321
WRONG_AMOUNTS = [125.0, 1.5, -12_500, "12500", True, None, 2**63]


def pay(office: Office, invoice: Any, **fields: Any) -> Any:
    body = {"invoice_id": invoice["id"], "payment_method_id": "fake_card_ok", "amount": invoice["due"], **fields}
    return office.post(f"{office.payments}/process-payment", body)


# --- drafts -------------------------------------------------------------------------------------------------------------


def test_draft_is_numbered_and_read_back_with_its_items(office: Office) -> None:
    items = [ITEM, {"description": "Travel", "amount": 0, "quantity": "1.5"}]
    made = office.invoice(items=items, due_date="2030-01-31", description="Thanks", notes="VIP")
    shown = office.read(f"/api/invoices/{made['id']}")
    assert shown == made
    assert (shown["status"], shown["total"], shown["due"], shown["paid"]) == ("draft", 12_500, 0, 0)
    assert (shown["due_date"], shown["description"], shown["notes"]) == ("2030-01-31", "Thanks", "VIP")
    assert [(item["description"], item["amount"], item["quantity"]) for item in shown["items"]] == [
        ("Boiler repair", 12_500, "1"),
        ("Travel", 0, "1.5"),
    ]
    assert shown["number"]


def test_draft_can_be_changed_and_an_issued_invoice_only_in_its_notes(office: Office) -> None:
    draft = office.invoice()
    changed = office.patch(f"/api/invoices/{draft['id']}", {"items": [{"description": "Less", "amount": 1}]}).get_json()
    assert (changed["total"], changed["number"]) == (1, draft["number"])
    issued = office.issued()
    path = f"/api/invoices/{issued['id']}"
    refused(office.patch(path, {"items": [ITEM]}), 409, "invoice_not_draft")
    assert office.patch(path, {"notes": "called"}).get_json()["notes"] == "called"


def test_change_of_a_drafts_money_is_audited_with_what_it_was_and_is(office: Office) -> None:
    draft = office.invoice(due_date="2030-01-31")
    change = {"items": [{"description": "Less", "amount": 700}], "due_date": "2030-02-28", "description": "Dear Ada"}
    office.patch(f"/api/invoices/{draft['id']}", change)
    entry = office.hub.row(AuditEntry, action="invoice.changed")
    assert (entry.actor_kind, entry.subject_id) == ("api_key", str(draft["id"]))
    before, after = entry.details["before"], entry.details["after"]
    assert (before["total"], before["due_on"], before["currency"]) == (12_500, "2030-01-31", "USD")
    assert (after["total"], after["due_on"]) == (700, "2030-02-28")
    assert entry.details["fields"] == ["description", "due_on", "lines"]
    assert "Ada" not in str(entry.details)


def test_change_of_a_jobs_amount_is_audited_and_of_its_title_is_not(office: Office) -> None:
    job = office.made("/api/jobs", {"client_id": office.client()["id"], "title": "Roof", "amount": 900_000})
    office.patch(f"/api/jobs/{job['id']}", {"title": "The roof"})
    assert office.hub.rows(AuditEntry, action="job.changed") == []
    office.patch(f"/api/jobs/{job['id']}", {"amount": 950_000})
    details = office.hub.row(AuditEntry, action="job.changed").details
    assert (details["before"]["amount"], details["after"]["amount"]) == (900_000, 950_000)


@pytest.mark.parametrize("amount", WRONG_AMOUNTS)
def test_items_amount_that_is_no_money_is_refused(office: Office, amount: Any) -> None:
    client_id = office.client()["id"]
    items = [{"description": "Work", "amount": amount}]
    refused(office.post("/api/invoices", {"client_id": client_id, "currency": "USD", "items": items}), 422, field="items")
    body = {"client_id": client_id, "currency": "USD", "items": items, "amount": 12_500}
    refused(office.post(f"{office.payments}/create-invoice", body), 422, field="items")
    assert office.read("/api/invoices")["data"] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("items", []),
        ("items", [ITEM] * 101),
        ("items", [{"description": "Free", "amount": 0}]),
        ("items", [{"description": "Yacht", "amount": 10**12}]),
        ("items", [{"description": "", "amount": 1}]),
        ("items", [{**ITEM, "quantity": "many"}]),
        ("currency", "usd"),
        ("currency", "US"),
        ("due_date", "31.01.2030"),
        ("job_id", UNKNOWN),
    ],
)
def test_invoice_with_a_wrong_field_is_refused_by_name(office: Office, field: str, value: Any) -> None:
    body = {"client_id": office.client()["id"], "currency": "USD", "items": [ITEM], field: value}
    refused(office.post("/api/invoices", body), 422, field=field)


def test_job_of_another_client_is_refused_when_made_and_when_changed(office: Office) -> None:
    draft = office.invoice()
    other = office.made("/api/jobs", {"client_id": office.client(given_name="Bob")["id"], "title": "Roof"})
    body = {"client_id": draft["client_id"], "currency": "USD", "items": [ITEM], "job_id": other["id"]}
    refused(office.post("/api/invoices", body), 422, "job_of_another_client", "job_id")
    for job_id in (other["id"], UNKNOWN):
        refused(office.patch(f"/api/invoices/{draft['id']}", {"job_id": job_id}), 422, "job_of_another_client", "job_id")


def test_invoices_are_filtered_and_paged(office: Office) -> None:
    client = office.client()
    ids = [office.invoice(client_id=client["id"], due_date=f"2030-01-0{n}")["id"] for n in range(1, 6)]
    other = office.issued()

    def found(**query: Any) -> list[int]:
        return [row["id"] for row in office.read("/api/invoices", **query)["data"]]

    assert found(client_id=client["id"]) == ids[::-1]
    assert found(status="open") == [other["id"]]
    assert found(integration_id=office.hub.integration_id) == [other["id"]]
    assert found(due_before="2030-01-03") == [ids[1], ids[0]]
    first = office.read("/api/invoices", limit=4)
    rest = office.read("/api/invoices", limit=4, cursor=first["next_cursor"])
    assert [row["id"] for row in first["data"] + rest["data"]] == [other["id"], *ids[::-1]]
    refused(office.get("/api/invoices", status="nonsense"), 422, field="status")


# --- numbers ------------------------------------------------------------------------------------------------------------


def test_invoices_made_at_once_get_numbers_of_their_own(office: Office) -> None:
    client_id, tenant_id = office.client()["id"], office.hub.tenant_id
    line = invoices.NewLine(description="Work", amount=100)

    def make(_: int) -> str:
        made, _change = invoices.create(tenant_id, client_id=client_id, currency="USD", lines=[line], due_on=None, actor=SYSTEM)
        return made.number

    with ThreadPoolExecutor(6) as pool:
        numbers = list(pool.map(make, range(24)))
    assert len(set(numbers)) == 24


def test_number_of_a_deleted_invoice_is_not_given_again(office: Office) -> None:
    first = office.invoice()
    with db.tenant_session(office.hub.tenant_id) as session:
        session.get_one(Invoice, (office.hub.tenant_id, first["id"])).deleted_at = clock.now()
    assert office.invoice()["number"] != first["number"]


def test_failed_creation_does_not_reuse_a_number(office: Office) -> None:
    first = office.invoice()
    refused(office.post("/api/invoices", {"client_id": UNKNOWN, "currency": "USD", "items": [ITEM]}), 404)
    assert office.invoice()["number"] not in ("", first["number"])


def test_numbers_follow_the_tenants_pattern_and_pass_over_taken_ones(office: Office) -> None:
    with db.tenant_session(office.hub.tenant_id) as session:
        taken = session.scalars(select(Tenant)).one()
        following = taken.next_invoice_seq
    answer = office.patch("/api/tenant", {"invoice_number_pattern": "RE-{year}-{seq:04}"})
    assert answer.status_code == 200, answer.text
    first = office.invoice()
    assert first["number"] == f"RE-{clock.now().year}-{following:04}"
    with db.tenant_session(office.hub.tenant_id) as session:
        session.scalars(select(Tenant)).one().next_invoice_seq = following
    assert office.invoice()["number"] == f"RE-{clock.now().year}-{following + 1:04}"


# --- create-invoice -----------------------------------------------------------------------------------------------------


def test_created_invoice_is_issued_at_the_provider_with_a_pay_page(office: Office) -> None:
    body = {"client_id": office.client()["id"], "amount": 12_500, "currency": "USD", "items": [ITEM], "due_date": "2030-01-31"}
    made = office.made(f"{office.payments}/create-invoice", body)
    assert made["url"].startswith("https://")
    assert made["status"] == "open"
    shown = office.read(f"/api/invoices/{made['invoice_id']}")
    assert (shown["due"], shown["integration_id"], shown["url"]) == (12_500, office.hub.integration_id, made["url"])
    assert "invoice.created" in {entry.action for entry in office.hub.rows(AuditEntry)}


@pytest.mark.parametrize("amount", [*WRONG_AMOUNTS, 0, 12_499, 12_501])
def test_amount_that_is_not_the_items_sum_is_refused(office: Office, amount: Any) -> None:
    body = {"client_id": office.client()["id"], "amount": amount, "currency": "USD", "items": [ITEM]}
    refused(office.post(f"{office.payments}/create-invoice", body), 422, field="amount")
    assert office.read("/api/invoices")["data"] == []


def test_repeated_idempotency_key_creates_one_invoice(office: Office) -> None:
    body = {"client_id": office.client()["id"], "amount": 12_500, "currency": "USD", "items": [ITEM]}
    first, second = (office.post(f"{office.payments}/create-invoice", body, key="order-1") for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.get_json() == second.get_json()
    assert len(office.read("/api/invoices")["data"]) == 1
    assert len(office.hub.rows(RemoteRecord, data_type="invoice")) == 1
    refused(office.post(f"{office.payments}/create-invoice", {**body, "description": "other"}, key="order-1"), 422)


def test_repeated_key_of_an_invoice_that_the_provider_refused_makes_no_second_one(office: Office) -> None:
    issued = office.issued()
    [customer] = office.hub.rows(RemoteRecord, data_type="customer")
    office.hub.merchant.delete("customer", customer.external_id)
    body = {"client_id": issued["client_id"], "amount": 12_500, "currency": "USD", "items": [ITEM]}
    first, second = (office.post(f"{office.payments}/create-invoice", body, key="order-2") for _ in range(2))
    refused(first, 422, "provider_refused")
    assert second.get_json()["invoice_id"] == first.get_json()["invoice_id"]
    made = [invoice["id"] for invoice in office.read("/api/invoices")["data"]]
    assert sorted(made) == [issued["id"], first.get_json()["invoice_id"]]


def test_due_date_in_the_past_is_refused_before_a_number_is_spent(office: Office) -> None:
    body = {"client_id": office.client()["id"], "amount": 12_500, "currency": "USD", "items": [ITEM], "due_date": "2020-01-31"}
    refused(office.post(f"{office.payments}/create-invoice", body), 422, "due_date_in_the_past", field="due_date")
    assert office.read("/api/invoices")["data"] == []
    assert office.invoice()["number"].endswith("0001")


def test_invoice_at_a_disconnected_or_unknown_account_is_refused(office: Office) -> None:
    body = {"client_id": office.client()["id"], "amount": 12_500, "currency": "USD", "items": [ITEM]}
    refused(office.post(f"/api/integrations/payments/{UNKNOWN}/create-invoice", body), 404)
    office.http.delete(office.payments, headers=office.as_role("manager"))
    refused(office.post(f"{office.payments}/create-invoice", body), 409, "integration_not_active")


def test_issued_invoice_can_be_voided_once(office: Office) -> None:
    path = f"/api/invoices/{office.issued()['id']}"
    answer = office.post(f"{path}/void")
    assert (answer.status_code, answer.get_json()["status"], answer.get_json()["due"]) == (202, "void", 0)
    refused(office.post(f"{path}/void"), 409, "invoice_closed")


# --- process-payment ----------------------------------------------------------------------------------------------------


def test_saved_method_pays_the_invoice(office: Office) -> None:
    invoice = office.issued()
    answer = pay(office, invoice, currency="USD")
    assert (answer.status_code, answer.get_json()["status"]) == (200, "succeeded")
    assert answer.get_json()["payment_id"]
    shown = office.read(f"/api/invoices/{invoice['id']}")
    assert (shown["paid"], shown["due"]) == (12_500, 0)
    refused(pay(office, invoice), 422, "amount_not_due", "amount")


def test_repeated_idempotency_key_takes_one_payment(office: Office) -> None:
    invoice = office.issued()
    body = {"invoice_id": invoice["id"], "payment_method_id": "fake_card_ok", "amount": 5_000}
    first, second = (office.post(f"{office.payments}/process-payment", body, key="pay-1") for _ in range(2))
    assert first.get_json() == second.get_json()
    assert office.read(f"/api/invoices/{invoice['id']}")["paid"] == 5_000


def test_declined_card_is_an_answer_and_another_card_can_be_tried(office: Office) -> None:
    invoice = office.issued()
    answer = pay(office, invoice, payment_method_id="fake_card_declined")
    assert (answer.status_code, answer.get_json()["status"]) == (200, "failed")
    assert answer.get_json()["detail"]
    assert pay(office, invoice).get_json()["status"] == "succeeded"


def test_card_that_asks_its_holder_answers_requires_action(office: Office) -> None:
    invoice = office.issued()
    assert pay(office, invoice, payment_method_id="fake_card_3ds").get_json()["status"] == "requires_action"
    assert office.read(f"/api/invoices/{invoice['id']}")["paid"] == 0


def test_unknown_method_is_refused_and_the_right_one_can_be_tried(office: Office) -> None:
    invoice = office.issued()
    refused(pay(office, invoice, payment_method_id="pm_of_nobody"), 422, "provider_refused")
    assert pay(office, invoice).get_json()["status"] == "succeeded"
    given_up, done = office.hub.rows(Change, kind="payment")
    assert (given_up.outcome, done.outcome) == ("superseded", "create")


@pytest.mark.parametrize("number", ["4242424242424242", "4242 4242 4242 4242", " 4242-4242-4242-4242"])
def test_card_number_instead_of_a_saved_method_is_refused_and_kept_nowhere(office: Office, number: str) -> None:
    answer = pay(office, office.issued(), payment_method_id=number)
    refused(answer, 422, field="payment_method_id")
    assert number.strip() not in answer.text
    assert office.hub.rows(Change, kind="payment") == []


@pytest.mark.parametrize("amount", [*WRONG_AMOUNTS, 0, 12_501])
def test_payment_of_what_is_not_due_is_refused(office: Office, amount: Any) -> None:
    refused(pay(office, office.issued(), amount=amount), 422, field="amount")
    assert office.hub.rows(Change, kind="payment") == []


def test_payment_in_another_currency_is_refused(office: Office) -> None:
    refused(pay(office, office.issued(), currency="EUR"), 422, "currency_mismatch", "currency")


def test_payment_of_an_invoice_that_belongs_elsewhere_or_to_nobody_is_refused(office: Office) -> None:
    refused(pay(office, office.invoice(), amount=100), 422, "other_home", "invoice_id")
    refused(pay(office, {"id": UNKNOWN, "due": 1}), 404)
    refused(pay(office, {"id": UNKNOWN, "due": 1}, currency="USD"), 404)


class PayPageOnly(FakeProvider):
    """Takes payment for invoices on its own page only, as Square does."""

    charges_invoices: ClassVar[bool] = False


def test_provider_that_cannot_charge_says_what_to_do_instead(office: Office) -> None:
    invoice = office.issued()
    now = process.current()
    provider = PayPageOnly(office.hub.world)
    process.boot(now.settings, database_url=now.database_url, redis_url=None, providers={"fake": provider})
    answer = pay(office, invoice)
    refused(answer, 422, "charge_unsupported")
    assert "link" in answer.get_json()["detail"]


# --- who may ------------------------------------------------------------------------------------------------------------


def test_viewer_makes_sends_and_charges_nothing(office: Office) -> None:
    invoice = office.issued()
    for path in (
        "/api/invoices",
        f"/api/invoices/{invoice['id']}/void",
        f"{office.payments}/create-invoice",
        f"{office.payments}/process-payment",
    ):
        refused(office.post(path, {}, role="viewer"), 403)
    refused(office.patch(f"/api/invoices/{invoice['id']}", {"notes": "x"}, role="viewer"), 403)


# --- transactions -------------------------------------------------------------------------------------------------------


@pytest.fixture
def paid(office: Office) -> Any:
    """An invoice paid by a saved card."""
    invoice = office.issued()
    pay(office, invoice)
    return invoice


def test_transaction_shows_fee_net_invoice_and_payer(office: Office, paid: Any) -> None:
    (row,) = office.read("/api/transactions")["data"]
    assert (row["status"], row["amount"], row["fee"], row["net"]) == ("succeeded", 12_500, 362, 12_138)
    assert row["invoices"] == [{"invoice_id": paid["id"], "number": paid["number"], "amount": 12_500}]
    assert (row["payer"], row["card_last4"], row["refunded"]) == ("Ada Byron", "4242", 0)
    assert office.read(f"/api/transactions/{row['id']}") == row


def test_refund_shows_with_its_transaction(office: Office, paid: Any, hub: HubInProcess) -> None:
    (row,) = office.read("/api/transactions")["data"]
    hub.merchant.refund(row["external_id"], 500)
    assert sync_now(hub).outcome == "completed"
    (row,) = office.read("/api/transactions")["data"]
    assert (row["refunded"], [refund["amount"] for refund in row["refunds"]]) == (500, [500])


def test_transactions_are_filtered(office: Office, paid: Any) -> None:
    today = clock.now().date().isoformat()

    def number(**query: Any) -> int:
        return len(office.read("/api/transactions", **query)["data"])

    assert number(invoice_id=paid["id"], client_id=paid["client_id"], integration_id=office.hub.integration_id) == 1
    assert number(status="succeeded") == 1
    assert number(status="failed") == number(invoice_id=UNKNOWN) == number(client_id=UNKNOWN) == 0
    assert (number(since=today), number(until=today)) == (1, 0)
    assert number(since="2100-01-01") == 0
    refused(office.get("/api/transactions", since="yesterday"), 422, field="since")
    refused(office.get(f"/api/transactions/{UNKNOWN}"), 404)


# --- waiting for the provider -------------------------------------------------------------------------------------------


def test_change_behind_a_given_up_one_answers_with_its_reason_at_once(hub: HubInProcess) -> None:
    ada = clients.create(hub.tenant_id, {"given_name": "Ada"}, actor=SYSTEM)
    line = invoices.NewLine(description="Cake", amount=100)
    _, last = invoices.create(
        hub.tenant_id,
        client_id=ada.id,
        currency="USD",
        lines=[line],
        due_on=None,
        integration_id=hub.integration_id,
        publish=True,
        actor=SYSTEM,
    )
    with db.tenant_session(hub.tenant_id) as session:
        first = session.scalars(select(Change).where(Change.kind == "invoice").order_by(Change.id)).first()
        assert first is not None
        assert last is not None
        assert first.id < last.id
        first.parked_at, first.reason = clock.now(), "No due date in the past."
    begun = clock.monotonic()
    answer = outbox.wait(hub.tenant_id, last.id, seconds=10)
    assert (answer.id, answer.reason) == (first.id, "No due date in the past.")
    assert clock.monotonic() - begun < 5
