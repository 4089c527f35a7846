"""The seeded fault plan and the order of rules before it."""

import pytest

from providers.sandbox.core.faults import FaultKind, Faults


def outcomes(faults: Faults, count: int, path: str = "/v1/customers") -> list[str | None]:
    taken = [faults.take("GET", path, None) for _ in range(count)]
    return [rule.kind.value if rule else None for rule in taken]


def test_same_seed_gives_the_same_faults_and_another_seed_others() -> None:
    runs = []
    for seed in (7, 7, 8):
        faults = Faults()
        faults.set_plan({"seed": seed, "share": 0.3})
        runs.append(outcomes(faults, 200))
    assert runs[0] == runs[1] != runs[2]
    failed = sum(outcome is not None for outcome in runs[0])
    assert 40 < failed < 80


def test_preview_tells_what_will_come() -> None:
    faults = Faults()
    faults.set_plan({"seed": 1, "share": 0.5})
    outcomes(faults, 5)
    told = {item["in"]: item["kind"] for item in faults.preview(50)}
    assert {place: kind for place, kind in enumerate(outcomes(faults, 50)) if kind} == told


def test_requests_elsewhere_do_not_count() -> None:
    plain, mixed = Faults(), Faults()
    for faults in (plain, mixed):
        faults.set_plan({"seed": 3, "share": 0.5})
    seen = []
    for _ in range(30):
        assert outcomes(mixed, 1, "/i/acct/page") == [None]
        seen += outcomes(mixed, 1)
    assert seen == outcomes(plain, 30)


def test_plan_ends_after_its_requests() -> None:
    faults = Faults()
    faults.set_plan({"share": 1.0, "requests": 3, "kinds": ["conflict"]})
    assert outcomes(faults, 5) == ["conflict"] * 3 + [None] * 2


def test_rule_comes_before_the_plan() -> None:
    faults = Faults()
    faults.set_plan({"share": 1.0, "kinds": ["slow"]})
    faults.add({"kind": "conflict"})
    assert outcomes(faults, 2) == ["conflict", "slow"]


def test_rate_limits_name_one_of_the_reasons() -> None:
    faults = Faults()
    faults.set_plan({"share": 1.0, "kinds": ["rate_limited"], "reasons": ["a", "b"]})
    taken = [faults.take("GET", "/v1/x", None) for _ in range(40)]
    assert {rule.reason for rule in taken if rule} == {"a", "b"}
    assert {rule.kind for rule in taken if rule} == {FaultKind.RATE_LIMITED}


@pytest.mark.parametrize("body", [{"speed": 1}, {"kinds": ["cake"]}])
def test_bad_plan_is_refused_by_name(body: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"speed|cake"):
        Faults().set_plan(body)
