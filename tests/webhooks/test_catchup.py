"""Events that no delivery brought are found in the provider's feed, each by the integration it belongs to."""

from __future__ import annotations

import pytest

import wsgi
from hub import queue
from hub.audit import SYSTEM
from hub.integrations import service
from hub.models import WebhookEvent
from providers.errors import Transient
from tests.integration.scene import Scene, Shop
from webhooks.catchup import catch_up

HANDLERS = ("ensure_endpoints", "process_events")


@pytest.fixture(autouse=True)
def _no_syncs(scene: Scene) -> None:
    """What arrives here came by a delivery or from the feed."""
    queue.register({name: wsgi.HANDLERS[name] for name in HANDLERS})


def make_customer(shop: Shop) -> str:
    if shop.twin.name == "stripe":
        return str(shop.act("create_customer", name="Ada Byron")["id"])
    return str(shop.act("customer_create", given_name="Ada", family_name="Byron")["customer"]["id"])


def delete_customer(shop: Shop, external_id: str) -> None:
    shop.act({"stripe": "delete_customer", "square": "customer_delete"}[shop.twin.name], customer_id=external_id)


def catch(shop: Shop) -> int:
    return catch_up(shop.tenant_id, shop.integration_id)


def ready(shop: Shop) -> Shop:
    """Its endpoint stands, and its mark in the feed is set, as after the first sync."""
    queue.run_pending()
    assert catch(shop) == 0
    catch(shop)  # what the connect itself told before its mark was set (Stripe: account.application.authorized)
    return shop


def of_customers(shop: Shop) -> list[WebhookEvent]:
    return [event for event in shop.events() if event.event_type.startswith("customer.")]


def drop_all(shop: Shop) -> None:
    shop.twin.webhooks(chaos={"drop": 1.0})


def test_lost_events_are_caught_up_in_one_run(scene: Scene, provider_name: str) -> None:
    shop = ready(scene.connect(provider_name))
    drop_all(shop)
    made = [make_customer(shop) for _ in range(3)]
    shop.hear()
    assert shop.remotes("customer") == {}
    assert catch(shop) == 3
    assert set(shop.remotes("customer")) == set(made)
    assert {(event.via, event.outcome) for event in of_customers(shop)} == {("feed", "applied")}


def test_events_that_were_delivered_are_not_taken_again(scene: Scene, provider_name: str) -> None:
    shop = ready(scene.connect(provider_name))
    make_customer(shop)
    shop.hear()
    assert catch(shop) == 0
    assert [event.via for event in of_customers(shop)] == ["webhook"]


def test_lost_deletion_is_found(scene: Scene, provider_name: str) -> None:
    shop = ready(scene.connect(provider_name))
    made = make_customer(shop)
    shop.hear()
    drop_all(shop)
    delete_customer(shop, made)
    shop.hear()
    assert set(shop.remotes("customer")) == {made}
    catch(shop)
    assert shop.remotes("customer") == {}


def test_each_integration_takes_its_own_events_and_leaves_the_others_theirs(scene: Scene, provider_name: str) -> None:
    first, second = ready(scene.connect(provider_name)), ready(scene.connect(provider_name))
    drop_all(first)
    mine, theirs = make_customer(first), make_customer(second)
    first.hear()
    assert catch(first) == 1
    assert set(first.remotes("customer")) == {mine}
    assert second.remotes("customer") == {}
    assert catch(second) == 1
    assert set(second.remotes("customer")) == {theirs}


def test_account_connected_by_key_catches_up_from_its_own_feed(scene: Scene, provider_name: str) -> None:
    shop = ready(scene.connect_by_key(provider_name))
    drop_all(shop)
    made = make_customer(shop)
    shop.hear()
    assert catch(shop) == 1
    assert set(shop.remotes("customer")) == {made}


def test_events_that_came_while_webhooks_were_switched_off_are_taken_by_the_next_run(scene: Scene, provider_name: str) -> None:
    shop = ready(scene.connect(provider_name))
    kept = make_customer(shop)
    shop.hear()
    service.configure(shop.tenant_id, shop.integration_id, {"webhook_enabled": False}, actor=SYSTEM)
    made = make_customer(shop)
    delete_customer(shop, kept)
    shop.hear()
    assert set(shop.remotes("customer")) == {kept}
    assert catch(shop) == 2
    assert set(shop.remotes("customer")) == {made}


def test_feed_is_read_through_pages(scene: Scene, provider_name: str) -> None:
    shop = ready(scene.connect(provider_name))
    drop_all(shop)
    made = {make_customer(shop) for _ in range(105)}
    assert catch(shop) == 105
    assert set(shop.remotes("customer")) == made


def test_feed_that_fails_moves_no_mark_and_loses_nothing(scene: Scene, provider_name: str) -> None:
    shop = ready(scene.connect(provider_name))
    drop_all(shop)
    made = make_customer(shop)
    shop.twin.fault(kind="server_error", path="/v?/events", times=1)
    with pytest.raises(Transient):
        catch(shop)
    assert catch(shop) == 1
    assert set(shop.remotes("customer")) == {made}
