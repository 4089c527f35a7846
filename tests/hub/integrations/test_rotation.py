"""Key rotation: everything sealed moves to the newest key, however often it is interrupted."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from sqlalchemy import select

from hub import clock, db, process, vault
from hub.audit import Actor
from hub.config import Settings
from hub.integrations import rotation, sealed
from hub.models import AuditEntry, DataKey, Endpoint, Integration
from tests.sync.hub_in_process import HubInProcess, build
from tests.whole_run.outputs import searched_output

ROOT = Path(__file__).parents[3]


def new_key(name: str) -> str:
    return f"{name}:{b64encode(secrets.token_bytes(32)).decode()}"


OLD, NEW = new_key("old"), new_key("new")


@pytest.fixture
def hub(fresh_database_url: str, tmp_path: Path) -> HubInProcess:
    """Four connections and the platform's endpoint, all sealed under the old key, in a database of their own."""
    hub = build(fresh_database_url, tmp_path)
    use_keys(hub, OLD)
    with db.system_session() as session:
        session.query(DataKey).delete()
        session.query(Integration).update({"sealed_credentials": None, "data_key_id": None, "status": "disconnected"})
    for _ in range(4):
        hub.connect_again()
    with db.system_session() as session:
        endpoint = Endpoint(provider="fake", live=False, url="https://hub.example/webhooks", created_at=clock.now())
        session.add(endpoint)
        session.flush()
        sealed.seal_endpoint_secret(session, endpoint, "whsec_first")
        until = clock.now().replace(year=2099)
        sealed.seal_endpoint_secret(session, endpoint, "whsec_second", old_until=until)
    return hub


def use_keys(hub: HubInProcess, *keys: str) -> None:
    now = process.current()
    environment = environment_of(hub, *keys)
    process.boot(Settings.from_env(environment), database_url=now.database_url, redis_url=None, providers=now.providers)


def environment_of(hub: HubInProcess, *keys: str) -> dict[str, str]:
    folder = str(process.settings().data_dir)
    return {"PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": folder, "PAYHUB_ENCRYPTION_KEYS": ",".join(keys)}


def all_tokens() -> list[str]:
    with db.system_session() as session:
        rows = session.scalars(select(Integration).where(Integration.sealed_credentials.is_not(None)).order_by(Integration.id))
        return [sealed.open_credentials(session, row).access_token or "" for row in rows]


def endpoint_secrets() -> list[str]:
    with db.system_session() as session:
        return [secret.reveal() for secret in sealed.open_endpoint_secrets(session, session.scalars(select(Endpoint)).one())]


def living_key_ids() -> list[str | None]:
    with db.system_session() as session:
        return list(session.scalars(select(DataKey.key_id).where(DataKey.wrapped.is_not(None))))


def test_everything_sealed_moves_to_the_newest_key_and_the_old_one_is_needed_no_more(hub: HubInProcess) -> None:
    tokens = all_tokens()
    use_keys(hub, NEW, OLD)
    assert rotation.rotate_all() == {"rotated": 5, "current": 0, "left": 0}
    assert living_key_ids() == ["new"] * 5
    use_keys(hub, NEW)  # the old key is gone from the environment
    assert all_tokens() == tokens
    assert endpoint_secrets() == ["whsec_second", "whsec_first"]


def test_second_rotation_finds_nothing_to_do(hub: HubInProcess) -> None:
    use_keys(hub, NEW, OLD)
    rotation.rotate_all(actor=Actor("cli"))
    assert rotation.rotate_all() == {"rotated": 0, "current": 5, "left": 0}
    with db.system_session() as session:  # what changed is audited, by who did it; the second run changed nothing
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "integration.keys_rotated")).all()
    assert [entry.actor_kind for entry in entries] == ["cli"] * 4
    assert len({entry.subject_id for entry in entries}) == 4


def test_old_key_opens_nothing_after_a_rotation(hub: HubInProcess) -> None:
    use_keys(hub, NEW, OLD)
    rotation.rotate_all()
    use_keys(hub, OLD)
    with pytest.raises(vault.UnknownKey):
        all_tokens()


def test_killed_rotation_has_lost_nothing_and_goes_on(hub: HubInProcess) -> None:
    tokens = all_tokens()
    killed = rotate_by_command(hub, PAYHUB_CRASH_AT="6")
    assert killed.returncode == -signal.SIGKILL
    use_keys(hub, NEW, OLD)
    moved = living_key_ids().count("new")
    assert 0 < moved < 5
    assert all_tokens() == tokens
    done = rotate_by_command(hub)
    assert json.loads(done.stdout) == {"rotated": 5 - moved, "current": moved, "left": 0}
    use_keys(hub, NEW)
    assert all_tokens() == tokens


def rotate_by_command(hub: HubInProcess, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **environment_of(hub, NEW, OLD), "DATABASE_URL": process.current().database_url, **more}
    command = [sys.executable, "-m", "wsgi", "keys", "rotate", "--json"]
    return searched_output(
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    )


def test_credential_that_cannot_be_opened_stops_no_other_and_is_counted_as_left(hub: HubInProcess) -> None:
    with db.system_session() as session:
        first = session.scalars(select(Integration).where(Integration.sealed_credentials.is_not(None)).limit(1)).one()
        key = session.get_one(DataKey, first.data_key_id)
        key.key_id, key.wrapped = "lost", (key.wrapped or b"").replace(b"old", b"ost")
    use_keys(hub, NEW, OLD)
    assert rotation.rotate_all() == {"rotated": 4, "current": 0, "left": 1}
