"""No provider can be forgotten, and each says of itself what the hub asks before any request."""

from __future__ import annotations

from providers.contract import Verb
from providers.registry import FACTORIES, load_providers
from tests.contract.harness import Harness, find_build


def test_every_registered_provider_brings_a_harness(provider_name: str) -> None:
    assert callable(find_build(provider_name))


def test_harness_names_the_provider_it_is_for(harness: Harness, provider_name: str) -> None:
    assert harness.name == harness.provider.name == harness.handler.provider == provider_name
    assert len(harness.secrets) >= 2


def test_empty_environment_loads_and_configures_nothing_that_needs_secrets(provider_name: str) -> None:
    provider = FACTORIES[provider_name]({})
    assert provider.live is False
    assert provider.name == provider_name
    assert load_providers({}, (provider_name,))[provider_name].name == provider_name


def test_provider_describes_itself_to_people_and_limiter(harness: Harness) -> None:
    provider = harness.provider
    assert provider.configured
    assert provider.title.strip()
    assert provider.permissions_text
    assert all(text.strip() for text in provider.permissions_text)
    assert provider.rate_limits
    assert all(limit.requests_per_second > 0 and limit.burst >= 1 for limit in provider.rate_limits)
    assert provider.refresh_after_days is None or provider.refresh_after_days >= 1


def test_keys_are_claimed_only_for_declared_writes(harness: Harness) -> None:
    for support in harness.provider.capabilities.values():
        assert support.keyed <= support.verbs - {Verb.LIST, Verb.GET}
