"""The inbox over HTTP."""

from __future__ import annotations

import pytest
from sqlalchemy import select

import wsgi
from hub import clock, db, queue
from hub.models import AuditEntry, WebhookEvent
from tests.integration.scene import Scene, Shop

EVENTS = "/api/webhook-events"


@pytest.fixture
def shop(scene: Scene) -> Shop:
    """Three events came, and were processed."""
    queue.register({name: wsgi.HANDLERS[name] for name in ("ensure_endpoints", "process_events")})
    shop = scene.connect("square")
    queue.run_pending()
    for name in ("Ada", "Grace", "Hedy"):
        shop.act("customer_create", given_name=name)
    shop.hear()
    return shop


def park(shop: Shop, row_id: int) -> None:
    with db.tenant_session(shop.tenant_id) as session:
        row = session.scalars(select(WebhookEvent).where(WebhookEvent.id == row_id)).one()
        row.done_at, row.outcome, row.parked_at, row.reason = None, None, clock.now(), "it broke"


def test_events_are_listed_newest_first_without_their_content(shop: Shop) -> None:
    answer = shop.scene.request(shop.tenant_id, "GET", EVENTS)
    events = answer.json()["data"]
    assert [event["id"] for event in events] == sorted((event["id"] for event in events), reverse=True)
    assert {(event["provider"], event["event_type"], event["state"], event["outcome"]) for event in events} == {
        ("square", "customer.created", "done", "applied")
    }
    assert len(events) == 3
    assert "Hedy" not in answer.text


def test_events_are_paged_and_filtered_by_state(shop: Shop) -> None:
    first = shop.api("GET", f"{EVENTS}?limit=2")
    assert len(first["data"]) == 2
    rest = shop.api("GET", f"{EVENTS}?limit=2&cursor={first['next_cursor']}")
    assert len({event["id"] for event in first["data"] + rest["data"]}) == 3
    park(shop, first["data"][0]["id"])
    (parked,) = shop.api("GET", f"{EVENTS}?state=parked")["data"]
    assert (parked["id"], parked["state"], parked["reason"]) == (first["data"][0]["id"], "parked", "it broke")
    assert len(shop.api("GET", f"{EVENTS}?state=done")["data"]) == 2
    assert shop.api("GET", f"{EVENTS}?state=open")["data"] == []
    assert len(shop.api("GET", f"{EVENTS}?integration_id={shop.integration_id}")["data"]) == 3


def test_unknown_state_is_refused(shop: Shop) -> None:
    assert shop.scene.request(shop.tenant_id, "GET", f"{EVENTS}?state=lost").status_code == 422


def test_replayed_event_is_processed_again_and_audited(shop: Shop) -> None:
    row_id = shop.api("GET", EVENTS)["data"][0]["id"]
    park(shop, row_id)
    assert shop.api("POST", f"{EVENTS}/{row_id}/replay") == {"replayed": 1}
    queue.run_pending()
    (event,) = [event for event in shop.api("GET", EVENTS)["data"] if event["id"] == row_id]
    assert event["state"] == "done"
    assert len(shop.rows(AuditEntry, action="webhook_event.replayed")) == 1


def test_event_of_another_tenant_is_neither_seen_nor_replayed(shop: Shop) -> None:
    stranger = shop.scene.new_tenant()
    row_id = shop.api("GET", EVENTS)["data"][0]["id"]
    assert shop.scene.request(stranger, "GET", EVENTS).json()["data"] == []
    assert shop.scene.request(stranger, "POST", f"{EVENTS}/{row_id}/replay").status_code == 404


def test_viewer_may_look_but_not_replay(shop: Shop) -> None:
    row_id = shop.api("GET", EVENTS)["data"][0]["id"]
    assert shop.scene.request(shop.tenant_id, "GET", EVENTS, role="viewer").status_code == 200
    assert shop.scene.request(shop.tenant_id, "POST", f"{EVENTS}/{row_id}/replay", role="viewer").status_code == 403


def test_replay_again_under_the_same_key_is_answered_and_not_done_again(shop: Shop) -> None:
    row_id = shop.api("GET", f"{EVENTS}?limit=1")["data"][0]["id"]
    for _ in range(2):
        park(shop, row_id)
        answer = shop.scene.request(shop.tenant_id, "POST", f"{EVENTS}/{row_id}/replay", key="again")
        assert answer.json() == {"replayed": 1}
    assert shop.api("GET", f"{EVENTS}?state=parked")["data"][0]["id"] == row_id
