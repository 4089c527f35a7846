"""Deliveries as they arrive on the wire."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.integration.scene import Scene


def in_chunks(megabytes: int) -> Iterator[bytes]:
    """Sent without a length: HTTP's chunked transfer."""
    for _ in range(megabytes * 16):
        yield b"x" * 65_536


@pytest.mark.parametrize("megabytes", [1, 2, 10])
def test_oversized_delivery_without_a_length_is_413(scene: Scene, provider_name: str, megabytes: int) -> None:
    answer = httpx.post(f"{scene.base_url}/api/webhooks/{provider_name}", content=in_chunks(megabytes), trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
