"""The way to the world: the gate around every request, errors translated; where others have providers.transport."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from providers.contract import Gate
from providers.fake.errors import translate
from providers.fake.world import FakeWorld
from providers.fake.world.wire import Answer, Call, ConnectionLost


@dataclass(frozen=True, slots=True)
class Reply:
    """A success: the answer's object and when the provider said so."""

    body: dict[str, Any]
    date: datetime


def send(world: FakeWorld, gate: Gate, call: Call) -> Reply:
    """One request. Raises what providers.errors names; what the gate raises passes through."""
    template = path_template(call.path)
    gate.before(call.method, template)
    started = time.monotonic()
    repeatable = call.method == "GET" or call.key is not None
    answer: Answer | None = None
    try:
        answer = world.answer(call)
    except ConnectionLost as lost:
        raise translate(None, repeatable=repeatable) from lost
    finally:
        status = answer.status if answer is not None else None
        headers = {"request-id": answer.request_id} if answer is not None else {}
        gate.after(call.method, template, status=status, seconds=time.monotonic() - started, headers=headers)
    if answer.status != 200:
        raise translate(answer, repeatable=repeatable)
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError as problem:
        raise translate(answer, repeatable=repeatable) from problem
    return Reply(body, answer.date)


def path_template(path: str) -> str:
    """/customer/cus_1 is counted as /customer/{id}."""
    parts = path.split("/")
    if len(parts) > 2 and parts[1] != "oauth":
        parts[2] = "{id}"
    return "/".join(parts)
