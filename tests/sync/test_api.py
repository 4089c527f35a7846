"""Starting and watching a sync over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from hub import clock, process, queue
from hub.audit import SYSTEM
from hub.http import create_app
from hub.integrations import service
from hub.models import AuditEntry, SyncRun
from sync import api, run
from tests.hub.apps import Business
from tests.sync.hub_in_process import HubInProcess, new_tenant, sync_now
from tests.whole_run.answers import searched


@pytest.fixture
def client(hub: HubInProcess) -> FlaskClient:
    queue.register({"sync_run": run.run})
    queue.run_inline()
    return searched(create_app(process.settings(), [api.blueprint])).test_client()


def bearer(hub: HubInProcess, role: str = "manager") -> dict[str, str]:
    return Business(hub.tenant_id, "").bearer(role)  # type: ignore[arg-type]


def answered(response: TestResponse) -> dict[str, Any]:
    body: dict[str, Any] = response.get_json()
    return body


def base(hub: HubInProcess) -> str:
    return f"/api/integrations/payments/{hub.integration_id}"


def test_sync_is_accepted_and_shows_its_progress(hub: HubInProcess, client: FlaskClient) -> None:
    hub.merchant.add_customer(given_name="Ada")
    started = client.post(f"{base(hub)}/sync", json={}, headers=bearer(hub))
    run_id = answered(started)["sync_run_id"]
    before = answered(client.get(f"{base(hub)}/sync-runs/{run_id}", headers=bearer(hub, "viewer")))
    queue.run_pending()
    after = answered(client.get(f"{base(hub)}/sync-runs/{run_id}", headers=bearer(hub, "viewer")))
    assert (started.status_code, before["outcome"], after["outcome"]) == (202, None, "completed")
    assert after["counts"]["customer"]["created"] == 1
    assert after["progress"]["customer"] == {"done": 1, "expected": 1, "finished": True}
    assert hub.rows(AuditEntry, action="sync.requested")


def test_runs_are_listed_newest_first(hub: HubInProcess, client: FlaskClient) -> None:
    ids = [sync_now(hub).id for _ in range(3)]
    answer = answered(client.get(f"{base(hub)}/sync-runs?limit=2", headers=bearer(hub)))
    assert [row["id"] for row in answer["data"]] == [ids[2], ids[1]]
    assert answer["has_more"] is True


def test_sync_invoices_answers_what_came_of_it(hub: HubInProcess, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.merchant.add_invoice(hub.merchant.add_customer(given_name="Ada"))
    # A worker would do it meanwhile; here it is done while the request looks away.
    monkeypatch.setattr(clock, "sleep", lambda seconds: queue.run_pending())
    answer = client.post(f"{base(hub)}/sync-invoices", headers=bearer(hub))
    assert (answer.status_code, answered(answer)) == (200, {"synced": 1, "updated": 1, "errors": 0})


def test_sync_invoices_that_takes_long_answers_the_run(
    hub: HubInProcess, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "PATIENCE_SECONDS", 0.0)
    answer = client.post(f"{base(hub)}/sync-invoices", headers=bearer(hub))
    assert answer.status_code == 202
    assert answered(answer) == {"sync_run_id": hub.row(SyncRun).id}


def test_viewer_may_look_but_not_start(hub: HubInProcess, client: FlaskClient) -> None:
    assert client.post(f"{base(hub)}/sync", json={}, headers=bearer(hub, "viewer")).status_code == 403
    assert client.get(f"{base(hub)}/sync-runs", headers=bearer(hub, "viewer")).status_code == 200


def test_other_tenants_integration_and_run_are_not_found(hub: HubInProcess, client: FlaskClient) -> None:
    other = new_tenant(hub.world, hub.provider)
    theirs = sync_now(other).id
    for path in (f"{base(other)}/sync-runs", f"{base(other)}/sync-runs/{theirs}", f"{base(hub)}/sync-runs/{theirs}"):
        assert client.get(path, headers=bearer(hub)).status_code == 404
    for route in ("sync", "sync-invoices"):
        assert client.post(f"{base(other)}/{route}", json={}, headers=bearer(hub)).status_code == 404


def test_disconnected_account_cannot_be_synced(hub: HubInProcess, client: FlaskClient) -> None:
    service.disconnect(hub.tenant_id, hub.integration_id, actor=SYSTEM)
    answer = client.post(f"{base(hub)}/sync", json={}, headers=bearer(hub))
    assert (answer.status_code, answered(answer)["code"]) == (409, "not_connected")
