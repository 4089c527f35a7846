"""PAYHUB_ENCRYPTION_KEYS: its form, and what is wrong with one."""

import base64
import binascii

from hub.vault import KEY_BYTES, KEY_ID_PATTERN


def parse_encryption_keys(text: str) -> tuple[list[tuple[str, bytes]], list[str]]:
    """Keys of a `KEYID:BASE64-32-BYTES` comma list in their order, and what is wrong with it, by entry, without key bytes."""
    keys: dict[str, bytes] = {}
    faults: list[str] = []
    for position, entry in enumerate(text.split(","), start=1):
        key_id, colon, encoded = (part.strip() for part in entry.strip().partition(":"))
        if not colon or not KEY_ID_PATTERN.fullmatch(key_id):
            faults.append(f"entry {position} has no key id before a colon (1 to 64 letters, digits, '.', '_', '-')")
            continue
        try:
            key = base64.b64decode(encoded.replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            faults.append(f"key {key_id!r} (entry {position}) is not base64")
            continue
        if len(key) != KEY_BYTES:
            faults.append(f"key {key_id!r} (entry {position}) has {len(key)} bytes instead of {KEY_BYTES}")
        elif key_id in keys:
            faults.append(f"key id {key_id!r} stands twice (entry {position})")
        else:
            keys[key_id] = key
    return list(keys.items()), faults
