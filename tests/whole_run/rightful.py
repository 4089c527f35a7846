"""Where a secret has its place. The list is short, each entry says why, and nothing else is let through."""

from __future__ import annotations

import re
from dataclasses import dataclass

ANY = ""


@dataclass(frozen=True, slots=True)
class Rightful:
    """place: an expression for the whole of where it was seen (see search.py). kind: of shapes.py, or ANY."""

    place: str
    kind: str
    reason: str

    def covers(self, place: str, kind: str) -> bool:
        return self.kind in (ANY, kind) and re.fullmatch(self.place, place) is not None


RIGHTFUL = (
    Rightful(
        r"file .*/dev-secrets\.json:\d+",
        "planted secret",
        "the development keys of one data folder: this file is where they live, readable by their owner only",
    ),
    Rightful(
        r"table messages\.body",
        "session or link token of the hub",
        "a mail that waits to be sent, or lies in the development mailbox, holds its one-time link; delivered, it is cleared"
        " (test_messages: one-time bodies)",
    ),
    Rightful(
        r"answer of GET /sign-in/link",
        "session or link token of the hub",
        "the page behind a mailed link: its button sends the token that the link brought",
    ),
    Rightful(
        r"answer of POST /api/(integrations/payments/connect|connect-sessions)",
        "session or link token of the hub",
        "the address that the caller asked for, to open in a browser: it works once and for minutes",
    ),
    Rightful(
        r"answer of POST /api/api-keys|output of payhub apikey create",
        "API key of the hub",
        "a key is shown once, to who made it",
    ),
    Rightful(
        r"answer of POST /sign-in/oidc",
        "session or link token of the hub",
        "the redirection to the identity provider carries its state and nonce, as OpenID Connect asks",
    ),
    Rightful(
        r"answer of GET /mailbox",
        "session or link token of the hub",
        "the development mailbox shows mails, and sign-in mails are their link; never in production (test_mailbox.py)",
    ),
)
