"""Writing what is around an invoice: parts of it, subscriptions, links, saved methods, disputes, the counter."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import date

import pytest

from providers.contract import Verb
from providers.errors import Declined, Rejected, Unsupported, VersionConflict
from providers.records import (
    Dispute,
    DisputeDraft,
    DisputeStatus,
    Instalment,
    InstalmentKind,
    Interval,
    Invoice,
    Line,
    LinkStatus,
    Payment,
    PaymentDraft,
    PaymentLink,
    PaymentMethod,
    PaymentStatus,
    Refund,
    RefundStatus,
    Subscription,
    SubscriptionStatus,
    TerminalCheckout,
    TerminalStatus,
)
from tests.contract.scene import Scene, new_key, new_reference
from tests.contract.test_capabilities import EXPLANATION

DEPOSIT_DAY, BALANCE_DAY = date(2035, 3, 1), date(2035, 6, 30)


def in_parts(scene: Scene) -> tuple[Instalment, Instalment]:
    """Of the suite's invoice over 125.50."""
    return (
        Instalment(kind=InstalmentKind.DEPOSIT, amount=scene.money(5_000), due_on=DEPOSIT_DAY),
        Instalment(kind=InstalmentKind.BALANCE, amount=scene.money(7_550), due_on=BALANCE_DAY),
    )


def test_deposit_and_balance_come_back_as_written(scene: Scene, paying_in_parts: str) -> None:
    made = scene.account.create(replace(scene.invoice_draft(), due_on=None, instalments=in_parts(scene)), key=new_key())
    found = scene.account.get(Invoice, made.id)
    assert [replace(part, paid=None) for part in found.instalments] == list(in_parts(scene))
    assert {part.paid for part in found.instalments} == {scene.money(0)}
    assert (found.total, found.due, found.due_on) == (scene.money(12_550), scene.money(12_550), BALANCE_DAY)


def test_parts_that_are_not_the_whole_are_rejected(scene: Scene, paying_in_parts: str) -> None:
    deposit, balance = in_parts(scene)
    reference = new_reference()
    short = (deposit, replace(balance, amount=scene.money(7_549)))
    draft = replace(scene.invoice_draft(reference=reference), due_on=None, instalments=short)
    with pytest.raises(Rejected):
        scene.account.create(draft, key=new_key())
    assert scene.account.find_by_reference(Invoice, reference) is None


def test_invoice_due_at_once_has_no_parts(scene: Scene, paying_in_parts: str) -> None:
    assert scene.account.get(Invoice, scene.draft_invoice().id).instalments == ()


def test_parts_are_refused_by_a_provider_without_them(scene: Scene, paying_at_once: str) -> None:
    draft = replace(scene.invoice_draft(), due_on=None, instalments=in_parts(scene))
    seen = scene.harness.requests()
    with pytest.raises((Rejected, Unsupported)):
        scene.account.create(draft, key=new_key())
    assert scene.harness.requests() == seen


def test_subscription_of_an_amount_comes_back_as_written(scene: Scene, subscribing: str) -> None:
    draft = scene.subscription_draft()
    made = scene.account.create(draft, key=new_key())
    found = scene.account.get(Subscription, made.id)
    assert found.customer_id == draft.customer_id
    assert (found.amount, found.interval, found.interval_count) == (scene.money(1_900), Interval.MONTH, 1)
    assert found.status in (SubscriptionStatus.ACTIVE, SubscriptionStatus.PENDING)
    assert found.name == "Boiler care"
    assert found.price_id
    assert found.starts_on is not None
    assert (found.cancels_on, found.pauses_on, found.ended_at) == (None, None, None)


def test_subscription_every_quarter_is_three_months(scene: Scene, subscribing: str) -> None:
    made = scene.account.create(replace(scene.subscription_draft(), interval_count=3), key=new_key())
    found = scene.account.get(Subscription, made.id)
    assert (found.interval, found.interval_count) == (Interval.MONTH, 3)


def test_two_amounts_become_two_prices(scene: Scene, subscribing: str) -> None:
    first = scene.account.create(scene.subscription_draft(), key=new_key())
    draft = replace(scene.subscription_draft(), amount=scene.money(990), interval=Interval.YEAR)
    found = scene.account.get(Subscription, scene.account.create(draft, key=new_key()).id)
    assert found.price_id != first.price_id
    assert (found.amount, found.interval) == (scene.money(990), Interval.YEAR)


def test_subscription_of_a_known_price_is_of_that_price(scene: Scene, subscribing: str) -> None:
    first = scene.account.create(scene.subscription_draft(), key=new_key())
    draft = replace(scene.subscription_draft(), price_id=first.price_id, amount=None, interval=None)
    found = scene.account.get(Subscription, scene.account.create(draft, key=new_key()).id)
    assert found.price_id == first.price_id
    assert found.amount in (None, scene.money(1_900))


def test_subscription_without_price_and_amount_is_rejected(scene: Scene, subscribing: str) -> None:
    draft = replace(scene.subscription_draft(), amount=None, interval=None)
    with pytest.raises(Rejected):
        scene.account.create(draft, key=new_key())


def test_canceled_subscription_is_not_canceled_again(scene: Scene, subscribing: str) -> None:
    """Refused, or answered with what it is already."""
    subscription = scene.existing(Subscription)
    scene.perform(Verb.CANCEL, subscription)
    ended = scene.account.get(Subscription, subscription.id)
    with contextlib.suppress(Rejected, VersionConflict):
        scene.perform(Verb.CANCEL, ended)
    again = scene.account.get(Subscription, subscription.id)
    assert (again.status, again.cancels_on) == (ended.status, ended.cancels_on)


def test_payment_link_comes_back_as_written(scene: Scene, linking: str) -> None:
    reference = new_reference()
    made = scene.account.create(scene.link_draft(reference=reference), key=new_key())
    found = scene.account.get(PaymentLink, made.id)
    assert (found.style, found.amount, found.status) == ("link", scene.money(7_350), LinkStatus.ACTIVE)
    assert (found.url or "").startswith("http")
    assert found.payment_id is None
    assert found.reference == reference


def test_lines_of_a_payment_link_must_make_up_its_amount(scene: Scene, linking: str) -> None:
    lines = (Line(description="Boiler", amount=scene.money(7_000)), Line(description="Tap", amount=scene.money(350)))
    draft = replace(scene.link_draft(), lines=lines)
    assert scene.account.get(PaymentLink, scene.account.create(draft, key=new_key()).id).amount == scene.money(7_350)
    with pytest.raises(Rejected):
        scene.account.create(replace(draft, amount=scene.money(7_351)), key=new_key())


def test_paid_link_is_paid_and_names_its_payment(scene: Scene, linking: str) -> None:
    link = scene.account.create(scene.link_draft(), key=new_key())
    scene.harness.pay_link(link.id)
    found = scene.account.get(PaymentLink, link.id)
    assert found.status is LinkStatus.PAID
    payment = scene.account.get(Payment, found.payment_id or "")
    assert (payment.status, payment.amount) == (PaymentStatus.SUCCEEDED, scene.money(7_350))


def test_paid_link_cannot_be_taken_back(scene: Scene, linking: str) -> None:
    link = scene.account.create(scene.link_draft(), key=new_key())
    scene.harness.pay_link(link.id)
    with pytest.raises(Rejected):
        scene.perform(Verb.CANCEL, scene.account.get(PaymentLink, link.id))
    assert scene.account.get(PaymentLink, link.id).status is LinkStatus.PAID


def test_saved_method_shows_its_customer_and_last_digits_and_can_be_charged(scene: Scene, saving: str) -> None:
    draft = scene.method_draft()
    made = scene.account.create(draft, key=new_key())
    found = scene.account.get(PaymentMethod, made.id)
    assert (found.customer_id, found.method, found.enabled) == (draft.customer_id, "card", True)
    assert len(found.last4) == 4
    assert found.brand
    paid = scene.account.create(
        PaymentDraft(amount=scene.money(1_000), source=found.id, customer_id=found.customer_id), key=new_key()
    )
    assert paid.status is PaymentStatus.SUCCEEDED


def test_removed_method_can_no_longer_be_charged(scene: Scene, saving: str) -> None:
    method = scene.account.create(scene.method_draft(), key=new_key())
    scene.perform(Verb.DELETE, method)
    draft = PaymentDraft(amount=scene.money(1_000), source=method.id, customer_id=method.customer_id)
    with pytest.raises((Rejected, Declined)):
        scene.account.create(draft, key=new_key())


def test_evidence_is_kept_until_it_is_submitted_and_then_closed(scene: Scene, disputing: str) -> None:
    [id] = scene.harness.seed(Dispute, 1)
    dispute = scene.account.get(Dispute, id)
    scene.account.update(id, DisputeDraft(explanation=EXPLANATION), version=dispute.version, key=new_key())
    more = DisputeDraft(product_description="A boiler service", customer_email="ada@example.com")
    scene.account.update(id, more, version=scene.account.get(Dispute, id).version, key=new_key())
    kept = scene.harness.evidence_of(id)
    assert EXPLANATION in kept
    assert "A boiler service" in kept
    assert "ada@example.com" in kept
    scene.perform(Verb.SUBMIT, scene.account.get(Dispute, id))
    sent = scene.account.get(Dispute, id)
    assert sent.respond_by is None
    with pytest.raises((Rejected, VersionConflict)):
        scene.account.update(id, DisputeDraft(explanation="Too late"), version=sent.version, key=new_key())
    assert "Too late" not in scene.harness.evidence_of(id)


def test_accepted_dispute_takes_no_more_evidence(scene: Scene, disputing: str) -> None:
    [id] = scene.harness.seed(Dispute, 1)
    scene.perform(Verb.ACCEPT, scene.account.get(Dispute, id))
    accepted = scene.account.get(Dispute, id)
    with pytest.raises((Rejected, VersionConflict)):
        scene.perform(Verb.SUBMIT, accepted)
    assert scene.account.get(Dispute, id).status is accepted.status is not DisputeStatus.NEEDS_RESPONSE


def test_terminal_checkout_comes_back_as_written_and_is_canceled_once(scene: Scene, at_the_counter: str) -> None:
    reference = new_reference()
    made = scene.account.create(scene.checkout_draft(reference=reference), key=new_key())
    found = scene.account.get(TerminalCheckout, made.id)
    assert (found.amount, found.device_id) == (scene.money(3_150), scene.harness.device_id)
    assert (found.reference, found.payment_ids) == (reference, ())
    scene.perform(Verb.CANCEL, found)
    canceled = scene.account.get(TerminalCheckout, made.id)
    assert canceled.status in (TerminalStatus.CANCELED, TerminalStatus.CANCEL_REQUESTED)
    if canceled.status is TerminalStatus.CANCELED:
        with pytest.raises((Rejected, VersionConflict)):
            scene.perform(Verb.CANCEL, canceled)


def test_refunded_payment_tells_how_much_went_back(scene: Scene) -> None:
    """Where the provider tells it with the payment; elsewhere the refunds do."""
    draft = scene.refund_draft()
    made = scene.account.create(draft, key=new_key())
    found = scene.account.get(Payment, draft.payment_id)
    on_its_way = [scene.money(0)] if made.status is RefundStatus.PENDING else []
    assert found.refunded in (None, draft.amount, *on_its_way)
    assert sum(refund.amount.minor_units for refund in scene.everything(Refund) if refund.payment_id == found.id) == (
        draft.amount.minor_units
    )


def test_net_of_a_payment_is_what_its_fee_leaves(scene: Scene) -> None:
    [id] = scene.harness.seed(Payment, 1)
    found = scene.account.get(Payment, id)
    assert (found.fee is None) is (found.net is None)
    if found.fee is not None and found.net is not None and found.fee.currency == found.amount.currency:
        assert found.net == found.amount - found.fee
