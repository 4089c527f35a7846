"""How the secrets of a test run look. Every twin, the fake provider and the hub itself give theirs a form that nothing else has,
so that one search knows a secret wherever it turns up; what tests plant by hand carries MARK."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MARK = "KaNaRi"
"""Part of secrets that have no form of their own: passwords, encryption keys, keys of the session cookie."""


@dataclass(frozen=True, slots=True)
class Shape:
    """pattern: in the words that Python's and PostgreSQL's expressions share. marks: literals of which each match holds one."""

    kind: str
    pattern: str
    marks: tuple[str, ...]


_WORD = "[0-9A-Za-z_-]"

SHAPES = (
    Shape("planted secret", rf"{MARK}[0-9A-Za-z+/_-]{{4,}}", (MARK,)),
    Shape("secret of the fake provider", "fake_(?:token|refresh|code|key|whsec)_[0-9A-Za-z_]+", ("fake_",)),
    Shape("key of Stripe", "[sr]k_(?:test|live)_[0-9A-Za-z]{16,}", ("k_test_", "k_live_")),
    Shape("signing secret of Stripe", "whsec_[0-9A-Za-z+/=]{20,}", ("whsec_",)),
    Shape("client secret of Stripe", "(?:pi|seti|cs)_[0-9A-Za-z]+_secret_[0-9A-Za-z]{6,}", ("_secret_",)),
    Shape("code or refresh token of Stripe", "(?<![0-9A-Za-z_-])(?:ac|rt)_[0-9A-Za-z]{24,}", ("ac_", "rt_")),
    Shape("token of Square", "E[AQ]AAl[0-9A-Za-z_-]{40,}", ("EAAAl", "EQAAl")),
    Shape("application secret or code of Square", f"sq0c[sg][bp]-{_WORD}{{16,}}", ("sq0c",)),
    Shape("signature key of Square", "TwinKey[0-9A-Za-z]{15}", ("TwinKey",)),
    Shape("API key of the hub", f"ph_[0-9a-z]{{8,}}_{_WORD}{{40,}}", ("ph_",)),
    Shape("session or link token of the hub", f"pht_{_WORD}{{40,}}", ("pht_",)),
)

# The providers' published test cards (Stripe: docs "Testing"; Square: docs "Sandbox payments"), which the twins take as well.
CARD_NUMBERS = (
    "4242424242424242", "5555555555554444", "4111111111111111", "378282246310005", "4000000000000002", "4000000000009995",
    "4000000000009987", "4000000000009979", "4000000000000069", "4000000000000127", "4000000000000119", "4000000000006975",
    "4000000000000341", "4000000000003220", "4000000000007726", "4000000000005126", "4000000000000077",
)  # fmt: skip
_CARD = "(?:" + "|".join("[ -]?".join(number) for number in CARD_NUMBERS) + ")"
_CARDS = re.compile(_CARD)
_NO_SEPARATORS = str.maketrans("", "", " -")
_COMPILED = tuple((shape, re.compile(shape.pattern)) for shape in SHAPES)

FOR_POSTGRES = "|".join([*(f"(?:{shape.pattern})" for shape in SHAPES), _CARD])


@dataclass(frozen=True, slots=True)
class Sighting:
    """A secret in a text: its kind, where it begins, and enough of it to be found again, but not to be used."""

    kind: str
    at: int
    shown: str


def sightings(text: str) -> Iterator[Sighting]:
    """Every secret in the text. What holds no mark, nearly all, costs a scan for a few words."""
    for shape, pattern in _COMPILED:
        if any(mark in text for mark in shape.marks):
            for found in pattern.finditer(text):
                yield Sighting(shape.kind, found.start(), _masked(found.group()))
    if "0000" in text or any(number[:4] in text for number in CARD_NUMBERS):
        joined = text.translate(_NO_SEPARATORS)
        if any(number in joined for number in CARD_NUMBERS):
            for found in _CARDS.finditer(text):
                yield Sighting("card number", found.start(), f"…{found.group()[-4:]}")


def _masked(secret: str) -> str:
    return f"{secret[:7]}… ({len(secret)} characters)"
