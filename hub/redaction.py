"""Masking of secrets in text and fields: registered values, telling names, the shapes that providers use, card numbers."""

import json
import re
import threading
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

from providers.registry import PUBLIC_NAMES, load_providers

MASK = "***"
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
_SENDGRID_SHAPE = r"SG\.[\w-]{8,}\.[\w-]{8,}"
_SHAPES = [shape for provider in load_providers({}, PUBLIC_NAMES).values() for shape in provider.secret_shapes]
_PROVIDER_SHAPES = re.compile(rf"\b(?:{'|'.join([*_SHAPES, _SENDGRID_SHAPE])})")
_ROW_IN_ERROR = re.compile(r"(?m)^(DETAIL:\s+)\S.*$")  # PostgreSQL quotes the offending row or key
_USERINFO = re.compile(r"(://[^\s/:@\"'\\]*):[^\s/@\"'\\]+@")
_MAYBE_CARD = re.compile(r"(?<![\w.-])[2-6](?:[ -]?\d){12,18}(?![\w-])")

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
    return _MAYBE_CARD.sub(_mask_card, _NAMED_IN_TEXT.sub(rf"\g<1>{MASK}", redact_line(text)))


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


def _mask_card(found: re.Match[str]) -> str:
    digits = [int(character) for character in found.group() if character.isdigit()]
    # Luhn's check: from the right, every second digit is doubled and its digits are added.
    doubled = [sum(divmod(2 * digit, 10)) if index % 2 else digit for index, digit in enumerate(reversed(digits))]
    if sum(doubled) % 10:
        return found.group()
    return MASK + "".join(str(digit) for digit in digits[-4:])
