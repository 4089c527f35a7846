"""Lists page by page: `limit` and `cursor` in, `{data, has_more, next_cursor}` out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

import orjson
from marshmallow import fields
from marshmallow.validate import Range
from sqlalchemy import ColumnElement, Select, UnaryExpression, literal, tuple_
from sqlalchemy.orm import Session
from sqlalchemy.sql.operators import desc_op

from hub.http.fields import QueryInteger, Schema, Text
from hub.http.problems import Problem

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


class PageQuery(Schema):
    """The query of every list; a list with filters inherits from it."""

    limit = QueryInteger(
        load_default=DEFAULT_LIMIT,
        validate=Range(1, MAX_LIMIT, error=f"Must be between 1 and {MAX_LIMIT}."),
        metadata={"description": "How many rows at most"},
    )
    cursor = Text(load_default=None, max_chars=1000, metadata={"description": "next_cursor of the page before"})


@cache
def page_schema(item: type[Schema]) -> type[Schema]:
    """The answer schema of a list of `item`."""
    name = item.__name__.removesuffix("Schema") + "Page"
    attributes = {
        "data": fields.List(fields.Nested(item), required=True),
        "has_more": fields.Boolean(required=True),
        "next_cursor": fields.String(required=True, allow_none=True),
    }
    return type(name, (Schema,), attributes)


def paged(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    *,
    order: Sequence[ColumnElement[Any]],
    limit: int,
    cursor: str | None,
    item: Callable[[Any], Any] | None = None,
) -> dict[str, Any]:
    """One page, found by its last row's values and not by an offset, so rows that come and go shift nothing.

    order: columns that are never null, together unique, all ascending or all `.desc()`, such as
    `(Invoice.created_at.desc(), Invoice.id.desc())`. data holds the selected entity (or the row, where several things are
    selected), or what `item` makes of it. Raises Problem 422 for a cursor that is not ours."""
    columns = [each.element if isinstance(each, UnaryExpression) else each for each in order]
    directions = {isinstance(each, UnaryExpression) and each.modifier is desc_op for each in order}
    if len(directions) != 1:
        raise ValueError("paged() needs one direction for all columns")
    if cursor:
        place = tuple_(*(literal(value, column.type) for value, column in zip(_place(cursor, columns), columns, strict=True)))
        here = tuple_(*columns)
        statement = statement.where(here < place if directions == {True} else here > place)
    marked = statement.add_columns(*(column.label(f"page_key_{n}") for n, column in enumerate(columns)))
    rows = session.execute(marked.order_by(*order).limit(limit + 1)).all()
    width = len(columns)
    found = [row[0] if len(row) == width + 1 else row for row in rows[:limit]]
    has_more = len(rows) > limit
    return {
        "data": [item(each) for each in found] if item else found,
        "has_more": has_more,
        "next_cursor": _cursor(rows[limit - 1][-width:]) if has_more else None,
    }


def _cursor(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(list(values), default=str)).decode().rstrip("=")


def _place(cursor: str, columns: Sequence[ColumnElement[Any]]) -> list[Any]:
    try:
        values = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if not isinstance(values, list) or len(values) != len(columns):
            raise ValueError
        return [_value(value, column.type.python_type) for value, column in zip(values, columns, strict=True)]
    except (ValueError, TypeError, binascii.Error) as error:
        message = "This cursor is not one of this list. Begin again without it."
        raise Problem(
            422, "invalid_cursor", "Invalid cursor", message, errors=[{"field": "cursor", "message": message}]
        ) from error


def _value(value: Any, kind: type[Any]) -> Any:
    if kind is datetime:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError
        return moment
    if kind is date:
        return date.fromisoformat(value)
    if not isinstance(value, kind) or isinstance(value, bool) or (isinstance(value, int) and not -(2**63) <= value < 2**63):
        raise ValueError
    if isinstance(value, str) and "\x00" in value:
        raise ValueError
    return value
