"""R20 in full: nonces that never repeat, and sealed values that open nowhere but in their place."""

from __future__ import annotations

import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

from hub import vault
from hub.vault import Context, Keyring, VaultError, WrappedKey
from tests.bench.results import Row

NONCES = 10_000_000
ALTERATIONS = 400_000
PROCESSES = 2
HERE = Context(tenant_id=7, table="integrations", row_id=11, column="sealed_credentials")
PLACES = [
    replace(HERE, tenant_id=8),
    replace(HERE, row_id=12),
    replace(HERE, row_id="11"),
    replace(HERE, table="webhooks"),
    replace(HERE, column="sealed_secret"),
]


def measure(*, nonces: int = NONCES, alterations: int = ALTERATIONS) -> list[Row]:
    with ProcessPoolExecutor(PROCESSES) as pool:
        made = pool.map(_nonces, [nonces // PROCESSES] * PROCESSES)
        opened = pool.map(_opened, [alterations // PROCESSES] * PROCESSES, range(PROCESSES))
        repeats = _repeats(list(made))
        let_through = sum(opened)
    return [
        Row(f"R20 nonces that came twice, of {nonces:,}", repeats, "nonces", target=0, passed=repeats == 0),
        Row(
            f"R20 altered or moved values that opened, of {alterations:,}",
            let_through,
            "values",
            target=0,
            passed=let_through == 0,
        ),
    ]


def _nonces(count: int) -> list[bytes]:
    """The nonces of `count` sealed values under one data key, in 256 heaps by their first byte."""
    ring = Keyring([("k1", b"\x01" * 32)])
    wrapped = vault.new_data_key(ring)
    end = len(vault.seal(ring, wrapped, "", HERE)) - vault.TAG_BYTES
    heaps = [bytearray() for _ in range(256)]
    for _ in range(count):
        nonce = vault.seal(ring, wrapped, "", HERE)[end - vault.NONCE_BYTES : end]
        heaps[nonce[0]] += nonce
    return [bytes(heap) for heap in heaps]


def _repeats(made: list[list[bytes]]) -> int:
    repeats, size = 0, vault.NONCE_BYTES
    for heap in zip(*made, strict=True):
        together = b"".join(heap)
        repeats += len(together) // size - len({together[at : at + size] for at in range(0, len(together), size)})
    return repeats


def _opened(count: int, seed: int) -> int:
    """How many of `count` damaged or misplaced values opened all the same."""
    dice = random.Random(seed)
    ring = Keyring([("k1", b"\x01" * 32), ("k2", b"\x02" * 32)])
    ours, theirs = vault.new_data_key(ring), vault.new_data_key(ring)
    sealed = vault.seal(ring, ours, "a refresh token", HERE)
    opened = 0
    for number in range(count):
        key, value, place = ours, sealed, HERE
        match number % 6:
            case 0:
                value = _flipped(sealed, dice)
            case 1:
                key = WrappedKey(_flipped(ours, dice))
            case 2:
                place = dice.choice(PLACES)
            case 3:
                key = theirs
            case 4:
                value = bytes([dice.choice([0, *range(2, 256)])]) + sealed[1:]
            case _:
                value = sealed[: dice.randrange(len(sealed))] + dice.randbytes(dice.randrange(1, 40))
        try:
            vault.open(ring, key, value, place)
        except VaultError:
            continue
        opened += value != sealed or key != ours or place != HERE
    return opened


def _flipped(stored: bytes, dice: random.Random) -> bytes:
    flipped = bytearray(stored)
    flipped[dice.randrange(len(stored))] ^= 1 << dice.randrange(8)
    return bytes(flipped)
