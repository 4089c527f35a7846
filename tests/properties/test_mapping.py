"""Whatever a provider leaves out, adds or calls by a new name, its events are still read, or rejected; never a crash."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.contract import Provider
from providers.errors import Rejected
from providers.records import (
    Customer,
    Dispute,
    DisputeStatus,
    Effect,
    Event,
    Invoice,
    InvoiceStatus,
    Money,
    Payment,
    PaymentStatus,
    Payout,
    PayoutStatus,
    Record,
    Refund,
    RefundStatus,
    Subscription,
    SubscriptionStatus,
    TerminalCheckout,
    TerminalStatus,
)
from providers.registry import FACTORIES
from tests.contract.bodies import event_bodies
from tests.contract.harness import Harness, find_build
from webhooks.handler import WebhookHandler

UNKNOWN_WORD = "a_word_of_tomorrow"
UNKNOWN_STATUSES: Mapping[type[Record], object] = {
    Invoice: InvoiceStatus.UNKNOWN,
    Payment: PaymentStatus.UNKNOWN,
    Refund: RefundStatus.UNKNOWN,
    Subscription: SubscriptionStatus.UNKNOWN,
    Dispute: DisputeStatus.UNKNOWN,
    Payout: PayoutStatus.UNKNOWN,
    TerminalCheckout: TerminalStatus.UNKNOWN,
}
STATUS_MEMBERS = ("status", "state")
Path = tuple[str | int, ...]
many = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Told:
    """One provider's handler and real bodies."""

    def __init__(self, harness: Harness, bodies: Mapping[type[Record], list[Mapping[str, Any]]]) -> None:
        self.provider: Provider = harness.provider
        self.handler: WebhookHandler = harness.handler
        self.bodies = bodies
        self.all = [body for found in bodies.values() for body in found]

    def read(self, body: Mapping[str, Any]) -> Event:
        [event] = self.handler.events(orjson.dumps(body))
        return event


@pytest.fixture(scope="module", params=tuple(FACTORIES))
def told(request: pytest.FixtureRequest) -> Iterator[Told]:
    with find_build(request.param)() as harness:
        yield Told(harness, event_bodies(harness))


def places(value: object, path: Path = ()) -> Iterator[Path]:
    """The paths of all members inside, outermost first."""
    members: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        members = list(value.items())
    elif isinstance(value, list):
        members = list(enumerate(value))
    for key, inner in members:
        yield (*path, key)
        yield from places(inner, (*path, key))


def at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def read_or_rejected(told: Told, body: Mapping[str, Any]) -> None:
    try:
        event = told.read(body)
    except Rejected:
        return
    assert event.id
    assert event.snapshot is None or event.record_id == event.snapshot.id


def test_provider_tells_of_its_main_kinds(told: Told) -> None:
    known = told.provider.capabilities
    assert {kind for kind in (Customer, Invoice, Payment) if kind in known and known[kind].told_by_events} <= set(told.bodies)
    for kind, bodies in told.bodies.items():
        for body in bodies:
            event = told.read(body)
            assert event.kind is kind
            assert event.effect is not Effect.OTHER
            assert event.snapshot is None or type(event.snapshot) is kind


def test_each_member_missing_null_empty_or_strange_alone_crashes_nothing(told: Told) -> None:
    for body in told.all:
        for path in places(body):
            for alter in (_drop, _null, _empty, _new_word):
                altered = copy.deepcopy(body)
                alter(at(altered, path[:-1]), path[-1])
                read_or_rejected(told, altered)


@many
@given(choices=st.data())
def test_any_mixture_of_losses_and_novelties_crashes_nothing(told: Told, choices: st.DataObject) -> None:
    body = copy.deepcopy(choices.draw(st.sampled_from(told.all), label="body"))
    for _ in range(choices.draw(st.integers(1, 12), label="alterations")):
        paths = list(places(body))
        if not paths:
            break
        path = choices.draw(st.sampled_from(paths))
        alter = choices.draw(st.sampled_from(ALTERATIONS))
        alter(at(body, path[:-1]), path[-1])
    read_or_rejected(told, body)


def _drop(container: Any, key: str | int) -> None:
    del container[key]


def _null(container: Any, key: str | int) -> None:
    """As providers write "nothing": for a member's value; in a list they simply leave it out."""
    if isinstance(container, dict):
        container[key] = None


def _empty(container: Any, key: str | int) -> None:
    value = container[key]
    if isinstance(value, str | list | dict):
        container[key] = type(value)()


def _new_word(container: Any, key: str | int) -> None:
    """Words become unknown words; what must be a date, a number or an address by its form is left."""
    value = container[key]
    if isinstance(value, str) and value.replace("_", "").isalpha() and len(value) != 3:
        container[key] = UNKNOWN_WORD


def _new_member(container: Any, key: str | int) -> None:
    if isinstance(container, dict):
        container[UNKNOWN_WORD] = {"nested": [1, None, {"deep": "value"}]}


ALTERATIONS: tuple[Callable[[Any, str | int], None], ...] = (_drop, _null, _empty, _new_word, _new_member)


def test_unknown_members_everywhere_change_nothing(told: Told) -> None:
    for body in told.all:
        wider = copy.deepcopy(body)
        for path in list(places(body)):
            inner = at(wider, path)
            if isinstance(inner, dict) and "metadata" not in path:
                inner[UNKNOWN_WORD] = {"nested": [1, None]}
        before, after = told.read(body), told.read(wider)
        assert after == before


@pytest.mark.parametrize("kind", list(UNKNOWN_STATUSES), ids=lambda kind: kind.__name__)
def test_unknown_status_is_unknown_and_kept_in_raw(told: Told, kind: type[Record]) -> None:
    for body in told.bodies.get(kind, []):
        before = told.read(body).snapshot
        if before is None:
            continue
        strange = copy.deepcopy(body)
        for path in places(body):
            if path[-1] in STATUS_MEMBERS and at(body, path[:-1]).get("id") == before.id:
                at(strange, path[:-1])[path[-1]] = UNKNOWN_WORD
        after = told.read(strange).snapshot
        assert after is not None
        assert getattr(after, "status") is UNKNOWN_STATUSES[kind]  # noqa: B009
        assert UNKNOWN_WORD in str(after.raw)


@pytest.mark.parametrize("currency", ["JPY", "BHD"])
def test_minor_units_are_kept_in_currencies_without_hundredths(told: Told, currency: str) -> None:
    seen = 0
    for body in told.all:
        before = told.read(body).snapshot
        text = orjson.dumps(body)
        after = told.read(
            orjson.loads(text.replace(b'"usd"', f'"{currency.lower()}"'.encode()).replace(b'"USD"', f'"{currency}"'.encode()))
        ).snapshot
        for name in ("amount", "total", "paid", "due", "fee"):
            money = getattr(before, name, None)
            if isinstance(money, Money):
                seen += 1
                assert getattr(after, name) == Money(money.minor_units, currency if money.currency == "USD" else money.currency)
    assert seen or all(told.read(body).snapshot is None for body in told.all)
