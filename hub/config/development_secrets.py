"""Secrets made for development: once per data folder, readable by their owner only."""

import base64
import json
import os
import secrets
from pathlib import Path

FILE_NAME = "dev-secrets.json"
GENERATED_KEY_ID = "dev1"


def kept(data_dir: Path) -> dict[str, str]:
    """The generated values by variable; empty if there are none. Raises ValueError for a damaged file."""
    try:
        values = json.loads((data_dir / FILE_NAME).read_text())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}
    if not isinstance(values, dict):
        raise ValueError(f"{data_dir / FILE_NAME} holds no JSON object")
    return {str(name): str(value) for name, value in values.items()}


def keep(data_dir: Path) -> dict[str, str]:
    """The generated values, made if there are none. Processes that start together agree: the first to link its file wins.

    Raises OSError if the folder cannot be written, ValueError for a damaged file."""
    values = kept(data_dir)
    if values:
        return values
    values = {
        "PAYHUB_SECRET_KEY": secrets.token_urlsafe(48),
        "PAYHUB_ENCRYPTION_KEYS": f"{GENERATED_KEY_ID}:{base64.b64encode(secrets.token_bytes(32)).decode()}",
    }
    data_dir.mkdir(parents=True, exist_ok=True)
    target = data_dir / FILE_NAME
    draft = target.with_name(f"{FILE_NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(values, file, indent=1)
    try:
        os.link(draft, target)
    except FileExistsError:
        return kept(data_dir)
    finally:
        draft.unlink()
    return values
