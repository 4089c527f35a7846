"""Every registered provider meets every case; each test's id begins with the provider's name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from providers.contract import Provider, Verb
from providers.records import (
    Customer,
    Dispute,
    Invoice,
    Payment,
    PaymentLink,
    PaymentMethod,
    PayoutEntry,
    Record,
    Subscription,
    TerminalCheckout,
)
from providers.registry import FACTORIES
from tests.contract.harness import Harness, Where, find_build
from tests.contract.judge import CHECKED_PATHS
from tests.contract.scene import KINDS, Scene
from tests.live.environment import MARK, VARIABLES

NAMES = tuple(FACTORIES)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "wire: about HTTP itself; not for a provider that lives in memory")
    config.addinivalue_line("markers", "ends_access: disconnects the account; not for a sandbox that a person connected")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`provider_name` for all; for an argument of PAIRS each (kind, verb) that the provider's capabilities give; for one
    of TRAITS only the providers that have it."""
    wire_only = next(metafunc.definition.iter_markers("wire"), None) is not None
    names = [name for name in NAMES if not wire_only or speaks_http(name)]
    if Where.is_live:
        names = [name for name in names if name in VARIABLES]
    for argument, choose in PAIRS.items():
        if argument in metafunc.fixturenames:
            cases = [(name, pair) for name in names for pair in choose(unconfigured(name))]
            ids = [f"{name}-{kind.__name__.lower()}-{verb}" for name, (kind, verb) in cases]
            metafunc.parametrize(("provider_name", argument), cases, ids=ids, scope="session")
            return
    for argument, has in TRAITS.items():
        if argument in metafunc.fixturenames:
            names = [name for name in names if has(unconfigured(name))]
            metafunc.parametrize(("provider_name", argument), [(name, name) for name in names], ids=names, scope="session")
            return
    if "provider_name" in metafunc.fixturenames:
        metafunc.parametrize("provider_name", names, scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In a live run the cases of a provider with a sandbox are what `-m live` chooses."""
    if Where.is_live:
        for item in items:
            if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "provider_name" in item.callspec.params:
                item.add_marker(MARK)
                if next(item.iter_markers("ends_access"), None) is not None:
                    item.add_marker(pytest.mark.skip(reason="It would end the connection that the other cases need."))


def unconfigured(name: str) -> Provider:
    return FACTORIES[name]({})


def speaks_http(name: str) -> bool:
    """A provider whose harness cannot be read counts as speaking HTTP, so that the case fails instead of vanishing."""
    try:
        module = importlib.import_module(f"tests.providers.{name}.harness")
    except ImportError:
        return True
    return bool(getattr(module.Harness, "speaks_http", True))


Pair = tuple[type[Record], Verb]


def _declared(provider: Provider) -> list[Pair]:
    return [(kind, verb) for kind in KINDS for verb in Verb if provider.supports(verb, kind)]


def _undeclared(provider: Provider) -> list[Pair]:
    return [(kind, verb) for kind in KINDS for verb in Verb if not provider.supports(verb, kind)]


def _keyed_creates(provider: Provider) -> list[Pair]:
    return [(kind, verb) for kind, verb in _declared(provider) if verb is Verb.CREATE and provider.honours_key(verb, kind)]


def _listed(provider: Provider) -> list[Pair]:
    return [(kind, verb) for kind, verb in _declared(provider) if verb is Verb.LIST]


def _gettable(provider: Provider) -> list[Pair]:
    return [(kind, verb) for kind, verb in _declared(provider) if verb is Verb.GET]


def _nested(provider: Provider) -> list[Pair]:
    return [(kind, verb) for kind, verb in _listed(provider) if provider.capabilities[kind].listed_within is not None]


def _updated(provider: Provider) -> list[Pair]:
    return [(kind, verb) for kind, verb in _declared(provider) if verb is Verb.UPDATE]


def _some(verb: Verb, *kinds: type[Record]) -> Callable[[Provider], list[Pair]]:
    return lambda provider: [(kind, verb) for kind in kinds if provider.supports(verb, kind)]


PAIRS: dict[str, Callable[[Provider], list[Pair]]] = {
    "declared": _declared,
    "undeclared": _undeclared,
    "listed": _listed,
    "gettable": _gettable,
    "nested": _nested,
    "updated": _updated,
    "keyed_create": _keyed_creates,
    "stocked": _some(Verb.LIST, Customer, Invoice, Payment),
    "edited": _some(Verb.UPDATE, Customer, Invoice),
    "referenced": _some(Verb.CREATE, Customer, Invoice),
}


TRAITS: dict[str, Callable[[Provider], bool]] = {
    "invoicing": lambda provider: provider.supports(Verb.CREATE, Invoice),
    "telling_of_customers": lambda provider: provider.capabilities[Customer].told_by_events,
    "with_schema": lambda provider: provider.name in CHECKED_PATHS,
    "charging": lambda provider: provider.charges_invoices,
    "many_currencies": lambda provider: not provider.single_currency and provider.supports(Verb.CREATE, Invoice),
    "one_currency": lambda provider: provider.single_currency and provider.supports(Verb.CREATE, Invoice),
    "paying_in_parts": lambda provider: provider.takes_instalments,
    "paying_at_once": lambda provider: not provider.takes_instalments and provider.supports(Verb.CREATE, Invoice),
    "subscribing": lambda provider: provider.supports(Verb.CREATE, Subscription),
    "linking": lambda provider: provider.supports(Verb.CREATE, PaymentLink),
    "saving": lambda provider: provider.supports(Verb.CREATE, PaymentMethod),
    "disputing": lambda provider: provider.supports(Verb.UPDATE, Dispute),
    "paying_out": lambda provider: provider.supports(Verb.LIST, PayoutEntry),
    "at_the_counter": lambda provider: provider.supports(Verb.CREATE, TerminalCheckout),
}
"""Arguments by which a case asks for the providers that can do something."""


@pytest.fixture(scope="session")
def harnesses() -> Iterator[Callable[[str], Harness]]:
    """One harness per provider and worker process, begun when first asked for."""
    running: dict[str, Harness] = {}
    with ExitStack() as stack:

        def harness_of(name: str) -> Harness:
            if name not in running:
                running[name] = stack.enter_context(find_build(name)())
            return running[name]

        yield harness_of


@pytest.fixture
def harness(provider_name: str, harnesses: Callable[[str], Harness], request: pytest.FixtureRequest) -> Iterator[Harness]:
    """Shared by the cases of a provider: they must not disconnect it, move its clock or count its records."""
    harness = harnesses(provider_name)
    yield harness
    if Where.is_live and "endpoint" in request.node.name:
        harness.remove_endpoints()


@pytest.fixture
def scene(harness: Harness) -> Scene:
    return Scene(harness)


@pytest.fixture
def own_harness(provider_name: str) -> Iterator[Harness]:
    """For the case that breaks things: nobody else uses it."""
    with find_build(provider_name)() as harness:
        yield harness
