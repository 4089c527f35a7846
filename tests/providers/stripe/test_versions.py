"""R25: what a record says does not depend on the API version in which Stripe tells it, and nothing new breaks the reading.

versions/*.json hold the same objects as each version renders them (Stripe docs: changelog; stripe-python CHANGELOG 12.0.0 to
16.0.0): invoices before and after basil, periods of a subscription on itself or on its items, the names of ui_mode, ..."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import drift
from providers.records import (
    DisputeStatus,
    Effect,
    Event,
    InvoiceStatus,
    LinkStatus,
    PaymentStatus,
    PayoutStatus,
    Record,
    RefundStatus,
    SubscriptionStatus,
)
from providers.stripe.mapping.customer import customer
from providers.stripe.mapping.dispute import dispute
from providers.stripe.mapping.event import EVENT_TYPES, event
from providers.stripe.mapping.invoice import invoice
from providers.stripe.mapping.known import EVENT_TYPES as STRIPES_EVENT_TYPES
from providers.stripe.mapping.known import VERSIONS
from providers.stripe.mapping.payment import bare_charge, payment
from providers.stripe.mapping.payment_link import payment_link, session
from providers.stripe.mapping.payment_method import payment_method
from providers.stripe.mapping.payout import entry, payout
from providers.stripe.mapping.refund import refund
from providers.stripe.mapping.setup import setup
from providers.stripe.mapping.subscription import subscription
from providers.stripe.settings import API_VERSION
from tests.providers.stripe import samples
from tests.providers.stripe.samples import AS_OF

FOLDER = Path(__file__).parent / "versions"
OLDER = sorted(VERSIONS - {API_VERSION})
Documents = Mapping[str, dict[str, Any]]
LINKED = ("in_1",)  # since basil the link to the invoice is read beside the payment

MAPPERS: Mapping[str, Callable[[dict[str, Any]], Record]] = {
    "customer": lambda raw: customer(raw, AS_OF),
    "invoice": lambda raw: invoice(raw, AS_OF),
    "payment_intent": lambda raw: payment(raw, AS_OF, () if "invoice" in raw else LINKED),
    "charge": lambda raw: bare_charge(raw, AS_OF, () if "invoice" in raw else LINKED),
    "refund": lambda raw: refund(raw, AS_OF),
    "subscription": lambda raw: subscription(raw, AS_OF),
    "dispute": lambda raw: dispute(raw, AS_OF),
    "payout": lambda raw: payout(raw, AS_OF),
    "balance_transaction": lambda raw: entry(raw, AS_OF, "po_1"),
    "checkout.session": lambda raw: session(raw, AS_OF),
    "checkout.session embedded": lambda raw: session(raw, AS_OF),
    "payment_link": lambda raw: payment_link(raw, AS_OF),
    "payment_method": lambda raw: payment_method(raw, AS_OF),
    "setup_intent": lambda raw: setup(raw, AS_OF),
}
# What must be told by the objects above, so that "equal" never means "equally empty".
UNTOLD = {
    "customer": {"company_name", "version", "changed_at"},
    "invoice": {"location_id", "order_id", "version", "changed_at"},
    "payment_intent": {"order_id", "version", "changed_at", "failure"},
    "charge": {"order_id", "version", "changed_at", "failure", "tip"},
    "refund": {"version", "changed_at"},
    "subscription": {"location_id", "version", "changed_at", "pauses_on", "cancels_on", "ended_at"},
    "dispute": {"location_id", "version", "changed_at"},
    "payout": {"location_id", "version", "changed_at", "fee"},
    "balance_transaction": {"version", "changed_at"},
    "checkout.session": {"url", "order_id", "location_id", "version", "changed_at"},
    "checkout.session embedded": {"url", "order_id", "location_id", "version", "changed_at"},
    "payment_link": {
        "created_at",
        "customer_id",
        "payment_id",
        "order_id",
        "location_id",
        "version",
        "changed_at",
        "expires_at",
    },
    "payment_method": {"version", "changed_at"},
    "setup_intent": {"version", "changed_at", "failure"},
}
STATUSES = {
    InvoiceStatus.PARTIALLY_PAID,
    PaymentStatus.SUCCEEDED,
    RefundStatus.FAILED,
    SubscriptionStatus.PAST_DUE,
    DisputeStatus.NEEDS_RESPONSE,
    PayoutStatus.FAILED,
    LinkStatus.PAID,
    LinkStatus.ACTIVE,
}


def about(name: str, raw: dict[str, Any], version: str = API_VERSION) -> Event:
    """The event that tells of a change of this object."""
    noun = name.split()[0]
    outer = {"subscription": "customer.", "dispute": "charge."}.get(noun, "")
    return event(samples.event(f"{outer}{noun}.updated", raw, api_version=version))


@pytest.fixture(autouse=True)
def _nothing_seen() -> Iterator[None]:
    drift.forget()
    yield
    drift.forget()


def documents(version: str) -> Documents:
    found: Documents = orjson.loads((FOLDER / f"{version}.json").read_bytes())
    return found


def records(version: str) -> dict[str, Record]:
    return {name: MAPPERS[name](raw) for name, raw in documents(version).items()}


def test_each_version_that_is_read_has_its_documents() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == VERSIONS
    assert all(documents(version).keys() == MAPPERS.keys() for version in VERSIONS)


@pytest.mark.parametrize("name", MAPPERS)
def test_the_newest_version_tells_all_that_a_record_can_say(name: str) -> None:
    found = records(API_VERSION)[name]
    empty = {field.name for field in fields(found) if field.repr and getattr(found, field.name) is None}
    assert empty <= UNTOLD[name]


def test_the_newest_version_is_read_rightly() -> None:
    assert {getattr(record, "status", None) for record in records(API_VERSION).values()} - {None} == STATUSES


@pytest.mark.parametrize("version", OLDER)
@pytest.mark.parametrize("name", MAPPERS)
def test_an_older_version_says_the_same(version: str, name: str) -> None:
    assert records(version)[name] == records(API_VERSION)[name]


@pytest.mark.parametrize("version", sorted(VERSIONS))
def test_an_event_in_any_version_that_is_read_brings_the_same_record_and_no_drift(version: str) -> None:
    for name, raw in documents(version).items():
        raw = {key: value for key, value in raw.items() if key != "line_items"}
        told, newest = about(name, raw, version), about(name, documents(API_VERSION)[name])
        if name in ("balance_transaction",):  # in no event of Stripe's
            continue
        assert told.effect is Effect.CHANGED
        assert (told.kind, told.record_id) == (newest.kind, newest.record_id)
        if name != "payment_intent":  # partial anyway: its invoice is read beside it
            assert (told.snapshot, told.partial) == (newest.snapshot, newest.partial)
    assert [found for found in drift.seen() if found.path != "type"] == []


@pytest.mark.parametrize("version", sorted(VERSIONS))
def test_no_version_leaves_a_payers_secret_in_what_is_kept(version: str) -> None:
    kept = [record.raw for record in records(version).values()]
    kept += [about(name, raw).raw for name, raw in documents(version).items()]
    assert b"canary" in (FOLDER / f"{version}.json").read_bytes()
    assert b"canary" not in orjson.dumps(kept)


def test_a_status_nobody_knows_is_unknown_and_counted_once_each() -> None:
    for name, raw in documents(API_VERSION).items():
        if "status" in raw and name != "balance_transaction":
            found = MAPPERS[name](raw | {"status": "haunted"})
            assert str(found.status) == "unknown"
    counted = {(found.kind, found.path, found.word): found.count for found in drift.seen()}
    nouns = ("invoice", "payment_intent", "charge", "refund", "subscription", "dispute", "payout", "setup_intent")
    assert counted == {(noun, "status", "haunted"): 1 for noun in nouns} | {("checkout.session", "status", "haunted"): 2}


def test_a_field_nobody_knows_is_counted_and_changes_nothing() -> None:
    for name, raw in documents(API_VERSION).items():
        if name in ("balance_transaction", "checkout.session embedded"):
            continue
        plain, strange = about(name, deepcopy(raw)), about(name, raw | {"novelty": {"name": "Ada"}})
        assert strange.snapshot == plain.snapshot
    found = [one for one in drift.seen() if one.path == "novelty"]
    assert {one.kind for one in found} == set(MAPPERS) - {"balance_transaction", "checkout.session embedded"}
    assert "Ada" not in repr(found)


def test_a_new_field_of_a_line_is_counted_under_its_invoice() -> None:
    raw = documents(API_VERSION)["invoice"]
    raw["lines"]["data"][0]["novelty"] = 1
    event(samples.event("invoice.updated", raw))
    assert [(one.kind, one.path) for one in drift.seen()] == [("invoice", "lines.novelty")]


def test_types_and_versions_never_heard_of_are_counted() -> None:
    event(samples.event("invoice.reimagined", samples.invoice(), api_version="2027-03-31.fennel"))
    event(samples.event("credit_grant.created", {"id": "x", "object": "novelty"}))
    counted = {(one.path, one.word) for one in drift.seen()}
    assert counted == {("type", "invoice.reimagined"), ("type", "credit_grant.created"), ("api_version", "v2027-03-31.fennel")}


def test_all_that_we_ask_to_be_told_exists_at_stripe() -> None:
    assert EVENT_TYPES <= STRIPES_EVENT_TYPES


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        if path or key not in ("id", "object"):
            yield (*path, key)
        yield from _paths(inner, (*path, key))


CUTS = {(version, name): list(_paths(raw)) for version in sorted(VERSIONS) for name, raw in documents(version).items()}


@given(st.data())
def test_whatever_stripe_leaves_out_or_nulls_nothing_breaks(data: st.DataObject) -> None:
    version, name = data.draw(st.sampled_from(sorted(CUTS)))
    raw = documents(version)[name]
    for path in data.draw(st.lists(st.sampled_from(CUTS[version, name]), min_size=1, max_size=4)):
        _cut(raw, path, data.draw(st.booleans()))
    assert MAPPERS[name](deepcopy(raw)).id == raw["id"]
    assert about(name, raw, version).id == "evt_1"


def _cut(raw: Any, path: tuple[str | int, ...], nulled: bool) -> None:
    """Null or remove what is at the path, if it is still there; a member of a list is only removed."""
    *outer, last = path
    for key in outer:
        if (isinstance(raw, list) and isinstance(key, int) and key < len(raw)) or (isinstance(raw, dict) and key in raw):
            raw = raw[key]
        else:
            return
    if isinstance(raw, dict) and last in raw:
        if nulled:
            raw[last] = None
        else:
            del raw[last]
    elif isinstance(raw, list) and isinstance(last, int) and last < len(raw):
        raw.pop(last)
