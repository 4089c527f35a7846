"""Edits of ours reach the provider: once, in order, whatever goes wrong on the way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from hub import clock, db
from hub.audit import SYSTEM
from hub.crm import clients, invoices
from hub.crm.errors import Refused
from hub.integrations import service
from hub.models import Allocation, AuditEntry, Change, Client, Conflict, Invoice, Payment, RemoteRecord
from providers.contract import OpenGate, Verb
from providers.fake.world import FakeWorld
from providers.fake.world.wire import Answer, Call
from providers.records import Customer, InvoiceStatus
from providers.records import Invoice as ProviderInvoice
from providers.records import Payment as ProviderPayment
from sync import pull
from sync.push import idempotency_key, push_change, push_integration
from tests.sync.hub_in_process import HubInProcess, build

CAKE = invoices.NewLine(description="Wedding cake", amount=12_500)


def at_provider(hub: HubInProcess, kind: type, external_id: str):  # type: ignore[no-untyped-def]
    return hub.provider.account(stored_credentials(hub), gate=OpenGate()).get(kind, external_id)


def stored_credentials(hub: HubInProcess):  # type: ignore[no-untyped-def]
    return service.credentials_of(hub.tenant_id, hub.integration_id)[1]


def listed(hub: HubInProcess, kind: type) -> list:  # type: ignore[type-arg]
    return list(hub.provider.account(stored_credentials(hub), gate=OpenGate()).list(kind).records)


def push(hub: HubInProcess) -> None:
    push_integration(hub.tenant_id, hub.integration_id)


def new_client(hub: HubInProcess, **fields: str) -> Client:
    return clients.create(hub.tenant_id, {"given_name": "Ada", "family_name": "Byron", **fields}, actor=SYSTEM)


def customer_of(hub: HubInProcess, client: Client) -> Customer:
    remote = hub.row(RemoteRecord, data_type="customer", local_id=client.id)
    found: Customer = at_provider(hub, Customer, remote.external_id)
    return found


def issued_invoice(hub: HubInProcess) -> Invoice:
    invoice, _ = invoices.create(
        hub.tenant_id,
        client_id=new_client(hub).id,
        currency="USD",
        lines=[CAKE],
        due_on=clock.now().date() + timedelta(days=14),
        integration_id=hub.integration_id,
        publish=True,
        actor=SYSTEM,
    )
    push(hub)
    return hub.row(Invoice, id=invoice.id)


def test_new_client_is_pushed_and_linked_to_one_customer(hub: HubInProcess) -> None:
    client = new_client(hub, email="ada@example.com")
    push(hub)
    assert customer_of(hub, client).email == "ada@example.com"
    assert len(hub.rows(Client)) == 1
    assert hub.row(Change).done_at is not None


def test_edited_client_is_pushed_with_the_changed_fields_only(hub: HubInProcess) -> None:
    client = new_client(hub, email="ada@example.com")
    push(hub)
    before = customer_of(hub, client)
    clients.edit(hub.tenant_id, client.id, {"family_name": "Lovelace"}, actor=SYSTEM)
    push(hub)
    after = customer_of(hub, client)
    assert (after.family_name, after.email) == ("Lovelace", before.email)


def test_edit_that_changes_nothing_is_not_sent(hub: HubInProcess) -> None:
    client = new_client(hub)
    push(hub)
    clients.edit(hub.tenant_id, client.id, {"given_name": "Ada"}, actor=SYSTEM)
    assert len(hub.rows(Change)) == 1


def test_created_customer_coming_back_as_an_event_changes_nothing(hub: HubInProcess) -> None:
    client = new_client(hub)
    push(hub)
    pull.apply(hub.tenant_id, hub.integration_id, Customer, [customer_of(hub, client)], on_tie="take")
    assert len(hub.rows(Client)) == 1
    assert len(hub.rows(Change)) == 1


def test_same_change_pushed_twice_creates_one_customer(hub: HubInProcess) -> None:
    new_client(hub)
    change = hub.row(Change)
    push(hub)
    with db.tenant_session(hub.tenant_id) as session:  # the crash: the answer came, our second transaction was lost
        row = session.scalars(select(Change)).one()
        row.done_at = None
        session.query(RemoteRecord).delete()
    push(hub)
    assert len(listed(hub, Customer)) == 1
    assert idempotency_key(change) == idempotency_key(hub.row(Change))


def test_invoice_with_home_is_created_and_published_after_its_client(hub: HubInProcess) -> None:
    invoice = issued_invoice(hub)
    assert invoice.status == "open"
    assert invoice.pay_url
    remote = hub.row(RemoteRecord, data_type="invoice", local_id=invoice.id)
    theirs: ProviderInvoice = at_provider(hub, ProviderInvoice, remote.external_id)
    assert theirs.total.minor_units == 12_500
    assert theirs.status is InvoiceStatus.OPEN
    assert len(listed(hub, ProviderInvoice)) == 1


def test_voided_invoice_owes_nothing(hub: HubInProcess) -> None:
    invoice = issued_invoice(hub)
    invoices.act(hub.tenant_id, invoice.id, Verb.VOID, actor=SYSTEM)
    push(hub)
    assert hub.row(Invoice, id=invoice.id).status == "void"
    remote = hub.row(RemoteRecord, data_type="invoice", local_id=invoice.id)
    assert hub.balance(remote.external_id).due == 0


def test_issued_invoice_cannot_be_changed_but_its_notes_can(hub: HubInProcess) -> None:
    invoice = issued_invoice(hub)
    with pytest.raises(Refused, match="issued already"):
        invoices.edit(hub.tenant_id, invoice.id, {"description": "other"}, actor=SYSTEM)
    invoices.edit(hub.tenant_id, invoice.id, {"notes": "called twice"}, actor=SYSTEM)
    assert hub.row(Invoice, id=invoice.id).notes == "called twice"


def test_refused_change_is_parked_at_once_with_its_reason(hub: HubInProcess) -> None:
    invoice = issued_invoice(hub)
    remote = hub.row(RemoteRecord, data_type="invoice", local_id=invoice.id)
    hub.merchant.pay(remote.external_id)
    invoices.act(hub.tenant_id, invoice.id, Verb.VOID, actor=SYSTEM)
    push(hub)
    parked = hub.row(Change, verb="void")
    assert parked.parked_at is not None
    assert parked.reason


def test_saved_method_pays_an_invoice_once(hub: HubInProcess) -> None:
    invoice = issued_invoice(hub)
    customer = hub.row(RemoteRecord, data_type="customer", local_id=invoice.client_id)
    source = hub.merchant.add_payment_method(customer.external_id)
    invoices.charge(hub.tenant_id, hub.integration_id, invoice.id, source=source, amount=12_500, actor=SYSTEM)
    push(hub)
    push(hub)
    assert len(listed(hub, ProviderPayment)) == 1
    assert hub.row(Payment).amount == 12_500
    assert hub.row(Allocation).amount == 12_500
    assert "payment.requested" in {entry.action for entry in hub.rows(AuditEntry)}


def test_second_payment_of_an_invoice_is_refused_while_one_is_under_way(hub: HubInProcess) -> None:
    invoice = issued_invoice(hub)
    invoices.charge(hub.tenant_id, hub.integration_id, invoice.id, source="pm_1", amount=12_500, actor=SYSTEM)
    with pytest.raises(Refused, match="under way"):
        invoices.charge(hub.tenant_id, hub.integration_id, invoice.id, source="pm_1", amount=12_500, actor=SYSTEM)


@pytest.mark.parametrize("amount", [0, -1, 12_501])
def test_amount_that_is_not_due_is_refused(hub: HubInProcess, amount: int) -> None:
    invoice = issued_invoice(hub)
    with pytest.raises(Refused, match="what is due"):
        invoices.charge(hub.tenant_id, hub.integration_id, invoice.id, source="pm_1", amount=amount, actor=SYSTEM)


def test_newer_edit_supersedes_a_parked_one(hub: HubInProcess) -> None:
    client = new_client(hub)
    push(hub)
    clients.edit(hub.tenant_id, client.id, {"phone": "+15550100"}, actor=SYSTEM)
    with db.tenant_session(hub.tenant_id) as session:
        stuck = session.scalars(select(Change).where(Change.verb == "update")).one()
        stuck.parked_at = clock.now()
    clients.edit(hub.tenant_id, client.id, {"phone": "+15550101"}, actor=SYSTEM)
    push(hub)
    assert customer_of(hub, client).phone == "+15550101"


def drafted(hub: HubInProcess, **fields: Any) -> Invoice:
    """A draft here and at the provider."""
    given = {"lines": [CAKE], "due_on": clock.now().date() + timedelta(days=14), "description": "Thank you!", **fields}
    home = {"client_id": new_client(hub).id, "currency": "USD", "integration_id": hub.integration_id}
    invoice, _ = invoices.create(hub.tenant_id, **home, **given, actor=SYSTEM)
    push(hub)
    return invoice


def test_edited_draft_reaches_the_provider_with_its_lines_day_and_message_and_is_in_the_audit_log(hub: HubInProcess) -> None:
    invoice = drafted(hub)
    day = clock.now().date() + timedelta(days=30)
    lines = [invoices.NewLine(description="Cake", amount=5_000, quantity="2", unit_amount=2_500)]
    invoices.edit(hub.tenant_id, invoice.id, {"lines": lines, "due_on": day, "description": "Bring it back"}, actor=SYSTEM)
    push(hub)
    there = at_provider(hub, ProviderInvoice, hub.row(RemoteRecord, data_type="invoice").external_id)
    assert (there.total.minor_units, there.due_on, there.description) == (5_000, day, "Bring it back")
    assert [(line.description, line.quantity) for line in there.lines] == [("Cake", "2")]
    assert hub.row(AuditEntry, action="invoice.changed").details["after"]["total"] == 5_000
    assert hub.rows(Conflict) == []


def test_message_cleared_on_a_draft_is_cleared_at_the_provider(hub: HubInProcess) -> None:
    invoice = drafted(hub)
    invoices.edit(hub.tenant_id, invoice.id, {"description": ""}, actor=SYSTEM)
    push(hub)
    assert at_provider(hub, ProviderInvoice, hub.row(RemoteRecord, data_type="invoice").external_id).description == ""


def test_due_day_is_not_taken_from_a_draft_that_is_at_a_provider(hub: HubInProcess) -> None:
    invoice = drafted(hub)
    with pytest.raises(Refused) as refused:
        invoices.edit(hub.tenant_id, invoice.id, {"due_on": None}, actor=SYSTEM)
    assert (refused.value.code, refused.value.field) == ("due_date_needed", "due_date")
    assert hub.row(Invoice, id=invoice.id).due_on == invoice.due_on


def test_edit_made_from_an_older_state_of_the_invoice_is_refused(hub: HubInProcess) -> None:
    invoice = drafted(hub)
    with db.tenant_session(hub.tenant_id) as session:
        seen = invoices.content_mark(invoice, invoices.lines_of(session, [invoice.id])[invoice.id])
    assert hub.row(Invoice, id=invoice.id).revision > invoice.revision  # what the provider added is no reason to refuse
    invoices.edit(hub.tenant_id, invoice.id, {"description": "First"}, actor=SYSTEM, made_from=seen)
    with pytest.raises(Refused) as refused:
        invoices.edit(hub.tenant_id, invoice.id, {"description": "Second"}, actor=SYSTEM, made_from=seen)
    assert (refused.value.code, refused.value.conflict) == ("invoice_changed", True)
    assert hub.row(Invoice, id=invoice.id).description == "First"


class BusyWorld(FakeWorld):
    """Somebody goes on working here while a write is answered."""

    meanwhile: Callable[[], object] | None = None

    def answer(self, call: Call) -> Answer:
        answered = super().answer(call)
        if call.method != "GET" and self.meanwhile is not None:
            act, self.meanwhile = self.meanwhile, None
            act()
        return answered


@pytest.fixture
def busy(database_url: str, tmp_path: Path) -> HubInProcess:
    return build(database_url, tmp_path, world=BusyWorld(now=clock.now))


@pytest.mark.parametrize("first_push", ["creation", "update"])
def test_draft_edited_while_its_last_edit_is_being_answered_keeps_the_newer_edit(busy: HubInProcess, first_push: str) -> None:
    world, hub = busy.world, busy
    assert isinstance(world, BusyWorld)
    home = {"client_id": new_client(hub).id, "currency": "USD", "integration_id": hub.integration_id}
    push(hub)
    day = clock.now().date() + timedelta(days=14)
    invoice, _ = invoices.create(hub.tenant_id, **home, lines=[CAKE], due_on=day, description="Soon", actor=SYSTEM)
    if first_push == "update":
        push(hub)
        middle = {"lines": [invoices.NewLine(description="Cake", amount=1)], "description": "Middle"}
        invoices.edit(hub.tenant_id, invoice.id, middle, actor=SYSTEM)
    newer = {"lines": [invoices.NewLine(description="Bigger cake", amount=20_000)], "description": ""}
    world.meanwhile = lambda: invoices.edit(hub.tenant_id, invoice.id, newer, actor=SYSTEM)
    push(hub)
    there = at_provider(hub, ProviderInvoice, hub.row(RemoteRecord, data_type="invoice").external_id)
    assert (there.total.minor_units, there.description, there.due_on) == (20_000, "", day)
    here = hub.row(Invoice, id=invoice.id)
    assert (here.total, here.description) == (20_000, "")
    assert hub.rows(Conflict) == []


def test_client_edited_while_its_creation_is_answered_keeps_the_edit_and_is_in_no_dispute(busy: HubInProcess) -> None:
    world, hub = busy.world, busy
    assert isinstance(world, BusyWorld)
    client = new_client(hub, phone="+15550100")
    world.meanwhile = lambda: clients.edit(hub.tenant_id, client.id, {"phone": "", "email": "ada@example.com"}, actor=SYSTEM)
    push(hub)
    assert (hub.row(Client, id=client.id).phone, hub.row(Client, id=client.id).email) == ("", "ada@example.com")
    assert hub.rows(Conflict) == []


def test_voided_draft_is_deleted_at_the_provider(hub: HubInProcess) -> None:
    invoice, _ = invoices.create(
        hub.tenant_id,
        client_id=new_client(hub).id,
        currency="USD",
        lines=[CAKE],
        due_on=None,
        integration_id=hub.integration_id,
        actor=SYSTEM,
    )
    push(hub)
    invoices.act(hub.tenant_id, invoice.id, Verb.VOID, actor=SYSTEM)
    push(hub)
    assert hub.row(RemoteRecord, data_type="invoice").deleted_at is not None
    assert hub.row(Change, verb="void").outcome == "perform"
    assert hub.row(Invoice, id=invoice.id).status in ("void", "draft")


def test_invoice_waits_uncounted_for_its_client_and_goes_as_soon_as_that_is_done(hub: HubInProcess) -> None:
    client = new_client(hub)
    creation = hub.row(Change)
    with db.tenant_session(hub.tenant_id) as session:  # another worker has it in hand
        session.scalars(select(Change)).one().lease_until = clock.now() + timedelta(minutes=1)
    invoice, _ = invoices.create(
        hub.tenant_id,
        client_id=client.id,
        currency="USD",
        lines=[CAKE],
        due_on=None,
        integration_id=hub.integration_id,
        publish=True,
        actor=SYSTEM,
    )
    push(hub)
    waiting = hub.row(Change, kind="invoice", verb="create")
    assert (waiting.attempts, waiting.parked_at, waiting.done_at) == (0, None, None)
    assert waiting.waiting_since is not None
    push_change(hub.tenant_id, creation)
    push(hub)
    assert hub.row(Invoice, id=invoice.id).status == "open"


def test_payment_with_an_unknown_method_is_given_up_at_once(hub: HubInProcess) -> None:
    invoice = issued_invoice(hub)
    invoices.charge(hub.tenant_id, hub.integration_id, invoice.id, source="pm_nobody", amount=12_500, actor=SYSTEM)
    push(hub)
    change = hub.row(Change, kind="payment")
    assert change.parked_at is not None
    assert change.reason
