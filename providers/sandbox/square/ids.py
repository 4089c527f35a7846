"""Identifiers and secrets that look like Square's; callers must treat them as opaque."""

import random
import secrets
import string
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

SIGNATURE_KEY_MARK = "TwinKey"

POOL_BYTES = 65_536
_MIXED = (string.ascii_letters + string.digits).encode()
_UPPER = (string.ascii_uppercase + string.digits).encode()


def _table(alphabet: bytes) -> bytes:
    return bytes(alphabet[position % len(alphabet)] for position in range(256))


_MIXED_TABLE = _table(_MIXED)
_UPPER_TABLE = _table(_UPPER)


class _Pool:
    """Random bytes fetched many at a time: a call to the system for each identifier is much of the cost of seeding."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes, self._used = b"", 0

    def take(self, length: int) -> bytes:
        seeded: random.Random | None = getattr(_LOCAL, "source", None)
        if seeded is not None:
            return seeded.randbytes(length)
        with self._lock:
            if self._used + length > len(self._bytes):
                self._bytes, self._used = secrets.token_bytes(max(POOL_BYTES, length)), 0
            self._used += length
            return self._bytes[self._used - length : self._used]


_POOL = _Pool()
_LOCAL = threading.local()


@contextmanager
def repeatable(seed: str) -> Iterator[None]:
    """Within it, this thread makes the same identifiers for the same seed."""
    _LOCAL.source = random.Random(seed)  # noqa: S311
    try:
        yield
    finally:
        _LOCAL.source = None


def _uuid() -> str:
    return str(uuid.UUID(bytes=_POOL.take(16), version=4))


def mixed(length: int) -> str:
    return _POOL.take(length).translate(_MIXED_TABLE).decode()


def upper(length: int) -> str:
    return _POOL.take(length).translate(_UPPER_TABLE).decode()


def merchant() -> str:
    return "M" + upper(12)


def location() -> str:
    return "L" + upper(12)


def customer() -> str:
    return upper(26)


def order() -> str:
    return mixed(25) + "ZY"


def payment() -> str:
    return mixed(27) + "ZY"


def refund(payment_id: str) -> str:
    return f"{payment_id}_{mixed(43)}"


def invoice() -> str:
    return "inv:0-Ch" + mixed(25)


def card() -> str:
    return "ccof:" + mixed(20)


def attachment() -> str:
    return "inva:0-" + mixed(27)


def subscription() -> str:
    return _uuid()


def catalog_object() -> str:
    return upper(24)


def dispute() -> str:
    return mixed(22)


def evidence() -> str:
    return mixed(22)


def payout() -> str:
    return "po_" + _uuid()


def payout_entry() -> str:
    return "poe_" + mixed(27)


def payment_link() -> str:
    return upper(16)


def link_code() -> str:
    return mixed(8)


def terminal_checkout() -> str:
    return mixed(15)


def device() -> str:
    return "device:" + upper(15)


def uid() -> str:
    return mixed(22)


def event() -> str:
    return _uuid()


def webhook_subscription() -> str:
    return "wbhk_" + secrets.token_hex(16)


def signature_key() -> str:
    """22 opaque characters. A few of them are fixed, so that one that got out is known for what it is."""
    return SIGNATURE_KEY_MARK + mixed(22 - len(SIGNATURE_KEY_MARK))


def access_token() -> str:
    return "EAAAl" + mixed(59)


def refresh_token() -> str:
    return "EQAAl" + mixed(59)


def authorization_code() -> str:
    return "sandbox-sq0cgb-" + mixed(22)


def version_token() -> str:
    return mixed(44) + "o"
