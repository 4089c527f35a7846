"""What a quiet hour costs at the provider."""

from __future__ import annotations

from tests.integration.scene import Scene

CUSTOMERS = 350


def test_round_of_a_quiet_stripe_account_lists_nothing_again(scene: Scene) -> None:
    """Stripe's lists know no "changed since": the feed tells what changed, so 350 customers cost no four pages each hour."""
    shop = scene.connect("stripe")
    shop.twin.control("POST", "seed", {"account_id": shop.account_id, "customers": CUSTOMERS})
    shop.sync()
    shop.twin.control("DELETE", "requests")
    run = shop.sync()
    reads = [each for each in shop.twin.control("GET", "requests")["requests"] if each["method"] == "GET"]
    listed = [each for each in reads if each["path"] == "/v1/customers"]
    assert run.outcome == "completed"
    assert len(listed) == 1
    assert len(reads) <= 15
