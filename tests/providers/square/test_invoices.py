from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from providers.contract import Verb
from providers.errors import Rejected, VersionConflict
from providers.records import CustomerDraft, Invoice, InvoiceDraft, InvoiceStatus, Line, Location, Money, Window
from tests.contract.scene import Scene, new_key
from tests.providers.square.harness import Harness


def usd(minor_units: int) -> Money:
    return Money(minor_units, "USD")


def drafted(square: Harness, **more: Any) -> InvoiceDraft:
    customer = square.account().create(CustomerDraft(given_name="Ada", email="ada@example.com"), key=new_key())
    return replace(
        InvoiceDraft(customer_id=customer.id, currency="USD", lines=(Line(description="Work", amount=usd(10_000)),)), **more
    )


def made(square: Harness, **more: Any) -> Invoice:
    return square.account().create(drafted(square, **more), key=new_key())


def other_location(square: Harness) -> Location:
    return next(location for location in square.account().list(Location).records if not location.is_main)


def orders(square: Harness) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = square.twin.control("GET", f"truth?account_id={square.account_id}")["orders"]
    return found


def test_invoices_of_every_location_are_listed_the_inactive_ones_too(square: Harness) -> None:
    away = other_location(square)
    there = made(square, location_id=away.id)
    here = made(square)
    assert here.location_id != there.location_id
    square.act("location_update", location_id=away.id, status="INACTIVE")
    listed = {invoice.id: invoice for invoice in Scene(square).everything(Invoice)}
    assert set(listed) == {here.id, there.id}
    assert listed[there.id].lines == there.lines


def test_invoice_at_an_inactive_location_is_refused_before_an_order_is_made(square: Harness) -> None:
    away = other_location(square)
    square.act("location_update", location_id=away.id, status="INACTIVE")
    draft = drafted(square, location_id=away.id)
    with pytest.raises(Rejected, match="not active"):
        square.account().create(draft, key=new_key())
    assert orders(square) == []


def test_open_only_leaves_out_what_is_paid_void_or_draft(square: Harness) -> None:
    draft, open_, paid, void = (made(square) for _ in range(4))
    for invoice in (open_, paid, void):
        square.account().perform(Verb.PUBLISH, Invoice, invoice.id, version=invoice.version, key=new_key())
    square.act("invoice_pay", invoice_id=paid.id)
    square.act("invoice_cancel", invoice_id=void.id)
    assert [invoice.id for invoice in Scene(square).everything(Invoice, open_only=True)] == [open_.id]
    assert draft.id in {invoice.id for invoice in Scene(square).everything(Invoice)}


def test_window_of_creation_is_exact_at_its_edges(square: Harness) -> None:
    square.seed(Invoice, 60)
    scene = Scene(square)
    everything = sorted(scene.everything(Invoice), key=lambda invoice: str(invoice.created_at))
    border = everything[30].created_at
    assert border is not None
    before = scene.everything(Invoice, created=Window(since=border - timedelta(days=365), until=border))
    after = scene.everything(Invoice, created=Window(since=border))
    assert len(before) + len(after) == 60
    assert {invoice.id for invoice in before}.isdisjoint(invoice.id for invoice in after)


def test_invoice_whose_order_alone_moved_is_among_the_changes(square: Harness) -> None:
    [moved, still] = square.seed(Invoice, 2)
    record = square.account().get(Invoice, moved)
    body = {"order": {"location_id": record.location_id, "version": record.raw["order"]["version"], "metadata": {"a": "b"}}}
    since = record.as_of
    square.twin.api(square.own_token, "PUT", f"/v2/orders/{record.order_id}", body)
    unmoved = square.account().get(Invoice, moved)
    assert unmoved.version == record.version
    listed = [invoice.id for invoice in Scene(square).everything(Invoice, changed_since=since)]
    assert listed == [moved]
    assert still not in listed


def test_paid_invoice_shows_what_was_paid_and_meets_its_payment_at_the_order(square: Harness) -> None:
    invoice = made(square)
    invoice = square.account().perform(Verb.PUBLISH, Invoice, invoice.id, version=invoice.version, key=new_key())
    payment = square.act("invoice_pay", invoice_id=invoice.id)["payment"]
    paid = square.account().get(Invoice, invoice.id)
    assert (paid.status, paid.paid, paid.due) == (InvoiceStatus.PAID, usd(10_000), usd(0))
    assert paid.order_id == payment["order_id"]


def test_repeated_create_under_its_key_makes_one_order_and_one_invoice(square: Harness) -> None:
    draft, key = drafted(square), new_key()
    for path in ("/v2/orders", "/v2/invoices"):
        square.twin.control("POST", "faults", {"kind": "dropped", "method": "POST", "path": path})
    for _ in range(2):
        with pytest.raises(Exception, match="connection"):
            square.account().create(draft, key=key)
    invoice = square.account().create(draft, key=key)
    assert [order["id"] for order in orders(square)] == [invoice.order_id]
    assert [found.id for found in Scene(square).everything(Invoice)] == [invoice.id]


def test_refused_invoice_leaves_no_open_order(square: Harness) -> None:
    first = made(square, number="A-1")
    with pytest.raises(Rejected):
        made(square, number="A-1")
    left = [order["state"] for order in orders(square) if order["id"] != first.order_id]
    assert left == ["CANCELED"]


def test_reused_key_does_not_cancel_the_order_of_the_invoice_made_before(square: Harness) -> None:
    draft, key = drafted(square), new_key()
    first = square.account().create(draft, key=key)
    with pytest.raises(Rejected):
        square.account().create(replace(draft, description="other"), key=key)
    assert [order["state"] for order in orders(square) if order["id"] == first.order_id] == ["OPEN"]


def test_foreign_currency_is_refused_before_any_order(square: Harness) -> None:
    draft = drafted(square, currency="EUR", lines=(Line(description="Work", amount=Money(100, "EUR")),))
    with pytest.raises(Rejected, match="USD") as refused:
        square.account().create(draft, key=new_key())
    assert refused.value.code == "currency_mismatch"
    assert orders(square) == []


@pytest.mark.parametrize("lines", [(), None, (Line(description="Gift", amount=Money(-5, "USD")),)])
def test_invoice_without_anything_to_pay_for_is_refused(square: Harness, lines: tuple[Line, ...] | None) -> None:
    with pytest.raises(Rejected):
        square.account().create(drafted(square, lines=lines), key=new_key())
    assert orders(square) == []


def test_negative_line_becomes_a_discount_and_comes_back(square: Harness) -> None:
    lines = (Line(description="Work", amount=usd(10_000)), Line(description="Friends", amount=usd(-1_500)))
    invoice = square.account().get(Invoice, made(square, lines=lines).id)
    assert invoice.total == usd(8_500)
    assert [(line.description, line.amount) for line in invoice.lines] == [("Work", usd(10_000)), ("Friends", usd(-1_500))]


def test_invoice_without_due_day_is_due_on_the_day_it_is_made(square: Harness) -> None:
    invoice = made(square)
    assert invoice.created_at is not None
    assert invoice.due_on == invoice.created_at.date()


def test_new_lines_number_and_day_of_a_draft_arrive_together(square: Harness) -> None:
    invoice = made(square, lines=(Line(description="Old", amount=usd(100)), Line(description="Off", amount=usd(-10))))
    lines = (Line(description="New", amount=usd(300)),)
    draft = InvoiceDraft(lines=lines, due_on=date(2035, 5, 5), number="N-9", description="x")
    square.account().update(invoice.id, draft, version=invoice.version, key=new_key())
    found = square.account().get(Invoice, invoice.id)
    assert [(line.description, line.amount) for line in found.lines] == [("New", usd(300))]
    assert (found.total, found.due_on, found.number, found.description) == (usd(300), date(2035, 5, 5), "N-9", "x")


@pytest.mark.parametrize("path", ["/v2/orders/*", "/v2/invoices/*"])
@pytest.mark.parametrize("kind", ["dropped", "server_error_after"])
def test_update_whose_answer_was_lost_can_be_repeated_until_it_is_done(square: Harness, path: str, kind: str) -> None:
    invoice, key = made(square), new_key()
    draft = InvoiceDraft(lines=(Line(description="New", amount=usd(300)),), description="x")
    square.twin.control("POST", "faults", {"kind": kind, "method": "PUT", "path": path})
    with pytest.raises(Exception, match="Square"):
        square.account().update(invoice.id, draft, version=invoice.version, key=key)
    try:
        square.account().update(invoice.id, draft, version=invoice.version, key=key)
    except VersionConflict:
        now = square.account().get(Invoice, invoice.id)
        square.account().update(invoice.id, draft, version=now.version, key=key)
    found = square.account().get(Invoice, invoice.id)
    assert [(line.description, line.amount) for line in found.lines] == [("New", usd(300))]
    assert (found.total, found.description) == (usd(300), "x")


def test_lines_of_a_published_invoice_stay_as_they_are(square: Harness) -> None:
    invoice = made(square)
    invoice = square.account().perform(Verb.PUBLISH, Invoice, invoice.id, version=invoice.version, key=new_key())
    with pytest.raises(Rejected, match="cannot be changed"):
        square.account().update(
            invoice.id, InvoiceDraft(lines=(Line(description="New", amount=usd(1)),)), version=invoice.version, key=new_key()
        )
    changed = square.account().update(invoice.id, InvoiceDraft(due_on=date(2036, 1, 1)), version=invoice.version, key=new_key())
    assert changed.due_on == date(2036, 1, 1)


def test_update_that_repeats_what_is_there_writes_nothing(square: Harness) -> None:
    draft = drafted(square, number="N-1", due_on=date(2035, 1, 1), description="x", reference="payhub:invoice:1")
    invoice = square.account().create(draft, key=new_key())
    invoice = square.account().perform(Verb.PUBLISH, Invoice, invoice.id, version=invoice.version, key=new_key())
    same = square.account().update(invoice.id, draft, version=invoice.version, key=new_key())
    assert same.version == invoice.version
    more = square.account().update(invoice.id, replace(draft, description="y"), version=invoice.version, key=new_key())
    assert more.description == "y"


def test_sending_to_a_customer_without_email_says_what_is_missing(square: Harness) -> None:
    customer = square.account().create(CustomerDraft(given_name="Ada", phone="+12025550143"), key=new_key())
    invoice = made(square, customer_id=customer.id)
    with pytest.raises(Rejected, match="no email address"):
        square.account().perform(Verb.SEND, Invoice, invoice.id, version=invoice.version, key=new_key())
    published = square.account().perform(Verb.PUBLISH, Invoice, invoice.id, version=invoice.version, key=new_key())
    assert published.status is InvoiceStatus.OPEN  # to be shared by its link
    assert published.pay_url


def test_sent_invoice_is_delivered_by_square(square: Harness) -> None:
    invoice = made(square)
    sent = square.account().perform(Verb.SEND, Invoice, invoice.id, version=invoice.version, key=new_key())
    assert sent.raw["invoice"]["delivery_method"] == "EMAIL"
    seen = square.requests()
    again = square.account().perform(Verb.SEND, Invoice, sent.id, version=sent.version, key=new_key())
    assert again.version == sent.version
    assert square.requests() == seen + 2  # only looked


@pytest.mark.parametrize("word", ["version_mismatch", "conflict"])
def test_stale_version_conflicts_under_either_of_squares_words(square: Harness, word: str) -> None:
    square.twin.control("POST", "settings", {"stale_version": word})
    invoice = made(square)
    square.edit(Invoice, invoice.id)
    with pytest.raises(VersionConflict):
        square.account().perform(Verb.PUBLISH, Invoice, invoice.id, version=invoice.version, key=new_key())


def test_race_between_looking_and_voiding_conflicts(square: Harness) -> None:
    invoice = made(square)
    published = square.account().perform(Verb.PUBLISH, Invoice, invoice.id, version=invoice.version, key=new_key())
    square.twin.control("POST", "faults", {"kind": "conflict", "method": "POST", "path": f"/v2/invoices/{invoice.id}/cancel"})
    with pytest.raises(VersionConflict):
        square.account().perform(Verb.VOID, Invoice, invoice.id, version=published.version, key=new_key())


def test_void_whose_answer_was_lost_is_not_known(square: Harness) -> None:
    invoice = made(square)
    published = square.account().perform(Verb.PUBLISH, Invoice, invoice.id, version=invoice.version, key=new_key())
    square.twin.control("POST", "faults", {"kind": "dropped", "method": "POST", "path": f"/v2/invoices/{invoice.id}/cancel"})
    with pytest.raises(Exception, match="not known"):
        square.account().perform(Verb.VOID, Invoice, invoice.id, version=published.version, key=new_key())
    assert square.account().get(Invoice, invoice.id).status is InvoiceStatus.VOID


def test_listing_reads_orders_of_the_chosen_invoices_only(square: Harness) -> None:
    [id, *_] = square.seed(Invoice, 20)
    account = square.account()
    since = account.get(Invoice, id).as_of + timedelta(days=1)
    account.list(Location)
    seen = square.requests()
    assert account.list(Invoice, created=Window(since=since)).records == ()
    assert square.requests() == seen + 1
    assert account.list(Invoice).records
    assert square.requests() == seen + 3
