"""What the calls of every kind share: pages newest first, one object, the walk back to our own reference."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import ceil
from typing import Any, ClassVar, Final, Generic

from stripe import RequestOptions

from providers.contract import Verb
from providers.errors import Unsupported
from providers.records import Draft, JsonObject, Page, R, Window
from providers.stripe.connection import Answer, Connection, Parameters
from providers.stripe.mapping.known import notice
from providers.stripe.mapping.values import Json, reference_of

PAGE_SIZE: Final = 100  # Stripe's largest
REFERENCE_LOOKBACK: Final = timedelta(days=7)
"""How far back find_by_reference walks; unknown outcomes are settled within three days. Stripe's search lags and is no help."""


def created_parameters(window: Window | None) -> list[tuple[str, str | int]]:
    """Stripe counts whole seconds: the window is widened to them, never narrowed."""
    if window is None:
        return []
    parameters: list[tuple[str, str | int]] = [("created[gte]", int(window.since.timestamp()))]
    if window.until is not None:
        parameters.append(("created[lt]", ceil(window.until.timestamp())))
    return parameters


def options(key: str, step: str = "") -> RequestOptions:
    """The idempotency key of one write; `step` tells the writes of one call apart."""
    return {"idempotency_key": f"{key}.{step}" if step else key}


def next_cursor(answer: Answer) -> str | None:
    """The last id of a page: objects made meanwhile appear before the first page and shift nothing."""
    data = answer.body.get("data")
    return str(data[-1]["id"]) if data and answer.body.get("has_more") else None


class Resource(Generic[R]):
    """The calls for one kind. `path` lists and, with an id, gets; `expand` names what one object should carry in full; `filters`
    go with every listing."""

    path: ClassVar[str]
    expand: ClassVar[tuple[str, ...]] = ()
    filters: ClassVar[Parameters] = ()

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def record(self, raw: Json, as_of: datetime) -> R:
        raise NotImplementedError

    def read_page(self, path: str, parameters: Parameters, after: str | None, expand: tuple[str, ...] = ()) -> Answer:
        query: list[tuple[str, str | int]] = [("limit", PAGE_SIZE), *parameters]
        if after:
            query.append(("starting_after", after))
        query += [(f"expand[{n}]", f"data.{field}") for n, field in enumerate(expand)]
        answer = self.connection.read(path, query)
        notice(answer.body["data"], answer.as_of)
        return answer

    def read_one(self, path: str, id: str, expand: tuple[str, ...] = ()) -> Answer:
        answer = self.connection.read(f"{path}/{id}", [(f"expand[{n}]", field) for n, field in enumerate(expand)])
        notice([answer.body], answer.as_of)
        return answer

    def page(
        self, *, created: Window | None, cursor: str | None, open_only: bool = False, parent_id: str | None = None
    ) -> Page[R]:
        """`parent_id`: of the record within which this kind is listed, where it is."""
        answer = self.read_page(self.path, [*self.filters, *created_parameters(created)], cursor, self.expand)
        record, as_of = self.record, answer.as_of
        return Page(records=tuple([record(raw, as_of) for raw in answer.body["data"]]), next_cursor=next_cursor(answer))

    def get(self, id: str) -> R:
        answer = self.read_one(self.path, id, self.expand)
        return self.record(answer.body, answer.as_of)

    def create(self, draft: Draft[R], *, key: str) -> R:
        raise Unsupported(f"Stripe cannot create from {type(draft).__name__}")

    def update(self, id: str, draft: Draft[R], *, key: str) -> R:
        raise Unsupported(f"Stripe cannot update from {type(draft).__name__}")

    def perform(self, verb: Verb, id: str, *, key: str, choices: JsonObject) -> R:
        raise Unsupported(f"Stripe cannot {verb} here")

    def find(self, reference: str) -> R | None:
        """Among those made in the last seven days; one page read per hundred of them."""
        for raw in self._recent():
            if reference_of(raw) == reference and self.is_real(raw):
                return self.get(raw["id"])
        return None

    def is_real(self, raw: Json) -> bool:
        """Whether an object found by our reference is the outcome, not merely its preparation."""
        return True

    def _recent(self) -> Iterator[Json]:
        cursor: str | None = None
        oldest: float | None = None
        while True:
            answer = self.read_page(self.path, self.filters, cursor)
            if oldest is None:
                oldest = (answer.as_of - REFERENCE_LOOKBACK).timestamp()
            for raw in answer.body["data"]:
                if raw["created"] < oldest:
                    return
                yield raw
            cursor = next_cursor(answer)
            if cursor is None:
                return


AnyResource = Resource[Any]
