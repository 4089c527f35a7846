"""Masking of secrets in text and fields: registered values, telling names, the shapes that providers use, card numbers."""

import json
import re
import threading
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

from providers.card_numbers import MASK, mask_card_numbers, without_card_numbers
from providers.registry import PUBLIC_NAMES, load_providers

__all__ = ["MASK", "as_kept", "redact", "redact_fields", "redact_line", "register_secret"]
REGISTERED_MIN_CHARS = 6  # shorter ones would mask ordinary words

SECRET_NAME = re.compile(
    r"token|secret|passw|authorization|api[_-]?key|access[_-]?key|private[_-]?key|encryption[_-]?key|credential|cookie|code_?verifier|"
    r"card_?number|cvc|cvv|security_?code|^pan$|^code$|^state$|^pin$|^key$",
    re.IGNORECASE,
)
# `name=value`, `"name": "value"`, `name: value` in running text. A bare `code` is too common a word there, except in a query.
_NAMED_IN_TEXT = re.compile(
    r"""(?ix)
    ( \b [\w-]*
      (?: token | secret | passwd | password | api[_-]?key | access[_-]?key | private[_-]?key | code[_-]?verifier | cookie )
      [\w-]* ["']? \s* [=:] \s* ["']?
    | [?&] (?: code | state ) =
    ) (?! \*\*\* | None\b | null\b | true\b | false\b ) ( [^\s"'&,;})\]]+ )
    """
)
_AUTHORIZATION = re.compile(
    r"""(?ix) \b ( authorization ["']? \s* [=:] \s* ["']? (?: (?:bearer|basic|client) \s+ )? | (?:bearer|basic) \s+ )
        [\w.~+/=-]{6,}"""
)
_OTHER_SHAPES = (
    r"SG\.[\w-]{8,}\.[\w-]{8,}",  # SendGrid
    r"ph_[a-z0-9]+_[\w-]{20,}|pht_[\w-]{20,}",  # our own: API keys, and the tokens of hub.identity.tokens
)
_DECLARED_SHAPES = [shape for provider in load_providers({}, PUBLIC_NAMES).values() for shape in provider.secret_shapes]
_PROVIDER_SHAPES = re.compile(rf"\b(?:{'|'.join([*_DECLARED_SHAPES, *_OTHER_SHAPES])})")
_CLIENT_SECRET = re.compile(rb"\b(?:pi|seti|cs|src)_\w+?_secret_\w+")
_NUL_MARK = rb"\u0000"
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")  # not the text "\\u0000", whose backslash is escaped
_CLIENT_SECRET_MARK = b"_secret_"
_ROW_IN_ERROR = re.compile(r"(?m)^(DETAIL:\s+)\S.*$")  # PostgreSQL quotes the offending row or key
_USERINFO = re.compile(r"(://[^\s/:@\"'\\]*):[^\s/@\"'\\]+@")

_guard = threading.Lock()
_registered: set[str] = set()
_registered_pattern: re.Pattern[str] | None = None


def register_secret(value: str) -> None:
    """Mask this value from now on, also in its URL-encoded forms. Values under six characters are left to names and shapes."""
    global _registered_pattern
    if len(value) < REGISTERED_MIN_CHARS:
        return
    with _guard:
        in_json = json.dumps(value)[1:-1]
        _registered.update({value, quote(value, safe=""), quote(value), quote_plus(value), in_json})
        longest_first = sorted(_registered, key=len, reverse=True)
        _registered_pattern = re.compile("|".join(re.escape(each) for each in longest_first))


def redact(text: str) -> str:
    """The text with every secret in it masked; of a card number the last four digits stay."""
    text = _ROW_IN_ERROR.sub(rf"\g<1>{MASK}", text)
    return mask_card_numbers(_NAMED_IN_TEXT.sub(rf"\g<1>{MASK}", redact_line(text)))


def redact_line(text: str) -> str:
    """What can be masked in a finished JSON line without breaking it: values and shapes, but not names and card numbers."""
    if _registered_pattern is not None:
        text = _registered_pattern.sub(MASK, text)
    text = _PROVIDER_SHAPES.sub(MASK, text)
    text = _AUTHORIZATION.sub(rf"\g<1>{MASK}", text)
    return _USERINFO.sub(rf"\g<1>:{MASK}@", text)


def redact_fields(fields: Mapping[str, object]) -> dict[str, object]:
    """The same for a log event: values under telling names go whole, the others are searched, to any depth."""
    return {name: _redact_value(name, value) for name, value in fields.items()}


def _redact_value(name: str, value: object) -> object:
    if value is None or isinstance(value, bool | float):
        return value
    if SECRET_NAME.search(name):
        return MASK
    if isinstance(value, int):
        shown = redact(str(value))
        return value if shown == str(value) else shown
    if isinstance(value, Mapping):
        return redact_fields({str(key): item for key, item in value.items()})
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact_value("", item) for item in value]
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    return redact(str(value))


def as_kept(document: bytes) -> bytes:
    """A provider's JSON document as it may be stored: without card numbers, without Stripe's client secrets, which are for the
    payer's browser only, and without NUL characters, which PostgreSQL refuses. The very same object where nothing had to go."""
    document = without_card_numbers(document)
    if _NUL_MARK in document:
        document = _NUL.sub(rb"\1", document)
    if _CLIENT_SECRET_MARK not in document:
        return document
    # Inside a JSON text: a client secret holds no character that JSON escapes.
    masked, found = _CLIENT_SECRET.subn(MASK.encode(), document)
    return masked if found else document
