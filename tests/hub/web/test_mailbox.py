"""The development mailbox shows one-time links without a sign-in: to this machine only."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from hub import db, web
from hub.http import create_app
from hub.messages import compose
from tests.hub import apps
from tests.whole_run.answers import searched

LINK = "https://pay.example.com/sign-in/only-for-ada"


@pytest.fixture
def visitor(tmp_path: Path, database_url: str) -> FlaskClient:
    """A development hub with a public address, and a mail in its mailbox."""
    settings = apps.settings_for(tmp_path, PAYHUB_BASE_URL="https://pay.example.com")
    apps.boot(settings, database_url)
    with db.system_session() as session:
        compose(session, None, "sign_in", "ada@example.com", "Sign in", f"Open {LINK}", dedupe_key=f"mailbox {tmp_path}")
    return searched(create_app(settings, web.blueprints)).test_client()


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"])
def test_mailbox_asked_on_this_machine_shows_its_mail(visitor: FlaskClient, host: str) -> None:
    assert LINK in visitor.get("/mailbox", base_url=f"http://{host}").get_data(as_text=True)


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        ("pay.example.com", {}),
        ("127.0.0.1.evil.example", {}),
        ("localhost:8000", {"X-Forwarded-For": "203.0.113.7"}),
        ("localhost:8000", {"X-Forwarded-Host": "pay.example.com"}),
        ("localhost:8000", {"Forwarded": "for=203.0.113.7"}),
    ],
)
def test_mailbox_asked_from_outside_is_not_there(visitor: FlaskClient, host: str, headers: dict[str, str]) -> None:
    answer = visitor.get("/mailbox", base_url=f"http://{host}", headers=headers)
    assert answer.status_code == 404
    assert LINK not in answer.get_data(as_text=True)
