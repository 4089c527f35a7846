"""Subscriptions, links, checkout, saved methods, disputes and payouts, over real HTTP against the twin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest

from providers.contract import OpenGate, Verb
from providers.errors import Rejected
from providers.records import (
    BillingPortalDraft,
    Customer,
    Dispute,
    DisputeStatus,
    Effect,
    EntryType,
    Event,
    Interval,
    Invoice,
    LinkStatus,
    Money,
    Payment,
    PaymentDraft,
    PaymentLink,
    PaymentLinkDraft,
    PaymentMethod,
    PaymentMethodDraft,
    PaymentMethodSetup,
    PaymentMethodSetupDraft,
    PaymentStatus,
    Payout,
    PayoutEntry,
    PayoutStatus,
    Record,
    RefundDraft,
    Subscription,
    SubscriptionDraft,
    SubscriptionStatus,
)
from tests.contract.gates import WatchingGate
from tests.contract.scene import Scene, new_key, new_reference
from tests.providers.stripe.harness import Harness, build

BACK = "https://hub.example/back"


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    with build() as running:
        yield running


@pytest.fixture
def scene(harness: Harness) -> Scene:
    return Scene(harness)


def usd(minor_units: int) -> Money:
    return Money(minor_units, "USD")


def care(scene: Scene, **changes: Any) -> SubscriptionDraft:
    draft = SubscriptionDraft(customer_id=scene.customer().id, name="Boiler care", amount=usd(1_900), interval=Interval.MONTH)
    return replace(draft, **changes)


def charged_care(scene: Scene, harness: Harness, card: str = "4242424242424242") -> SubscriptionDraft:
    customer = scene.customer()
    method = harness.act("save_card", customer_id=customer.id, card=card)["id"]
    return care(scene, customer_id=customer.id, payment_method_id=method)


def perform(scene: Scene, verb: Verb, record: Record, **options: Any) -> Any:
    return scene.account.perform(verb, type(record), record.id, options=options, version=None, key=new_key())


# --- subscriptions ---


def test_a_subscription_of_an_amount_makes_its_price_on_the_way(scene: Scene, harness: Harness) -> None:
    made = scene.account.create(charged_care(scene, harness), key=new_key())
    found = scene.account.get(Subscription, made.id)
    assert (found.status, found.name, found.amount, found.interval) == (
        SubscriptionStatus.ACTIVE,
        "Boiler care",
        usd(1_900),
        Interval.MONTH,
    )
    assert found.price_id
    assert found.payment_method_id
    assert found.latest_invoice_id
    assert found.starts_on is not None
    assert found.renews_on is not None
    assert timedelta(days=27) < found.renews_on - found.starts_on < timedelta(days=32)
    invoice = scene.account.get(Invoice, found.latest_invoice_id)
    assert (invoice.subscription_id, invoice.total, invoice.due) == (found.id, usd(1_900), usd(0))


def test_two_writes_of_one_subscription_have_keys_of_their_own_and_repeat_nothing(scene: Scene, harness: Harness) -> None:
    draft, key = care(scene, reference=new_reference()), new_key()
    first = scene.account.create(draft, key=key)
    again = scene.account.create(draft, key=key)
    assert again.id == first.id
    keys = {each["idempotency_key"] for each in harness.twin.requests() if (each["idempotency_key"] or "").startswith(key)}
    assert keys == {key, f"{key}.product"}
    assert max(len(each) for each in keys) <= 45
    found = scene.account.find_by_reference(Subscription, draft.reference or "")
    assert found is not None
    assert found.id == first.id


def test_a_subscription_whose_first_payment_fails_is_pending(scene: Scene, harness: Harness) -> None:
    made = scene.account.create(charged_care(scene, harness, card="4000000000000341"), key=new_key())
    assert made.status is SubscriptionStatus.PENDING


def test_one_that_begins_later_is_pending_until_then_and_asks_for_nothing(scene: Scene, harness: Harness) -> None:
    begins = (datetime.now(UTC) + timedelta(days=20)).date()
    draft = replace(charged_care(scene, harness), starts_on=begins, reference=new_reference())
    made = scene.account.create(draft, key=new_key())
    assert (made.status, made.starts_on, made.renews_on) == (SubscriptionStatus.PENDING, begins, begins)
    assert made.reference == draft.reference
    paid = [payment for payment in scene.everything(Payment) if payment.customer_id == draft.customer_id]
    assert [payment.amount for payment in paid] in ([], [usd(0)])


def test_one_that_begins_today_begins_and_one_of_yesterday_is_rejected(scene: Scene) -> None:
    today = datetime.now(UTC).date()
    made = scene.account.create(care(scene, starts_on=today), key=new_key())
    assert made.starts_on == today
    with pytest.raises(Rejected) as rejected:
        scene.account.create(care(scene, starts_on=today - timedelta(days=2)), key=new_key())
    assert (rejected.value.code, rejected.value.field) == ("start_in_the_past", "starts_on")


def test_another_amount_counts_from_the_next_period_without_proration(scene: Scene, harness: Harness) -> None:
    made = scene.account.create(charged_care(scene, harness), key=new_key())
    changed = scene.account.update(made.id, SubscriptionDraft(amount=usd(2_500)), version=None, key=new_key())
    assert (changed.amount, changed.renews_on, changed.latest_invoice_id) == (
        usd(2_500),
        made.renews_on,
        made.latest_invoice_id,
    )
    assert changed.price_id != made.price_id
    with pytest.raises(Rejected) as rejected:
        scene.account.update(made.id, SubscriptionDraft(amount=Money(2_500, "EUR")), version=None, key=new_key())
    assert rejected.value.code == "currency_mismatch"


def test_a_name_and_a_known_price_can_be_changed_and_a_first_day_cannot(scene: Scene, harness: Harness) -> None:
    made = scene.account.create(charged_care(scene, harness), key=new_key())
    other = scene.account.create(care(scene, amount=usd(990)), key=new_key())
    draft = SubscriptionDraft(name="All care", price_id=other.price_id)
    changed = scene.account.update(made.id, draft, version=None, key=new_key())
    assert (changed.name, changed.price_id, changed.amount) == ("All care", other.price_id, usd(990))
    with pytest.raises(Rejected) as rejected:
        scene.account.update(made.id, SubscriptionDraft(starts_on=date(2035, 1, 1)), version=None, key=new_key())
    assert rejected.value.code == "starts_on_fixed"


def test_a_pause_asks_for_no_money_and_ends_again(scene: Scene, harness: Harness) -> None:
    made = scene.account.create(charged_care(scene, harness), key=new_key())
    paused = perform(scene, Verb.PAUSE, made)
    assert (paused.status, paused.collects) == (SubscriptionStatus.ACTIVE, False)
    assert not scene.account.get(Subscription, made.id).collects
    resumed = perform(scene, Verb.RESUME, made)
    assert (resumed.status, resumed.collects) == (SubscriptionStatus.ACTIVE, True)


def test_an_end_with_the_period_can_be_taken_back_and_an_end_at_once_cannot(scene: Scene, harness: Harness) -> None:
    made = scene.account.create(charged_care(scene, harness), key=new_key())
    ending = perform(scene, Verb.CANCEL, made, at_period_end=True)
    assert (ending.status, ending.cancels_on, ending.renews_on) == (SubscriptionStatus.ACTIVE, made.renews_on, None)
    kept = perform(scene, Verb.RESUME, made)
    assert (kept.cancels_on, kept.renews_on) == (None, made.renews_on)
    ended = perform(scene, Verb.CANCEL, made)
    assert (ended.status, ended.renews_on) == (SubscriptionStatus.CANCELED, None)
    assert ended.ended_at is not None
    assert perform(scene, Verb.CANCEL, made).status is SubscriptionStatus.CANCELED


def test_canceled_subscriptions_are_listed_too(scene: Scene) -> None:
    made = scene.account.create(care(scene), key=new_key())
    perform(scene, Verb.CANCEL, made)
    listed = {found.id: found.status for found in scene.everything(Subscription)}
    assert listed[made.id] is SubscriptionStatus.CANCELED


# --- links and checkout ---


def wanted(**changes: Any) -> PaymentLinkDraft:
    return replace(PaymentLinkDraft(amount=usd(7_350), description="Deposit", reference=new_reference()), **changes)


def test_a_hosted_checkout_is_paid_on_its_page_and_hands_our_reference_to_the_payment(scene: Scene, harness: Harness) -> None:
    draft = wanted(style="checkout", return_url=BACK)
    made = scene.account.create(draft, key=new_key())
    assert (made.style, made.status, made.amount, made.payment_id) == ("checkout", LinkStatus.ACTIVE, usd(7_350), None)
    assert made.url is not None
    assert made.expires_at is not None
    harness.check_out(made.url)
    paid = scene.account.get(PaymentLink, made.id)
    assert (paid.status, paid.url, paid.reference) == (LinkStatus.PAID, None, draft.reference)
    payment = scene.account.get(Payment, paid.payment_id or "")
    assert (payment.status, payment.amount, payment.reference) == (PaymentStatus.SUCCEEDED, usd(7_350), draft.reference)
    with pytest.raises(Rejected):
        perform(scene, Verb.CANCEL, made)
    assert scene.account.get(PaymentLink, made.id).status is LinkStatus.PAID


def test_an_embedded_checkout_gives_the_page_its_three_words(scene: Scene, harness: Harness) -> None:
    made = scene.account.create(wanted(style="embedded", return_url=BACK), key=new_key())
    assert (made.style, made.status, made.url) == ("embedded", LinkStatus.ACTIVE, None)
    assert set(made.client_parameters) == {"client_secret", "publishable_key", "account"}
    assert made.client_parameters["account"] == harness.account_id
    assert made.client_parameters["client_secret"] not in repr(made) + str(made.raw)
    again = scene.account.get(PaymentLink, made.id)
    assert again.client_parameters == made.client_parameters
    listed = next(link for link in scene.everything(PaymentLink) if link.id == made.id)
    assert listed == replace(again, as_of=listed.as_of)


def test_an_embedded_checkout_of_a_pasted_key_is_rejected_without_a_request(scene: Scene, harness: Harness) -> None:
    credentials = harness.provider.credentials_from_key(harness.own_key)
    account, seen = harness.provider.account(credentials, gate=OpenGate()), harness.requests()
    with pytest.raises(Rejected) as rejected:
        account.create(wanted(style="embedded", return_url=BACK), key=new_key())
    assert rejected.value.code == "embedded_not_available"
    assert harness.requests() == seen


def test_an_amount_nobody_can_pay_is_rejected_without_a_request(scene: Scene, harness: Harness) -> None:
    customer, seen = scene.customer(), harness.requests()
    odd = Money(10_050, "ISK")
    drafts: list[Any] = [
        wanted(amount=odd),
        PaymentDraft(amount=odd, source="pm_1", customer_id=customer.id),
        RefundDraft(payment_id="pi_1", amount=odd),
        care(scene, customer_id=customer.id, amount=odd),
    ]
    seen = harness.requests()
    for draft in drafts:
        with pytest.raises(Rejected) as rejected:
            scene.account.create(draft, key=new_key())
        assert rejected.value.code == "amount_not_representable"
    assert harness.requests() == seen


def test_a_session_that_we_end_is_canceled_and_one_that_ran_out_has_expired(scene: Scene, harness: Harness) -> None:
    canceled = scene.account.create(wanted(style="checkout", return_url=BACK), key=new_key())
    assert perform(scene, Verb.CANCEL, canceled).status is LinkStatus.CANCELED
    assert scene.account.get(PaymentLink, canceled.id).status is LinkStatus.CANCELED
    soon = datetime.now(UTC) + timedelta(minutes=31)
    forgotten = scene.account.create(wanted(style="checkout", return_url=BACK, expires_at=soon), key=new_key())
    with harness.days_later():
        harness.wait(3_600)
        assert scene.account.get(PaymentLink, forgotten.id).status is LinkStatus.EXPIRED


def test_a_link_is_for_one_payment_and_says_which(scene: Scene, harness: Harness) -> None:
    draft = wanted()
    made = scene.account.create(draft, key=new_key())
    assert (made.style, made.status, made.amount, made.expires_at) == ("link", LinkStatus.ACTIVE, usd(7_350), None)
    harness.pay_link(made.id)
    paid = scene.account.get(PaymentLink, made.id)
    assert (paid.status, paid.url) == (LinkStatus.PAID, None)
    payment = scene.account.get(Payment, paid.payment_id or "")
    assert (payment.amount, payment.reference) == (usd(7_350), draft.reference)
    listed = [link for link in scene.everything(PaymentLink) if link.reference == draft.reference]
    assert [link.id for link in listed] == [made.id], "a visit to a link is no link of its own"
    found = scene.account.find_by_reference(PaymentLink, draft.reference or "")
    assert found is None or found.id == made.id


def test_a_link_is_found_by_our_reference_and_costs_one_request_until_it_is_used(scene: Scene, harness: Harness) -> None:
    draft = wanted()
    made = scene.account.create(draft, key=new_key())
    found = scene.account.find_by_reference(PaymentLink, draft.reference or "")
    assert found is not None
    assert found.id == made.id
    gate = WatchingGate()
    harness.account(gate).get(PaymentLink, made.id)
    assert [passage.path_template for passage in gate.passed] == ["/v1/payment_links/{id}"]


# --- saved methods ---


def test_a_setup_is_begun_read_and_canceled_and_keeps_no_secret(scene: Scene, harness: Harness) -> None:
    customer = scene.customer()
    made = scene.account.create(PaymentMethodSetupDraft(customer_id=customer.id, reference="x"), key=new_key())
    assert (made.customer_id, made.status, made.payment_method_id) == (customer.id, PaymentStatus.PENDING, None)
    assert set(made.client_parameters) == {"client_secret", "publishable_key", "account"}
    assert made.client_parameters["client_secret"] not in repr(made) + str(made.raw)
    assert scene.account.get(PaymentMethodSetup, made.id).client_parameters == made.client_parameters
    canceled = perform(scene, Verb.CANCEL, made)
    assert (canceled.status, canceled.client_parameters) == (PaymentStatus.CANCELED, {})


def test_saved_methods_are_listed_for_their_customer_only_and_gone_when_detached(scene: Scene, harness: Harness) -> None:
    one, other = scene.customer(), scene.customer()
    drafts = [PaymentMethodDraft(source=harness.new_card_source(), customer_id=owner.id) for owner in (one, one, other)]
    first, second, _ = [scene.account.create(draft, key=new_key()) for draft in drafts]
    listed = [method.id for method in scene.everything(PaymentMethod, parent_id=one.id)]
    assert sorted(listed) == sorted([first.id, second.id])
    perform(scene, Verb.DELETE, first)
    assert [method.id for method in scene.everything(PaymentMethod, parent_id=one.id)] == [second.id]
    assert not scene.account.get(PaymentMethod, first.id).enabled


def test_a_billing_portal_opens_for_its_customer(scene: Scene, harness: Harness) -> None:
    customer = scene.customer()
    made = scene.account.create(BillingPortalDraft(customer_id=customer.id, return_url=BACK), key=new_key())
    assert made.customer_id == customer.id
    assert made.url.startswith("http")
    assert made.url not in repr(made) + str(made.raw)


# --- disputes and payouts ---


def test_a_disputed_payment_says_so_and_its_dispute_names_it(scene: Scene, harness: Harness) -> None:
    [id] = harness.seed(Dispute, 1)
    dispute = scene.account.get(Dispute, id)
    assert (dispute.status, dispute.is_inquiry, dispute.evidence_submitted) == (DisputeStatus.NEEDS_RESPONSE, False, False)
    payment = scene.account.get(Payment, dispute.payment_id or "")
    assert (payment.disputed, payment.charge_id, payment.amount) == (True, dispute.charge_id, dispute.amount)


def test_an_inquiry_takes_no_money_and_is_accepted(scene: Scene, harness: Harness) -> None:
    [payment_id] = harness.seed(Payment, 1)
    id = harness.act("dispute", payment_intent=payment_id, inquiry=True)["id"]
    dispute = scene.account.get(Dispute, id)
    assert (dispute.is_inquiry, dispute.status) == (True, DisputeStatus.NEEDS_RESPONSE)


def test_what_is_in_payouts_adds_up_to_them_and_names_payments_refunds_and_fees() -> None:
    with build() as own:
        account = own.account()
        payment_id = own.act("take_payment", amount=90_000, card="4000000000000077")["id"]
        own.wait(5)
        own.act("refund", payment_intent=payment_id, amount=1_000)
        own.act("charge_fee", amount=75)
        own.wait(5)
        payout_id = own.act("pay_out")["payouts"][0]["id"]
        assert not account.get(Payout, payout_id).is_complete
        own.wait(4 * 86_400)  # by then the refund is due, too
        own.act("take_payment", amount=5_000, card="4000000000000077")
        own.wait(5)
        own.act("pay_out")
        own.wait(4 * 86_400)
        entries: list[PayoutEntry] = []
        for payout in account.list(Payout).records:
            assert (payout.status, payout.automatic, payout.is_complete, payout.fee) == (PayoutStatus.PAID, True, True, None)
            inside = account.list(PayoutEntry, parent_id=payout.id).records
            assert sum(entry.net.minor_units for entry in inside) == payout.amount.minor_units
            entries += inside
        assert all(entry.net == entry.gross - entry.fee for entry in entries)
        told = {(entry.entry_type, entry.payment_id) for entry in entries}
        assert {(EntryType.CHARGE, payment_id), (EntryType.REFUND, payment_id), (EntryType.FEE, None)} <= told
        payment = account.get(Payment, payment_id)
        charge = next(entry for entry in entries if entry.payment_id == payment_id and entry.entry_type is EntryType.CHARGE)
        assert (payment.fee, payment.net, payment.refunded) == (charge.fee, charge.net, usd(1_000))
        own.act("fail_payout", payout_id=payout_id)
        failed = account.get(Payout, payout_id)
        assert (failed.status, bool(failed.failure)) == (PayoutStatus.FAILED, True)


def test_the_entries_of_a_payout_are_one_request_a_page(harness: Harness) -> None:
    [payout_id] = harness.seed(Payout, 1)
    gate = WatchingGate()
    harness.account(gate).list(PayoutEntry, parent_id=payout_id)
    assert [passage.path_template for passage in gate.passed] == ["/v1/balance_transactions"]


# --- events ---


def test_the_feed_tells_of_all_these_kinds_with_the_records_as_they_are_read(scene: Scene, harness: Harness) -> None:
    since = scene.account.get(Customer, scene.customer().id).as_of - timedelta(seconds=1)
    subscription = scene.account.create(charged_care(scene, harness), key=new_key())
    [dispute_id], [payout_id] = harness.seed(Dispute, 1), harness.seed(Payout, 1)
    method = scene.account.create(scene.method_draft(), key=new_key())
    link = scene.account.create(wanted(), key=new_key())
    session = scene.account.create(wanted(style="checkout", return_url=BACK), key=new_key())
    harness.pay_link(link.id)
    harness.check_out(session.url or "")
    events = [event for event in feed(harness, since) if event.effect is Effect.CHANGED]
    told = {(event.kind, event.record_id) for event in events}
    expected: list[tuple[type[Record], str]] = [
        (Subscription, subscription.id),
        (Dispute, dispute_id),
        (Payout, payout_id),
        (PaymentMethod, method.id),
        (PaymentLink, link.id),
        (PaymentLink, session.id),
    ]
    assert set(expected) <= told
    for kind, id in expected:
        read = replace(scene.account.get(kind, id), as_of=since)
        whole = [event.snapshot for event in events if event.record_id == id and event.snapshot and not event.partial]
        assert id == link.id or read in [replace(snapshot, as_of=since) for snapshot in whole]


def feed(harness: Harness, since: datetime) -> list[Event]:
    events: list[Event] = []
    cursor: str | None = None
    while True:
        page = harness.provider.missed_events(harness.credentials, since=since, cursor=cursor, gate=OpenGate())
        events += page.events
        cursor = page.next_cursor
        if cursor is None:
            return events


def test_no_event_keeps_a_secret_of_a_payers_page(scene: Scene, harness: Harness) -> None:
    since = scene.account.get(Customer, scene.customer().id).as_of - timedelta(seconds=1)
    made = scene.account.create(wanted(style="embedded", return_url=BACK), key=new_key())
    setup = scene.account.create(PaymentMethodSetupDraft(customer_id=scene.customer().id), key=new_key())
    perform(scene, Verb.CANCEL, made)
    perform(scene, Verb.CANCEL, setup)
    harness.seed(Payment, 1)
    raw = orjson.dumps([event.raw for event in feed(harness, since)])
    assert made.id.encode() in raw
    assert setup.id.encode() in raw
    assert b"_secret_" not in raw
