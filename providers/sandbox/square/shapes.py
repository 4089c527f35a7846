"""Checks a request body against the published shapes: unknown fields, wrong types, lengths, enums, required fields."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from providers.sandbox.square.errors import INVALID_REQUEST, ApiFailure, problem

_SHAPES = json.loads((Path(__file__).parent / "static" / "request_shapes.json").read_text())
_OBJECTS: dict[str, dict[str, Any]] = _SHAPES["objects"]
_ENUMS: dict[str, frozenset[str]] = {name: frozenset(values) for name, values in _SHAPES["enums"].items()}
_PYTHON_TYPES: dict[str, tuple[type, str]] = {
    "string": (str, "EXPECTED_STRING"),
    "integer": (int, "EXPECTED_INTEGER"),
    "boolean": (bool, "EXPECTED_BOOLEAN"),
    "object": (dict, "EXPECTED_OBJECT"),
    "array": (list, "EXPECTED_ARRAY"),
}


def enum_values(name: str) -> frozenset[str]:
    """The documented words of an enumeration that request bodies use."""
    return _ENUMS[name]


def check(body: Any, shape: str) -> dict[str, Any]:
    """The body without read-only fields. Raises 400 with one error per deviation."""
    if not isinstance(body, dict):
        raise ApiFailure(400, problem(INVALID_REQUEST, "EXPECTED_JSON_BODY", "Expected JSON body."))
    if problems := list(_object_problems(body, shape, "")):
        raise ApiFailure(400, *problems)
    return _without_read_only(body, shape)


def _object_problems(value: dict[str, Any], shape: str, path: str) -> Iterator[dict[str, str]]:
    definition = _OBJECTS[shape]
    fields = definition["fields"]
    for name in definition.get("required", ()):
        if value.get(name) is None:
            yield problem(INVALID_REQUEST, "MISSING_REQUIRED_PARAMETER", "Missing required parameter.", _join(path, name))
    for name, part in value.items():
        where = _join(path, name)
        if name not in fields:
            yield problem(INVALID_REQUEST, "UNKNOWN_BODY_PARAMETER", f"The body parameter `{where}` is not recognised.", where)
        elif part is not None:
            yield from _value_problems(part, fields[name], where)


def _value_problems(value: Any, field: dict[str, Any], path: str) -> Iterator[dict[str, str]]:
    if field.get("read_only"):
        return
    if "enum" in field:
        if not isinstance(value, str):
            yield _wrong_type("EXPECTED_STRING", value, path)
        elif value not in _ENUMS[field["enum"]]:
            yield problem(INVALID_REQUEST, "INVALID_ENUM_VALUE", f"`{value}` is not a valid enum value for `{path}`.", path)
        return
    kind = "object" if "object" in field else field["type"]
    if kind not in _PYTHON_TYPES:
        return
    expected, code = _PYTHON_TYPES[kind]
    if not _is_plain(value, expected):
        yield _wrong_type("EXPECTED_MAP" if "values" in field else code, value, path)
    elif "object" in field:
        yield from _object_problems(value, field["object"], path)
    elif "items" in field:
        for position, item in enumerate(value):
            yield from _value_problems(item, field["items"], f"{path}[{position}]")
    elif "values" in field:
        for key, item in value.items():
            yield from _value_problems(item, field["values"], f"{path}.{key}")
    elif isinstance(value, str):
        yield from _length_problems(value, field, path)


def _is_plain(value: Any, expected: type) -> bool:
    """Of this very type: true is no integer."""
    return type(value) is expected


def _length_problems(value: str, field: dict[str, Any], path: str) -> Iterator[dict[str, str]]:
    longest, shortest = field.get("max_length"), field.get("min_length", 0)
    if longest is not None and len(value) > longest:
        yield problem(INVALID_REQUEST, "VALUE_TOO_LONG", f"Field must not be greater than {longest} in length", path)
    if len(value) < shortest and not path.endswith("idempotency_key"):
        yield problem(INVALID_REQUEST, "VALUE_EMPTY" if not value else "VALUE_TOO_SHORT", "Field must not be blank", path)


def _wrong_type(code: str, value: Any, path: str) -> dict[str, str]:
    wanted = code.removeprefix("EXPECTED_").lower().replace("_", " ")
    return problem(INVALID_REQUEST, code, f"Expected {wanted} value (line 1, column 1), got {type(value).__name__}.", path)


def _without_read_only(value: dict[str, Any], shape: str) -> dict[str, Any]:
    fields = _OBJECTS[shape]["fields"]
    return {name: _clean(part, fields[name]) for name, part in value.items() if not fields[name].get("read_only")}


def _clean(value: Any, field: dict[str, Any]) -> Any:
    if isinstance(value, dict) and "object" in field:
        return _without_read_only(value, field["object"])
    if isinstance(value, dict) and "values" in field:
        return {key: _clean(item, field["values"]) for key, item in value.items()}
    if isinstance(value, list) and "items" in field:
        return [_clean(item, field["items"]) for item in value]
    return value


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
