"""Real event bodies of a provider about every kind it tells of, for tests that alter them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson

from providers.contract import OpenGate, Verb
from providers.records import Endpoint, Invoice, Record
from tests.contract.harness import Harness
from tests.contract.scene import Scene


def event_bodies(harness: Harness) -> dict[type[Record], list[Mapping[str, Any]]]:
    """Things happen to records of every kind; what the provider told of them, by kind, one body of each event type.

    The feed's objects are the delivered bodies (test_event_has_the_same_id_in_the_feed)."""
    scene = Scene(harness)
    [marker] = harness.handler.events(harness.sample_event())
    if scene.provider.supports(Verb.SEND, Invoice):
        scene.invoice_after(Verb.SEND, Verb.VOID)
    for kind, support in scene.provider.capabilities.items():
        if kind is not Endpoint and support.verbs & {Verb.LIST, Verb.GET}:
            scene.existing(kind)
    bodies: dict[type[Record], dict[str, Mapping[str, Any]]] = {}
    credentials = harness.credentials if harness.provider.event_feed == "account" else None
    since, cursor = marker.created_at - timedelta(minutes=5), None
    while True:
        page = harness.provider.missed_events(credentials, since=since, cursor=cursor, gate=OpenGate())
        for event in page.events:
            if event.kind is not None:
                bodies.setdefault(event.kind, {})[event.event_type] = event.raw
        cursor = page.next_cursor
        if cursor is None:
            return {kind: [orjson.loads(orjson.dumps(body)) for body in found.values()] for kind, found in bodies.items()}


def retyped(harness: Harness, event_body: bytes, event_type: str) -> bytes:
    """The same event under another type."""
    if hasattr(harness, "retyped"):
        return harness.retyped(event_body, event_type)
    return orjson.dumps({**orjson.loads(event_body), "type": event_type})
