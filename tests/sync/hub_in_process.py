"""One tenant's view of a hub that runs in the test's own process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select

from hub import clock, db, process, queue
from hub.audit import SYSTEM
from hub.config import Settings
from hub.integrations import service
from hub.integrations.sync_requests import request_sync
from hub.ledger import balances
from hub.models import Invoice, RemoteRecord, SyncRun, Tenant
from providers.contract import OpenGate
from providers.fake.provider import FakeProvider
from providers.fake.world import FakeWorld, Merchant
from providers.records import Record
from sync import pull, run
from tests.contract.harness import grant_for
from tests.whole_run.planted import plant_keys

M = TypeVar("M")


@dataclass
class HubInProcess:
    tenant_id: int
    integration_id: int
    world: FakeWorld
    provider: FakeProvider
    merchant: Merchant
    account_id: str

    def apply(self, *records: Record, on_tie: pull.OnTie = "report") -> pull.ApplyCounts:
        return pull.apply(self.tenant_id, self.integration_id, type(records[0]), records, on_tie=on_tie)

    def rows(self, model: type[M], **where: Any) -> Sequence[M]:
        """The tenant's rows, in id order."""
        with db.tenant_session(self.tenant_id) as session:
            query = select(model).filter_by(**where)
            key = getattr(model, "id", None)
            return session.scalars(query.order_by(key) if key is not None else query).all()

    def row(self, model: type[M], **where: Any) -> M:
        (found,) = self.rows(model, **where)
        return found

    def remote(self, external_id: str) -> RemoteRecord:
        return self.row(RemoteRecord, integration_id=self.integration_id, external_id=external_id)

    def balance(self, external_id: str) -> balances.Balance:
        """The balance of the invoice behind a provider's invoice id."""
        invoice_id = self.remote(external_id).local_id
        assert invoice_id is not None
        with db.tenant_session(self.tenant_id) as session:
            return balances.invoice_balances(session, [invoice_id])[invoice_id]

    def totals(self) -> dict[tuple[str, str], int]:
        with db.tenant_session(self.tenant_id) as session:
            return balances.account_totals(session)

    def connect_again(self, provider_account: str | None = None) -> HubInProcess:
        """A second connection of the same tenant, to another account of the fake provider."""
        return connect(self.tenant_id, self.world, self.provider, provider_account)

    def invoice(self, external_id: str) -> Invoice:
        return self.row(Invoice, id=self.remote(external_id).local_id)


def build(database_url: str, folder: Path, *, page_size: int = 100, world: FakeWorld | None = None) -> HubInProcess:
    world = world or FakeWorld(now=clock.now, page_size=page_size)
    provider = FakeProvider(world)
    settings = Settings.from_env({"PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": str(plant_keys(folder))})
    process.boot(settings, database_url=database_url, redis_url=None, providers={"fake": provider})
    queue.register({})
    run.register_catchup(None)  # another test of this worker may have composed the whole hub
    return new_tenant(world, provider)


def new_tenant(world: FakeWorld, provider: FakeProvider) -> HubInProcess:
    """Another tenant of the hub that runs already, with an account of its own."""
    with db.system_session() as session:
        tenant = Tenant(name="Ada's Plumbing", created_at=clock.now())
        session.add(tenant)
        session.flush()
        tenant_id = tenant.id
    return connect(tenant_id, world, provider, None)


def connect(tenant_id: int, world: FakeWorld, provider: FakeProvider, account_id: str | None) -> HubInProcess:
    # The route of an account is unique in the database that the tests of one worker share.
    account = account_id or world.create_account()
    callback = world.consent(provider.authorization_url(grant_for(provider, "state")), account)
    credentials = provider.exchange(callback, grant_for(provider, "state"))
    profile = provider.account(credentials, gate=OpenGate()).describe()
    forget_route(account)
    integration_id, _ = service.save(tenant_id, provider, credentials, profile, actor=SYSTEM)
    return HubInProcess(tenant_id, integration_id, world, provider, Merchant(world, account), account)


def forget_route(account_id: str) -> None:
    with db.system_session() as session:
        session.connection().exec_driver_sql("DELETE FROM account_routes WHERE account_id = %(a)s", {"a": account_id})


def later(moment: datetime, seconds: float) -> datetime:
    return moment + timedelta(seconds=seconds)


def sync_now(hub: HubInProcess, *, scope: str = "all", full: bool = False, kind: str = "manual") -> SyncRun:
    """Ask for a run, do it, and read how it went."""
    with db.tenant_session(hub.tenant_id) as session:
        run_id = request_sync(session, hub.tenant_id, hub.integration_id, kind=kind, requested_by="test", scope=scope, full=full)
    run.run(hub.tenant_id, run_id)
    return hub.row(SyncRun, id=run_id)
