"""Schemas and fields of the API: unknown fields are refused, integers are integers."""

from __future__ import annotations

import re
from typing import Any

from apiflask import Schema as BaseSchema
from marshmallow import RAISE, ValidationError, fields
from marshmallow.validate import Range

from providers.card_numbers import mask_card_numbers

BIGINT = Range(-(2**63), 2**63 - 1, error="Must fit into 64 bits.")
INTEGER_TEXT = re.compile(r"-?[0-9]{1,19}")


class Schema(BaseSchema):
    """The base of every schema: a misspelt field is an error, not silence."""

    class Meta:
        unknown = RAISE


class Integer(fields.Integer):
    """A whole number in JSON: 1.5, "1" and true are refused (marshmallow's own takes 1.5 and "1" for 1)."""

    def __init__(self, **options: Any) -> None:
        given = options.pop("validate", None)
        validators = [BIGINT, *(given if isinstance(given, list) else [given] if given else [])]
        super().__init__(strict=True, validate=validators, **options)

    def _validated(self, value: Any) -> int:
        if isinstance(value, str):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class QueryInteger(fields.Integer):
    """A whole number in a query string, where everything is text."""

    def __init__(self, **options: Any) -> None:
        given = options.pop("validate", None)
        validators = [BIGINT, *(given if isinstance(given, list) else [given] if given else [])]
        super().__init__(validate=validators, **options)

    def _validated(self, value: Any) -> int:
        if isinstance(value, str) and not INTEGER_TEXT.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Text(fields.String):
    """Text without NUL, which PostgreSQL cannot keep, and without a card number; surrounding blanks go. `max_chars` bounds it."""

    def __init__(self, *, max_chars: int = 1000, min_chars: int = 0, **options: Any) -> None:
        self.max_chars = max_chars
        self.min_chars = min_chars
        metadata = {"maxLength": max_chars} | ({"minLength": min_chars} if min_chars else {}) | options.pop("metadata", {})
        super().__init__(metadata=metadata, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not isinstance(text, str):
            return text
        text = text.strip()
        if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise ValidationError("Holds a character that cannot be stored.")
        if mask_card_numbers(text) != text:
            raise ValidationError("Holds a card number, which must not be kept here. Take money on the provider's own page.")
        if len(text) > self.max_chars:
            raise ValidationError(f"Longer than {self.max_chars} characters.")
        if len(text) < self.min_chars:
            raise ValidationError("Must not be empty." if self.min_chars == 1 else f"Shorter than {self.min_chars} characters.")
        return text


class ProblemSchema(Schema):
    """Every error of the API (RFC 9457)."""

    type = fields.String(required=True, metadata={"description": "A URN ending in the code"})
    title = fields.String(required=True)
    status = Integer(required=True)
    detail = fields.String(required=True, metadata={"description": "What happened, what it means, what to do next"})
    code = fields.String(required=True, metadata={"description": "Stable, for programs"})
    request_id = fields.String(required=True)
    errors = fields.List(
        fields.Dict(keys=fields.String(), values=fields.String()),
        metadata={"description": "One {field, message} per refused field"},
    )
    invoice_id = Integer(metadata={"description": "The invoice that exists all the same, where a provider refused it"})
