"""What `payhub demo` prints can be followed."""

from __future__ import annotations

import io

from rich.console import Console

from hub.demo.commands import show_addresses


def test_sign_in_link_in_a_narrow_terminal_stays_on_one_line() -> None:
    link = "http://127.0.0.1:8000/sign-in/link?token=" + "x" * 43
    shown = io.StringIO()
    show_addresses(Console(file=shown, width=40), {"Sign in": link})
    assert f"Sign in: {link}" in shown.getvalue().splitlines()
