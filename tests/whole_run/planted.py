"""Secrets that tests plant by hand, each with MARK in it."""

from __future__ import annotations

import json
from pathlib import Path

from hub.config.development_secrets import FILE_NAME, GENERATED_KEY_ID
from tests.whole_run.shapes import MARK

ENCRYPTION_KEY = f"{MARK}EncryptionKeyOfTheTests0000000000000A="
"""Base64 of 32 bytes."""
SESSION_KEY = f"{MARK}KeyOfTheSessionCookiesOfTheTests00000000000000000000000"
SMTP_PASSWORD = f"{MARK}SmtpPassword"
CARD_NUMBER = "4111 1111 1111 1111"


def plant_keys(data_dir: Path) -> Path:
    """Let the hubs of this data folder work with keys that the search knows; all its processes find them in the usual file."""
    data_dir.mkdir(parents=True, exist_ok=True)
    file = data_dir / FILE_NAME
    if not file.exists():
        file.touch(0o600)
        file.write_text(
            json.dumps(
                {"PAYHUB_SECRET_KEY": SESSION_KEY, "PAYHUB_ENCRYPTION_KEYS": f"{GENERATED_KEY_ID}:{ENCRYPTION_KEY}"}, indent=1
            )
        )
    return data_dir
