"""Signed events that nobody foresaw: kept, answered with 200, and harmless to all others."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

import wsgi
from hub import db, queue
from hub.integrations import sealed
from hub.models import Endpoint, SyncRun, WebhookEvent
from providers.stripe.settings import API_VERSION
from tests.integration.scene import Scene, Shop
from webhooks.square import SIGNATURE_HEADER


@pytest.fixture
def shop(scene: Scene, provider_name: str) -> Shop:
    queue.register({name: wsgi.HANDLERS[name] for name in ("ensure_endpoints", "process_events")})
    connected = scene.connect(provider_name)
    queue.run_pending()
    return connected


def customer_at(shop: Shop, name: str) -> str:
    if shop.twin.name == "stripe":
        return str(shop.act("create_customer", name=name)["id"])
    return str(shop.act("customer_create", given_name=name)["customer"]["id"])


def body_of(shop: Shop, event_type: str, thing: Any, **more: Any) -> tuple[str, bytes]:
    """An event in the provider's own envelope; (its id, the body)."""
    event_id = f"evt_{uuid.uuid4().hex}"
    if shop.twin.name == "stripe":
        envelope = {
            "id": event_id,
            "object": "event",
            "type": event_type,
            "created": int(time.time()),
            "livemode": False,
            "api_version": API_VERSION,
            "account": shop.account_id,
            "data": {"object": thing},
            **more,
        }
    else:
        noun = event_type.partition(".")[0]
        envelope = {
            "merchant_id": shop.account_id,
            "type": event_type,
            "event_id": event_id,
            "created_at": datetime.now(UTC).isoformat(),
            "data": {"type": noun, "id": thing.get("id"), "object": {noun: thing}},
            **more,
        }
    return event_id, orjson.dumps(envelope)


def deliver(shop: Shop, body: bytes) -> httpx.Response:
    """To the platform's endpoint, signed as the provider signs."""
    row = shop.scene.endpoint(shop.twin.name)
    with db.system_session() as session:
        secret = sealed.open_endpoint_secrets(session, session.get_one(Endpoint, row.id))[0].reveal()
    url = f"{shop.scene.base_url}/api/webhooks/{shop.twin.name}"
    if shop.twin.name == "stripe":
        at = int(time.time())
        signature = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={at},v1={signature}"}
    else:
        headers = {SIGNATURE_HEADER: base64.b64encode(hmac.digest(secret.encode(), url.encode() + body, hashlib.sha256)).decode()}
    return httpx.post(url, content=body, headers=headers, trust_env=False)


def kept(event_id: str) -> list[WebhookEvent]:
    with db.system_session() as session:
        return list(session.query(WebhookEvent).filter(WebhookEvent.event_id == event_id))


def thing_of(shop: Shop, external_id: str, **more: Any) -> dict[str, Any]:
    return {"id": external_id, "object": "customer", **more}


@pytest.mark.parametrize(
    "odd",
    [
        {"address": "x"},
        {"address": ["x"], "created": "yesterday", "created_at": 5},
        {"phone": {"number": 1}, "phone_number": [1], "metadata": "none", "email": 7},
    ],
    ids=["address", "times", "phone"],
)
def test_event_whose_content_cannot_be_read_is_settled_by_reading_the_record(shop: Shop, odd: dict[str, Any]) -> None:
    external_id = customer_at(shop, "Ada")
    event_id, body = body_of(shop, "customer.updated", thing_of(shop, external_id, **odd))
    assert deliver(shop, body).status_code == 200
    shop.hear()
    [row] = kept(event_id)
    assert row.tenant_id == shop.tenant_id
    assert row.done_at is not None
    client = shop.client(external_id)
    assert client is not None
    assert client.given_name == "Ada"


@pytest.mark.parametrize("account", [5, ["acct_1"], {"id": "acct_1"}, True], ids=str)
def test_event_whose_account_is_no_name_is_quarantined(shop: Shop, account: object) -> None:
    field = "account" if shop.twin.name == "stripe" else "merchant_id"
    event_id, body = body_of(shop, "customer.updated", thing_of(shop, "cus_odd"), **{field: account})
    assert deliver(shop, body).status_code == 200
    [row] = kept(event_id)
    assert (row.tenant_id, row.outcome) == (None, "quarantined")


def test_amount_that_is_no_whole_number_parks_nobody_elses_event(shop: Shop) -> None:
    odd = {"id": "in_odd", "object": "invoice", "total": 1.5, "currency": "usd"}
    event_id, body = body_of(shop, "invoice.foo" if shop.twin.name == "stripe" else "invoice.updated", odd)
    assert deliver(shop, body).status_code == 200
    external_id = customer_at(shop, "Grace")
    shop.hear()
    assert len(kept(event_id)) == 1
    assert shop.client(external_id) is not None


@pytest.mark.parametrize("id", [7, ["a"], None, ""], ids=str)
def test_event_about_a_record_whose_id_is_no_text_is_kept_and_changes_nothing(shop: Shop, id: object) -> None:
    event_id, body = body_of(shop, "customer.updated", {**thing_of(shop, "x"), "id": id})
    assert deliver(shop, body).status_code == 200
    shop.hear()
    [row] = kept(event_id)
    assert row.done_at is not None
    assert row.parked_at is None


def test_event_with_a_nul_character_is_kept_without_it(shop: Shop) -> None:
    event_id, body = body_of(shop, "strange.thing\x00", {"id": "x\x00y", "object": "strange", "note": "a\x00b"})
    assert deliver(shop, body).status_code == 200
    [row] = kept(event_id)
    assert "a\x00b" not in orjson.dumps(row.body).decode()
    assert row.event_type == "strange.thing"


def test_customer_with_a_nul_in_the_name_stops_neither_webhooks_nor_rounds(scene: Scene) -> None:
    shop = scene.connect("stripe")
    queue.run_pending()
    odd = shop.act("create_customer", name="Nul\x00Name")["id"]
    plain = customer_at(shop, "Ada")
    shop.hear()
    assert {delivery["status"] for delivery in shop.twin.deliveries()} == {200}
    shop.sync()
    for external_id, name in ((odd, "NulName"), (plain, "Ada")):
        client = shop.client(external_id)
        assert client is not None
        assert client.display_name == name
    assert {run.outcome for run in shop.rows(SyncRun)} == {"completed"}
