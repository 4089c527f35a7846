"""What was not known is counted by name, and only by name."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from providers import drift

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
KNOWN = frozenset(["id", "name"])


@pytest.fixture(autouse=True)
def _nothing_seen() -> Iterator[None]:
    drift.forget()
    yield
    drift.forget()


def test_an_unknown_field_is_counted_with_its_first_and_last_day() -> None:
    for days in (1, 0, 2):
        drift.fields("acme", "customer", [{"id": 1, "shoe_size": 44}], KNOWN, at=NOON + timedelta(days=days))
    [found] = drift.seen()
    assert (found.provider, found.kind, found.path, found.word, found.count) == ("acme", "customer", "shoe_size", None, 3)
    assert (found.first_seen, found.last_seen) == (NOON, NOON + timedelta(days=2))
    assert "44" not in repr(found)


def test_known_fields_and_empty_pages_count_nothing() -> None:
    drift.fields("acme", "customer", [{"id": 1}, {"name": "Ada"}], KNOWN, at=NOON)
    drift.fields("acme", "customer", [], KNOWN, at=NOON)
    assert drift.seen() == ()


def test_a_field_that_stands_in_all_documents_of_a_page_counts_once_for_the_page() -> None:
    drift.fields("acme", "invoice", [{"id": n, "novelty": n} for n in range(100)], KNOWN, at=NOON, under="lines.")
    [found] = drift.seen()
    assert (found.path, found.count) == ("lines.novelty", 1)


@pytest.mark.parametrize("unknown", ["ada@example.com", "Ada Lovelace", "x" * 80, "", None, 7, {"a": 1}, "né"])
def test_what_is_no_word_is_counted_without_being_kept(unknown: object) -> None:
    drift.word("acme", "payment", "status", unknown, at=NOON)
    [found] = drift.seen()
    assert found.word == drift.UNREADABLE


def test_words_are_told_apart_and_the_most_frequent_comes_first() -> None:
    for unknown in ("haunted", "GONE_AWAY", "haunted"):
        drift.word("acme", "payment", "status", unknown, at=NOON)
    assert [(found.word, found.count) for found in drift.seen()] == [("haunted", 2), ("GONE_AWAY", 1)]


def test_a_flood_of_names_takes_no_more_room() -> None:
    for n in range(drift.SIGHTINGS_MAX + 50):
        drift.word("acme", "event", "type", f"made.up_{n}", at=NOON)
    found = {(one.path, one.word): one.count for one in drift.seen()}
    assert len(found) == drift.SIGHTINGS_MAX + 1
    assert found[drift.ELSEWHERE, None] == 50


def test_threads_lose_no_count() -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: drift.word("acme", "payment", "status", "odd", at=NOON), range(2000)))
    assert drift.seen()[0].count == 2000
