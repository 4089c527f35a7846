"""Objects of one kind: versions, times, idempotency keys, pages with cursors that expire."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

import orjson

from providers.fake.world.wire import Json, Refusal

CURSOR_LIFE = timedelta(minutes=5)


class Shelf:
    """`ids` gives numbers unique in the account; an object's number also breaks ties between equal times."""

    def __init__(self, prefix: str, now: Callable[[], datetime], ids: Iterator[int], page_size: int) -> None:
        self.prefix = prefix
        self._now = now
        self._ids = ids
        self._page_size = page_size
        self._objects: dict[str, Json] = {}

    def __iter__(self) -> Iterator[Json]:
        return iter(self._objects.values())

    def add(self, fields: Mapping[str, object]) -> Json:
        moment = self._now().isoformat()
        number = next(self._ids)
        added: Json = {"id": f"{self.prefix}_{number}", "number_in_order": number, "version": 1}
        added |= {"created_at": moment, "changed_at": moment, "deleted": False, **fields}
        self._objects[added["id"]] = added
        return added

    def get(self, id: str) -> Json:
        found = self._objects.get(id)
        if found is None or (found["deleted"] and self.prefix != "cus"):
            raise Refusal(404, "not_found", "There is no such record.")
        return found

    def check_version(self, record: Json, version: object) -> None:
        """`version` None: the caller writes over whatever is there."""
        if version is not None and str(version) != str(record["version"]):
            raise Refusal(409, "version_conflict", "The record has changed since it was read.")

    def change(self, record: Json, fields: Mapping[str, object]) -> None:
        record.update(fields)
        record["version"] += 1
        record["changed_at"] = self._now().isoformat()

    def page(self, query: Mapping[str, str], *, open_statuses: frozenset[str]) -> Json:
        """Oldest first; with `changed_since` in the order of the last change, so that a change meanwhile only moves a record
        to a page still to come."""
        order = "changed_at" if "changed_since" in query else "created_at"
        position = self._position(query.get("cursor"))
        found = sorted(
            (record for record in self._objects.values() if self._matches(record, query, open_statuses)),
            key=lambda record: _place(record, order),
        )
        ahead = [record for record in found if position is None or _place(record, order) > position]
        page = ahead[: self._page_size]
        cursor = self._cursor(_place(page[-1], order)) if len(ahead) > len(page) else None
        return {"records": page, "cursor": cursor}

    def _matches(self, record: Json, query: Mapping[str, str], open_statuses: frozenset[str]) -> bool:
        created, changed = datetime.fromisoformat(record["created_at"]), datetime.fromisoformat(record["changed_at"])
        if record["deleted"] and not ("changed_since" in query and self.prefix == "cus"):
            return False
        return (
            ("reference" not in query or record.get("reference") == query["reference"])
            and ("parent_id" not in query or record.get("parent_id") == query["parent_id"])
            and ("created_since" not in query or created >= datetime.fromisoformat(query["created_since"]))
            and ("created_until" not in query or created < datetime.fromisoformat(query["created_until"]))
            and ("changed_since" not in query or changed >= datetime.fromisoformat(query["changed_since"]))
            and (query.get("open_only") != "true" or record.get("status") in open_statuses)
        )

    def _cursor(self, place: tuple[datetime, int]) -> str:
        content = [self._now().isoformat(), place[0].isoformat(), place[1]]
        return base64.urlsafe_b64encode(orjson.dumps(content)).decode()

    def _position(self, cursor: str | None) -> tuple[datetime, int] | None:
        if cursor is None:
            return None
        try:
            made_at, moment, number = orjson.loads(base64.urlsafe_b64decode(cursor))
            age = self._now() - datetime.fromisoformat(made_at)
            place = datetime.fromisoformat(moment), int(number)
        except (ValueError, TypeError) as problem:
            raise Refusal(400, "cursor_invalid", "The cursor is not one of ours.", field="cursor") from problem
        if age > CURSOR_LIFE:
            raise Refusal(400, "cursor_expired", "The cursor has expired.", field="cursor")
        return place


def _place(record: Json, order: str) -> tuple[datetime, int]:
    return datetime.fromisoformat(record[order]), int(record["number_in_order"])
