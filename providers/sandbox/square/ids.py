"""Identifiers and secrets that look like Square's; callers must treat them as opaque."""

import secrets
import string
import uuid

_MIXED = (string.ascii_letters + string.digits).encode()
_UPPER = (string.ascii_uppercase + string.digits).encode()


def _table(alphabet: bytes) -> bytes:
    return bytes(alphabet[position % len(alphabet)] for position in range(256))


_MIXED_TABLE = _table(_MIXED)
_UPPER_TABLE = _table(_UPPER)


def mixed(length: int) -> str:
    return secrets.token_bytes(length).translate(_MIXED_TABLE).decode()


def upper(length: int) -> str:
    return secrets.token_bytes(length).translate(_UPPER_TABLE).decode()


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
    return str(uuid.uuid4())


def catalog_object() -> str:
    return upper(24)


def dispute() -> str:
    return mixed(22)


def evidence() -> str:
    return mixed(22)


def payout() -> str:
    return "po_" + str(uuid.uuid4())


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
    return str(uuid.uuid4())


def webhook_subscription() -> str:
    return "wbhk_" + secrets.token_hex(16)


def signature_key() -> str:
    return mixed(22)


def access_token() -> str:
    return "EAAAl" + mixed(59)


def refresh_token() -> str:
    return "EQAAl" + mixed(59)


def authorization_code() -> str:
    return "sandbox-sq0cgb-" + mixed(22)


def version_token() -> str:
    return mixed(44) + "o"
