"""Every declared (kind, verb) works; every other one is refused before any request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from providers.contract import Account, OpenGate, Verb
from providers.errors import RecordNotFound, Unsupported
from providers.records import (
    BillingPortal,
    BillingPortalDraft,
    Customer,
    CustomerDraft,
    Dispute,
    DisputeDraft,
    DisputeStatus,
    Draft,
    Endpoint,
    EndpointDraft,
    Invoice,
    InvoiceDraft,
    InvoiceStatus,
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
    R,
    Record,
    Refund,
    RefundDraft,
    Subscription,
    SubscriptionDraft,
    SubscriptionStatus,
    TerminalCheckout,
    TerminalCheckoutDraft,
    TerminalStatus,
)
from tests.contract.conftest import Pair
from tests.contract.harness import Harness
from tests.contract.scene import Scene, new_key

EXPLANATION = "The boiler was serviced on the day agreed; the customer signed for it."


def test_declared_verb_does_what_it_says(scene: Scene, declared: Pair) -> None:
    kind, verb = declared
    ACTS[verb](scene, kind)


def _list(scene: Scene, kind: type[Record]) -> None:
    known = scene.existing(kind)
    listed = [record.id for record in scene.everything(kind, parent_id=scene.parent_id(known))]
    assert known.id in listed
    assert len(listed) == len(set(listed))


def _get(scene: Scene, kind: type[Record]) -> None:
    known = scene.existing(kind)
    found = scene.door(kind).get(kind, known.id)
    assert type(found) is kind
    assert found.id == known.id


def _create(scene: Scene, kind: type[Record]) -> None:
    made = scene.door(kind).create(scene.draft(kind), key=new_key())
    assert type(made) is kind
    assert made.id
    if scene.provider.supports(Verb.GET, kind):
        assert scene.door(kind).get(kind, made.id).id == made.id
    if isinstance(made, Endpoint):
        assert made.secret, "a new endpoint's secret is told once, here"


def _update(scene: Scene, kind: type[Record]) -> None:
    known = scene.existing(kind)
    scene.door(kind).update(known.id, changed_draft(scene, kind), version=known.version, key=new_key())
    found = scene.door(kind).get(kind, known.id)
    if isinstance(found, Customer):
        assert (found.given_name, found.family_name) == ("Katherine", "Johnson")
    elif isinstance(found, Invoice):
        assert found.description == "Work of June"
    elif isinstance(found, Subscription):
        assert (found.amount, found.customer_id) == (scene.money(2_500), getattr(known, "customer_id", None))
    elif isinstance(found, Dispute):
        assert EXPLANATION in scene.harness.evidence_of(found.id)
        assert (found.status, found.evidence_submitted) == (DisputeStatus.NEEDS_RESPONSE, False)
    else:
        assert isinstance(found, Endpoint)
        assert found.active is False


def changed_draft(scene: Scene, kind: type[Record]) -> Draft[Any]:
    if kind is Customer:
        return CustomerDraft(given_name="Katherine", family_name="Johnson")
    if kind is Invoice:
        return InvoiceDraft(description="Work of June")
    if kind is Subscription:
        return SubscriptionDraft(amount=scene.money(2_500))
    if kind is Dispute:
        return DisputeDraft(explanation=EXPLANATION)
    wanted = scene.endpoint_draft()
    assert kind is Endpoint
    assert isinstance(wanted, EndpointDraft)
    return replace(wanted, active=False)


def _delete(scene: Scene, kind: type[Record]) -> None:
    known = scene.existing(kind)
    scene.perform(Verb.DELETE, known)
    assert gone(scene.door(kind), kind, known.id)


def gone(account: Account, kind: type[Record], id: str) -> bool:
    """Deleted: not found any more, or kept with a mark; a saved way to pay: no longer enabled."""
    try:
        found = account.get(kind, id)
        return bool(getattr(found, "deleted", False)) or getattr(found, "enabled", True) is False
    except RecordNotFound:
        return True


def _publish(scene: Scene, kind: type[Record]) -> None:
    invoice = scene.invoice_after(Verb.PUBLISH)
    assert scene.account.get(Invoice, invoice.id).status is InvoiceStatus.OPEN


def _send(scene: Scene, kind: type[Record]) -> None:
    invoice = scene.invoice_after(Verb.SEND)
    assert scene.account.get(Invoice, invoice.id).status is InvoiceStatus.OPEN


def _void(scene: Scene, kind: type[Record]) -> None:
    invoice = scene.invoice_after(Verb.PUBLISH, Verb.VOID)
    found = scene.account.get(Invoice, invoice.id)
    assert found.status is InvoiceStatus.VOID
    assert found.due.minor_units == 0, "nobody owes anything on a void invoice"


def _cancel(scene: Scene, kind: type[Record]) -> None:
    known = scene.existing(kind)
    answered = scene.perform(Verb.CANCEL, known)
    if isinstance(answered, Subscription):
        found = scene.account.get(Subscription, known.id)
        assert found.status in (SubscriptionStatus.CANCELED, SubscriptionStatus.ENDED) or found.cancels_on is not None
    elif isinstance(answered, PaymentLink):
        assert (answered.status, answered.url) == (LinkStatus.CANCELED, None)
        assert gone(scene.account, kind, known.id) or scene.account.get(PaymentLink, known.id).status is LinkStatus.CANCELED
    elif isinstance(answered, PaymentMethodSetup):
        found_setup = scene.account.get(PaymentMethodSetup, known.id)
        assert (found_setup.status, found_setup.client_parameters) == (PaymentStatus.CANCELED, {})
    else:
        status = scene.account.get(TerminalCheckout, known.id).status
        assert status in (TerminalStatus.CANCELED, TerminalStatus.CANCEL_REQUESTED)


def _pause(scene: Scene, kind: type[Record]) -> None:
    known = scene.existing(Subscription)
    scene.perform(Verb.PAUSE, known)
    assert pausing(scene.account.get(Subscription, known.id))


def _resume(scene: Scene, kind: type[Record]) -> None:
    known = scene.existing(Subscription)
    scene.perform(Verb.PAUSE, known)
    scene.perform(Verb.RESUME, scene.account.get(Subscription, known.id))
    found = scene.account.get(Subscription, known.id)
    assert not pausing(found)
    assert found.status is known.status


def pausing(subscription: Subscription) -> bool:
    """At once, or from the next period on, or by not asking for money."""
    return subscription.status is SubscriptionStatus.PAUSED or subscription.pauses_on is not None or not subscription.collects


def _submit(scene: Scene, kind: type[Record]) -> None:
    known = scene.existing(Dispute)
    scene.account.update(known.id, DisputeDraft(explanation=EXPLANATION), version=known.version, key=new_key())
    scene.perform(Verb.SUBMIT, scene.account.get(Dispute, known.id))
    found = scene.account.get(Dispute, known.id)
    assert (found.status, found.evidence_submitted) == (DisputeStatus.UNDER_REVIEW, True)


def _accept(scene: Scene, kind: type[Record]) -> None:
    known = scene.existing(Dispute)
    scene.perform(Verb.ACCEPT, known)
    assert scene.account.get(Dispute, known.id).status in (DisputeStatus.ACCEPTED, DisputeStatus.LOST)


def _rotate(scene: Scene, kind: type[Record]) -> None:
    endpoint = scene.existing(Endpoint)
    rotated = scene.perform(Verb.ROTATE, endpoint)
    assert rotated.secret
    assert rotated.secret != endpoint.secret


# A verb that a provider declares and this table lacks fails loudly: teach the suite what it means first.
ACTS = {
    Verb.LIST: _list,
    Verb.GET: _get,
    Verb.CREATE: _create,
    Verb.UPDATE: _update,
    Verb.DELETE: _delete,
    Verb.PUBLISH: _publish,
    Verb.SEND: _send,
    Verb.VOID: _void,
    Verb.CANCEL: _cancel,
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.SUBMIT: _submit,
    Verb.ACCEPT: _accept,
    Verb.ROTATE: _rotate,
}


def test_undeclared_verb_is_refused_without_a_request(harness: Harness, undeclared: Pair) -> None:
    kind, verb = undeclared
    seen = harness.requests()
    for account in _doors(harness, kind):
        with pytest.raises(Unsupported):
            attempt(account, kind, verb)
    assert harness.requests() == seen


def _doors(harness: Harness, kind: type[Record]) -> list[Account]:
    """An endpoint is refused by the merchant's account too; the application has no merchant's records."""
    doors = [harness.account()]
    if kind is Endpoint and Endpoint in harness.provider.capabilities:
        doors.append(harness.provider.platform(gate=OpenGate()))
    return doors


def attempt(account: Account, kind: type[R], verb: Verb) -> object:
    if verb is Verb.LIST:
        return account.list(kind)
    if verb is Verb.GET:
        return account.get(kind, "id_1")
    if verb is Verb.CREATE:
        return account.create(SOME_DRAFT.get(kind, StrangeDraft()), key=new_key())
    if verb is Verb.UPDATE:
        return account.update("id_1", SOME_DRAFT.get(kind, StrangeDraft()), version=None, key=new_key())
    return account.perform(verb, kind, "id_1", version=None, key=new_key())


@dataclass(frozen=True, slots=True)
class StrangeDraft(Draft[Any]):
    """Of a kind that nobody writes."""


SOME_DRAFT: dict[type[Record], Draft[Any]] = {
    Customer: CustomerDraft(given_name="Grace"),
    Invoice: InvoiceDraft(description="Work"),
    Payment: PaymentDraft(amount=Money(100, "USD"), source="some_source"),
    Refund: RefundDraft(payment_id="pay_1", amount=Money(100, "USD")),
    Subscription: SubscriptionDraft(customer_id="cus_1", price_id="price_1"),
    Dispute: DisputeDraft(explanation="It was delivered."),
    PaymentLink: PaymentLinkDraft(amount=Money(100, "USD"), description="Work"),
    PaymentMethod: PaymentMethodDraft(source="some_source", customer_id="cus_1"),
    PaymentMethodSetup: PaymentMethodSetupDraft(customer_id="cus_1"),
    BillingPortal: BillingPortalDraft(customer_id="cus_1", return_url="https://hub.example"),
    TerminalCheckout: TerminalCheckoutDraft(amount=Money(100, "USD"), device_id="device_1"),
    Endpoint: EndpointDraft(url="https://hub.example/hooks", event_types=frozenset(["customer.created"])),
}
