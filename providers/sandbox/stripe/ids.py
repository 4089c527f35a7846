"""Ids that look like Stripe's: a prefix and letters and digits."""

import random
import string

_ALPHABET = (string.ascii_letters + string.digits).encode()
_OF_BYTE = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))
_random = random.SystemRandom()


def new_id(prefix: str, *, source: random.Random | None = None, length: int = 24) -> str:
    """`cus_` + 24 characters; source: a seeded generator where ids must repeat between runs."""
    return prefix + (source or _random).randbytes(length).translate(_OF_BYTE).decode()
