"""The development mailbox shows one-time links without a sign-in: to connections from this machine only, and with a public
address only by the token that the terminal shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from hub import db, web
from hub.config import Settings
from hub.http import create_app
from hub.messages import compose, mailbox_token
from tests.hub import apps
from tests.whole_run.answers import searched

LINK = "https://pay.example.com/sign-in/only-for-ada"
LOCAL = {"PAYHUB_BASE_URL": "http://127.0.0.1:8000"}
PUBLIC = {"PAYHUB_BASE_URL": "https://pay.example.com"}


def visit(settings: Settings, database_url: str, dedupe_key: str) -> FlaskClient:
    apps.boot(settings, database_url)
    with db.system_session() as session:
        compose(session, None, "sign_in", "ada@example.com", "Sign in", f"Open {LINK}", dedupe_key=dedupe_key)
    return searched(create_app(settings, web.blueprints)).test_client()


@pytest.fixture
def visitor(tmp_path: Path, database_url: str) -> FlaskClient:
    """A development hub for this machine, behind one trusted proxy, and a mail in its mailbox."""
    settings = apps.settings_for(tmp_path, PAYHUB_TRUSTED_PROXIES="1", **LOCAL)
    return visit(settings, database_url, f"mailbox {tmp_path}")


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_mailbox_asked_on_this_machine_shows_its_mail(visitor: FlaskClient, host: str, peer: str) -> None:
    answer = visitor.get("/mailbox", base_url=f"http://{host}", environ_base={"REMOTE_ADDR": peer})
    assert LINK in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("host", "peer", "headers"),
    [
        ("pay.example.com", "127.0.0.1", {}),
        ("127.0.0.1.evil.example", "127.0.0.1", {}),
        ("localhost:8000", "127.0.0.1", {"X-Forwarded-For": "203.0.113.7"}),
        ("localhost:8000", "127.0.0.1", {"X-Forwarded-Host": "pay.example.com"}),
        ("localhost:8000", "127.0.0.1", {"Forwarded": "for=203.0.113.7"}),
        ("localhost:8000", "192.0.2.2", {}),
        ("127.0.0.1:8000", "2001:db8::1", {}),
        ("localhost:8000", "192.0.2.2", {"X-Forwarded-For": "127.0.0.1"}),
        ("localhost:8000", "", {}),
    ],
)
def test_mailbox_asked_from_outside_is_not_there(visitor: FlaskClient, host: str, peer: str, headers: dict[str, str]) -> None:
    answer = visitor.get("/mailbox", base_url=f"http://{host}", headers=headers, environ_base={"REMOTE_ADDR": peer})
    assert answer.status_code == 404
    assert LINK not in answer.get_data(as_text=True)


def test_mailbox_of_a_hub_with_a_public_address_needs_the_terminals_token(tmp_path: Path, database_url: str) -> None:
    settings = apps.settings_for(tmp_path, **PUBLIC)
    client = visit(settings, database_url, f"public {tmp_path}")
    for path in ("/mailbox", "/mailbox?token=", "/mailbox?token=guessed", "/mailbox?token=%FF"):
        refused = client.get(path, base_url="http://127.0.0.1:8000")
        assert refused.status_code == 403
        assert LINK not in refused.text
        assert "terminal" in refused.text
    address = mailbox_token.address(settings, "http://127.0.0.1:8000")
    first = client.get(address.removeprefix("http://127.0.0.1:8000"), base_url="http://127.0.0.1:8000")
    assert (first.status_code, first.location) == (303, "/mailbox")
    assert LINK in client.get("/mailbox", base_url="http://127.0.0.1:8000").text
    from_outside = client.get("/mailbox", base_url="http://127.0.0.1:8000", environ_base={"REMOTE_ADDR": "192.0.2.2"})
    assert from_outside.status_code == 404


def test_token_is_of_one_installation(tmp_path: Path) -> None:
    one, other = ({"PAYHUB_DATA_DIR": str(tmp_path / name), **PUBLIC} for name in ("one", "other"))
    token = mailbox_token.token(Settings.from_env(one))
    assert token == mailbox_token.token(Settings.from_env(one))
    assert token != mailbox_token.token(Settings.from_env(other))
    local = Settings.from_env({**one, **LOCAL})
    assert mailbox_token.address(local, "http://127.0.0.1:1") == "http://127.0.0.1:1/mailbox"
