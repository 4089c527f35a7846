"""Calls, answers and broken connections, as a network would carry them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. `token` opens an account; `key` is the idempotency key, None for reads."""

    method: str
    path: str
    token: str | None = field(default=None, repr=False)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Json = field(default_factory=dict, repr=False)
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    body: bytes = field(repr=False)
    request_id: str
    date: datetime
    retry_after_seconds: float | None = None


class ConnectionLost(Exception):
    """No answer came. `sent` is False only where the caller can be sure that nothing left this machine."""

    def __init__(self, *, sent: bool = True) -> None:
        super().__init__("connection lost")
        self.sent = sent


class Refusal(Exception):
    """An error answer: status, the provider's word for it, a sentence, the field that is wrong."""

    def __init__(self, status: int, code: str, detail: str, *, field: str | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.error: Json = {"code": code, "detail": detail, "field": field}
