"""The three-way merge: every case of two sides and their past."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sync.merge import merge

VALUES = st.one_of(st.none(), st.sampled_from(["", "a", "b", "c"]), st.integers(0, 3), st.lists(st.integers(0, 2), max_size=2))
SIDES = st.fixed_dictionaries(dict.fromkeys(("email", "phone", "total"), VALUES))


@given(base=st.none() | SIDES, ours=SIDES, theirs=SIDES)
def test_after_taking_and_pushing_both_sides_are_equal(
    base: dict[str, object] | None, ours: dict[str, object], theirs: dict[str, object]
) -> None:
    merged = merge(base, ours, theirs, theirs_wins=["total"])
    assert {**ours, **merged.take} == {**theirs, **merged.push}
    assert not set(merged.take) & set(merged.push)


@given(base=SIDES, ours=SIDES, theirs=SIDES)
def test_change_of_one_side_alone_is_never_lost_nor_called_a_conflict(
    base: dict[str, object], ours: dict[str, object], theirs: dict[str, object]
) -> None:
    merged = merge(base, ours, theirs, theirs_wins=["total"])
    for name in base:
        end = {**ours, **merged.take}[name]
        if ours[name] == base[name]:
            assert end == theirs[name]
        if theirs[name] == base[name]:
            assert end == ours[name]
        clash = ours[name] != base[name] and theirs[name] != base[name] and ours[name] != theirs[name]
        assert (name in merged.conflicts) == clash


@given(base=SIDES, both=SIDES)
def test_sides_that_agree_have_nothing_to_do(base: dict[str, object], both: dict[str, object]) -> None:
    merged = merge(base, both, both)
    assert (merged.take, merged.push, merged.conflicts) == ({}, {}, {})


def test_conflict_keeps_ours_except_where_theirs_wins() -> None:
    merged = merge({"email": "0", "total": 0}, {"email": "1", "total": 1}, {"email": "2", "total": 2}, theirs_wins=["total"])
    assert merged.take == {"total": 2}
    assert merged.push == {"email": "1"}
    assert {name: found.kept for name, found in merged.conflicts.items()} == {"email": "ours", "total": "theirs"}


def test_first_link_fills_what_is_empty_on_either_side() -> None:
    merged = merge(
        None, {"email": "", "phone": "1", "address": {"city": ""}}, {"email": "a", "phone": "", "address": {"city": "X"}}
    )
    assert merged.take == {"email": "a", "address": {"city": "X"}}
    assert merged.push == {"phone": "1"}
    assert merged.conflicts == {}
