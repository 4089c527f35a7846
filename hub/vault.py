"""Secrets at rest: AES-256-GCM under a data key per integration, each data key wrapped by a key of the environment."""

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NewType, NoReturn, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORMAT_VERSION = 1
KEY_BYTES = 32
NONCE_BYTES = 12  # 96 bits, random: a data key seals few values, so a repeat is out of reach (NIST SP 800-38D, 8.3)
TAG_BYTES = 16
DATA_KEY_ID_BYTES = 8
KEY_ID_PATTERN = re.compile(r"[A-Za-z0-9._-]{1,64}")

WrappedKey = NewType("WrappedKey", bytes)
"""A data key as it is stored: useless without the environment's keys."""


class VaultError(Exception):
    """A sealed value or key could not be opened; the message holds nothing secret."""


class UnknownKey(VaultError):
    """Made under a key that is not here: put the named key back into PAYHUB_ENCRYPTION_KEYS, or use the row's own data key."""


class Tampered(VaultError):
    """Altered, cut, of an unknown version, or moved from another tenant, table, row or column: do not use it."""


class Shredded(VaultError):
    """The data key was deleted on purpose; what it sealed is gone for good, and the tenant must reconnect."""


class Secret:
    """A string that shows itself only to who asks: `reveal()`. Everything else sees `***`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: pass the row's id and open it where it is used")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where a sealed value lives; it opens nowhere else."""

    tenant_id: int
    table: str
    row_id: int | str
    column: str


class Keyring:
    """The environment's keys by id: the first wraps, all unwrap."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        """Raises ValueError for no key, a repeated or malformed id, or a key that is not 32 bytes."""
        if not keys:
            raise ValueError("a keyring needs at least one key")
        for key_id, key in keys:
            if not KEY_ID_PATTERN.fullmatch(key_id):
                raise ValueError(f"key id {key_id!r} must be 1 to 64 of letters, digits, '.', '_', '-'")
            if len(key) != KEY_BYTES:
                raise ValueError(f"key {key_id!r} has {len(key)} bytes; AES-256 takes {KEY_BYTES}")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys}
        if len(self._ciphers) != len(keys):
            raise ValueError("two keys have the same id")

    @property
    def key_ids(self) -> tuple[str, ...]:
        return tuple(self._ciphers)

    @property
    def newest_id(self) -> str:
        return self.key_ids[0]

    def cipher(self, key_id: str) -> AESGCM:
        try:
            return self._ciphers[key_id]
        except KeyError:
            raise UnknownKey(f"key {key_id!r} is not in PAYHUB_ENCRYPTION_KEYS; add it again, at the end of the list") from None

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self.key_ids)})"


@dataclass(frozen=True, slots=True)
class _Box:
    """The stored form of a wrapped key or a sealed value: head (in clear, authenticated), nonce, ciphertext with its tag."""

    key_id: str
    data_key_id: bytes
    nonce: bytes
    ciphertext: bytes

    @property
    def head(self) -> bytes:
        name = self.key_id.encode("ascii")
        return bytes((FORMAT_VERSION, len(name))) + name + self.data_key_id

    def to_bytes(self) -> bytes:
        return self.head + self.nonce + self.ciphertext

    @classmethod
    def parse(cls, stored: bytes) -> Self:
        if len(stored) < 2 or stored[0] != FORMAT_VERSION:
            raise Tampered("the stored value is cut short or of an unknown version")
        name_end = 2 + stored[1]
        data_key_end = name_end + DATA_KEY_ID_BYTES
        nonce_end = data_key_end + NONCE_BYTES
        key_id = stored[2:name_end].decode("ascii", errors="replace")
        if len(stored) < nonce_end + TAG_BYTES or not KEY_ID_PATTERN.fullmatch(key_id):
            raise Tampered("the stored value is cut short or its key id is damaged")
        return cls(key_id, stored[name_end:data_key_end], stored[data_key_end:nonce_end], stored[nonce_end:])


def new_data_key(keyring: Keyring) -> WrappedKey:
    """A fresh random data key, wrapped by the keyring's newest key."""
    return _wrap(keyring, secrets.token_bytes(KEY_BYTES), secrets.token_bytes(DATA_KEY_ID_BYTES))


def rewrap(keyring: Keyring, wrapped: WrappedKey) -> WrappedKey:
    """The same data key under the keyring's newest key; values sealed with it stay as they are and still open."""
    return _wrap(keyring, _unwrap(keyring, wrapped), _Box.parse(wrapped).data_key_id)


def seal(keyring: Keyring, wrapped: WrappedKey | None, plaintext: bytes | str, context: Context) -> bytes:
    """`plaintext` (bytes: UTF-8 text) encrypted for `context` only. None as key means shredded.

    Raises Shredded, UnknownKey, Tampered."""
    data_key = _unwrap(keyring, wrapped)
    key = _Box.parse(wrapped or b"")
    nonce = secrets.token_bytes(NONCE_BYTES)
    box = _Box(key.key_id, key.data_key_id, nonce, b"")
    secret = plaintext.encode() if isinstance(plaintext, str) else plaintext
    return box.to_bytes() + AESGCM(data_key).encrypt(nonce, secret, _bound(box.head, context))


def open(keyring: Keyring, wrapped: WrappedKey | None, sealed: bytes, context: Context) -> Secret:
    """What was sealed for exactly this context. None as key means shredded. Raises Shredded, UnknownKey, Tampered."""
    data_key = _unwrap(keyring, wrapped)
    box = _Box.parse(sealed)
    if box.data_key_id != _Box.parse(wrapped or b"").data_key_id:
        raise UnknownKey(f"the value in {context.table}.{context.column} was sealed under another data key than this row's")
    try:
        return Secret(AESGCM(data_key).decrypt(box.nonce, box.ciphertext, _bound(box.head, context)).decode())
    except (InvalidTag, UnicodeDecodeError):
        # Not chained: a UnicodeDecodeError carries the plaintext.
        pass
    raise Tampered(f"the value in {context.table}.{context.column} was altered or belongs to another row or column")


def key_id_of(stored: bytes) -> str:
    """The environment key under which a wrapped key is wrapped, or was when a value was sealed. Raises Tampered."""
    return _Box.parse(stored).key_id


def _wrap(keyring: Keyring, data_key: bytes, data_key_id: bytes) -> WrappedKey:
    nonce = secrets.token_bytes(NONCE_BYTES)
    box = _Box(keyring.newest_id, data_key_id, nonce, b"")
    return WrappedKey(box.to_bytes() + keyring.cipher(box.key_id).encrypt(nonce, data_key, b"data key" + box.head))


def _unwrap(keyring: Keyring, wrapped: WrappedKey | None) -> bytes:
    if not wrapped:
        raise Shredded("the data key was shredded; reconnect the account to store new credentials")
    box = _Box.parse(wrapped)
    try:
        return keyring.cipher(box.key_id).decrypt(box.nonce, box.ciphertext, b"data key" + box.head)
    except InvalidTag:
        raise Tampered(
            f"the data key does not open with key {box.key_id!r}: it was altered, or that id now names other bytes"
        ) from None


def _bound(head: bytes, context: Context) -> bytes:
    """Associated data. Each part is preceded by its length, so that no two contexts give the same bytes."""
    parts = (str(context.tenant_id), context.table, type(context.row_id).__name__, str(context.row_id), context.column)
    return b"sealed" + head + b"".join(len(part.encode()).to_bytes(4) + part.encode() for part in parts)
