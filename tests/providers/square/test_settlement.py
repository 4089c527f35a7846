"""Disputes, payouts, the counter: what is Square's own about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers import drift
from providers.contract import OpenGate, Verb
from providers.errors import OutcomeUnknown, Rejected
from providers.records import (
    CatalogItem,
    Dispute,
    DisputeDraft,
    DisputeStatus,
    Effect,
    EndpointDraft,
    EntryType,
    InventoryCount,
    Location,
    Money,
    Payment,
    PaymentLink,
    Payout,
    PayoutEntry,
    PayoutStatus,
    Subscription,
    TerminalCheckout,
    TerminalCheckoutDraft,
    TerminalStatus,
    Window,
)
from providers.square.mapping.event import EVENT_TYPES
from providers.square.settings import FEATURE_SCOPES, OLDER_API_VERSION, SCOPES, features_without
from tests.contract.scene import Scene, new_key
from tests.providers.square.harness import Harness
from tests.providers.square.test_deliveries import Mailbox, listening


def usd(minor_units: int) -> Money:
    return Money(minor_units, "USD")


@pytest.fixture
def quick(square: Harness) -> Harness:
    """Fees are known at once, so that there is something to pay out."""
    square.twin.control("POST", "settings", {"fee_delay_seconds": 0.0})
    return square


def paid_out(square: Harness, **more: Any) -> str:
    location = {name: value for name, value in more.items() if name == "location_id"}
    sold = square.act("pos_sale", amount=1_000, **location)["payment"]
    for _ in range(100):
        if square.account().get(Payment, sold["id"]).fee is not None:
            break
    return str(square.act("payout_send", **more)["payout"]["id"])


# --- payouts ---


def test_payouts_of_every_location_are_listed_the_inactive_ones_too(quick: Harness) -> None:
    places = [location.id for location in quick.account().list(Location).records]
    made = {paid_out(quick, location_id=place): place for place in places}
    away = next(location for location in quick.account().list(Location).records if not location.is_main)
    quick.act("location_update", location_id=away.id, status="INACTIVE")
    listed = {payout.id: payout.location_id for payout in Scene(quick).everything(Payout)}
    assert listed == made


def test_payout_that_fails_later_is_among_the_changes(quick: Harness) -> None:
    payout_id = paid_out(quick)
    sent = quick.account().get(Payout, payout_id)
    assert (sent.status, sent.failure) == (PayoutStatus.IN_TRANSIT, None)
    quick.act("payout_end", payout_id=payout_id, status="FAILED")
    since = sent.as_of + timedelta(days=10)  # Square tells no change time: what is two weeks old is read again
    [found] = [payout for payout in Scene(quick).everything(Payout, changed_since=since) if payout.id == payout_id]
    assert (found.status, found.failure) == (PayoutStatus.FAILED, "failed")
    assert Scene(quick).everything(Payout, changed_since=sent.as_of + timedelta(days=15)) == []


def test_payouts_of_a_window_are_those_made_in_it(quick: Harness) -> None:
    payout = quick.account().get(Payout, paid_out(quick))
    assert payout.created_at is not None
    inside = Window(since=payout.created_at, until=payout.created_at + timedelta(seconds=1))
    before = Window(since=payout.created_at - timedelta(days=1), until=payout.created_at - timedelta(hours=1))
    assert payout.id in {found.id for found in Scene(quick).everything(Payout, created=inside)}
    assert Scene(quick).everything(Payout, created=before) == []


def test_entries_name_their_payment_and_fee(quick: Harness) -> None:
    payout_id = paid_out(quick)
    [charge] = [
        entry for entry in Scene(quick).everything(PayoutEntry, parent_id=payout_id) if entry.entry_type is EntryType.CHARGE
    ]
    payment = quick.account().get(Payment, charge.payment_id or "")
    assert (charge.gross, charge.fee, charge.net) == (payment.amount, payment.fee, payment.net)


def test_instant_payout_has_a_fee_of_its_own_and_no_entries_to_list(quick: Harness) -> None:
    payout = quick.account().get(Payout, paid_out(quick, instant=True))
    assert (payout.automatic, payout.is_complete) == (False, False)
    assert payout.fee is not None


# --- fees and refunds of payments ---


def test_later_adjustment_changes_fee_and_net(quick: Harness) -> None:
    sold = quick.act("pos_sale", amount=1_000)["payment"]
    before = quick.account().get(Payment, sold["id"])
    for _ in range(100):
        if before.fee is not None:
            break
        before = quick.account().get(Payment, sold["id"])
    assert before.fee is not None
    quick.act("payment_adjust_fee", payment_id=sold["id"], amount=-5)
    after = quick.account().get(Payment, sold["id"])
    assert (after.fee, after.net) == (before.fee + usd(-5), before.amount - before.fee + usd(5))


def test_sale_at_a_reader_names_the_reader(square: Harness) -> None:
    device = square.act("device_pair", name="Till 2")["device"]
    checkout = square.account().create(TerminalCheckoutDraft(amount=usd(900), device_id=device["id"]), key=new_key())
    square.act("terminal_pay", checkout_id=checkout.id, tip=100)
    done = square.account().get(TerminalCheckout, checkout.id)
    assert done.status is TerminalStatus.COMPLETED
    payment = square.account().get(Payment, done.payment_ids[0])
    assert (payment.device, payment.amount, payment.tip) == ("Till 2", usd(1_000), usd(100))


# --- disputes ---


def disputed(square: Harness) -> Dispute:
    [id] = square.seed(Dispute, 1)
    return square.account().get(Dispute, id)


def texts(square: Harness, dispute_id: str) -> list[str]:
    found = square.twin.api(square.own_token, "GET", f"/v2/disputes/{dispute_id}/evidence").get("evidence", [])
    return [item["evidence_text"] for item in found]


def test_long_explanation_goes_in_pieces_and_a_new_one_replaces_them(square: Harness) -> None:
    dispute = disputed(square)
    long = "".join(f"{n:04} " for n in range(240))
    square.account().update(dispute.id, DisputeDraft(explanation=long), version=dispute.version, key=new_key())
    assert sorted(texts(square, dispute.id)) == sorted([long[:500], long[500:1_000], long[1_000:]])
    now = square.account().get(Dispute, dispute.id)
    draft = DisputeDraft(explanation="Short", product_description="A tap")
    square.account().update(dispute.id, draft, version=now.version, key=new_key())
    assert sorted(texts(square, dispute.id)) == ["A tap", "Short"]


def test_evidence_that_is_there_is_not_sent_again(square: Harness) -> None:
    dispute, draft, key = disputed(square), DisputeDraft(explanation="It was delivered."), new_key()
    square.twin.control("POST", "faults", {"kind": "dropped", "method": "POST", "path": "/v2/disputes/*/evidence-text"})
    with pytest.raises(Exception, match="Square"):
        square.account().update(dispute.id, draft, version=dispute.version, key=key)
    square.account().update(dispute.id, draft, version=None, key=new_key())
    assert texts(square, dispute.id) == ["It was delivered."]


def test_evidence_is_taken_away_by_an_empty_text(square: Harness) -> None:
    dispute = disputed(square)
    square.account().update(dispute.id, DisputeDraft(explanation="Oops"), version=dispute.version, key=new_key())
    square.account().update(dispute.id, DisputeDraft(explanation=""), version=None, key=new_key())
    assert texts(square, dispute.id) == []


@pytest.mark.parametrize("verb", [Verb.SUBMIT, Verb.ACCEPT])
def test_answer_to_a_dispute_that_was_lost_on_the_way_is_not_known(square: Harness, verb: Verb) -> None:
    dispute = disputed(square)
    square.account().update(dispute.id, DisputeDraft(explanation="Delivered"), version=dispute.version, key=new_key())
    square.twin.control("POST", "faults", {"kind": "dropped", "method": "POST", "path": f"/v2/disputes/{dispute.id}/*"})
    with pytest.raises(OutcomeUnknown):
        square.account().perform(verb, Dispute, dispute.id, version=None, key=new_key())
    assert square.account().get(Dispute, dispute.id).status is not DisputeStatus.NEEDS_RESPONSE
    with pytest.raises(Rejected, match="no longer"):
        square.account().perform(verb, Dispute, dispute.id, version=None, key=new_key())


def test_disputes_of_all_locations_are_listed_by_window_and_change(square: Harness) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    ids = set()
    for location in square.account().list(Location).records:
        sold = square.act("pos_sale", amount=1_000, location_id=location.id)["payment"]
        ids.add(square.act("dispute_open", payment_id=sold["id"], inquiry=location.is_main)["dispute"]["id"])
    scene = Scene(square)
    assert {dispute.id for dispute in scene.everything(Dispute, created=Window(since=since))} == ids
    assert {dispute.id for dispute in scene.everything(Dispute, changed_since=since)} == ids
    assert {dispute.is_inquiry for dispute in scene.everything(Dispute)} == {True, False}
    assert scene.everything(Dispute, created=Window(since=since - timedelta(days=2), until=since)) == []


# --- catalog, inventory, terminal ---


def test_changed_and_deleted_things_for_sale_are_among_the_changes(square: Harness) -> None:
    kept = square.act("catalog_item", name="Tap", price=2_500, sku="TAP-1")
    gone = square.act("catalog_item", name="Sink", price=9_900)
    tap = square.account().get(CatalogItem, kept["variation_id"])
    assert (tap.name, tap.variation_name, tap.sku, tap.price) == ("Tap", "Regular", "TAP-1", usd(2_500))
    square.twin.api(square.own_token, "DELETE", f"/v2/catalog/object/{gone['item']['id']}")
    changed = {item.id: item for item in Scene(square).everything(CatalogItem, changed_since=tap.as_of)}
    assert changed[kept["variation_id"]].name == "Tap"
    assert changed[gone["variation_id"]].deleted
    assert {item.id for item in Scene(square).everything(CatalogItem)} == {kept["variation_id"]}


def test_counts_are_decimal_text_of_each_place_and_state(square: Harness) -> None:
    made = square.act("catalog_item", name="Cable", price=100, stock="12.5")
    [count] = [one for one in Scene(square).everything(InventoryCount) if one.catalog_item_id == made["variation_id"]]
    assert (count.quantity, count.state) == ("12.5", "in_stock")
    assert count.id == f"{count.catalog_item_id}:{count.location_id}:in_stock"
    later = (count.counted_at or count.as_of) + timedelta(hours=1)
    assert Scene(square).everything(InventoryCount, changed_since=later) == []


def test_empty_page_in_the_middle_ends_no_list(quick: Harness) -> None:
    for _ in range(2):
        quick.act("catalog_item", name="Tap", price=2_500, stock="3")
    payouts = {paid_out(quick) for _ in range(2)}
    quick.twin.control("POST", "settings", {"empty_middle_page": True})
    assert {payout.id for payout in Scene(quick).everything(Payout)} == payouts
    assert len(Scene(quick).everything(CatalogItem)) == 2
    assert len(Scene(quick).everything(InventoryCount)) == 2
    for kind in (Dispute, Subscription, PaymentLink, TerminalCheckout):
        assert Scene(quick).everything(kind) == []


def test_reader_of_another_seller_is_refused(square: Harness) -> None:
    with pytest.raises(Rejected):
        square.account().create(TerminalCheckoutDraft(amount=usd(900), device_id="device:NOBODYS"), key=new_key())


def test_checkout_that_is_paid_cannot_be_canceled(square: Harness) -> None:
    draft = TerminalCheckoutDraft(amount=usd(900), device_id=square.device_id, takes_tip=True, note="Tap", reference="r-1")
    checkout = square.account().create(draft, key=new_key())
    assert checkout.raw["device_options"]["tip_settings"]["allow_tipping"] is True
    square.act("terminal_pay", checkout_id=checkout.id)
    with pytest.raises(Rejected, match="completed"):
        square.account().perform(Verb.CANCEL, TerminalCheckout, checkout.id, version=None, key=new_key())


# --- events ---


def test_deliveries_of_the_older_version_are_read_the_same(quick: Harness) -> None:
    drift.forget()
    with listening() as (url, arrived):
        mailbox = Mailbox(quick, url, arrived)
        platform = quick.provider.platform(gate=OpenGate())
        older = EndpointDraft(url=url, event_types=EVENT_TYPES, api_version=OLDER_API_VERSION)
        platform.update(mailbox.endpoint.id, older, version=None, key=new_key())
        dispute = disputed(quick)
        payout_id = paid_out(quick)
        found = mailbox.events_until("dispute.created", "payout.sent", "payment.updated")
        mailbox.close()
    opened, sent = found["dispute.created"], found["payout.sent"]
    assert (opened.kind, opened.record_id, opened.effect) == (Dispute, dispute.id, Effect.CHANGED)
    assert opened.snapshot == replace(dispute, as_of=opened.created_at)
    assert (sent.kind, sent.record_id) == (Payout, payout_id)
    assert [one for one in drift.seen() if one.provider == "square"] == []


def test_wanted_events_are_those_that_are_read() -> None:
    assert {"dispute.state.updated", "payout.failed", "subscription.updated", "terminal.checkout.updated"} <= EVENT_TYPES
    assert {"catalog.version.updated", "inventory.count.updated", "order.updated", "card.forgotten"} <= EVENT_TYPES
    assert "dispute.state.changed" not in EVENT_TYPES, "its successor comes as well"


# --- scopes ---


def test_lost_scope_names_what_can_no_longer_be_done() -> None:
    assert features_without(SCOPES) == ()
    assert features_without(set(SCOPES) - {"DISPUTES_WRITE"}) == ("disputes",)
    assert features_without(set(SCOPES) - {"ITEMS_READ"}) == ("subscriptions", "catalog and inventory")
    assert features_without(()) == tuple(FEATURE_SCOPES)
