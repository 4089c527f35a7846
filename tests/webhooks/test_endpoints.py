"""Our registrations at the providers: made, kept, repaired; each account's events come only by its own way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import select

import wsgi
from hub import clock, db, doctor, queue
from hub.audit import SYSTEM
from hub.integrations import sealed, service
from hub.models import Endpoint as EndpointRow
from hub.models import WebhookEvent
from providers.contract import OpenGate
from providers.records import Endpoint, EndpointDraft
from sync import schedule
from tests.integration.scene import Scene, Shop
from webhooks import endpoints
from webhooks.receive import receivers
from webhooks.square import SIGNATURE_HEADER

REGISTRATIONS = {"stripe": "/v1/webhook_endpoints", "square": "/v2/webhooks/subscriptions"}
NO_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)
SECRET_VARIABLE = {"stripe": "STRIPE_WEBHOOK_SECRETS", "square": "SQUARE_WEBHOOK_SIGNATURE_KEYS"}


def registrations(scene: Scene, provider: str) -> list[Endpoint]:
    """What the provider holds; when it said so (`as_of`) is left out, as it differs between two looks."""
    return [replace(record, as_of=NO_MOMENT) for record in scene.platform(provider).list(Endpoint).records]


def wanted(scene: Scene, provider: str) -> EndpointDraft:
    receiver = receivers.get(provider)
    assert receiver is not None
    return receiver.handler.wanted_endpoint(f"{scene.base_url}/api/webhooks/{provider}")


def secrets_of(row: EndpointRow) -> list[str]:
    with db.system_session() as session:
        return [secret.reveal() for secret in sealed.open_endpoint_secrets(session, session.get_one(EndpointRow, row.id))]


def make_customer(shop: Shop) -> str:
    """The merchant adds a customer; its id."""
    if shop.twin.name == "stripe":
        return str(shop.act("create_customer", name="Ada Byron")["id"])
    return str(shop.act("customer_create", given_name="Ada", family_name="Byron")["customer"]["id"])


def assert_hears(shop: Shop) -> None:
    """A customer made at the provider comes by a webhook."""
    external_id = make_customer(shop)
    shop.hear()
    assert shop.twin.deliveries()[-1]["status"] == 200
    client = shop.client(external_id)
    assert client is not None
    assert client.display_name == "Ada Byron"


@pytest.fixture(autouse=True)
def _no_syncs(scene: Scene) -> None:
    """What arrives here came by a delivery."""
    queue.register({name: wsgi.HANDLERS[name] for name in ("ensure_endpoints", "process_events")})


@pytest.fixture
def connected(scene: Scene, provider_name: str) -> Shop:
    shop = scene.connect(provider_name)
    queue.run_pending()
    return shop


# --- the platform's endpoint ---------------------------------------------------------------------------------------------


def test_connect_registers_the_platforms_endpoint_whose_deliveries_are_accepted(connected: Shop) -> None:
    scene, provider = connected.scene, connected.twin.name
    (present,) = registrations(scene, provider)
    draft = wanted(scene, provider)
    assert (present.url, present.api_version, present.active) == (draft.url, draft.api_version, True)
    assert present.event_types == draft.event_types
    row = scene.endpoint(provider)
    assert (row.external_id, row.api_version, row.error) == (present.id, draft.api_version, None)
    (secret,) = secrets_of(row)
    assert secret.encode() not in bytes(row.sealed_secret or b"")
    assert_hears(connected)


def test_second_install_changes_nothing(connected: Shop) -> None:
    scene, provider = connected.scene, connected.twin.name
    before, secrets_before = registrations(scene, provider), secrets_of(scene.endpoint(provider))
    connected.twin.control("DELETE", "requests")
    (row,) = endpoints.install([provider])
    assert {entry["method"] for entry in connected.twin.requests(REGISTRATIONS[provider])} == {"GET"}
    assert (row.error, secrets_of(row)) == (None, secrets_before)
    assert registrations(scene, provider) == before


@pytest.mark.parametrize("damage", ["types", "disabled", "url"])
def test_registration_that_drifted_is_repaired_by_install(connected: Shop, damage: str) -> None:
    scene, provider = connected.scene, connected.twin.name
    draft = wanted(scene, provider)
    changed = EndpointDraft(
        url="http://127.0.0.1:1/elsewhere" if damage == "url" else draft.url,
        event_types=frozenset(["customer.created"]) if damage == "types" else draft.event_types,
        api_version=draft.api_version,
        active=damage != "disabled",
    )
    (present,) = registrations(scene, provider)
    scene.platform(provider).update(present.id, changed, version=None, key="ph1damage")
    assert registrations(scene, provider) != [present]
    (row,) = endpoints.install([provider])
    (repaired,) = registrations(scene, provider)
    assert (repaired.id, repaired.url, repaired.active) == (present.id, draft.url, True)
    assert repaired.event_types == draft.event_types
    assert row.active
    assert_hears(connected)


def test_registration_of_another_version_is_replaced_and_its_last_deliveries_still_count(scene: Scene) -> None:
    shop = scene.connect("stripe")
    queue.run_pending()
    row = scene.endpoint("stripe")
    draft = wanted(scene, "stripe")
    old = scene.platform("stripe").create(
        EndpointDraft(url=draft.url, event_types=draft.event_types, api_version="2025-03-31.basil"), key="ph1old"
    )
    with db.system_session() as session:
        stored = session.get_one(EndpointRow, row.id)
        stored.external_id = old.id
        assert old.secret is not None
        sealed.seal_endpoint_secret(session, stored, old.secret)
    endpoints.install(["stripe"])
    (present,) = registrations(scene, "stripe")
    assert present.api_version == draft.api_version
    assert present.id != old.id
    assert secrets_of(row)[1:] == [old.secret]
    assert_hears(shop)


def test_registration_whose_secret_is_lost_is_made_good(connected: Shop) -> None:
    scene, provider = connected.scene, connected.twin.name
    row = scene.endpoint(provider)
    with db.system_session() as session:
        session.get_one(EndpointRow, row.id).sealed_secret = None
    receivers.forget()
    endpoints.install([provider])
    assert len(registrations(scene, provider)) == 1
    assert_hears(connected)


def test_registration_made_by_a_call_whose_answer_was_lost_is_not_left_beside_the_new_one(
    scene: Scene, provider_name: str
) -> None:
    twin = scene.twins[provider_name]
    twin.fault(kind="dropped", method="POST", path=REGISTRATIONS[provider_name])
    shop = scene.connect(provider_name)
    queue.run_pending()
    assert len(registrations(scene, provider_name)) == 1
    assert scene.endpoint(provider_name).error
    (row,) = endpoints.install([provider_name])
    assert row.error is None
    assert len(registrations(scene, provider_name)) == 1
    assert_hears(shop)


def test_new_secret_is_kept_when_the_old_registration_cannot_be_removed_yet(scene: Scene) -> None:
    shop = scene.connect("stripe")
    queue.run_pending()
    row = scene.endpoint("stripe")
    with db.system_session() as session:
        session.get_one(EndpointRow, row.id).sealed_secret = None
    receivers.forget()
    scene.twins["stripe"].fault(kind="html_error", method="DELETE", path="/v1/webhook_endpoints/*")
    (row,) = endpoints.install(["stripe"])
    assert row.error
    assert len(registrations(scene, "stripe")) == 2
    (row,) = endpoints.install(["stripe"])
    assert row.error is None
    assert [present.id for present in registrations(scene, "stripe")] == [row.external_id]
    assert_hears(shop)


def test_registration_that_somebody_else_made_at_our_url_is_left_alone(scene: Scene) -> None:
    draft = wanted(scene, "stripe")
    theirs = scene.platform("stripe").create(
        EndpointDraft(url=draft.url, event_types=draft.event_types, name="by hand"), key="ph1theirs"
    )
    endpoints.install(["stripe"])
    assert theirs.id in {present.id for present in registrations(scene, "stripe")}
    assert len(registrations(scene, "stripe")) == 2


def test_secret_of_the_environment_serves_and_nothing_is_registered(scene: Scene, provider_name: str) -> None:
    by_hand = scene.platform(provider_name).create(wanted(scene, provider_name), key="ph1byhand")
    assert by_hand.secret is not None
    scene.reboot(**{SECRET_VARIABLE[provider_name]: by_hand.secret})
    shop = scene.connect(provider_name)
    queue.run_pending()
    assert [present.id for present in registrations(scene, provider_name)] == [by_hand.id]
    assert_hears(shop)


def test_two_connects_at_once_register_one_endpoint(scene: Scene, provider_name: str) -> None:
    shops = [scene.connect(provider_name) for _ in range(2)]
    threads = [
        threading.Thread(target=endpoints.ensure_for_integration, args=(shop.tenant_id, shop.integration_id)) for shop in shops
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [present.id for present in registrations(scene, provider_name)] == [scene.endpoint(provider_name).external_id]
    queue.run_pending()
    for shop in shops:
        assert_hears(shop)


# --- a provider that refuses or is away ----------------------------------------------------------------------------------

FAULTS: dict[str, dict[str, Any]] = {
    "refusal": {"kind": "conflict"},
    "outage": {"kind": "html_error"},
    "silence": {"kind": "dropped_before"},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_failed_registration_is_noted_and_made_good_within_the_hour_and_the_connect_stands(
    scene: Scene, provider_name: str, fault: str
) -> None:
    twin = scene.twins[provider_name]
    twin.fault(path=f"{REGISTRATIONS[provider_name]}*", times=None, **FAULTS[fault])
    shop = scene.connect(provider_name)
    queue.run_pending()
    assert shop.integration().status == "active"
    assert scene.endpoint(provider_name).error
    assert [finding.what for finding in doctor.check_endpoints() if provider_name in finding.what]
    twin.control("DELETE", "faults")
    schedule.plan_endpoints()
    queue.run_pending()
    assert scene.endpoint(provider_name).error  # not before an hour is over
    clock.advance(timedelta(minutes=61))
    schedule.plan_endpoints()
    queue.run_pending()
    assert scene.endpoint(provider_name).error is None
    assert list(doctor.check_endpoints()) == []
    assert len(registrations(scene, provider_name)) == 1


def test_endpoint_that_the_provider_switched_off_is_found_within_a_day(connected: Shop) -> None:
    scene, provider = connected.scene, connected.twin.name
    draft, (present,) = wanted(scene, provider), registrations(scene, provider)
    off = EndpointDraft(url=draft.url, event_types=draft.event_types, api_version=draft.api_version, active=False)
    scene.platform(provider).update(present.id, off, version=None, key="ph1off")
    assert schedule.plan_endpoints() == 0
    clock.advance(timedelta(hours=25))
    schedule.tick()
    queue.run_pending()
    assert registrations(scene, provider)[0].active


# --- accounts connected by a key or token --------------------------------------------------------------------------------


@pytest.fixture
def keyed(scene: Scene, provider_name: str) -> Shop:
    shop = scene.connect_by_key(provider_name)
    queue.run_pending()
    return shop


def own_registrations(shop: Shop) -> list[Endpoint]:
    provider = service.provider_of(shop.integration())
    account = provider.account(provider.credentials_from_key(shop.key), gate=OpenGate())
    return list(account.list(Endpoint).records)


def deliver(shop: Shop, body: bytes) -> httpx.Response:
    """As the provider would over the account's own endpoint."""
    (secret,) = secrets_of(shop.endpoint())
    return deliver_signed(shop, body, secret)


def deliver_signed(shop: Shop, body: bytes, secret: str) -> httpx.Response:
    url, at = shop.endpoint().url, int(clock.now().timestamp())
    if shop.twin.name == "stripe":
        signature = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={at},v1={signature}"}
    else:
        signed = hmac.digest(secret.encode(), url.encode() + body, hashlib.sha256)
        headers = {SIGNATURE_HEADER: base64.b64encode(signed).decode()}
    return httpx.post(url, content=body, headers=headers, trust_env=False)


def test_account_connected_by_key_has_its_own_endpoint(keyed: Shop) -> None:
    row = keyed.endpoint()
    assert row.error is None
    (present,) = own_registrations(keyed)
    assert present.url == row.url == f"{keyed.scene.base_url}/api/webhooks/{keyed.twin.name}/{row.token}"
    assert registrations(keyed.scene, keyed.twin.name) == []
    assert_hears(keyed)
    assert keyed.twin.deliveries()[-1]["url"] == row.url


def test_two_accounts_connected_by_key_each_hear_only_themselves(scene: Scene, provider_name: str) -> None:
    first, second = scene.connect_by_key(provider_name), scene.connect_by_key(provider_name)
    queue.run_pending()
    assert first.endpoint().url != second.endpoint().url
    assert secrets_of(first.endpoint()) != secrets_of(second.endpoint())
    assert_hears(first)
    assert len(first.events()) == 1
    assert list(second.events()) == []


def event_body(shop: Shop, account_id: str, event_id: str) -> bytes:
    if shop.twin.name == "stripe":
        record = {"id": "cus_smuggled", "object": "customer", "name": "Eve", "created": 1, "metadata": {}, "livemode": False}
        created = int(clock.now().timestamp())
        event: dict[str, Any] = {"id": event_id, "object": "event", "type": "customer.created", "created": created}
        event |= {"livemode": False, "account": account_id, "data": {"object": record}}
        return orjson.dumps(event)
    customer = {"id": "SMUGGLED", "given_name": "Eve", "created_at": "2026-01-01T00:00:00Z", "version": 0}
    data = {"type": "customer", "id": "SMUGGLED", "object": {"customer": customer}}
    created_at = clock.now().isoformat()
    return orjson.dumps(
        {"merchant_id": account_id, "type": "customer.created", "event_id": event_id, "created_at": created_at, "data": data}
    )


def test_event_of_another_account_cannot_come_by_an_accounts_own_route(scene: Scene, provider_name: str) -> None:
    victim, attacker = scene.connect(provider_name), scene.connect_by_key(provider_name)
    queue.run_pending()
    answer = deliver(attacker, event_body(attacker, victim.account_id, "evt_smuggled"))
    queue.run_pending()
    assert answer.status_code == 200
    assert list(victim.events()) == []
    assert victim.remotes("customer") == {}
    with db.system_session() as session:
        assert session.scalars(select(WebhookEvent).where(WebhookEvent.event_id == "evt_smuggled")).all() == []
    assert deliver(attacker, event_body(attacker, attacker.account_id, "evt_own")).status_code == 200
    assert len(attacker.events()) == 1


def test_disconnect_removes_the_accounts_own_endpoint_at_the_provider(keyed: Shop) -> None:
    service.disconnect(keyed.tenant_id, keyed.integration_id, actor=SYSTEM)
    queue.run_pending()
    assert own_registrations(keyed) == []
    assert not keyed.endpoint().active


def test_late_delivery_to_the_endpoint_of_a_disconnected_account_is_answered_and_ignored(keyed: Shop) -> None:
    (secret,) = secrets_of(keyed.endpoint())
    service.disconnect(keyed.tenant_id, keyed.integration_id, actor=SYSTEM)
    queue.run_pending()
    body = event_body(keyed, keyed.account_id, "evt_late")
    assert deliver_signed(keyed, body, secret).status_code == 200
    assert list(keyed.events()) == []
    assert quarantined("evt_late") == []


def quarantined(event_id: str) -> list[WebhookEvent]:
    with db.system_session() as session:
        return list(session.scalars(select(WebhookEvent).where(WebhookEvent.event_id == event_id)))


def test_provider_that_is_away_does_not_hinder_a_disconnect(keyed: Shop) -> None:
    with away(keyed):
        receipt = service.disconnect(keyed.tenant_id, keyed.integration_id, actor=SYSTEM)
        queue.run_pending()
    assert receipt.key_destroyed
    assert keyed.integration().status == "disconnected"
    assert not keyed.endpoint().active


@contextmanager
def away(shop: Shop) -> Iterator[None]:
    shop.twin.fault(kind="dropped_before", path="/v*", times=None)
    yield
    shop.twin.control("DELETE", "faults")


def test_account_connected_again_by_key_hears_again(keyed: Shop) -> None:
    service.disconnect(keyed.tenant_id, keyed.integration_id, actor=SYSTEM)
    queue.run_pending()
    again = keyed.scene.connect_by_key(keyed.twin.name, account=(keyed.account_id, keyed.key), tenant_id=keyed.tenant_id)
    queue.run_pending()
    assert again.integration_id == keyed.integration_id
    assert again.endpoint().error is None
    assert len(own_registrations(again)) == 1
    assert_hears(again)


def test_failed_registration_of_an_own_endpoint_is_made_good_within_the_hour(scene: Scene, provider_name: str) -> None:
    twin = scene.twins[provider_name]
    twin.fault(kind="html_error", path=f"{REGISTRATIONS[provider_name]}*", times=None)
    shop = scene.connect_by_key(provider_name)
    queue.run_pending()
    assert shop.endpoint().error
    twin.control("DELETE", "faults")
    clock.advance(timedelta(minutes=61))
    schedule.plan_endpoints()
    queue.run_pending()
    assert shop.endpoint().error is None
    clock.reset()
    assert_hears(shop)
