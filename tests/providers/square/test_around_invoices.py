"""Parts of an invoice, payment links, cards on file, subscriptions: what is Square's own about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from providers.contract import Verb
from providers.errors import Declined, RecordNotFound, Rejected, VersionConflict
from providers.records import (
    CustomerDraft,
    Instalment,
    InstalmentKind,
    Interval,
    Invoice,
    InvoiceDraft,
    InvoiceStatus,
    Line,
    LinkStatus,
    Location,
    Money,
    PaymentLink,
    PaymentLinkDraft,
    PaymentMethodDraft,
    Subscription,
    SubscriptionDraft,
    SubscriptionStatus,
)
from providers.square.mapping.subscription import CADENCE_OF
from tests.contract.faults import Fault
from tests.contract.gates import FaultyGate
from tests.contract.scene import Scene, new_key
from tests.providers.square.harness import Harness


def usd(minor_units: int) -> Money:
    return Money(minor_units, "USD")


def part(kind: InstalmentKind, amount: int, due_on: date | None) -> Instalment:
    return Instalment(kind=kind, amount=usd(amount), due_on=due_on)


DEPOSIT = part(InstalmentKind.DEPOSIT, 2_500, date(2035, 1, 10))
BALANCE = part(InstalmentKind.BALANCE, 7_500, date(2035, 3, 10))
RATES = tuple(part(InstalmentKind.INSTALMENT, 2_500, date(2035, month, 10)) for month in (2, 3, 4))


def customer_id(square: Harness, *, email: str | None = "ada@example.com") -> str:
    return square.account().create(CustomerDraft(given_name="Ada", family_name="L", email=email), key=new_key()).id


def in_parts(square: Harness, *parts: Instalment) -> InvoiceDraft:
    lines = (Line(description="Work", amount=usd(10_000)),)
    return InvoiceDraft(customer_id=customer_id(square), currency="USD", lines=lines, instalments=parts)


def orders(square: Harness) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = square.twin.control("GET", f"truth?account_id={square.account_id}")["orders"]
    return found


# --- parts of an invoice ---


def test_paid_deposit_is_paid_of_its_part_alone(square: Harness) -> None:
    account = square.account()
    invoice = account.create(in_parts(square, DEPOSIT, BALANCE), key=new_key())
    invoice = account.perform(Verb.PUBLISH, Invoice, invoice.id, version=invoice.version, key=new_key())
    square.act("invoice_pay", invoice_id=invoice.id, amount=2_500)
    found = account.get(Invoice, invoice.id)
    assert (found.status, found.due) == (InvoiceStatus.PARTIALLY_PAID, usd(7_500))
    assert [one.paid for one in found.instalments] == [usd(2_500), usd(0)]


def test_instalments_need_a_plan_of_the_seller_and_leave_no_open_order_without(square: Harness) -> None:
    draft = in_parts(square, DEPOSIT, *RATES)
    with pytest.raises(Rejected, match="plan") as refused:
        square.account().create(draft, key=new_key())
    assert refused.value.code == "MERCHANT_SUBSCRIPTION_NOT_FOUND"
    assert [order["state"] for order in orders(square)] == ["CANCELED"]


def test_deposit_and_instalments_come_back_in_their_order(square: Harness) -> None:
    square.twin.control("POST", "settings", {"invoices_plus": True})
    account = square.account()
    found = account.get(Invoice, account.create(in_parts(square, DEPOSIT, *RATES), key=new_key()).id)
    assert [replace(one, paid=None) for one in found.instalments] == [DEPOSIT, *RATES]


def test_new_parts_take_the_place_of_the_old(square: Harness) -> None:
    account = square.account()
    made = account.create(in_parts(square, DEPOSIT, BALANCE), key=new_key())
    later = replace(BALANCE, due_on=date(2036, 1, 1))
    changed = account.update(made.id, InvoiceDraft(instalments=(DEPOSIT, later)), version=made.version, key=new_key())
    assert [one.due_on for one in account.get(Invoice, made.id).instalments] == [DEPOSIT.due_on, later.due_on]
    same = account.update(made.id, InvoiceDraft(instalments=(DEPOSIT, later)), version=changed.version, key=new_key())
    assert same.version == changed.version, "nothing was to be changed"
    account.update(made.id, InvoiceDraft(instalments=()), version=changed.version, key=new_key())
    whole = account.get(Invoice, made.id)
    assert (whole.instalments, whole.total, whole.due_on) == ((), usd(10_000), later.due_on)


@pytest.mark.parametrize(
    "parts",
    [
        (BALANCE, DEPOSIT),
        (DEPOSIT,),
        (replace(DEPOSIT, due_on=date(2035, 12, 1)), BALANCE),
        (replace(RATES[0], amount=usd(10_000)),),
        (DEPOSIT, replace(DEPOSIT, amount=usd(7_500))),
        (replace(DEPOSIT, kind=InstalmentKind.UNKNOWN), BALANCE),
    ],
    ids=["balance-first", "deposit-alone", "deposit-due-last", "one-instalment", "two-deposits", "unknown-kind"],
)
def test_parts_that_square_does_not_have_are_refused_before_an_order_is_made(
    square: Harness, parts: tuple[Instalment, ...]
) -> None:
    draft = in_parts(square, *parts)
    with pytest.raises(Rejected) as refused:
        square.account().create(draft, key=new_key())
    assert refused.value.field == "instalments"
    assert orders(square) == []


# --- payment links ---


def linked(square: Harness, **more: Any) -> PaymentLink:
    draft = replace(PaymentLinkDraft(amount=usd(5_000), description="Deposit"), **more)
    return square.account().create(draft, key=new_key())


def test_link_leads_back_to_us_and_knows_the_payers_address(square: Harness) -> None:
    made = linked(square, return_url="https://hub.example/back", payer_email="ada@example.com", customer_id=customer_id(square))
    raw = made.raw["payment_link"]
    assert raw["checkout_options"]["redirect_url"] == "https://hub.example/back"
    assert raw["pre_populated_data"]["buyer_email"] == "ada@example.com"
    assert made.customer_id is not None


def test_link_at_another_location_is_paid_there(square: Harness) -> None:
    away = next(location for location in square.account().list(Location).records if not location.is_main)
    assert linked(square, location_id=away.id).location_id == away.id


def test_link_taken_back_is_gone_and_so_is_its_order(square: Harness) -> None:
    link = linked(square)
    answered = square.account().perform(Verb.CANCEL, PaymentLink, link.id, version=link.version, key=new_key())
    assert (answered.status, answered.url) == (LinkStatus.CANCELED, None)
    with pytest.raises(RecordNotFound):
        square.account().get(PaymentLink, link.id)
    assert [order["state"] for order in orders(square)] == ["CANCELED"]


def test_paid_link_is_looked_at_and_not_deleted(square: Harness) -> None:
    link = linked(square)
    square.act("link_pay", link_id=link.id, tip=300)
    seen = square.requests()
    with pytest.raises(Rejected) as refused:
        square.account().perform(Verb.CANCEL, PaymentLink, link.id, version=link.version, key=new_key())
    assert refused.value.code == "link_paid"
    assert square.requests() == seen + 2  # link and order were read
    found = square.account().get(PaymentLink, link.id)
    assert (found.status, found.amount, found.url) == (LinkStatus.PAID, usd(5_000), None)


def test_all_links_are_listed_with_what_became_of_them(square: Harness) -> None:
    paid, open_ = linked(square), linked(square)
    square.act("link_pay", link_id=paid.id)
    listed = {link.id: link for link in Scene(square).everything(PaymentLink)}
    assert {id: link.status for id, link in listed.items()} == {paid.id: LinkStatus.PAID, open_.id: LinkStatus.ACTIVE}
    assert listed[open_.id].amount == usd(5_000)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"style": "embedded"}, "style_unsupported"),
        ({"style": "checkout"}, "style_unsupported"),
        ({"expires_at": datetime(2035, 1, 1, tzinfo=UTC)}, "no_expiry"),
        ({"amount": Money(5_000, "EUR")}, "currency_mismatch"),
        ({"amount": usd(0)}, "amount_invalid"),
        ({"lines": (Line(description="a", amount=usd(4_999)),)}, "lines_differ"),
    ],
)
def test_link_that_square_does_not_have_is_refused_before_it_is_tried(square: Harness, more: dict[str, Any], code: str) -> None:
    with pytest.raises(Rejected) as refused:
        linked(square, **more)
    assert refused.value.code == code
    assert orders(square) == []


# --- cards on file ---


def test_declined_card_is_not_saved(square: Harness) -> None:
    draft = PaymentMethodDraft(source="cnon:card-nonce-declined", customer_id=customer_id(square), reference="r-1")
    with pytest.raises(Declined):
        square.account().create(draft, key=new_key())


def test_card_of_nobody_is_rejected(square: Harness) -> None:
    with pytest.raises(Rejected):
        square.account().create(PaymentMethodDraft(source="cnon:card-nonce-ok", customer_id="NOBODY"), key=new_key())


# --- subscriptions ---


def subscribed(square: Harness, **more: Any) -> Subscription:
    return square.account().create(monthly(square, **more), key=new_key())


def monthly(square: Harness, **more: Any) -> SubscriptionDraft:
    base = SubscriptionDraft(name="Care", amount=usd(1_900), interval=Interval.MONTH)
    return replace(base, **{"customer_id": more.pop("customer_id", None) or customer_id(square), **more})


def plans(square: Harness) -> list[dict[str, Any]]:
    body = {"object_types": ["SUBSCRIPTION_PLAN"]}
    found: list[dict[str, Any]] = square.twin.api(square.own_token, "POST", "/v2/catalog/search", body).get("objects", [])
    return found


@pytest.mark.parametrize(("every", "cadence"), list(CADENCE_OF.items()), ids=lambda value: str(value))
def test_each_interval_that_square_has_comes_back(square: Harness, every: tuple[Interval, int], cadence: str) -> None:
    if cadence == "ANNUAL":
        every = (Interval.YEAR, 1)  # twelve months are told as a year
    found = subscribed(square, interval=every[0], interval_count=every[1])
    assert (found.interval, found.interval_count) == every


def test_interval_that_square_has_not_is_refused_before_a_plan_is_made(square: Harness) -> None:
    with pytest.raises(Rejected) as refused:
        subscribed(square, interval=Interval.WEEK, interval_count=5)
    assert refused.value.code == "no_such_cadence"
    assert plans(square) == []


def test_refused_subscription_leaves_no_plan(square: Harness) -> None:
    with pytest.raises(Rejected, match="email") as refused:
        subscribed(square, customer_id=customer_id(square, email=None))
    assert refused.value.code == "CUSTOMER_MISSING_EMAIL"
    assert plans(square) == []


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
def test_repeated_subscription_makes_one_plan_and_one_subscription(square: Harness, nth: int) -> None:
    draft, key = monthly(square), new_key()
    gate = FaultyGate(square, Fault.LOST_RESPONSE, nth)
    with pytest.raises(Exception, match="Square"):
        square.account(gate).create(draft, key=key)
    made = square.account().create(draft, key=key)
    assert [found.id for found in Scene(square).everything(Subscription)] == [made.id]
    assert len(plans(square)) == 1


def test_price_beside_a_known_plan_overrides_it_for_this_one_alone(square: Harness) -> None:
    first = subscribed(square)
    draft = monthly(square, price_id=first.price_id, amount=usd(900), interval=None)
    second = square.account().create(draft, key=new_key())
    assert (second.price_id, second.amount) == (first.price_id, usd(900))
    assert square.account().get(Subscription, first.id).amount == usd(1_900)


def test_new_interval_is_a_swap_of_plans_and_keeps_the_name(square: Harness) -> None:
    made = subscribed(square)
    draft = SubscriptionDraft(amount=usd(5_000), interval=Interval.MONTH, interval_count=3)
    square.account().update(made.id, draft, version=made.version, key=new_key())
    actions = square.account().get(Subscription, made.id).raw["subscription"]["actions"]
    assert [action["type"] for action in actions] == ["SWAP_PLAN"]


def test_card_of_a_subscription_is_set_and_taken_away(square: Harness) -> None:
    someone = customer_id(square)
    card = square.account().create(PaymentMethodDraft(source="cnon:card-nonce-ok", customer_id=someone), key=new_key())
    made = subscribed(square, customer_id=someone)
    with_card = square.account().update(
        made.id, SubscriptionDraft(payment_method_id=card.id), version=made.version, key=new_key()
    )
    assert with_card.payment_method_id == card.id
    without = square.account().update(made.id, SubscriptionDraft(payment_method_id=""), version=with_card.version, key=new_key())
    assert without.payment_method_id is None


@pytest.mark.parametrize("more", [{"name": "Other"}, {"customer_id": "ANOTHER"}, {"starts_on": date(2036, 1, 1)}])
def test_what_square_does_not_change_is_refused_and_the_same_is_no_change(square: Harness, more: dict[str, Any]) -> None:
    made = subscribed(square)
    with pytest.raises(Rejected) as refused:
        square.account().update(made.id, SubscriptionDraft(**more), version=made.version, key=new_key())
    assert refused.value.code == "subscription_fixed"
    same = square.account().update(made.id, SubscriptionDraft(name=made.name), version=made.version, key=new_key())
    assert same.version == made.version


def test_stale_version_of_a_subscription_conflicts(square: Harness) -> None:
    made = subscribed(square)
    square.account().update(made.id, SubscriptionDraft(amount=usd(2_000)), version=made.version, key=new_key())
    with pytest.raises(VersionConflict):
        square.account().perform(Verb.CANCEL, Subscription, made.id, version=made.version, key=new_key())


def test_canceled_subscription_goes_on_until_its_period_ends(lonely: Harness) -> None:
    made = subscribed(lonely)
    ending = lonely.account().perform(Verb.CANCEL, Subscription, made.id, version=made.version, key=new_key())
    assert ending.status is SubscriptionStatus.ACTIVE
    assert ending.cancels_on is not None
    lonely.twin.control("POST", "clock", {"advance_seconds": 35 * 86_400})
    lonely.credentials = lonely.provider.refresh(lonely.credentials)
    ended = lonely.account().get(Subscription, made.id)
    assert (ended.status, ended.cancels_on, ended.renews_on) == (SubscriptionStatus.CANCELED, None, None)
    assert ended.ended_at is not None
    with pytest.raises(Rejected) as refused:
        lonely.account().perform(Verb.PAUSE, Subscription, made.id, version=ended.version, key=new_key())
    assert refused.value.code == "subscription_ended"


def test_paused_subscription_is_resumed_after_its_pause_has_begun(lonely: Harness) -> None:
    made = subscribed(lonely)
    pausing = lonely.account().perform(Verb.PAUSE, Subscription, made.id, version=made.version, key=new_key())
    assert pausing.pauses_on is not None
    lonely.twin.control("POST", "clock", {"advance_seconds": 35 * 86_400})
    lonely.credentials = lonely.provider.refresh(lonely.credentials)
    paused = lonely.account().get(Subscription, made.id)
    assert (paused.status, paused.pauses_on, paused.renews_on) == (SubscriptionStatus.PAUSED, None, None)
    lonely.account().perform(Verb.RESUME, Subscription, made.id, version=paused.version, key=new_key())
    lonely.twin.control("POST", "clock", {"advance_seconds": 2 * 86_400})
    assert lonely.account().get(Subscription, made.id).status is SubscriptionStatus.ACTIVE


def test_subscriptions_of_all_locations_are_listed_with_their_plans(square: Harness) -> None:
    away = next(location for location in square.account().list(Location).records if not location.is_main)
    made = [subscribed(square), subscribed(square, location_id=away.id, starts_on=date(2036, 1, 1))]
    listed = {one.id: one for one in Scene(square).everything(Subscription)}
    assert set(listed) == {one.id for one in made}
    assert {one.location_id for one in listed.values()} == {made[0].location_id, away.id}
    assert all((one.name, one.amount, one.interval) == ("Care", usd(1_900), Interval.MONTH) for one in listed.values())
    assert listed[made[1].id].status is SubscriptionStatus.PENDING


def test_plans_are_read_once_for_a_whole_listing(square: Harness) -> None:
    first = subscribed(square)
    for _ in range(3):
        square.account().create(monthly(square, price_id=first.price_id, amount=None, interval=None), key=new_key())
    account, seen = square.account(), square.requests()
    assert len(account.list(Subscription).records) == 4
    account.list(Subscription)
    assert square.requests() == seen + 3  # twice the search, once the catalog


def test_period_that_is_paid_for_says_when_the_next_begins(square: Harness) -> None:
    made = subscribed(square)
    assert made.starts_on is not None
    assert made.renews_on is not None
    assert timedelta(days=27) < made.renews_on - made.starts_on < timedelta(days=33)
