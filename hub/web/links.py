"""Plain text with its web addresses made into links."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

ADDRESS = re.compile(r"https?://[^\s<>\"]+")


def linked(text: str) -> Markup:
    """Everything is escaped; only http and https addresses become links."""
    parts, end = [], 0
    for found in ADDRESS.finditer(text):
        parts.append(escape(text[end : found.start()]))
        parts.append(Markup('<a href="{0}">{0}</a>').format(found.group()))
        end = found.end()
    parts.append(escape(text[end:]))
    return Markup("").join(parts)
