"""The engine over the real adapters, against the local twins."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub import process, queue
from hub.audit import SYSTEM
from hub.config import Settings
from hub.identity import administration
from hub.integrations import service
from hub.models import Client, Invoice, MissingReference, Payment
from providers.contract import OpenGate
from providers.fake.world import FakeWorld, Merchant
from providers.records import Customer
from providers.records import Invoice as InvoiceRecord
from providers.records import Payment as PaymentRecord
from tests.contract.harness import find_build
from tests.sync.hub_in_process import HubInProcess, forget_route, sync_now


@pytest.mark.parametrize("name", ["stripe", "square"])
def test_first_and_second_run_agree_with_the_twin(name: str, database_url: str, tmp_path: Path) -> None:
    with find_build(name)() as harness:
        settings = Settings.from_env({"PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": str(tmp_path)})
        process.boot(settings, database_url=database_url, redis_url=None, providers={name: harness.provider})
        queue.register({})
        profile = harness.provider.account(harness.credentials, gate=OpenGate()).describe()
        forget_route(harness.credentials.account_id)
        tenant_id = administration.create_tenant(f"Twin of {name}")
        integration_id, _ = service.save(tenant_id, harness.provider, harness.credentials, profile, actor=SYSTEM)
        idle = FakeWorld()
        hub = HubInProcess(tenant_id, integration_id, idle, harness.provider, Merchant(idle, idle.create_account()), "")  # type: ignore[arg-type]

        customers = set(harness.seed(Customer, 3))
        invoices = set(harness.seed(InvoiceRecord, 2))
        payments = set(harness.seed(PaymentRecord, 1))
        first = sync_now(hub, kind="initial")
        assert first.outcome == "completed", first.reason
        assert all(counts["errors"] == 0 for counts in first.counts.values())
        for external_id in customers | invoices | payments:
            assert hub.remote(external_id).local_id is not None
        assert all(row.client_id is not None for row in hub.rows(Invoice))
        assert hub.rows(MissingReference) == []

        rows = [len(hub.rows(model)) for model in (Client, Invoice, Payment)]
        harness.edit(Customer, sorted(customers)[0])
        again = sync_now(hub, full=True)
        assert again.outcome == "completed", again.reason
        assert again.counts["customer"]["created"] == 0
        assert [len(hub.rows(model)) for model in (Client, Invoice, Payment)] == rows
