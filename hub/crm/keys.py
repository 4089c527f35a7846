"""Normalised forms by which the same person is recognised."""

from __future__ import annotations

import re

import phonenumbers

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SEPARATORS = str.maketrans("", "", " -().\u00a0")


def email_key(email: str) -> str | None:
    """Lower case without surrounding space; None where it cannot be an address."""
    key = email.strip().lower()
    return key if "@" in key[1:-1] else None


def phone_key(phone: str, country: str = "") -> str | None:
    """E.164; `country` (ISO 3166) reads numbers without a country code. None where it is no possible number."""
    compact = phone.translate(_SEPARATORS)
    if _E164.fullmatch(compact):  # most provider data are in this form, and the full parser costs 100 times this
        return compact
    if not compact:
        return None
    try:
        number = phonenumbers.parse(phone, country or None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
