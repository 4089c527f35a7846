"""Form decoding and validation of request parameters against Stripe's own parameter tables.

static/parameters.json is made by parameters_from_spec.py from an OpenAPI document of API 2026-10-28.endive, which lacks some
operations: those stand in static/parameters_beyond_spec.json, by hand after stripe-python 16.1.0. The short notation of both:
"s" string, "i" integer, "n" number, "b" boolean, "x" anything, {"o": properties, "r": required}, {"m": value type},
{"a": item type}, {"e": allowed values}, {"any": alternatives}.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl

import orjson

from providers.sandbox.stripe.errors import ApiError, refused

METADATA_KEYS = 50
METADATA_KEY_CHARS = 40
METADATA_VALUE_CHARS = 500
EMAIL_CHARS = 512
_NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_PART = re.compile(r"\[([^\[\]]*)\]")
_INTEGER = re.compile(r"^-?\d+$")
_NUMBER = re.compile(r"^-?\d+(\.\d+)?$")

Decoded = dict[str, Any]


@cache
def parameter_tables() -> dict[str, Any]:
    """By operation, `POST /v1/customers/{customer}`."""
    folder = files("providers.sandbox.stripe").joinpath("static")
    tables: dict[str, Any] = {}
    for name in ("parameters.json", "parameters_beyond_spec.json"):
        tables |= orjson.loads(folder.joinpath(name).read_bytes())
    return tables


def decode_form(text: str) -> Decoded:
    """`a[b]=1&c[0][d]=2&e[]=3` as nested dictionaries of strings; lists stay dictionaries of numbered keys."""
    root: Decoded = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        match = _NAME.match(name)
        if match is None:
            raise refused(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
        keys = [match[1], *_PART.findall(match[2])]
        place = root
        for key in keys[:-1]:
            inner = place.setdefault(key or str(len(place)), {})
            if not isinstance(inner, dict):
                raise refused(f"Invalid object: {name}", param=match[1])
            place = inner
        place[keys[-1] or str(len(place))] = value
    return root


def typed_params(operation: str, decoded: Decoded) -> dict[str, Any]:
    """Values of the documented types. Raises ApiError 400: parameter_unknown, parameter_missing, wrong types and values."""
    table = parameter_tables()[operation]
    values: dict[str, Any] = _object(decoded, table, "")
    _check_metadata(values.get("metadata"))
    return values


def _typed(value: Any, schema: Any, path: str) -> Any:
    if isinstance(schema, str):
        return _scalar(value, schema, path)
    if "o" in schema:
        return _object(value, schema, path)
    if "e" in schema:
        if value not in schema["e"]:
            *most, last = [str(choice) for choice in schema["e"] if choice != ""] or [""]
            choices = f"{', '.join(most)}, or {last}" if most else last
            raise refused(f"Invalid {path}: must be one of {choices}", param=path)
        return value
    if "a" in schema:
        if not isinstance(value, dict) or not all(key.isdigit() for key in value):
            raise refused("Invalid array", param=path)
        return [_typed(value[key], schema["a"], f"{path}[{key}]") for key in sorted(value, key=int)]
    if "m" in schema:
        if not isinstance(value, dict):
            raise refused("Invalid object", param=path)
        return {key: _typed(item, schema["m"], f"{path}[{key}]") for key, item in value.items()}
    return _alternative(value, schema["any"], path)


def _alternative(value: Any, alternatives: list[Any], path: str) -> Any:
    problem: ApiError | None = None
    for schema in alternatives:
        try:
            return _typed(value, schema, path)
        except ApiError as error:
            unset_only = isinstance(schema, dict) and schema.get("e") == [""]
            if not unset_only or problem is None:
                problem = error
    raise problem or refused(f"Invalid {path}", param=path)


def _scalar(value: Any, schema: str, path: str) -> Any:
    if schema == "x":
        return value
    if not isinstance(value, str):
        raise refused(f"Invalid string: {value}", param=path)
    if schema == "i":
        if not _INTEGER.match(value):
            raise refused(f"Invalid integer: {value}", code="parameter_invalid_integer", param=path)
        return int(value)
    if schema == "n":
        if not _NUMBER.match(value):
            raise refused(f"Invalid number: {value}", param=path)
        return value
    if schema == "b":
        if value not in ("true", "false"):
            raise refused(f"Invalid boolean: {value}", param=path)
        return value == "true"
    return value


def _object(value: Any, schema: Mapping[str, Any], path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise refused("Invalid object", param=path)
    properties = schema["o"]
    unknown = [_joined(path, key) for key in value if key not in properties]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        raise refused(f"Received unknown parameter{plural}: {', '.join(unknown)}", code="parameter_unknown", param=unknown[0])
    for key in schema.get("r", ()):
        if key not in value:
            raise refused(f"Missing required param: {_joined(path, key)}.", code="parameter_missing", param=_joined(path, key))
    return {key: _typed(item, properties[key], _joined(path, key)) for key, item in value.items()}


def _joined(path: str, key: str) -> str:
    return f"{path}[{key}]" if path else key


def _check_metadata(metadata: Any) -> None:
    if not isinstance(metadata, dict):
        return
    if len(metadata) > METADATA_KEYS:
        raise refused(f"You can have up to {METADATA_KEYS} metadata keys.", param="metadata")
    for key, value in metadata.items():
        if len(key) > METADATA_KEY_CHARS:
            message = f"Metadata keys must be under {METADATA_KEY_CHARS} characters; '{key}' has {len(key)}."
            raise refused(message, param="metadata")
        if len(value) > METADATA_VALUE_CHARS:
            limit = f"Metadata values can have up to {METADATA_VALUE_CHARS} characters"
            message = f"{limit}, but you passed in a value that is {len(value)} characters."
            raise refused(message, param=f"metadata[{key}]")


def required(params: Mapping[str, Any], name: str) -> Any:
    """A parameter that the table lists as optional but this case needs."""
    if params.get(name) in (None, ""):
        raise refused(f"Missing required param: {name}.", code="parameter_missing", param=name)
    return params[name]


def blank_to_none(value: Any) -> Any:
    """`""` in a request means unset."""
    return None if value == "" else value


def merged_metadata(old: Mapping[str, str] | None, change: Any) -> dict[str, str]:
    """Stripe merges: an empty value removes its key, an empty string instead of the object removes all."""
    if change == "":
        return {}
    result = dict(old or {})
    for key, value in (change or {}).items():
        if value == "":
            result.pop(key, None)
        else:
            result[key] = value
    if len(result) > METADATA_KEYS:
        raise refused(f"You can have up to {METADATA_KEYS} metadata keys.", param="metadata")
    return result
