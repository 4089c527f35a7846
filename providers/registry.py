"""Which providers there are: one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from providers.contract import Provider
from providers.fake.provider import FakeProvider
from providers.gocardless.provider import GoCardlessProvider
from providers.square.provider import SquareProvider
from providers.stripe.provider import StripeProvider

FACTORIES: dict[str, Callable[[Mapping[str, str]], Provider]] = {
    "stripe": StripeProvider.from_env,
    "square": SquareProvider.from_env,
    "gocardless": GoCardlessProvider.from_env,
    "fake": FakeProvider.from_env,
}

# What a tenant can choose, in the order shown to people; "fake" exists for tests and as a template.
PUBLIC_NAMES = tuple(name for name in FACTORIES if name != "fake")


def load_providers(env: Mapping[str, str], names: tuple[str, ...] = PUBLIC_NAMES) -> dict[str, Provider]:
    """Each provider by name, in the order shown to people. Each reads its own variables of `env`."""
    return {name: FACTORIES[name](env) for name in names}
