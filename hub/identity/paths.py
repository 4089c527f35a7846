"""Where a browser may be sent: paths of our own, and pages on origins that a tenant listed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

# One slash and no second one: browsers read // and /\ as the start of a host, and drop control characters.
OWN_PATH = re.compile(r"/(?![/\\])[!-~]{0,1000}")
DEFAULT_PORTS = {"http": 80, "https": 443}


def own_path(candidate: str | None) -> str:
    """The path if it stays on this site, else "/"."""
    if not candidate or "\\" in candidate or not OWN_PATH.fullmatch(candidate):
        return "/"
    parts = urlsplit(candidate)
    return "/" if parts.scheme or parts.netloc else candidate


def origin_of(url: str) -> str | None:
    """`https://crm.example` of a web URL, lower case, without a default port; None for anything that is no plain web URL."""
    if not re.fullmatch(r"[!-~]{1,2000}", url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or parts.username is not None or parts.password is not None:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != DEFAULT_PORTS[parts.scheme] else "")


def is_allowed(url: str, origins: Iterable[str]) -> bool:
    """Whether a browser may be sent to this URL: its origin is on the tenant's list."""
    origin = origin_of(url)
    return origin is not None and origin in set(origins)
