"""R25: each Square version says the same to us; what no version says yet is counted and harms nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from providers import drift
from providers.records import (
    Dispute,
    DisputeStatus,
    Effect,
    EntryType,
    Instalment,
    InstalmentKind,
    Interval,
    Invoice,
    LinkStatus,
    Money,
    Payment,
    Payout,
    PayoutStatus,
    Record,
    Subscription,
    TerminalStatus,
)
from providers.square.mapping.counter import catalog_item, inventory_count, terminal_checkout
from providers.square.mapping.customer import customer
from providers.square.mapping.dispute import dispute
from providers.square.mapping.event import event
from providers.square.mapping.invoice import invoice
from providers.square.mapping.known_fields import KNOWN, watch
from providers.square.mapping.link import payment_link
from providers.square.mapping.location import card, location
from providers.square.mapping.payment import payment, refund
from providers.square.mapping.payout import payout, payout_entry
from providers.square.mapping.subscription import subscription
from providers.square.settings import API_VERSION, OLDER_API_VERSION

FOLDER = Path(__file__).parent / "versions"
NEWER, OLDER = (orjson.loads((FOLDER / f"{name}.json").read_bytes()) for name in (API_VERSION, OLDER_API_VERSION))
AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
Documents = Mapping[str, Any]

READ: Mapping[str, Callable[[Documents], Record]] = {
    "customer": lambda all: customer(all["customer"], as_of=AS_OF),
    "invoice": lambda all: invoice(all["invoice"], all["order"], as_of=AS_OF),
    "payment": lambda all: payment(all["payment"], as_of=AS_OF),
    "refund": lambda all: refund(all["refund"], as_of=AS_OF),
    "location": lambda all: location(all["location"], as_of=AS_OF, main_id="ES0RJRZYEC39A"),
    "card": lambda all: card(all["card"], as_of=AS_OF),
    "subscription": lambda all: subscription(all["subscription"], all["plan_variation"], as_of=AS_OF),
    "dispute": lambda all: dispute(all["dispute"], as_of=AS_OF),
    "payout": lambda all: payout(all["payout"], as_of=AS_OF),
    "payout_entry": lambda all: payout_entry(all["payout_entry"], as_of=AS_OF),
    "payment_link": lambda all: payment_link(all["payment_link"], all["link_order"], as_of=AS_OF),
    "catalog_item": lambda all: catalog_item(all["catalog_item"]["item_data"]["variations"][0], all["catalog_item"], as_of=AS_OF),
    "inventory_count": lambda all: inventory_count(all["inventory_count"], as_of=AS_OF),
    "terminal_checkout": lambda all: terminal_checkout(all["terminal_checkout"], as_of=AS_OF),
}
ONLY_NEWER = {"card": {"created_at": None}}
"""What the older version does not tell at all, whatever we do."""
UNFILLED = {
    "customer": {"deleted"},
    "invoice": {"deleted", "unfinished"},
    "payment": {"invoice_ids", "charge_id", "disputed", "failure"},
    "refund": {"version", "failure"},
    "location": {"version", "changed_at"},
    "card": {"changed_at"},
    "subscription": {"changed_at", "cancels_on", "ended_at", "reference"},
    "dispute": {"charge_id", "is_inquiry", "evidence_submitted"},
    "payout": {"failure"},
    "payout_entry": {"version", "changed_at", "charge_id"},
    "payment_link": {"url", "client_parameters", "expires_at"},
    "catalog_item": {"deleted"},
    "inventory_count": {"version", "created_at"},
    "terminal_checkout": {"version", "cancel_reason"},
}
"""What these documents leave empty; anything else that is empty is lost by us."""


@pytest.fixture(autouse=True)
def _nothing_seen() -> Iterator[None]:
    drift.forget()
    yield
    drift.forget()


@pytest.mark.parametrize("noun", READ)
def test_both_versions_become_the_same_record(noun: str) -> None:
    newer, older = READ[noun](NEWER), READ[noun](OLDER)
    assert replace(newer, **ONLY_NEWER.get(noun, {})) == older


@pytest.mark.parametrize("noun", READ)
def test_nothing_that_is_told_is_lost(noun: str) -> None:
    record = READ[noun](NEWER)
    empty = {field.name for field in fields(record) if not getattr(record, field.name) and field.name != "raw"}
    assert empty == UNFILLED[noun]


@pytest.mark.parametrize("number", range(len(NEWER["events"])), ids=lambda number: NEWER["events"][number]["type"])
def test_event_in_either_version_says_the_same(number: int) -> None:
    newer, older = (event(all["events"][number], live=False) for all in (NEWER, OLDER))
    assert newer == older
    assert newer.effect is Effect.CHANGED
    assert newer.snapshot is not None
    assert newer.snapshot.id == newer.record_id
    assert newer.snapshot.as_of == newer.created_at


def test_documents_of_both_versions_hold_nothing_unknown() -> None:
    for all_documents in (NEWER, OLDER):
        for noun in READ.keys() & KNOWN.keys():
            watch(noun, [all_documents[noun]], at=AS_OF)
            READ[noun](all_documents)
        for body in all_documents["events"]:
            event(body, live=False)
    assert drift.seen() == ()


@pytest.mark.parametrize("noun", sorted(READ.keys() & KNOWN.keys()))
def test_new_member_is_counted_and_changes_nothing(noun: str) -> None:
    wider = copy.deepcopy(NEWER)
    wider[noun]["field_of_tomorrow"] = {"deep": [1, None]}
    watch(noun, [wider[noun]], at=AS_OF)
    assert [(one.provider, one.kind, one.path, one.word) for one in drift.seen()] == [("square", noun, "field_of_tomorrow", None)]
    assert READ[noun](wider) == READ[noun](NEWER)


WORDS = {
    "invoice": ("status",),
    "payment": ("status", "source_type"),
    "refund": ("status",),
    "subscription": ("status",),
    "dispute": ("state",),
    "payout": ("status",),
    "payout_entry": ("type",),
    "terminal_checkout": ("status",),
}


@pytest.mark.parametrize(("noun", "member"), [(noun, member) for noun, members in WORDS.items() for member in members])
def test_new_word_is_counted_and_the_rest_is_read(noun: str, member: str) -> None:
    stranger = copy.deepcopy(NEWER)
    stranger[noun][member] = "SOMETHING_NEW"
    record = READ[noun](stranger)
    assert [(one.kind, one.path, one.word, one.count) for one in drift.seen()] == [(noun, member, "SOMETHING_NEW", 1)]
    assert record.id == READ[noun](NEWER).id
    assert "SOMETHING_NEW" in str(record.raw)


def test_new_cadence_and_kind_of_payment_request_are_counted() -> None:
    stranger = copy.deepcopy(NEWER)
    stranger["plan_variation"]["subscription_plan_variation_data"]["phases"][1]["cadence"] = "EVERY_BLUE_MOON"
    stranger["invoice"]["payment_requests"][0]["request_type"] = "TITHE"
    plan, parts = READ["subscription"](stranger), READ["invoice"](stranger)
    assert isinstance(plan, Subscription)
    assert isinstance(parts, Invoice)
    assert plan.interval is Interval.UNKNOWN
    assert parts.instalments[0].kind is InstalmentKind.UNKNOWN
    assert {(one.kind, one.word) for one in drift.seen()} == {("subscription", "EVERY_BLUE_MOON"), ("invoice", "TITHE")}


def test_new_event_type_is_counted_and_kept() -> None:
    body = {**NEWER["events"][0], "type": "customer.levitated"}
    assert event(body, live=False).effect is Effect.OTHER
    assert [(one.kind, one.path, one.word) for one in drift.seen()] == [("event", "type", "customer.levitated")]


def test_invoice_shows_taxes_discounts_and_parts() -> None:
    record = READ["invoice"](NEWER)
    assert isinstance(record, Invoice)
    assert (record.tax, record.discount) == (Money(7_200, "USD"), Money(10_000, "USD"))
    assert (record.lines[0].tax, record.lines[0].discount) == (Money(7_200, "USD"), Money(10_000, "USD"))
    assert record.instalments == (
        Instalment(kind=InstalmentKind.DEPOSIT, amount=Money(30_000, "USD"), due_on=date(2026, 4, 5), paid=Money(30_000, "USD")),
        Instalment(kind=InstalmentKind.BALANCE, amount=Money(67_200, "USD"), due_on=date(2026, 5, 5), paid=Money(0, "USD")),
    )
    assert (record.due_on, record.subscription_id) == (date(2026, 5, 5), "56214fb2-cc85-47a1-93bc-44f3766bb56f")


def test_tip_is_not_counted_as_paid_of_a_part() -> None:
    tipped = copy.deepcopy(NEWER)
    tipped["invoice"]["payment_requests"][1]["total_completed_amount_money"]["amount"] = 70_000
    record = READ["invoice"](tipped)
    assert isinstance(record, Invoice)
    assert record.instalments[1].paid == Money(67_200, "USD")


def test_sale_at_the_counter_tells_fee_net_tip_refund_and_device() -> None:
    record = READ["payment"](NEWER)
    assert isinstance(record, Payment)
    assert (record.amount, record.tip) == (Money(1_200, "USD"), Money(200, "USD"))
    assert (record.fee, record.net) == (Money(55, "USD"), Money(1_145, "USD"))
    assert (record.refunded, record.device, record.location_id) == (Money(300, "USD"), "Front counter", "ES0RJRZYEC39A")


def test_payment_without_fee_has_no_net_and_nothing_refunded() -> None:
    early = copy.deepcopy(NEWER)
    del early["payment"]["processing_fee"], early["payment"]["refunded_money"]
    record = READ["payment"](early)
    assert isinstance(record, Payment)
    assert (record.fee, record.net, record.refunded) == (None, None, Money(0, "USD"))


def test_subscription_has_the_last_phase_of_its_plan_unless_its_price_is_its_own() -> None:
    record = READ["subscription"](NEWER)
    assert isinstance(record, Subscription)
    assert (record.name, record.amount) == ("Boiler care", Money(2_500, "USD"))
    assert (record.interval, record.interval_count) == (Interval.MONTH, 3)
    assert (record.renews_on, record.pauses_on, record.latest_invoice_id) == (date(2026, 10, 20), date(2026, 10, 20), "inv:0-b")
    plain = copy.deepcopy(NEWER)
    del plain["subscription"]["price_override_money"]
    assert getattr(READ["subscription"](plain), "amount", None) == Money(3_000, "USD")


@pytest.mark.parametrize("word", ["CANCELED", "COMPLETED"])
def test_ended_subscription_renews_no_more(word: str) -> None:
    ended = copy.deepcopy(NEWER)
    ended["subscription"] |= {"status": word, "canceled_date": "2026-10-20"}
    record = READ["subscription"](ended)
    assert isinstance(record, Subscription)
    assert (record.renews_on, record.cancels_on, record.pauses_on) == (None, None, None)
    assert record.ended_at == datetime(2026, 10, 20, 7, tzinfo=UTC)  # midnight in Los Angeles


def test_subscription_that_will_end_is_active_until_then() -> None:
    ending = copy.deepcopy(NEWER)
    ending["subscription"]["canceled_date"] = "2026-10-20"
    record = READ["subscription"](ending)
    assert isinstance(record, Subscription)
    assert (record.cancels_on, record.renews_on, record.ended_at) == (date(2026, 10, 20), None, None)


def test_subscription_of_an_event_has_neither_plan_nor_certainty() -> None:
    body = next(body for body in NEWER["events"] if body["type"] == "subscription.updated")
    found = event(body, live=False)
    assert isinstance(found.snapshot, Subscription)
    assert found.partial
    assert (found.snapshot.name, found.snapshot.interval) == ("", Interval.UNKNOWN)


@pytest.mark.parametrize(
    ("state", "status", "inquiry", "waits"),
    [
        ("INQUIRY_EVIDENCE_REQUIRED", DisputeStatus.NEEDS_RESPONSE, True, True),
        ("INQUIRY_PROCESSING", DisputeStatus.UNDER_REVIEW, True, False),
        ("INQUIRY_CLOSED", DisputeStatus.CLOSED, True, False),
        ("EVIDENCE_REQUIRED", DisputeStatus.NEEDS_RESPONSE, False, True),
        ("PROCESSING", DisputeStatus.UNDER_REVIEW, False, False),
        ("WON", DisputeStatus.WON, False, False),
        ("LOST", DisputeStatus.LOST, False, False),
        ("ACCEPTED", DisputeStatus.ACCEPTED, False, False),
    ],
)
def test_dispute_state_says_whether_the_merchant_must_answer(
    state: str, status: DisputeStatus, inquiry: bool, waits: bool
) -> None:
    record = dispute({**NEWER["dispute"], "state": state}, as_of=AS_OF)
    assert (record.status, record.is_inquiry, record.respond_by is not None) == (status, inquiry, waits)
    assert record.evidence_submitted is (state in ("INQUIRY_PROCESSING", "PROCESSING", "WON"))


@pytest.mark.parametrize("event_type", ["dispute.created", "dispute.evidence.created", "dispute.evidence.deleted"])
@pytest.mark.parametrize("name", ["dispute", "object"])
def test_dispute_is_found_under_either_of_its_names_and_never_taken_for_deleted(event_type: str, name: str) -> None:
    body = {
        **NEWER["events"][0],
        "type": event_type,
        "data": {"type": "dispute", "id": "x", "deleted": True, "object": {name: NEWER["dispute"]}},
    }
    found = event(body, live=False)
    assert (found.kind, found.effect, found.record_id) == (Dispute, Effect.CHANGED, NEWER["dispute"]["id"])
    assert isinstance(found.snapshot, Dispute)


def test_money_taken_from_the_bank_is_a_negative_payout() -> None:
    raw = {**NEWER["payout"], "amount_money": {"amount": -5_000, "currency": "USD"}, "status": "SENT", "type": "SIMPLE"}
    record = payout(raw, as_of=AS_OF)
    assert isinstance(record, Payout)
    assert (record.amount, record.status) == (Money(-5_000, "USD"), PayoutStatus.IN_TRANSIT)
    assert (record.automatic, record.is_complete) == (False, False)


@pytest.mark.parametrize(
    ("word", "entry_type"),
    [
        ("CHARGE", EntryType.CHARGE),
        ("OPEN_DISPUTE", EntryType.DISPUTE),
        ("TAX_ON_FEE", EntryType.FEE),
        ("RESERVE_HOLD", EntryType.ADJUSTMENT),
        ("SQUARE_CAPITAL_PAYMENT", EntryType.OTHER),
        ("MOON_TAX", EntryType.OTHER),
    ],
)
def test_entry_of_a_payout_has_a_type_of_ours(word: str, entry_type: EntryType) -> None:
    assert payout_entry({**NEWER["payout_entry"], "type": word}, as_of=AS_OF).entry_type is entry_type
    assert bool(drift.seen()) is (word == "MOON_TAX")


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({"state": "DRAFT"}, LinkStatus.ACTIVE),
        ({"state": "OPEN"}, LinkStatus.ACTIVE),
        ({"state": "CANCELED"}, LinkStatus.CANCELED),
        ({"state": "OPEN", "tenders": [{"id": "p"}], "net_amount_due_money": {"amount": 0, "currency": "USD"}}, LinkStatus.PAID),
        ({"state": "DRAFT", "tenders": [{"id": "p"}]}, LinkStatus.PAID),
        (
            {"state": "OPEN", "tenders": [{"id": "p"}], "net_amount_due_money": {"amount": 5, "currency": "USD"}},
            LinkStatus.PENDING,
        ),
        ({"state": "OPEN", "tenders": [{"id": "p", "card_details": {"status": "AUTHORIZED"}}]}, LinkStatus.PENDING),
        (None, LinkStatus.UNKNOWN),
    ],
)
def test_link_is_paid_by_payments_and_never_by_the_state_of_its_order(order: Documents | None, status: LinkStatus) -> None:
    record = payment_link(NEWER["payment_link"], order, as_of=AS_OF)
    assert record.status is status
    assert (record.url is not None) is (status is LinkStatus.ACTIVE)


def test_amount_of_a_link_leaves_the_tip_out() -> None:
    record = payment_link(NEWER["payment_link"], NEWER["link_order"], as_of=AS_OF)
    assert (record.amount, record.payment_id, record.reference) == (Money(7_350, "USD"), "pay9", "payhub-5")


def test_terminal_checkout_names_its_payments() -> None:
    record = terminal_checkout(NEWER["terminal_checkout"], as_of=AS_OF)
    assert (record.status, record.payment_ids) == (TerminalStatus.COMPLETED, ("bP9mAsEMYPUGjjGNaNO5ZDVyLhSZY",))


def test_several_counts_in_one_event_are_a_hint_without_an_id() -> None:
    body = copy.deepcopy(NEWER["events"][-1])
    body["data"]["object"]["inventory_counts"] *= 2
    found = event(body, live=False)
    assert (found.effect, found.record_id, found.snapshot, found.partial) == (Effect.CHANGED, None, None, True)


@pytest.mark.parametrize("event_type", ["order.created", "order.updated", "order.fulfillment.updated"])
def test_order_event_keeps_the_id_of_the_order_and_applies_nothing(event_type: str) -> None:
    stub = {event_type.replace(".", "_"): {"order_id": "o1", "version": 2, "state": "OPEN"}}
    body = {**NEWER["events"][0], "type": event_type, "data": {"type": "order", "id": "x", "object": stub}}
    found = event(body, live=False)
    assert (found.effect, found.kind, found.record_id) == (Effect.OTHER, None, "o1")


def test_documents_differ_in_something_or_the_comparison_is_empty() -> None:
    differing = {noun for noun in NEWER if NEWER[noun] != OLDER[noun]}
    assert {"payment", "refund", "location", "card", "dispute", "plan_variation", "catalog_item"} <= differing
