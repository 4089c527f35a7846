"""Idempotency keys: the first executed result is kept and replayed, 500s included (Stripe docs: api/idempotent_requests)."""

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson

from providers.sandbox.stripe.errors import ApiError
from providers.sandbox.stripe.store import Store

KEEP_SECONDS = 24 * 3600
MOST_CHARS = 255


@dataclass(slots=True, kw_only=True)
class StoredResult:
    """status None: the first request is still running."""

    fingerprint: bytes
    stored_at: float
    status: int | None = None
    body: bytes = b""
    request_id: str = ""


def fingerprint_of(method: str, path: str, decoded: Any) -> bytes:
    text = orjson.dumps([method, path, decoded], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=16).digest()


def begin(store: Store, key: str, fingerprint: bytes, now: float) -> StoredResult | None:
    """Reserve the key, or return the result to replay. Raises 400 for other parameters, 409 while the first request runs."""
    if len(key) > MOST_CHARS:
        raise ApiError(400, f"Idempotency-Key must be at most {MOST_CHARS} characters.", kind="idempotency_error", executed=False)
    known = store.idempotency.get(key)
    if known is None or now - known.stored_at >= KEEP_SECONDS:
        store.idempotency[key] = StoredResult(fingerprint=fingerprint, stored_at=now)
        return None
    if known.fingerprint != fingerprint:
        message = (
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request."
        )
        raise ApiError(400, message, kind="idempotency_error", executed=False)
    if known.status is None:
        message = f"There is currently another in-progress request using this Idempotency Key ('{key}')."
        raise ApiError(409, message, kind="idempotency_error", code="idempotency_key_in_use", executed=False)
    replay: StoredResult = known
    return replay


def finish(store: Store, key: str, status: int, body: bytes, request_id: str) -> None:
    reserved = store.idempotency.get(key)
    if reserved is not None:
        reserved.status, reserved.body, reserved.request_id = status, body, request_id


def release(store: Store, key: str) -> None:
    """The request never ran: the key is free again."""
    store.idempotency.pop(key, None)
