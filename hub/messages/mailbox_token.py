"""Who may read the development mailbox of a hub with a public address: whoever sees the terminal that it was started in."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from hub.config import Settings

TOKEN_CHARS = 32
LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")


def is_needed(settings: Settings) -> bool:
    """A tunnel that leads to this machine looks like this machine: with a public address the peer proves nothing."""
    return urlsplit(settings.base_url).hostname not in LOCAL_NAMES


def token(settings: Settings) -> str:
    """The same in all processes of one installation, and known to nobody else."""
    key = settings.secret_key.reveal().encode()
    return hmac.new(key, b"payhub development mailbox", hashlib.sha256).hexdigest()[:TOKEN_CHARS]


def is_right(settings: Settings, presented: str) -> bool:
    return hmac.compare_digest(presented.encode("utf-8", "replace"), token(settings).encode())


def address(settings: Settings, origin: str) -> str:
    """What to open in a browser on this machine. `origin`: where the web process listens."""
    return f"{origin}/mailbox?token={token(settings)}" if is_needed(settings) else f"{origin}/mailbox"
