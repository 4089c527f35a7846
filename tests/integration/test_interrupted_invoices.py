"""An invoice whose making is interrupted at the provider, while the provider's own words about the half-made one come in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub import clock, queue
from hub.audit import SYSTEM
from hub.crm import clients, invoices
from hub.models import Change, Invoice
from tests.integration.scene import Scene, Shop

FAULTS = ("rate_limited", "server_error", "server_error_after", "dropped", "dropped_before", "broken_body", "html_error")
WRITES = {
    "stripe": ("/v1/invoices", "/v1/invoices/*/add_lines", "/v1/invoices/*/finalize"),
    "square": ("/v2/orders", "/v2/invoices", "/v2/invoices/*/publish"),
}
LINES = [invoices.NewLine(description="Boiler repair", amount=1_500), invoices.NewLine(description="Call-out", amount=512)]


@pytest.fixture
def shop(scene: Scene, provider_name: str) -> Shop:
    connected = scene.connect(provider_name)
    queue.run_pending()
    return connected


def work_until_done(shop: Shop) -> None:
    """As workers and the provider's deliveries do, with each retry in its time."""
    for _ in range(12):
        queue.run_pending()
        shop.hear()
        waiting = [change for change in shop.rows(Change) if change.done_at is None]
        assert [change.reason for change in waiting if change.parked_at is not None] == []
        if not waiting:
            return
        clock.sleep(0.2)  # a budget that the provider closed opens again in real time
        seconds = max((change.due_at - clock.now()).total_seconds() for change in waiting) + 60
        clock.advance(timedelta(seconds=seconds))
        shop.twin.advance(seconds)  # or the hub would take its deliveries for stale
        for change in waiting:
            queue.wake("push_changes", change.tenant_id, change.integration_id)
    raise AssertionError([(change.verb, change.reason) for change in waiting])


@pytest.mark.parametrize("write", range(3))
@pytest.mark.parametrize("fault", FAULTS)
def test_invoice_whose_making_was_interrupted_is_issued_once_and_whole(shop: Shop, write: int, fault: str) -> None:
    shop.twin.fault(kind=fault, method="POST", path=WRITES[shop.twin.name][write], account=shop.account_id, retry_after=1)
    client = clients.create(shop.tenant_id, {"given_name": "Ada", "email": "ada@example.com"}, actor=SYSTEM)
    invoices.create(
        shop.tenant_id,
        client_id=client.id,
        currency="USD",
        lines=LINES,
        due_on=None,
        integration_id=shop.integration_id,
        publish=True,
        actor=SYSTEM,
    )
    work_until_done(shop)
    shop.sync()
    invoice = shop.row(Invoice)
    [remote] = shop.remotes("invoice").values()
    base = remote.base or {}
    assert (invoice.status, invoice.total, base["status"], base["total"]) == ("open", 2_012, "open", 2_012)
    assert [line["amount"] for line in base["lines"]] == [1_500, 512]
