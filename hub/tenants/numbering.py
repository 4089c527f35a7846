"""Patterns of invoice numbers: text with {year} and {seq}."""

from __future__ import annotations

import re
from string import Formatter

MAX_CHARS = 40
ALLOWED_TEXT = re.compile(r"[A-Za-z0-9 ._/#-]*")
SEQ_WIDTH = re.compile(r"(0[1-9])?")


class BadPattern(ValueError):
    """The pattern cannot number invoices; the text says why."""


def check_pattern(pattern: str) -> None:
    """Raise BadPattern unless `pattern` makes a different, short number for each {seq} (or {seq:05}, padded to five digits)."""
    try:
        parts = list(Formatter().parse(pattern))
    except ValueError as error:
        raise BadPattern("Has a brace that is not closed or not opened.") from error
    names = [name for _, name, _, _ in parts if name is not None]
    if names.count("seq") != 1:
        raise BadPattern("Must hold {seq} exactly once, or numbers would repeat.")
    for text, name, form, conversion in parts:
        if not ALLOWED_TEXT.fullmatch(text):
            raise BadPattern("May hold letters, digits, blanks and . _ / # - besides {year} and {seq}.")
        if name is None:
            continue
        if name not in ("seq", "year") or conversion or (form and (name == "year" or not SEQ_WIDTH.fullmatch(form))):
            raise BadPattern("May hold {year}, and {seq} or {seq:05}, and no other braces.")
    if len(render(pattern, year=9999, seq=10**9)) > MAX_CHARS:
        raise BadPattern(f"Makes numbers longer than {MAX_CHARS} characters.")


def render(pattern: str, *, year: int, seq: int) -> str:
    """The number of one invoice. `pattern` has passed check_pattern."""
    return pattern.format(year=year, seq=seq)
