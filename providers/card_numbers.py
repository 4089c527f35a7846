"""Card numbers in text that others wrote: people type them into names, notes and descriptions, and providers hand those on."""

from __future__ import annotations

import re
from typing import Any

import orjson

MASK = "***"

# The ranges in which issuers number cards, with 14 to 19 digits (ISO/IEC 7812; Visa's old 13 are left out, because telephone
# numbers have as many): Visa 4, Mastercard 51-55 and 2221-2720, American Express 34 and 37, Diners 30, 36, 38 and 39,
# JCB 35, Maestro 50 and 56-69, Discover and UnionPay among them and 81. Digits may stand in groups; what continues a word,
# an amount or a telephone number (+) is none.
_NUMBER = re.compile(
    r"(?<![\w.+-])(?:4|5|6|2[2-7]|3[04-9]|81)(?:[ -]?\d){12,18}(?![\w-]|\.\d)",
)
_SHORTEST = 14
LAST_SHOWN = 4
_DIGITS_ALIKE = bytes(0x30 if 0x30 <= code <= 0x39 else code for code in range(256))
_ENOUGH_DIGITS = b"0" * _SHORTEST


def mask_card_numbers(text: str) -> str:
    """The text with each card number in it cut down to its last four digits."""
    return _NUMBER.sub(_mask, text)


def may_hold_card_number(text: bytes) -> bool:
    """False only if there is surely none. For every document that comes in: a hundred times as fast as looking properly."""
    return _ENOUGH_DIGITS in text.translate(_DIGITS_ALIKE, b" -")


def without_card_numbers(document: bytes) -> bytes:
    """A provider's answer or event as we want to have received it: before anybody maps it, because a name that is split in two
    hides the number from a later look. JSON's own numbers stay, which are amounts and times; what is no JSON is masked as text.
    The very same object where there is nothing to mask."""
    if not may_hold_card_number(document):
        return document
    try:
        received = orjson.loads(document)
    except orjson.JSONDecodeError:
        return mask_card_numbers(document.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    masked = in_texts(received)
    return document if masked == received else orjson.dumps(masked)


def in_texts(value: Any) -> Any:
    """The value with the card numbers masked in each text of it, to any depth."""
    if isinstance(value, dict):
        return {key: in_texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [in_texts(item) for item in value]
    return mask_card_numbers(value) if isinstance(value, str) else value


def _mask(found: re.Match[str]) -> str:
    digits = [int(character) for character in found.group() if character.isdigit()]
    if len(digits) < _SHORTEST:
        return found.group()
    # Luhn's check: from the right, every second digit is doubled and its digits are added.
    doubled = [sum(divmod(2 * digit, 10)) if index % 2 else digit for index, digit in enumerate(reversed(digits))]
    if sum(doubled) % 10:
        return found.group()
    return MASK + "".join(str(digit) for digit in digits[-LAST_SHOWN:])
