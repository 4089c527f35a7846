"""Random tokens and the only form in which they are kept."""

from __future__ import annotations

import hashlib
import secrets

TOKEN_BYTES = 32
TOKEN_PREFIX = "pht_"  # noqa: S105 - by which the log's filter, and whoever looks for leaks, know a token


def fresh_token() -> str:
    """256 random bits behind the prefix, safe in URLs and cookies."""
    return TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> bytes:
    """SHA-256. No salt and no slow hash: the token is random, so there is nothing to guess."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
