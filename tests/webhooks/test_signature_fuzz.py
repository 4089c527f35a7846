"""R12 in a size for every test run: tens of thousands of altered deliveries per handler, none accepted, none a crash."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from providers.errors import InvalidSignature
from providers.registry import FACTORIES
from tests.soak.signature_fuzz import ALTERATIONS, HUGE_BODY_BYTES, Target, fuzz, huge, target
from webhooks.handler import SigningSecret
from webhooks.registry import REGISTRATIONS

CASES = 30_000


@pytest.fixture(scope="module", params=tuple(REGISTRATIONS))
def aim(request: pytest.FixtureRequest) -> Iterator[Target]:
    with target(request.param) as made:
        yield made


def test_every_provider_has_a_signed_handler() -> None:
    assert set(REGISTRATIONS) == set(FACTORIES)


def test_genuine_deliveries_are_accepted(aim: Target) -> None:
    """Else the fuzz would prove nothing."""
    assert len(aim.genuine) > 1
    assert all(aim.accepts(request) for request in aim.genuine)
    assert aim.signed_headers


def test_no_altered_delivery_is_accepted_and_none_breaks_the_handler(aim: Target) -> None:
    outcome = fuzz(aim, cases=CASES, seed=20261121)
    assert sum(outcome.tried.values()) == CASES
    assert min(outcome.tried.values()) >= CASES // len(ALTERATIONS)
    assert outcome.accepted == []
    assert outcome.broken == []


def test_ten_megabytes_under_a_wrong_signature_are_refused(aim: Target) -> None:
    request = huge(aim)
    assert len(request.body) >= HUGE_BODY_BYTES
    with pytest.raises(InvalidSignature):
        aim.handler.verify(request, aim.secrets, url=aim.url)


def test_fuzz_notices_a_handler_that_lets_everything_in(aim: Target) -> None:
    class Careless(type(aim.handler)):  # type: ignore[misc]
        def verify(self, request: object, secrets: list[SigningSecret], *, url: str) -> SigningSecret:
            return secrets[0]

    outcome = fuzz(replace(aim, handler=Careless()), cases=len(ALTERATIONS), seed=1)
    assert len(outcome.accepted) == len(ALTERATIONS)
    assert not outcome.passed
