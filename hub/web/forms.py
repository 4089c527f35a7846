"""Submitted forms: what was typed, checked by the API's own schemas, and what is wrong with each field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from apiflask import Schema
from marshmallow import ValidationError

from hub.crm.errors import Refused


@dataclass(slots=True)
class Form:
    """values: text per field, as to be shown again. errors: one message per field; under "" what belongs to no field."""

    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The answer's status when the form is shown again."""
        return 422 if self.errors else 200

    def check(self, schema: Schema, body: Mapping[str, Any]) -> dict[str, Any]:
        """What the schema makes of `body`; its complaints become errors of the fields. Empty when there are any."""
        try:
            loaded: dict[str, Any] = schema.load(body)
        except ValidationError as error:
            for name, message in _flat("", error.messages):
                self.errors.setdefault(name, message)
            return {}
        return loaded

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """A rule of the business that says no becomes an error of its field, or of the whole form."""
        try:
            yield
        except Refused as refused:
            name = refused.field if refused.field in self.values else ""
            self.errors[name or ""] = refused.detail


def read_day(form: Form, name: str) -> date | None:
    """The day that was typed; None where none was, or where it is none, which then is the field's error."""
    text = form.values[name]
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        form.errors[name] = "Write a day such as 2026-12-31."
        return None


def whole_number(text: str) -> int | None:
    """An id or a count as a form's hidden field or choice sends it; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def typed(fields: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """The named fields of a submitted form, without surrounding blanks; missing ones are empty."""
    return {name: fields.get(name, "").strip() for name in names}


def _flat(path: str, found: Any) -> Iterator[tuple[str, str]]:
    if isinstance(found, Mapping):
        for key, inner in found.items():
            yield from _flat(str(key) if key != "_schema" else path, inner)
    elif isinstance(found, list | tuple):
        for inner in found:
            yield from _flat(path, inner)
    else:
        yield path, str(found)
