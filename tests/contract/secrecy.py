"""What an error may not tell: tokens, signing secrets, whatever the case calls secret."""

from __future__ import annotations

import traceback

from tests.contract.harness import Harness


def secrets_of(harness: Harness) -> list[str]:
    known = [harness.credentials.access_token, harness.credentials.refresh_token, *(secret.value for secret in harness.secrets)]
    return [secret for secret in known if secret]


def assert_tells_no_secret(error: BaseException, harness: Harness, *more: str) -> None:
    """Neither the error, nor what it came from, nor the traceback that a log would print."""
    told = str(error) + repr(error) + "".join(traceback.format_exception(error))
    found = [secret for secret in [*secrets_of(harness), *more] if secret in told]
    assert not found, f"{type(error).__name__} tells {len(found)} secret(s)"
