"""Faults by seed."""

import pytest

from providers.sandbox.core.faultplan import FaultPlan, plan_from
from providers.sandbox.core.faults import FaultKind, Faults


def fates(plan: FaultPlan, count: int = 200) -> list[FaultKind | None]:
    return [rule.kind if (rule := plan.take("GET", "/v2/customers", None)) else None for _ in range(count)]


def test_same_seed_makes_the_same_faults_and_another_seed_makes_others() -> None:
    first, again, other = (fates(FaultPlan(seed=seed, share=0.3)) for seed in (7, 7, 8))
    assert first == again
    assert first != other
    assert 30 < sum(fate is not None for fate in first) < 90
    assert len(set(first)) > 4


def test_requests_that_do_not_match_do_not_move_the_plan() -> None:
    plan = FaultPlan(seed=7, share=0.3, method="GET", path="/v2/*")
    for _ in range(50):
        assert plan.take("POST", "/v2/customers", None) is None
        assert plan.take("GET", "/oauth2/token/status", None) is None
    assert fates(plan) == fates(FaultPlan(seed=7, share=0.3))


def test_plan_ends_after_as_many_faults_as_it_may_make() -> None:
    plan = FaultPlan(seed=1, share=1.0, most=3)
    assert sum(fate is not None for fate in fates(plan)) == 3


def test_rate_limits_of_a_plan_come_with_and_without_retry_after() -> None:
    plan = FaultPlan(seed=1, share=1.0, kinds=[FaultKind.RATE_LIMITED])
    told = {rule.retry_after for number in range(50) if (rule := plan.decide(number))}
    assert told == {None, 1}


def test_listed_rules_come_before_the_plan_and_removing_all_removes_both() -> None:
    faults = Faults()
    faults.set_plan(FaultPlan(seed=1, share=1.0, kinds=[FaultKind.CONFLICT]))
    faults.add({"kind": "slow", "seconds": 1})
    kinds = [rule.kind for _ in range(2) if (rule := faults.take("GET", "/", None))]
    assert kinds == [FaultKind.SLOW, FaultKind.CONFLICT]
    faults.remove()
    assert faults.take("GET", "/", None) is None


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "seed"),
        ({"seed": 1, "share": 2}, "share"),
        ({"seed": 1, "kinds": ["nothing"]}, "nothing"),
        ({"seed": 1, "speed": 1}, "speed"),
        ({"seed": 1, "kinds": []}, "kinds"),
    ],
)
def test_wrong_plan_is_refused_naming_what_is_wrong(body: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        plan_from(body)
