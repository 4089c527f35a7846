"""R23: secrets planted in a running hub are nowhere in what it wrote: logs, tables, Redis, answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from hub import clock, db
from hub.identity import sessions
from hub.integrations import service
from hub.models import User
from tests.flows.running_hub import RunningHub, running_hub, until
from tests.whole_run.shapes import MARK


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path) as running:
        yield running


def everything_stored(hub: RunningHub) -> str:
    """Every row of every table as text, and every value in Redis."""
    told = []
    with psycopg.connect(hub.database_url.replace("+psycopg", "")) as connection:
        connection.execute(f"SET LOCAL ROLE {db.SYSTEM_ROLE}")
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
            "AND NOT relispartition AND relname <> 'alembic_version'"
        ).fetchall()
        for (table,) in tables:
            rows = connection.execute(f"SELECT t::text FROM {table} t".encode()).fetchall()
            told += [str(row) for row in rows]
    with redis.Redis.from_url(hub.servers.redis_url) as client:
        for key in client.scan_iter():
            told += [repr(key), repr(client.dump(key))]
    return "\n".join(told)


def test_no_planted_secret_is_in_logs_tables_redis_or_answers(hub: RunningHub) -> None:
    _, credentials = service.credentials_of(hub.tenant_id, hub.integration_id)
    with db.system_session() as session:
        user = User(email="canary@example.com", created_at=clock.now())
        session.add(user)
        session.flush()
        session_token = sessions.start(session, user.id)
    canaries = {
        "access token": credentials.access_token,
        "refresh token": credentials.refresh_token,
        "API key": hub.api_key,
        "session": session_token,
        "webhook secret": hub.world.signing_secrets[0],
        "guessed key": "ph_canary_wrongwrongwrongwrong",
        "guessed code": f"{MARK}CodeOfACallback",
        "guessed link": f"{MARK}TokenOfALink",
    }
    answers = [
        hub.get(path).text for path in ("/api/clients", "/api/integrations/payments", "/api/tenant", "/readyz", "/metrics")
    ]
    answers.append(hub.http.get("/api/clients", headers={"Authorization": f"Bearer {canaries['guessed key']}"}).text)
    answers.append(hub.http.get(f"/api/integrations/payments/callback?code={canaries['guessed code']}&state=x").text)
    answers.append(hub.http.get("/settings", cookies={"payhub_signin": session_token}).text)
    answers.append(hub.http.post("/sign-in/link", data={"token": canaries["guessed link"]}).text)
    assert hub.deliver(hub.new_customer("Ada")) == 200
    until("the event's client", lambda: "Ada" in hub.clients())
    hub.servers.stop_postgres()  # tracebacks and errors are where secrets get out
    answers.append(hub.get("/api/clients").text)
    hub.deliver(hub.new_customer("Eve"))
    hub.start_servers()
    until("the database is back", lambda: hub.get("/api/clients").status_code == 200)
    written = {"logs": hub.logs(), "stored": everything_stored(hub), "answers": "\n".join(answers)}
    assert "Ada" in written["stored"]  # the search would find something
    assert len(written["logs"]) > 200
    found = [
        f"{name} in {place}" for name, secret in canaries.items() for place, text in written.items() if secret and secret in text
    ]
    assert found == []
