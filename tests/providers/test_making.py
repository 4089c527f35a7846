"""Records made quickly are what the usual dataclass makes: frozen, equal, complete."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace
from datetime import UTC, datetime

import pytest

from providers.records import Address, Customer, Invoice, Line, Money, Payment, Refund
from providers.records.making import quickly_made

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    id: str
    note: str | None = None


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Quick(Base):
    amount: int
    tags: list[str] = field(default_factory=list)


def test_fields_defaults_and_fresh_factories_are_as_declared() -> None:
    one, other = Quick(id="a", amount=1), Quick(id="a", amount=1)
    assert (one.id, one.note, one.amount, one.tags) == ("a", None, 1, [])
    assert one == other
    assert one.tags is not other.tags
    assert type(one) is Quick
    assert repr(one) == "Quick(id='a', note=None, amount=1, tags=[])"


def test_what_is_made_cannot_be_changed() -> None:
    made = Quick(id="a", amount=1)
    for name in ("id", "note", "amount", "tags"):
        with pytest.raises(FrozenInstanceError):
            setattr(made, name, "x")
        with pytest.raises(FrozenInstanceError):
            delattr(made, name)
    with pytest.raises((AttributeError, TypeError)):
        made.more = 1  # type: ignore[attr-defined]


def test_missing_and_unknown_arguments_are_refused() -> None:
    for arguments in ({"id": "a"}, {"amount": 1}, {"id": "a", "amount": 1, "colour": "red"}):
        with pytest.raises(TypeError):
            Quick(**arguments)  # type: ignore[arg-type]


def test_copies_and_replacements_are_equal_and_frozen() -> None:
    customer = Customer(id="c", as_of=NOON, raw={"id": "c"}, address=Address(city="London"))
    assert copy.copy(customer) == copy.deepcopy(customer) == pickle.loads(pickle.dumps(customer)) == customer
    renamed = replace(customer, display_name="Ada")
    assert (renamed.display_name, renamed.address, renamed != customer) == ("Ada", customer.address, True)
    with pytest.raises(FrozenInstanceError):
        renamed.display_name = "Grace"  # type: ignore[misc]
    assert hash(Address(city="London")) == hash(customer.address)


@pytest.mark.parametrize("kind", [Address, Customer, Line, Invoice, Payment, Refund])
def test_the_records_of_full_pages_are_made_quickly(kind: type) -> None:
    assert kind.__init__.__code__.co_filename == f"<{kind.__qualname__}>"  # type: ignore[misc]


def test_an_amount_is_frozen_too() -> None:
    with pytest.raises(FrozenInstanceError):
        Money(1, "USD").minor_units = 2  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(Money(1, "USD"))) == Money(1, "USD")
