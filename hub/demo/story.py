"""The demo's story: connect, sync, invoice, pay, disconnect, reconnect; each step checked in the database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import func, select

from hub import clock, db, process
from hub.demo.browser import Browser
from hub.demo.world import DemoFailed, Twin
from hub.identity import administration
from hub.ledger.balances import account_totals, invoice_balances
from hub.models import (
    Allocation,
    Client,
    DataKey,
    Integration,
    Invoice,
    LedgerEntry,
    Payment,
    RemoteRecord,
    SyncRun,
    WebhookEvent,
)

WAIT_SECONDS = 60.0
SYNC_SECONDS = 600.0
INVOICE_AMOUNT = 12_500
CARDS: dict[str, dict[str, str]] = {
    "stripe": {"number": "4242 4242 4242 4242", "expiry": "12/34", "cvc": "123"},
    "square": {"card_number": "4242 4242 4242 4242", "expiry": "12/34", "cvv": "111", "postal_code": "94103"},
}

T = TypeVar("T")


@dataclass(slots=True)
class Cast:
    """The demo's tenant and how it calls the API."""

    tenant_id: int
    api: httpx.Client
    base_url: str
    email: str


class Story:
    """Tells and checks. Every `check` that fails ends the demo with exit 1."""

    def __init__(self, console: Console, cast: Cast, customers: int) -> None:
        self.console = console
        self.cast = cast
        self.customers = customers
        self.checked = 0

    def check(self, what: str, holds: bool, seen: object = "") -> None:
        if not holds:
            raise DemoFailed(f"{what}: seen {seen!r}")
        self.checked += 1
        self.console.print(f"  [green]✓[/green] {what}")

    def until(self, what: str, look: Callable[[], T | None], seconds: float = WAIT_SECONDS) -> T:
        """The first truthy answer of `look`, which reads the database."""
        end = clock.monotonic() + seconds
        while clock.monotonic() < end:
            found = look()
            if found:
                return found
            clock.sleep(0.1)
        raise DemoFailed(f"{what}: not seen within {seconds:.0f} seconds")

    def tell(self, twin: Twin) -> None:
        """One provider's whole story."""
        title = process.providers()[twin.name].title
        self.console.rule(f"[bold]{title}[/bold]")
        first = twin.account(f"{title} Demo Bakery")
        twin.seed(first, customers=self.customers, invoices=self.customers, payments=self.customers // 4)
        integration_id = self.connect(twin, first)
        self.first_sync(twin, integration_id)
        self.invoice_and_payment(twin, integration_id)
        self.disconnect(integration_id)
        self.reconnect(twin, integration_id)

    # --- steps ----------------------------------------------------------------------------------------------------------

    def connect(self, twin: Twin, account_id: str) -> int:
        answer = self._api(
            "POST",
            "/api/integrations/payments/connect",
            {"provider": twin.name, "redirect_uri": f"{self.cast.base_url}/integrations"},
        )
        browser = Browser()
        consent = browser.open(answer["authorization_url"])
        field = {"stripe": "account", "square": "merchant_id"}[twin.name]
        landed = browser.press(consent, "allow", **{field: account_id})
        browser.close()
        self.check(
            f"{twin.name}: the browser came back to the hub after consent", landed.url.startswith(self.cast.base_url), landed.url
        )
        row = self.until(f"{twin.name}: an integration of account {account_id}", lambda: self._integration(twin.name, account_id))
        self.check(f"{twin.name}: the integration is active", row.status == "active", row.status)
        sealed = bytes(row.sealed_credentials or b"")
        self.check(f"{twin.name}: its credentials are sealed", len(sealed) > 32 and b"access_token" not in sealed, len(sealed))
        return row.id

    def first_sync(self, twin: Twin, integration_id: int) -> None:
        self._watch_sync(integration_id)
        with db.tenant_session(self.cast.tenant_id) as session:
            found = dict(
                session.execute(
                    select(RemoteRecord.data_type, func.count())
                    .where(RemoteRecord.integration_id == integration_id, RemoteRecord.deleted_at.is_(None))
                    .group_by(RemoteRecord.data_type)
                ).all()
            )
            unlinked = session.scalar(
                select(func.count())
                .select_from(RemoteRecord)
                .where(
                    RemoteRecord.integration_id == integration_id,
                    RemoteRecord.data_type.in_(("customer", "invoice")),
                    RemoteRecord.local_id.is_(None),
                )
            )
        self.check(
            f"{twin.name}: {found.get('customer', 0)} customers are here", found.get("customer", 0) >= self.customers, found
        )
        self.check(
            f"{twin.name}: {found.get('invoice', 0)} invoices are here", found.get("invoice", 0) >= self.customers // 2, found
        )
        self.check(f"{twin.name}: every one of them belongs to a record of the CRM", unlinked == 0, unlinked)

    def invoice_and_payment(self, twin: Twin, integration_id: int) -> None:
        client = self._api(
            "POST", "/api/clients", {"given_name": "Ada", "family_name": f"of {twin.name}", "email": f"ada@{twin.name}.example"}
        )
        due = (clock.now() + timedelta(days=14)).date().isoformat()
        created = self._api(
            "POST",
            f"/api/integrations/payments/{integration_id}/create-invoice",
            {
                "client_id": client["id"],
                "amount": INVOICE_AMOUNT,
                "currency": "USD",
                "due_date": due,
                "items": [{"description": "Wedding cake", "amount": 10_000}, {"description": "Delivery", "amount": 2_500}],
            },
        )
        invoice_id = int(created["invoice_id"])
        url = created["url"] or self.until("the invoice's pay page", lambda: self._invoice(invoice_id).pay_url)
        self.check(f"{twin.name}: invoice {self._invoice(invoice_id).number} is open with a pay page", bool(url), created)
        browser = Browser()
        page = browser.open(url)
        browser.press(page, "pay", **CARDS[twin.name])
        browser.close()
        self.until(f"{twin.name}: the paid invoice", lambda: self._invoice(invoice_id).status == "paid" or None)
        payment = self.until(f"{twin.name}: its payment", lambda: self._payment_of(invoice_id))
        self.check(
            f"{twin.name}: the payment of {payment.amount} is recorded once", payment.amount == INVOICE_AMOUNT, payment.amount
        )
        with db.tenant_session(self.cast.tenant_id) as session:
            balance = invoice_balances(session, [invoice_id])[invoice_id]
            events = session.scalar(
                select(func.count())
                .select_from(WebhookEvent)
                .where(WebhookEvent.integration_id == integration_id, WebhookEvent.via == "webhook")
            )
            totals = account_totals(session)
        self.check(f"{twin.name}: signed webhooks brought the news ({events} events)", bool(events), events)
        self.check(
            f"{twin.name}: the ledger says paid {balance.paid}, due {balance.due}",
            (balance.paid, balance.due) == (INVOICE_AMOUNT, 0),
            balance,
        )
        self.check(
            "debits and credits are equal",
            sum(total for (_, currency), total in totals.items() if currency == "USD") == 0,
            totals,
        )

    def disconnect(self, integration_id: int) -> None:
        receipt = self._api("DELETE", f"/api/integrations/payments/{integration_id}")
        with db.system_session() as session:
            row = session.scalars(select(Integration).where(Integration.id == integration_id)).one()
            keys = session.scalar(
                select(func.count())
                .select_from(DataKey)
                .where(DataKey.integration_id == integration_id, DataKey.wrapped.is_not(None))
            )
        gone = row.status == "disconnected" and row.sealed_credentials is None and keys == 0
        self.check(
            f"{row.provider}: disconnected, its key destroyed, access revoked at the provider",
            gone and receipt["revoked_at_provider"],
            receipt,
        )

    def reconnect(self, twin: Twin, old_integration_id: int) -> None:
        other = twin.account(f"{twin.name.title()} Second Shop")
        twin.seed(other, customers=max(3, self.customers // 20), invoices=3)
        new_id = self.connect(twin, other)
        self.check(f"{twin.name}: a different account is a new integration", new_id != old_integration_id, new_id)
        self._watch_sync(new_id)
        with db.tenant_session(self.cast.tenant_id) as session:
            kept = session.scalar(
                select(func.count()).select_from(RemoteRecord).where(RemoteRecord.integration_id == old_integration_id)
            )
            mixed = session.scalar(
                select(func.count())
                .select_from(Invoice)
                .join(RemoteRecord, (RemoteRecord.local_id == Invoice.id) & (RemoteRecord.data_type == "invoice"))
                .where(RemoteRecord.integration_id != Invoice.integration_id)
            )
        self.check(
            f"{twin.name}: the first account's history is kept ({kept} objects) and nothing is mixed",
            bool(kept) and mixed == 0,
            (kept, mixed),
        )

    # --- looking --------------------------------------------------------------------------------------------------------

    def _watch_sync(self, integration_id: int) -> None:
        with Progress(
            TextColumn("  {task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=False,
        ) as bars:
            tasks: dict[str, Any] = {}
            end = clock.monotonic() + SYNC_SECONDS
            while clock.monotonic() < end:
                run = self._last_run(integration_id)
                for kind, state in (run.progress if run else {}).items():
                    total = state.get("expected") or (state["done"] if state.get("finished") else None)
                    task = tasks.setdefault(kind, bars.add_task(kind, total=total)) if kind not in tasks else tasks[kind]
                    bars.update(task, completed=state["done"], total=total)
                if run is not None and run.done_at is not None:
                    break
                if run is not None and run.parked_at is not None:
                    raise DemoFailed(f"the sync was given up: {run.reason}")
                clock.sleep(0.1)
        run = self._last_run(integration_id)
        self.check("the first sync completed", run is not None and run.outcome == "completed", run.outcome if run else None)

    def _last_run(self, integration_id: int) -> SyncRun | None:
        with db.tenant_session(self.cast.tenant_id) as session:
            wanted = select(SyncRun).where(SyncRun.integration_id == integration_id).order_by(SyncRun.id.desc()).limit(1)
            return session.scalars(wanted).one_or_none()

    def _integration(self, provider: str, account_id: str) -> Integration | None:
        with db.tenant_session(self.cast.tenant_id) as session:
            wanted = select(Integration).where(Integration.provider == provider, Integration.account_id == account_id)
            return session.scalars(wanted).one_or_none()

    def _invoice(self, invoice_id: int) -> Invoice:
        with db.tenant_session(self.cast.tenant_id) as session:
            return session.scalars(select(Invoice).where(Invoice.id == invoice_id)).one()

    def _payment_of(self, invoice_id: int) -> Payment | None:
        with db.tenant_session(self.cast.tenant_id) as session:
            wanted = (
                select(Payment).join(Allocation, Allocation.payment_id == Payment.id).where(Allocation.invoice_id == invoice_id)
            )
            return session.scalars(wanted).one_or_none()

    def _api(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self.cast.api.request(method, path, json=body)
        if response.status_code >= 300:
            raise DemoFailed(f"{method} {path} answered {response.status_code}: {response.text[:400]}")
        answer: dict[str, Any] = response.json()
        return answer


def make_cast(base_url: str) -> Cast:
    """A fresh tenant with an owner and an API key, so that the demo can be run again on the same data folder."""
    email = "owner@demo.example"
    tenant_id = administration.create_tenant(f"Demo {clock.now():%Y-%m-%d %H:%M:%S}", return_origins=[base_url])
    administration.create_user(email, tenant_id=tenant_id, role="owner", name="Olivia Owner")
    key = administration.create_api_key(tenant_id, role="owner", name="demo")
    api = httpx.Client(
        base_url=base_url, headers={"Authorization": f"Bearer {key}", "Accept": "application/json"}, timeout=60.0, trust_env=False
    )
    return Cast(tenant_id, api, base_url, email)


def summary(tenant_id: int) -> dict[str, int]:
    """What the demo left in the database."""
    tables = {"clients": Client, "invoices": Invoice, "payments": Payment, "ledger entries": LedgerEntry, "events": WebhookEvent}
    with db.tenant_session(tenant_id) as session:
        return {name: session.scalar(select(func.count()).select_from(table)) or 0 for name, table in tables.items()}
