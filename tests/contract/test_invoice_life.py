"""An invoice's way from draft to void or paid, and each wrong turn."""

from __future__ import annotations

import pytest

from providers.contract import Verb
from providers.errors import ProviderError, Rejected, VersionConflict
from providers.records import Invoice, InvoiceDraft, InvoiceStatus, Line
from tests.contract.scene import Scene, new_key

WRONG_TURNS = {
    "void-a-draft": ([], Verb.VOID),
    "publish-twice": ([Verb.PUBLISH], Verb.PUBLISH),
    "delete-when-published": ([Verb.PUBLISH], Verb.DELETE),
    "publish-after-void": ([Verb.PUBLISH, Verb.VOID], Verb.PUBLISH),
    "send-after-void": ([Verb.PUBLISH, Verb.VOID], Verb.SEND),
    "void-twice": ([Verb.PUBLISH, Verb.VOID], Verb.VOID),
    "delete-after-void": ([Verb.PUBLISH, Verb.VOID], Verb.DELETE),
}


def test_draft_is_published_sent_and_voided(scene: Scene, invoicing: str) -> None:
    invoice = scene.draft_invoice()
    assert invoice.status is InvoiceStatus.DRAFT
    invoice = scene.perform(Verb.PUBLISH, invoice)
    assert invoice.status is InvoiceStatus.OPEN
    assert invoice.pay_url
    assert invoice.number
    invoice = scene.perform(Verb.SEND, invoice)
    assert invoice.status is InvoiceStatus.OPEN
    invoice = scene.perform(Verb.VOID, invoice)
    assert invoice.status is InvoiceStatus.VOID
    assert scene.account.get(Invoice, invoice.id).status is InvoiceStatus.VOID


def test_sending_a_draft_publishes_it(scene: Scene, invoicing: str) -> None:
    invoice = scene.invoice_after(Verb.SEND)
    assert invoice.status is InvoiceStatus.OPEN
    assert invoice.pay_url


@pytest.mark.parametrize("turn", WRONG_TURNS)
def test_wrong_turn_is_refused_and_changes_nothing(scene: Scene, invoicing: str, turn: str) -> None:
    before, verb = WRONG_TURNS[turn]
    invoice = scene.invoice_after(*before)
    invoice = scene.account.get(Invoice, invoice.id)
    with pytest.raises((Rejected, VersionConflict)) as refused:
        scene.perform(verb, invoice)
    assert isinstance(refused.value, ProviderError)
    assert scene.account.get(Invoice, invoice.id).status is invoice.status


def test_void_invoice_cannot_be_edited(scene: Scene, invoicing: str) -> None:
    invoice = scene.invoice_after(Verb.PUBLISH, Verb.VOID)
    invoice = scene.account.get(Invoice, invoice.id)
    lines = (Line(description="Something new", amount=scene.money(31_000)),)
    with pytest.raises((Rejected, VersionConflict)):
        scene.account.update(invoice.id, InvoiceDraft(lines=lines), version=invoice.version, key=new_key())


def test_repeated_publish_with_its_key_publishes_once(scene: Scene, invoicing: str) -> None:
    """The answer was lost, the hub sends the same again: where the key is honoured nothing may go wrong."""
    if not scene.provider.honours_key(Verb.PUBLISH, Invoice):
        return
    invoice, key = scene.draft_invoice(), new_key()
    first = scene.account.perform(Verb.PUBLISH, Invoice, invoice.id, version=invoice.version, key=key)
    second = scene.account.perform(Verb.PUBLISH, Invoice, invoice.id, version=invoice.version, key=key)
    assert first.status is second.status is InvoiceStatus.OPEN
    assert first.number == second.number
