"""Sealed values open in their own place, unaltered, with a known key, and nowhere else."""

import copy
import json
import pickle
import traceback
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub import vault
from hub.vault import Context, Keyring, Secret, Shredded, Tampered, UnknownKey, VaultError, WrappedKey

OLD, NEW = ("k1", b"\x01" * 32), ("k2", b"\x02" * 32)
RING = Keyring([OLD])
WRAPPED = vault.new_data_key(RING)
TOKEN = "EAAA-canary-of-the-vault"
HERE = Context(tenant_id=7, table="integrations", row_id=11, column="sealed_token")
SEALED = vault.seal(RING, WRAPPED, TOKEN, HERE)


@given(st.text(), st.integers(), st.text(), st.one_of(st.integers(), st.text()), st.text())
@settings(max_examples=50)
def test_what_is_sealed_opens_in_the_same_place(secret: str, tenant_id: int, table: str, row_id: int | str, column: str) -> None:
    context = Context(tenant_id=tenant_id, table=table, row_id=row_id, column=column)
    assert vault.open(RING, WRAPPED, vault.seal(RING, WRAPPED, secret, context), context).reveal() == secret


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(HERE, tenant_id=8),
        replace(HERE, table="webhooks"),
        replace(HERE, row_id=12),
        replace(HERE, row_id="11"),
        replace(HERE, column="sealed_refresh_token"),
        Context(tenant_id=71, table="ntegrations", row_id=11, column="sealed_token"),
    ],
)
def test_a_sealed_value_moved_to_another_place_does_not_open(elsewhere: Context) -> None:
    with pytest.raises(Tampered):
        vault.open(RING, WRAPPED, SEALED, elsewhere)


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
@settings(max_examples=50)
def test_two_places_are_told_apart_however_their_names_join(one: tuple[str, str], other: tuple[str, str]) -> None:
    here = Context(tenant_id=1, table=one[0], row_id=1, column=one[1])
    there = Context(tenant_id=1, table=other[0], row_id=1, column=other[1])
    sealed = vault.seal(RING, WRAPPED, TOKEN, here)
    if here == there:
        assert vault.open(RING, WRAPPED, sealed, there).reveal() == TOKEN
    else:
        with pytest.raises(Tampered):
            vault.open(RING, WRAPPED, sealed, there)


def flips(stored: bytes) -> Iterator[bytes]:
    for bit in range(len(stored) * 8):
        flipped = bytearray(stored)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)


def test_no_flipped_bit_of_a_sealed_value_goes_unnoticed() -> None:
    for flipped in flips(SEALED):
        with pytest.raises((Tampered, UnknownKey)):
            vault.open(RING, WRAPPED, flipped, HERE)


def test_no_flipped_bit_of_a_data_key_goes_unnoticed() -> None:
    for flipped in flips(WRAPPED):
        with pytest.raises((Tampered, UnknownKey)):
            vault.open(RING, WrappedKey(flipped), SEALED, HERE)


def test_a_value_cut_or_lengthened_anywhere_is_refused() -> None:
    for end in range(len(SEALED)):
        with pytest.raises(VaultError):
            vault.open(RING, WRAPPED, SEALED[:end], HERE)
    with pytest.raises(Tampered):
        vault.open(RING, WRAPPED, SEALED + b"\0", HERE)


@pytest.mark.parametrize("version", [0, 2, 255])
def test_an_unknown_version_is_refused(version: int) -> None:
    with pytest.raises(Tampered, match="version"):
        vault.open(RING, WRAPPED, bytes([version]) + SEALED[1:], HERE)


def test_nonces_do_not_repeat_in_a_hundred_thousand() -> None:
    head = len(vault.seal(RING, WRAPPED, "", HERE)) - vault.TAG_BYTES - vault.NONCE_BYTES
    nonces = {vault.seal(RING, WRAPPED, "", HERE)[head : head + vault.NONCE_BYTES] for _ in range(100_000)}
    assert len(nonces) == 100_000


def test_a_value_of_another_integrations_data_key_is_refused_by_name() -> None:
    with pytest.raises(UnknownKey, match="another data key"):
        vault.open(RING, vault.new_data_key(RING), SEALED, HERE)


def test_a_ring_without_the_key_says_which_is_missing() -> None:
    with pytest.raises(UnknownKey, match="'k1' is not in PAYHUB_ENCRYPTION_KEYS"):
        vault.open(Keyring([NEW]), WRAPPED, SEALED, HERE)


def test_the_same_id_over_other_bytes_is_refused() -> None:
    with pytest.raises(Tampered, match="names other bytes"):
        vault.open(Keyring([("k1", b"\x03" * 32)]), WRAPPED, SEALED, HERE)


def test_the_first_key_wraps_and_all_unwrap() -> None:
    both = Keyring([NEW, OLD])
    assert vault.open(both, WRAPPED, SEALED, HERE).reveal() == TOKEN
    assert vault.key_id_of(vault.new_data_key(both)) == "k2"


def test_after_a_rewrap_the_old_key_may_go_and_values_still_open() -> None:
    rewrapped = vault.rewrap(Keyring([NEW, OLD]), WRAPPED)
    assert vault.key_id_of(rewrapped) == "k2"
    assert vault.open(Keyring([NEW]), rewrapped, SEALED, HERE).reveal() == TOKEN


@pytest.mark.parametrize("gone", [None, WrappedKey(b"")])
def test_without_its_data_key_a_value_is_shredded(gone: WrappedKey | None) -> None:
    with pytest.raises(Shredded):
        vault.open(RING, gone, SEALED, HERE)
    with pytest.raises(Shredded):
        vault.seal(RING, gone, TOKEN, HERE)


@pytest.mark.parametrize(
    ("keys", "fault"),
    [([], "at least one"), ([("k", b"short")], "5 bytes"), ([OLD, OLD], "same id"), ([("a b", b"\0" * 32)], "key id")],
)
def test_a_faulty_ring_is_refused(keys: list[tuple[str, bytes]], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Keyring(keys)


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = vault.open(RING, WRAPPED, SEALED, HERE)
    assert secret.reveal() == TOKEN
    assert {str(secret), repr(secret), f"{secret}", f"{[secret]}", "%s" % secret} == {"***", "[***]"}  # noqa: UP031
    assert secret == Secret(TOKEN) != Secret("other")
    assert copy.deepcopy(secret) is secret
    for give_away in (pickle.dumps, json.dumps):
        with pytest.raises(TypeError):
            give_away(secret)


def test_no_error_shows_key_or_secret() -> None:
    damaged = SEALED[:-1] + bytes([SEALED[-1] ^ 1])
    with pytest.raises(Tampered) as caught:
        vault.open(RING, WRAPPED, damaged, HERE)
    shown = "".join(traceback.format_exception(caught.value)) + repr(RING)
    assert TOKEN not in shown
    assert repr(OLD[1])[2:-1] not in shown
