"""Card numbers that people typed at the provider, and secrets that its documents hold: neither is ever stored."""

from __future__ import annotations

import pytest

from hub import queue
from hub.models import Client, Invoice, SyncRun
from tests.integration.scene import Scene, Shop
from tests.integration.test_both_ways import edit_customer
from tests.whole_run.planted import CARD_NUMBER
from tests.whole_run.search import Search
from tests.whole_run.stores import search_database

TYPED = {
    "stripe": ("create_customer", {"name": f"Ada {CARD_NUMBER}", "description": f"pays by {CARD_NUMBER}"}),
    "square": ("customer_create", {"given_name": "Ada", "family_name": CARD_NUMBER, "note": f"pays by {CARD_NUMBER}"}),
}
BILLED = {
    "stripe": ("create_invoice", {"amount": 12_500, "description": f"Card {CARD_NUMBER}, as told by telephone"}),
    "square": ("invoice_create", {"amount": 12_500, "title": f"Card {CARD_NUMBER}, as told by telephone"}),
}
MASKED = "***1111"


def open_shop(scene: Scene, provider_name: str) -> tuple[Shop, str]:
    """Connected and read once, with a customer and an invoice that hold a card number; the customer's id."""
    twin = scene.twins[provider_name]
    account = twin.new_account()
    action, fields = TYPED[provider_name]
    made = twin.act(account[0], action, email_address="ada@example.com", **fields)
    customer_id = str(made["id"] if provider_name == "stripe" else made["customer"]["id"])
    action, fields = BILLED[provider_name]
    twin.act(account[0], action, customer_id=customer_id, **fields)
    shop = scene.connect(provider_name, account=account)
    queue.run_pending()
    assert shop.row(SyncRun).outcome == "completed"
    return shop, customer_id


def stored_secrets(scene: Scene) -> dict[str, int]:
    search = Search()
    search_database(scene.database_url, search)
    assert search.looked_at["tables"] > 20
    return dict(search.findings)


def test_card_number_in_a_customer_and_an_invoice_is_stored_nowhere(scene: Scene, provider_name: str) -> None:
    shop, customer_id = open_shop(scene, provider_name)
    assert CARD_NUMBER in str(shop.truth())
    client = shop.client(customer_id)
    assert client is not None
    assert MASKED in client.display_name
    assert MASKED in str(shop.remotes("customer")[customer_id].data)
    assert MASKED in str([row.description for row in shop.rows(Invoice)]) + str(shop.remotes("invoice").popitem()[1].data)
    assert stored_secrets(scene) == {}
    counts = shop.sync(full=True).counts
    assert counts["customer"]["updated"] == 0  # what was masked is no news each time it is read
    assert counts["invoice"]["updated"] == 0


def test_card_number_in_a_webhook_is_neither_in_the_inbox_nor_applied(scene: Scene, provider_name: str) -> None:
    shop, customer_id = open_shop(scene, provider_name)
    edit_customer(shop, customer_id, f"Byron {CARD_NUMBER}", "+12025550143")
    shop.hear()
    (client,) = shop.rows(Client)
    assert (client.display_name, client.phone) == (f"Ada Byron {MASKED}", "+12025550143")
    assert MASKED in str([event.body for event in shop.events()])
    assert stored_secrets(scene) == {}


def test_card_number_in_a_name_survives_an_edit_here_without_going_out(scene: Scene, provider_name: str) -> None:
    """An edit of another field sends that field alone: the provider's own text is not overwritten with the mask."""
    shop, customer_id = open_shop(scene, provider_name)
    (client,) = shop.rows(Client)
    shop.api("PATCH", f"/api/clients/{client.id}", {"phone": "+12025550199"})
    queue.run_pending()
    (theirs,) = [raw for raw in shop.truth()["customers"] if raw["id"] == customer_id]
    assert "+12025550199" in str(theirs)
    assert CARD_NUMBER in str(theirs)


@pytest.mark.parametrize("provider_name", ["stripe"])
def test_client_secret_of_a_payment_is_for_the_payers_browser_only(scene: Scene, provider_name: str) -> None:
    shop, _ = open_shop(scene, provider_name)
    (external_id,) = shop.remotes("invoice")
    shop.act("pay_invoice", invoice_id=external_id)
    shop.hear()
    shop.sync(full=True)
    (intent,) = shop.truth()["payment_intents"]
    assert "_secret_" in intent["client_secret"]
    assert shop.remotes("payment")[intent["id"]].data["client_secret"] == "***"
    assert any("payment_intent" in event.event_type for event in shop.events())
    assert stored_secrets(scene) == {}
