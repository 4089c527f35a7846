"""Signed deliveries: only what the provider signed gets in, and it says the same as the events feed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from providers.contract import OpenGate, WebhookRequest
from providers.errors import InvalidSignature, Rejected
from providers.records import Customer, Effect, Event
from tests.contract.bodies import retyped
from tests.contract.harness import Harness, told_kind
from tests.contract.scene import Scene, new_key
from webhooks.handler import TOLERANCE, SigningSecret

EDGE_SECONDS = int(TOLERANCE.total_seconds())
BREAKS: dict[str, Callable[[str], str | None]] = {
    "missing": lambda value: None,
    "empty": lambda value: "",
    "doubled": lambda value: f"{value}, {value}",
    "cut": lambda value: value[:-1],
    "one-character-changed": lambda value: value[:-2] + ("A" if value[-2] != "A" else "B") + value[-1],
    "latin-1": lambda value: value + "é",
    "not-ascii": lambda value: "署名" + value,
    "lone-surrogate": lambda value: value[:-1] + "\udc80",
    "null-byte": lambda value: value + "\x00",
    "huge": lambda value: value * 20_000,
}


def verify(harness: Harness, request: WebhookRequest) -> SigningSecret:
    return harness.handler.verify(request, harness.secrets, url=harness.url)


def signature_headers(harness: Harness, body: bytes) -> list[str]:
    """The headers that depend on the secret."""
    one = harness.sign(body, secret="one secret").headers
    other = harness.sign(body, secret="another secret").headers
    return [name for name in one if one[name] != other.get(name)]


def test_signed_delivery_is_accepted_with_the_secret_that_signed_it(harness: Harness) -> None:
    body = harness.sample_event()
    assert verify(harness, harness.sign(body)) == harness.secrets[0]


def test_second_secret_is_accepted_during_a_rotation(harness: Harness) -> None:
    body = harness.sample_event()
    assert verify(harness, harness.sign(body, secret=harness.secrets[1].value)) == harness.secrets[1]


def test_secret_knows_its_endpoint(harness: Harness) -> None:
    body = harness.sample_event()
    ours = SigningSecret(value="of an own endpoint", endpoint_id=7)
    request = harness.sign(body, secret=ours.value)
    assert harness.handler.verify(request, [*harness.secrets, ours], url=harness.url).endpoint_id == 7


@pytest.mark.parametrize("secret", ["a secret we do not know", ""])
def test_foreign_or_empty_secret_is_refused(harness: Harness, secret: str) -> None:
    request = harness.sign(harness.sample_event())
    if secret:
        request = harness.sign(request.body, secret=secret)
    known = [SigningSecret(value="")] if not secret else list(harness.secrets)
    with pytest.raises(InvalidSignature):
        harness.handler.verify(request, known, url=harness.url)


def test_without_any_secret_everything_is_refused(harness: Harness) -> None:
    with pytest.raises(InvalidSignature):
        harness.handler.verify(harness.sign(harness.sample_event()), [], url=harness.url)


def test_each_flipped_byte_of_the_body_is_refused(harness: Harness) -> None:
    request = harness.sign(harness.sample_event())
    for place in range(len(request.body)):
        altered = bytearray(request.body)
        altered[place] ^= 0x01
        with pytest.raises(InvalidSignature):
            verify(harness, replace(request, body=bytes(altered)))


@pytest.mark.parametrize("change", [b" ", b"\n", b"\x00", b"{}"])
def test_body_with_something_added_is_refused(harness: Harness, change: bytes) -> None:
    request = harness.sign(harness.sample_event())
    for body in (request.body + change, change + request.body, b""):
        with pytest.raises(InvalidSignature):
            verify(harness, replace(request, body=body))


@pytest.mark.parametrize("how", BREAKS)
def test_broken_signature_header_is_refused(harness: Harness, how: str) -> None:
    request = harness.sign(harness.sample_event())
    names = signature_headers(harness, request.body)
    assert names
    for name in names:
        headers = dict(request.headers)
        broken = BREAKS[how](headers.pop(name))
        if broken is not None:
            headers[name] = broken
        with pytest.raises(InvalidSignature):
            verify(harness, replace(request, headers=headers))


def test_signature_of_another_delivery_is_refused(harness: Harness) -> None:
    one, other = harness.sign(harness.sample_event()), harness.sign(harness.sample_event())
    with pytest.raises(InvalidSignature):
        verify(harness, replace(one, body=other.body))


@pytest.mark.parametrize("seconds", [-EDGE_SECONDS - 5, EDGE_SECONDS + 5, -10_000_000, 10_000_000])
def test_signed_time_far_from_now_is_refused_where_time_is_signed(harness: Harness, seconds: int) -> None:
    body = harness.sample_event()
    request = harness.sign(body, timestamp_offset_seconds=seconds)
    if signs_time(harness, body):
        with pytest.raises(InvalidSignature):
            verify(harness, request)
    else:
        assert verify(harness, request) == harness.secrets[0], "no time is signed: age alone refuses nothing"


@pytest.mark.parametrize("seconds", [-EDGE_SECONDS + 5, EDGE_SECONDS - 5])
def test_signed_time_within_the_tolerance_is_accepted(harness: Harness, seconds: int) -> None:
    request = harness.sign(harness.sample_event(), timestamp_offset_seconds=seconds)
    assert verify(harness, request) == harness.secrets[0]


def test_delivery_replayed_later_is_refused_where_time_is_signed(harness: Harness) -> None:
    request = harness.sign(harness.sample_event())
    late = replace(request, received_at=request.received_at + TOLERANCE + timedelta(seconds=5))
    if signs_time(harness, request.body):
        with pytest.raises(InvalidSignature):
            verify(harness, late)
    else:
        assert verify(harness, late)


def signs_time(harness: Harness, body: bytes) -> bool:
    return harness.sign(body, timestamp_offset_seconds=-1_000).headers != harness.sign(body).headers


def test_event_of_a_changed_record_says_so(harness: Harness) -> None:
    kind = told_kind(harness.provider)
    [event] = harness.handler.events(harness.sample_event())
    assert event.effect is Effect.CHANGED
    assert event.kind is kind
    assert event.account_id == harness.credentials.account_id
    assert event.live is harness.provider.live
    assert event.created_at.tzinfo is not None
    assert event.record_id
    record = harness.account().get(kind, event.record_id)
    if event.snapshot is not None and not event.partial:
        assert type(event.snapshot) is kind
        assert event.snapshot.id == record.id
        assert event.snapshot.as_of == event.created_at
        same = replace(event.snapshot, as_of=record.as_of, version=record.version, changed_at=record.changed_at)
        assert same == record


def test_unknown_type_is_an_event_that_ends_nothing(harness: Harness) -> None:
    """A new type about an object we know may tell us the object's state; more must not be read into it."""
    [event] = harness.handler.events(retyped(harness, harness.sample_event(), "brand_new.thing.happened"))
    assert event.event_type == "brand_new.thing.happened"
    assert event.effect in (Effect.OTHER, Effect.CHANGED)
    assert event.effect is Effect.OTHER or event.record_id
    assert event.id


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"null", b"{}", b'"text"', b"\xff\xfe", b"{" * 5_000, b'[{"a":1}]'])
def test_body_that_is_no_event_is_rejected(harness: Harness, body: bytes) -> None:
    with pytest.raises(Rejected):
        harness.handler.events(body)


def test_own_endpoint_names_the_account_that_the_event_does_not(harness: Harness) -> None:
    account_id = harness.credentials.account_id
    bare = without(orjson.loads(harness.sample_event()), account_id)
    [event] = harness.handler.events(orjson.dumps(bare), own_account_id="the_account_of_the_endpoint")
    assert event.account_id == "the_account_of_the_endpoint"


def without(value: Any, unwanted: str) -> Any:
    """The members of this value left out, however deep."""
    if isinstance(value, dict):
        return {name: without(inner, unwanted) for name, inner in value.items() if inner != unwanted}
    return [without(inner, unwanted) for inner in value] if isinstance(value, list) else value


def test_wanted_endpoint_registers_what_we_read(harness: Harness) -> None:
    wanted = harness.handler.wanted_endpoint(harness.url)
    assert wanted.url == harness.url
    [event] = harness.handler.events(harness.sample_event())
    assert event.event_type in wanted.event_types
    assert wanted.active


def test_event_has_the_same_id_in_the_feed(harness: Harness) -> None:
    [delivered] = harness.handler.events(harness.sample_event())
    same = [event for event in feed(harness, delivered) if event.id == delivered.id]
    assert len(same) == 1
    assert (same[0].effect, same[0].kind, same[0].record_id) == (delivered.effect, delivered.kind, delivered.record_id)
    assert same[0].account_id == delivered.account_id
    assert same[0].created_at == delivered.created_at


def test_deletion_is_told_by_the_feed(scene: Scene, harness: Harness, telling_of_customers: str) -> None:
    customer = scene.customer()
    harness.delete(Customer, customer.id)
    [marker] = harness.handler.events(harness.sample_event())
    told = {event.effect: event for event in feed(harness, marker) if event.record_id == customer.id}
    assert told[Effect.DELETED].kind is Customer


def test_our_own_write_is_recognised_or_at_least_not_mistaken(scene: Scene, harness: Harness) -> None:
    key = new_key()
    made = scene.account.create(scene.draft(told_kind(scene.provider)), key=key)
    [marker] = harness.handler.events(harness.sample_event())
    echoes = [event for event in feed(harness, marker) if event.record_id == made.id]
    assert echoes
    for event in echoes:
        assert event.idempotency_key is None or event.idempotency_key.startswith(key)


def feed(harness: Harness, marker: Event) -> list[Event]:
    """The feed of the last minutes before the marker, oldest first."""
    credentials = harness.credentials if harness.provider.event_feed == "account" else None
    since, cursor = marker.created_at - timedelta(minutes=5), None
    found: list[Event] = []
    for _ in range(100):
        page = harness.provider.missed_events(credentials, since=since, cursor=cursor, gate=OpenGate())
        found += page.events
        cursor = page.next_cursor
        if cursor is None:
            return sorted(found, key=lambda event: event.created_at)
    raise AssertionError("the feed does not end")
