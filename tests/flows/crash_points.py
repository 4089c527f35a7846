"""`python -m tests.flows.crash_points FLOW DATABASE_URL FOLDER`: a flow killed at each of its boundaries in turn, then run again.

A program of its own, without threads, that forks a process for every try; what it saw goes to standard output as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from apiflask import APIFlask
from sqlalchemy import func, select

import webhooks.receive
from hub import clock, crash, db, process, queue
from hub.audit import SYSTEM
from hub.config import Settings
from hub.crm import clients, invoices
from hub.http import create_app
from hub.identity import administration
from hub.integrations import service
from hub.ledger import balances
from hub.models import Allocation, Change, Client, Invoice, LedgerEntry, Payment, WebhookEvent
from providers.contract import OpenGate, Provider
from providers.fake.provider import FakeProvider
from providers.fake.world import FakeWorld, Merchant
from providers.stripe.provider import StripeProvider
from sync.push import push_integration
from tests.contract.harness import grant_for
from tests.providers.stripe.twin import running_twin
from webhooks.process import process_integration

AFTER_THE_LEASE = timedelta(minutes=10)
MOST_BOUNDARIES = 200


class Flow:
    """One tenant with one connected account, prepared; `run` may be repeated, `wrong` says what is lost or doubled."""

    tenant_id: int
    integration_id: int

    def run(self) -> None:
        raise NotImplementedError

    def wrong(self) -> list[str]:
        raise NotImplementedError

    def count(self, model: type) -> int:
        with db.tenant_session(self.tenant_id) as session:
            return session.scalar(select(func.count()).select_from(model)) or 0

    def expect(self, **wanted: tuple[object, object]) -> list[str]:
        return [f"{name}: {seen!r}, not {right!r}" for name, (seen, right) in wanted.items() if seen != right]


class Webhook(Flow):
    """webhook → inbox → client, invoice, payment → allocation."""

    def __init__(self, world: FakeWorld, provider: FakeProvider, app: APIFlask) -> None:
        self.world = world
        self.app = app
        self.tenant_id = administration.create_tenant("Crash")
        self.account = world.create_account()
        callback = world.consent(provider.authorization_url(grant_for(provider, "state")), self.account)
        credentials = provider.exchange(callback, grant_for(provider, "state"))
        profile = provider.account(credentials, gate=OpenGate()).describe()
        self.integration_id, _ = service.save(self.tenant_id, provider, credentials, profile, actor=SYSTEM)
        merchant = Merchant(world, self.account)
        invoice_id = merchant.add_invoice(merchant.add_customer(given_name="Ada"))
        merchant.pay(invoice_id)
        self.bodies = world.event_bodies(self.account)

    def run(self) -> None:
        """The provider delivers till it is answered with 200; the hub works on what came."""
        client = self.app.test_client()
        for body in self.bodies:
            signed = self.world.sign(body, secret=self.world.signing_secrets[0], at=clock.now())
            answer = client.post("/api/webhooks/fake", data=body, headers=signed)
            assert answer.status_code == 200, answer.text
        process_integration(self.tenant_id, self.integration_id)

    def wrong(self) -> list[str]:
        with db.tenant_session(self.tenant_id) as session:
            invoice = session.scalars(select(Invoice)).one()
            balance = balances.invoice_balances(session, [invoice.id])[invoice.id]
            totals = balances.account_totals(session)
            open_events = session.scalar(select(func.count()).where(WebhookEvent.done_at.is_(None)).select_from(WebhookEvent))
        return self.expect(
            clients=(self.count(Client), 1),
            payments=(self.count(Payment), 1),
            allocations=(self.count(Allocation), 1),
            invoice=(invoice.status, "paid"),
            balance=((balance.paid, balance.due), (12_500, 0)),
            ledger=(sum(totals.values()), 0),
            ledger_entries=(self.count(LedgerEntry) > 0, True),
            events=(self.count(WebhookEvent), len(self.bodies)),
            open_events=(open_events, 0),
        )


class Push(Flow):
    """create-invoice → customer, invoice, publish at the provider, over HTTP."""

    def __init__(self, provider: Provider, account: Callable[[], tuple[str, str]]) -> None:
        self.provider = provider
        self.tenant_id = administration.create_tenant("Crash")
        self.account_id, key = account()
        self.credentials = provider.credentials_from_key(key)
        profile = provider.account(self.credentials, gate=OpenGate()).describe()
        self.integration_id, _ = service.save(self.tenant_id, provider, self.credentials, profile, actor=SYSTEM)
        self.client_id = clients.create(self.tenant_id, {"given_name": "Ada", "email": "ada@example.com"}, actor=SYSTEM).id

    def run(self) -> None:
        if not self.count(Invoice):  # a person whose answer was lost looks first
            invoices.create(
                self.tenant_id,
                client_id=self.client_id,
                currency="USD",
                lines=[invoices.NewLine(description="Cake", amount=12_500)],
                due_on=clock.now().date() + timedelta(days=14),
                integration_id=self.integration_id,
                publish=True,
                actor=SYSTEM,
            )
        push_integration(self.tenant_id, self.integration_id)

    def wrong(self) -> list[str]:
        account = self.provider.account(self.credentials, gate=OpenGate())
        kinds = {kind.__name__.lower(): kind for kind in self.provider.capabilities}
        customers, made = (list(account.list(kinds[name]).records) for name in ("customer", "invoice"))
        with db.tenant_session(self.tenant_id) as session:
            invoice = session.scalars(select(Invoice)).one()
            unfinished = session.scalar(select(func.count()).where(Change.done_at.is_(None)).select_from(Change))
        return self.expect(
            customers_there=(len(customers), 1),
            invoices_there=(len(made), 1),
            status_there=([str(each.status.value) for each in made], ["open"]),  # type: ignore[attr-defined]
            status_here=(invoice.status, "open"),
            pay_page=(bool(invoice.pay_url), True),
            unfinished=(unfinished, 0),
        )


class Laboratory:
    def __init__(self, database_url: str, folder: Path, providers: dict[str, Provider]) -> None:
        self._boot: Callable[[], object] = lambda: process.boot(
            Settings.from_env({"PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": str(folder)}),
            database_url=database_url,
            redis_url=None,
            providers=providers,
        )
        self._boot()
        queue.register({})

    def killed_at(self, flow: Flow, boundary: int | None) -> bool:
        """Run the flow in a process of its own that dies there; whether it got that far. Raises for any other end."""
        db.engine().dispose()
        child = os.fork()
        if child == 0:
            self._boot()
            if boundary is None:
                clock.advance(AFTER_THE_LEASE)
            crash.kill_at(boundary)
            try:
                flow.run()
            finally:
                sys.stderr.flush()
                os._exit(0 if sys.exc_info()[0] is None else 1)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return True
        assert status == 0, f"the flow failed at boundary {boundary}"
        return False

    def every_boundary(self, make: Callable[[], Flow]) -> dict[str, object]:
        wrong: list[str] = []
        for boundary in range(1, MOST_BOUNDARIES):
            flow = make()
            died = self.killed_at(flow, boundary)
            self.killed_at(flow, None)
            wrong += [f"killed at boundary {boundary}: {what}" for what in flow.wrong()]
            if not died:
                return {"boundaries": boundary - 1, "wrong": wrong}
        raise AssertionError("the flow does not end")


def main(flow: str, database_url: str, folder: str) -> None:
    with ExitStack() as stack:
        if flow == "webhook":
            world = FakeWorld(now=clock.now)
            os.environ["FAKE_WEBHOOK_SECRETS"] = ",".join(world.signing_secrets)
            fake = FakeProvider(world)
            laboratory = Laboratory(database_url, Path(folder), {"fake": fake})
            app = create_app(process.settings(), (webhooks.receive.blueprint,))
            seen = laboratory.every_boundary(lambda: Webhook(world, fake, app))
        else:
            twin = stack.enter_context(running_twin())
            stripe = StripeProvider.from_env(twin.environment())
            laboratory = Laboratory(database_url, Path(folder), {"stripe": stripe})

            def account() -> tuple[str, str]:
                made = twin.control("POST", "accounts", {"name": "Corner Shop"})
                return made["account_id"], made["keys"]["test"]["sk"]

            seen = laboratory.every_boundary(lambda: Push(stripe, account))
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
