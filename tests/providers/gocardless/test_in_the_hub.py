"""GoCardless in the hub: offered only where switched on, synced, told by signed deliveries. With the twin and a real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from sqlalchemy import select

from hub import clock, db, process, queue, web
from hub.audit import SYSTEM
from hub.config import Settings
from hub.http import create_app
from hub.identity import administration
from hub.integrations import oauth, service
from hub.models import Client, Payment, WebhookEvent
from providers.contract import OpenGate
from providers.fake.world import FakeWorld, Merchant
from providers.gocardless.provider import GoCardlessProvider
from providers.records import Customer, Money, PaymentDraft, PaymentMethod
from providers.records import Payment as PaymentRecord
from sync import run
from tests.contract.scene import new_key
from tests.hub.apps import Business, new_business, settings_for
from tests.providers.gocardless.harness import Harness, build
from tests.sync.hub_in_process import HubInProcess, forget_route, sync_now
from tests.whole_run.answers import searched
from webhooks.process import process_integration
from webhooks.receive import blueprint as webhook_routes
from webhooks.receive import receivers

SWITCH = {"PAYHUB_EXPERIMENTAL_PROVIDERS": "gocardless"}
CREDENTIALS = {"GOCARDLESS_CLIENT_ID": "an_app", "GOCARDLESS_CLIENT_SECRET": "a_secret_of_the_app"}
WARNING = "has been tried out only against a stand-in"


def choice_page(settings: Settings, database_url: str, credentials: dict[str, str]) -> tuple[str, Business]:
    providers = {"gocardless": GoCardlessProvider.from_env(credentials)}
    process.boot(settings, database_url=database_url, redis_url=None, providers=providers)
    business = new_business()
    answer = searched(create_app(settings, web.blueprints)).test_client().get("/integrations/connect", headers=business.bearer())
    assert answer.status_code == 200
    return answer.get_data(as_text=True), business


def start(business: Business) -> str:
    return oauth.start(business.tenant_id, "gocardless", "/integrations/connected", actor=SYSTEM, user_id=None)


def test_experimental_provider_is_offered_with_a_warning_where_the_environment_names_it(
    tmp_path: Path, database_url: str
) -> None:
    page, business = choice_page(settings_for(tmp_path, **SWITCH), database_url, CREDENTIALS)
    assert "GoCardless (experimental)" in page
    assert WARNING in page
    assert "Continue to GoCardless" in page
    assert start(business).startswith("http")


def test_experimental_provider_that_nobody_named_is_neither_shown_nor_connected(tmp_path: Path, database_url: str) -> None:
    page, business = choice_page(settings_for(tmp_path), database_url, CREDENTIALS)
    assert "GoCardless" not in page
    with pytest.raises(oauth.ConnectRefused) as refused:
        start(business)
    assert refused.value.code == "unknown_provider"


def test_experimental_provider_that_is_not_set_up_is_not_shown(tmp_path: Path, database_url: str) -> None:
    page, _ = choice_page(settings_for(tmp_path, **SWITCH), database_url, {})
    assert "GoCardless" not in page


@pytest.fixture
def connected(database_url: str, tmp_path: Path) -> Iterator[tuple[HubInProcess, Harness]]:
    with build() as harness:
        assert isinstance(harness, Harness)
        settings = settings_for(tmp_path, **SWITCH)
        providers = {"gocardless": harness.provider}
        process.boot(settings, database_url=database_url, redis_url=None, providers=providers)
        queue.register({})
        run.register_catchup(None)
        profile = harness.provider.account(harness.credentials, gate=OpenGate()).describe()
        forget_route(harness.credentials.account_id)
        tenant_id = administration.create_tenant("Corner Shop")
        integration_id, _ = service.save(tenant_id, harness.provider, harness.credentials, profile, actor=SYSTEM)
        idle = FakeWorld()
        provider = harness.provider
        yield HubInProcess(tenant_id, integration_id, idle, provider, Merchant(idle, idle.create_account()), ""), harness  # type: ignore[arg-type]


def pass_time(harness: Harness, span: timedelta) -> None:
    """Here and there."""
    clock.advance(span)
    harness.twin.control("POST", "clock", {"advance_seconds": span.total_seconds()})


def given_names(hub: HubInProcess) -> set[str]:
    return {row.given_name for row in hub.rows(Client)}


def test_customer_whose_edit_no_event_tells_is_read_anew_once_a_day(connected: tuple[HubInProcess, Harness]) -> None:
    hub, harness = connected
    [customer_id] = harness.seed(Customer, 1)
    assert sync_now(hub, kind="initial").outcome == "completed"
    pass_time(harness, timedelta(minutes=30))
    assert sync_now(hub).outcome == "completed"
    harness.act("customer_edit", id=customer_id, given_name="Augusta")
    pass_time(harness, timedelta(hours=1))
    assert sync_now(hub).counts["customer"]["updated"] == 0
    assert given_names(hub) == {"Ada"}
    pass_time(harness, timedelta(hours=21))
    assert sync_now(hub).counts["customer"]["updated"] == 1
    assert given_names(hub) == {"Augusta"}


def test_signed_delivery_of_several_events_updates_each_payment_and_counts_a_replay_once(
    connected: tuple[HubInProcess, Harness], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, harness = connected
    paid, lost = harness.seed(PaymentRecord, 2)
    assert sync_now(hub, kind="initial").outcome == "completed"
    harness.act("payment_charge_back", id=lost)
    [mandate] = harness.seed(PaymentMethod, 1)
    draft = PaymentDraft(amount=Money(4_200, "GBP"), source=mandate)
    new = harness.account().create(draft, key=new_key())
    headers = {"Authorization": f"Bearer {harness.credentials.access_token}", "GoCardless-Version": "2015-07-06"}
    events = harness.twin.http.get("/events", headers=headers).json()["events"]
    assert len(events) == 2
    for event in events:
        event["links"]["organisation"] = harness.account_id
    request = harness.sign(orjson.dumps({"events": events, "meta": {"webhook_id": "WB1"}}))
    monkeypatch.setenv("GOCARDLESS_WEBHOOK_SECRETS", harness.secrets[0].value)
    receivers.forget()
    client = searched(create_app(process.settings(), [webhook_routes])).test_client()
    for _ in range(2):
        assert client.post("/api/webhooks/gocardless", data=request.body, headers=dict(request.headers)).status_code == 200
    forged = {**request.headers, "webhook-signature": "0" * 64}
    assert client.post("/api/webhooks/gocardless", data=request.body, headers=forged).status_code == 400
    with db.tenant_session(hub.tenant_id) as session:
        assert len(session.scalars(select(WebhookEvent)).all()) == 2
    process_integration(hub.tenant_id, hub.integration_id)
    receivers.forget()
    statuses = {row.external_id: row.status for row in hub.rows(Payment)}
    assert statuses == {paid: "succeeded", lost: "failed", new.id: "pending"}
