"""Reading misses nothing: pages, windows, changes, deletions; and each record is well-formed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from providers.contract import Verb
from providers.errors import CursorExpired, RecordNotFound, Rejected, Unsupported
from providers.records import (
    Customer,
    CustomerDraft,
    Dispute,
    DisputeStatus,
    EntryType,
    Invoice,
    InvoiceStatus,
    Location,
    Payment,
    Payout,
    PayoutEntry,
    Record,
    Window,
)
from tests.contract.conftest import Pair
from tests.contract.harness import Harness, find_build
from tests.contract.scene import Scene, new_key
from tests.contract.test_capabilities import gone

MORE_THAN_TWO_PAGES = 205


def test_every_listed_record_is_well_formed(scene: Scene, listed: Pair) -> None:
    kind, _ = listed
    known = scene.existing(kind)
    for record in scene.everything(kind, parent_id=scene.parent_id(known)):
        assert_well_formed(record, kind)


def assert_well_formed(record: Record, kind: type[Record]) -> None:
    assert type(record) is kind
    assert record.id
    assert record.as_of.tzinfo is not None
    assert record.created_at is None or record.created_at.tzinfo is not None
    assert record.changed_at is None or record.changed_at.tzinfo is not None
    assert record.version is None or isinstance(record.version, str)
    assert record.raw, "raw is what came, never empty"
    assert str(record.raw) not in repr(record)


@dataclass(frozen=True, slots=True)
class Stock:
    """An account with more of each kind than two pages hold; nobody adds to it."""

    scene: Scene
    ids: Mapping[type[Record], frozenset[str]]


@pytest.fixture(scope="session")
def stock(provider_name: str) -> Iterator[Stock]:
    with find_build(provider_name)() as harness:
        kinds = [kind for kind in (Customer, Invoice, Payment) if harness.provider.supports(Verb.LIST, kind)]
        yield Stock(Scene(harness), {kind: frozenset(harness.seed(kind, MORE_THAN_TWO_PAGES)) for kind in kinds})


def test_all_pages_together_hold_each_record_once(stock: Stock, stocked: Pair) -> None:
    kind, _ = stocked
    assert len(stock.ids[kind]) == MORE_THAN_TWO_PAGES
    assert stock.scene.account.list(kind).next_cursor is not None, "one page cannot hold them all"
    listed = [record.id for record in stock.scene.everything(kind)]
    assert stock.ids[kind] <= set(listed)
    assert len(listed) == len(set(listed))


def test_neighbouring_windows_miss_nothing_where_they_meet(stock: Stock, stocked: Pair) -> None:
    kind, _ = stocked
    records = stock.scene.everything(kind)
    moments = sorted(record.created_at for record in records if record.created_at)
    assert len(moments) == len(records)
    first, border, last = moments[0], moments[len(moments) // 2], moments[-1]
    before = ids(stock.scene.everything(kind, created=Window(since=first - timedelta(days=1), until=border)))
    after = ids(stock.scene.everything(kind, created=Window(since=border)))
    assert stock.ids[kind] <= before | after
    newest = {record.id for record in records if record.created_at == last}
    assert newest <= ids(stock.scene.everything(kind, created=Window(since=last))), "since is inclusive"


def ids(records: Sequence[Record]) -> set[str]:
    return {record.id for record in records}


def test_open_invoice_is_listed_whatever_its_age(scene: Scene, invoicing: str) -> None:
    opened, void = scene.invoice_after(Verb.PUBLISH), scene.invoice_after(Verb.PUBLISH, Verb.VOID)
    listed = {invoice.id: invoice for invoice in scene.everything(Invoice, open_only=True)}
    assert listed[opened.id].status is InvoiceStatus.OPEN
    assert void.id not in listed, "a void invoice is not still to be paid"


def test_changes_since_a_moment_hold_what_was_made_and_edited(scene: Scene, harness: Harness) -> None:
    old = scene.customer()
    since = provider_time(scene)
    harness.edit(Customer, old.id)
    new = scene.customer()
    changed = {customer.id for customer in scene.everything(Customer, changed_since=since)}
    assert {old.id, new.id} <= changed


def test_changes_over_several_pages_miss_nothing(scene: Scene) -> None:
    since = provider_time(scene)
    made = {scene.account.create(CustomerDraft(given_name="Nr", family_name=str(n)), key=new_key()).id for n in range(120)}
    assert made <= {customer.id for customer in scene.everything(Customer, changed_since=since)}


def test_changed_invoice_is_among_the_changes(scene: Scene, invoicing: str) -> None:
    invoice = scene.draft_invoice()
    since = scene.account.get(Invoice, invoice.id).as_of
    scene.perform(Verb.PUBLISH, invoice)
    assert invoice.id in {found.id for found in scene.everything(Invoice, changed_since=since)}


def provider_time(scene: Scene) -> datetime:
    """By the provider's clock, as the hub takes its watermark."""
    return scene.account.get(Customer, scene.customer().id).as_of


def test_deleted_customer_is_not_found_or_marked(scene: Scene, harness: Harness) -> None:
    [id] = harness.seed(Customer, 1)
    harness.delete(Customer, id)
    assert gone(scene.account, Customer, id)


def test_unknown_id_is_not_found(scene: Scene, gettable: Pair) -> None:
    kind, _ = gettable
    known = scene.existing(kind).id
    with pytest.raises(RecordNotFound):
        scene.door(kind).get(kind, known[:-4] + "zzzz")


def test_listing_within_a_record_holds_what_is_within_that_one_only(scene: Scene, nested: Pair) -> None:
    kind, _ = nested
    one, other = (scene.parent_id(scene.existing(kind)) for _ in range(2))
    within_one, within_other = (scene.everything(kind, parent_id=parent_id) for parent_id in (one, other))
    assert within_one
    assert within_other
    assert {scene.parent_id(record) for record in within_one} == {one}
    assert {scene.parent_id(record) for record in within_other} == {other}
    assert ids(within_one).isdisjoint(ids(within_other))


def test_listing_that_names_no_record_to_look_within_is_refused_without_a_request(
    scene: Scene, harness: Harness, nested: Pair
) -> None:
    kind, _ = nested_in(scene, nested)
    seen = harness.requests()
    with pytest.raises(Unsupported):
        scene.account.list(kind)
    assert harness.requests() == seen


def test_listing_within_a_record_that_does_not_exist_says_so(scene: Scene, nested: Pair) -> None:
    kind, parent = nested_in(scene, nested)
    known = scene.existing(parent).id
    with pytest.raises(RecordNotFound):
        scene.account.list(kind, parent_id=known[:-4] + "zzzz")


def nested_in(scene: Scene, nested: Pair) -> tuple[type[Record], type[Record]]:
    kind, _ = nested
    parent = scene.provider.capabilities[kind].listed_within
    assert parent is not None
    return kind, parent


def test_listing_of_the_whole_account_within_a_record_is_refused_without_a_request(
    scene: Scene, harness: Harness, listed: Pair
) -> None:
    kind, _ = listed
    if scene.provider.capabilities[kind].listed_within is not None:
        assert kind is not Customer, "the account's own lists need no parent"
        return
    seen = harness.requests()
    with pytest.raises(Unsupported):
        scene.door(kind).list(kind, parent_id="some_record")
    assert harness.requests() == seen


def test_entries_of_a_payout_make_up_its_amount(scene: Scene, paying_out: str) -> None:
    [id] = scene.harness.seed(Payout, 1)
    payout = scene.account.get(Payout, id)
    assert payout.is_complete
    entries = scene.everything(PayoutEntry, parent_id=id)
    assert all(entry.net == entry.gross - entry.fee for entry in entries)
    moved = [entry.net.minor_units for entry in entries if entry.entry_type is not EntryType.PAYOUT]
    own_fee = payout.fee.minor_units if payout.fee else 0  # an entry of its own at some
    assert payout.amount.minor_units in (sum(moved), sum(moved) - own_fee)
    assert [entry for entry in entries if entry.entry_type is EntryType.CHARGE and (entry.payment_id or entry.charge_id)]


def test_dispute_that_awaits_an_answer_says_until_when_and_about_what(scene: Scene, disputing: str) -> None:
    [id] = scene.harness.seed(Dispute, 1)
    dispute = scene.account.get(Dispute, id)
    assert dispute.status is DisputeStatus.NEEDS_RESPONSE
    assert dispute.respond_by is not None
    assert dispute.amount.minor_units > 0
    assert scene.account.get(Payment, dispute.payment_id or "").id == dispute.payment_id or dispute.charge_id


def test_expired_cursor_says_begin_again(own_harness: Harness) -> None:
    scene = Scene(own_harness)
    own_harness.seed(Customer, 130)
    cursor = scene.account.list(Customer).next_cursor
    assert cursor is not None
    own_harness.expire_cursors()
    try:
        page = own_harness.account().list(Customer, cursor=cursor)
    except CursorExpired:
        return
    assert page.records, "a cursor that does not expire goes on"


def test_cursor_that_was_never_given_is_refused(scene: Scene) -> None:
    with pytest.raises((CursorExpired, Rejected)):
        scene.account.list(Customer, cursor="no-cursor-of-ours")


def test_main_location_tells_the_currency(scene: Scene) -> None:
    if not scene.provider.supports(Verb.LIST, Location):
        assert scene.account.describe().currency, "without locations the account itself must tell its currency"
        return
    locations = scene.everything(Location)
    assert [location for location in locations if location.is_main and location.active]
    assert all(len(location.currency) == 3 and location.currency.isupper() for location in locations)
