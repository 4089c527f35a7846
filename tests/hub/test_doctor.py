"""payhub doctor: everything wrong at once, each with how to mend it; production mode refuses to start."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult, LoginPassword
from click.testing import Result
from redis import Redis
from sqlalchemy import make_url

from hub import db, migrate
from hub.config import development_secrets
from hub.models import DataKey, Integration
from tests.flows.running_hub import free_port
from tests.sync.hub_in_process import build
from tests.whole_run.outputs import SearchedRunner, searched_output
from wsgi import cli

ROOT = Path(__file__).parents[2]
NOBODY = "127.0.0.1:1"
KEY = f"k1:{b64encode(bytes(32)).decode()}"
STRIPE = {
    "STRIPE_CLIENT_ID": "ca_123",
    "STRIPE_SECRET_KEY": "sk_test_of_nobody",
    "STRIPE_WEBHOOK_SECRETS": "whsec_1",
    "STRIPE_API_BASE": f"http://{NOBODY}",
}


@pytest.fixture
def installation(database_url: str, redis_url: str, empty_redis: Redis, tmp_path: Path) -> dict[str, str]:
    """A healthy environment; tests break it."""
    return {
        "PAYHUB_ENV": "development",
        "PAYHUB_DATA_DIR": str(tmp_path),
        "PAYHUB_SECRET_KEY": secrets.token_urlsafe(48),
        "PAYHUB_ENCRYPTION_KEYS": KEY,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
    }


def payhub(environment: dict[str, str], *arguments: str) -> Result:
    return SearchedRunner(env=environment).invoke(cli, arguments)


def findings(environment: dict[str, str]) -> tuple[int, dict[str, dict[str, Any]]]:
    done = payhub(environment, "doctor", "--json")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, {found["subject"]: found for found in json.loads(done.stdout)}


def wrong(environment: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What the doctor finds wrong; each must say how to mend it."""
    code, found = findings(environment)
    bad = {subject: finding for subject, finding in found.items() if not finding["ok"]}
    assert code == (1 if bad else 0)
    assert all(finding["what"] and finding["how_to_mend"] for finding in bad.values())
    return bad


def test_healthy_installation_has_nothing_wrong(fresh_database_url: str, installation: dict[str, str]) -> None:
    code, found = findings({**installation, "DATABASE_URL": fresh_database_url})
    assert code == 0
    assert {"configuration", "database", "redis", "migrations", "roles", "encryption keys"} <= set(found)


def test_everything_wrong_is_named_at_once(installation: dict[str, str]) -> None:
    broken = {
        **installation,
        "PAYHUB_ENCRYPTION_KEYS": "k1:dG9vIHNob3J0",
        "PAYHUB_BASE_URL": "not an origin",
        "DATABASE_URL": f"postgresql://payhub:hunter2@{NOBODY}/payhub",
        "REDIS_URL": f"redis://{NOBODY}/0",
        "STRIPE_CLIENT_ID": "ca_123",
        "SQUARE_APPLICATION_ID": "sq0idp-1",
        "SQUARE_APPLICATION_SECRET": "sq0csp-secret",
        "SQUARE_WEBHOOK_SIGNATURE_KEYS": "key",
        "SQUARE_BASE_URL": f"http://{NOBODY}",
        "SQUARE_ACCESS_TOKEN": "EAAA-token",
    }
    done = payhub(broken, "doctor")
    assert done.exit_code == 1
    bad = wrong(broken)
    assert {"PAYHUB_ENCRYPTION_KEYS", "PAYHUB_BASE_URL", "database", "redis", "STRIPE_SECRET_KEY", "square"} <= set(bad)
    for secret in ("hunter2", "dG9vIHNob3J0", "sq0csp-secret", "EAAA-token"):
        assert secret not in done.stdout + done.stderr


def test_wrong_urls_are_named_with_the_right_form(installation: dict[str, str]) -> None:
    bad = wrong({**installation, "DATABASE_URL": "mysql://localhost/payhub", "REDIS_URL": "localhost:6379"})
    assert {"DATABASE_URL", "REDIS_URL"} <= set(bad)
    assert "postgresql" in bad["DATABASE_URL"]["how_to_mend"]


def test_missing_migrations_are_told_with_the_command(installation: dict[str, str], empty_database_url: str) -> None:
    bad = wrong({**installation, "DATABASE_URL": empty_database_url, "REDIS_URL": f"redis://{NOBODY}/0"})
    assert set(bad) == {"migrations", "redis"}
    assert "payhub db upgrade" in bad["migrations"]["how_to_mend"]
    assert str(migrate.head()) in bad["migrations"]["what"]


def test_superuser_login_is_told(installation: dict[str, str], database_url: str) -> None:
    superuser = superuser_url(database_url)
    bad = wrong({**installation, "DATABASE_URL": superuser})
    db.engine().dispose()  # the database's owner could not close a superuser's connections
    assert "superuser" in bad["database"]["what"]
    assert "CREATE ROLE" in bad["database"]["how_to_mend"]


def superuser_url(database_url: str) -> str:
    """The embedded server's own superuser, on the same socket."""
    url = make_url(database_url).set(username="postgres")
    text = url.render_as_string(hide_password=False)
    with psycopg.connect(text.replace("+psycopg", "")) as connection:
        assert connection.execute("SHOW is_superuser").fetchone() == ("on",)
    return text


def test_key_that_is_missing_or_wrong_is_told(installation: dict[str, str], fresh_database_url: str, tmp_path: Path) -> None:
    build(fresh_database_url, tmp_path)  # one connection, sealed under the key generated in tmp_path
    environment = {**installation, "DATABASE_URL": fresh_database_url}
    with db.system_session() as session:
        key_id = session.query(DataKey).one().key_id
        integration_id = session.query(Integration).one().id
    missing = wrong(environment)["encryption keys"]
    assert key_id in missing["what"]
    same_id = wrong({**environment, "PAYHUB_ENCRYPTION_KEYS": f"{key_id}:{b64encode(bytes(32)).decode()}"})["encryption keys"]
    assert str(integration_id) in same_id["what"]


def test_half_configured_and_unreachable_providers_are_told(installation: dict[str, str]) -> None:
    bad = wrong({**installation, **STRIPE, "SQUARE_APPLICATION_ID": "sq0idp-1"})
    assert {"stripe", "SQUARE_APPLICATION_SECRET"} <= set(bad)
    assert "STRIPE_" in bad["stripe"]["how_to_mend"]


def test_unreadable_provider_settings_are_told_and_keep_the_doctor_from_nothing_else(installation: dict[str, str]) -> None:
    broken = {
        "SQUARE_ENVIRONMENT": "prod",
        "SQUARE_NOTIFICATION_URL": "zzz",
        "STRIPE_CONNECT_BASE": "ftp://x",
        "STRIPE_PUBLISHABLE_KEY": "sk_live_oops",
        "REDIS_URL": f"redis://{NOBODY}/0",
    }
    bad = wrong({**installation, **broken})
    assert set(bad) >= {*broken} - {"REDIS_URL"} | {"redis"}
    assert "sandbox or production" in bad["SQUARE_ENVIRONMENT"]["how_to_mend"]
    assert "sk_live_oops" not in str(bad)


def test_mail_server_and_identity_provider_that_do_not_answer_are_told(installation: dict[str, str]) -> None:
    unreachable = {
        "SMTP_URL": "smtp://127.0.0.1:9",
        "PAYHUB_OIDC_ISSUER": f"http://{NOBODY}",
        "PAYHUB_OIDC_CLIENT_ID": "payhub",
        "PAYHUB_OIDC_CLIENT_SECRET": secrets.token_urlsafe(24),
    }
    bad = wrong({**installation, **unreachable})
    assert {"SMTP_URL", "PAYHUB_OIDC_ISSUER"} <= set(bad)
    assert "SMTP_URL" in bad["SMTP_URL"]["how_to_mend"]


def test_mail_server_that_answers_is_told_and_one_that_refuses_the_password_is_not(installation: dict[str, str]) -> None:
    def authenticate(_server: object, _session: object, _envelope: object, _mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=data.password == b"right", handled=False)

    port = free_port()
    server = Controller(Sink(), hostname="127.0.0.1", port=port, authenticator=authenticate, auth_require_tls=False)
    server.start()
    try:
        _, found = findings({**installation, "SMTP_URL": f"smtp://hub:right@127.0.0.1:{port}"})
        assert found["SMTP_URL"]["ok"]
        refused = wrong({**installation, "SMTP_URL": f"smtp://hub:hunter2@127.0.0.1:{port}"})["SMTP_URL"]
        assert "refuses the user or password" in refused["what"]
        assert "hunter2" not in str(refused)
    finally:
        server.stop()


def test_provider_that_cannot_be_reached_promises_no_other_try(installation: dict[str, str]) -> None:
    stripe = wrong({**installation, **STRIPE})["stripe"]
    assert "cannot be reached" in stripe["what"]
    assert "tried again" not in str(stripe)


def test_provider_without_signing_secret_is_told_until_one_is_there(
    installation: dict[str, str], fresh_database_url: str
) -> None:
    installation = {**installation, "DATABASE_URL": fresh_database_url}
    bare = {name: value for name, value in STRIPE.items() if "WEBHOOK" not in name}
    assert "payhub webhooks install stripe" in wrong({**installation, **bare})["STRIPE_WEBHOOK_SECRETS"]["how_to_mend"]
    assert "STRIPE_WEBHOOK_SECRETS" not in wrong({**installation, **bare, "STRIPE_WEBHOOK_SECRETS": "whsec_1"})


def production(installation: dict[str, str]) -> dict[str, str]:
    """Production with everything wrong that can be: nothing set but an http origin, test switches, providers by halves."""
    return {
        **installation,
        **development_secrets.keep(Path(installation["PAYHUB_DATA_DIR"])),
        "PAYHUB_ENV": "production",
        "PAYHUB_BASE_URL": "http://pay.example.com",
        "PAYHUB_CRASH_AT": "7",
        "STRIPE_CLIENT_ID": "ca_123",
    }


WRONG_IN_PRODUCTION = {
    "PAYHUB_SECRET_KEY",
    "PAYHUB_ENCRYPTION_KEYS",
    "PAYHUB_BASE_URL",
    "PAYHUB_CRASH_AT",
    "STRIPE_SECRET_KEY",
}


def serve(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A process of its own: one that does not refuse becomes the web server."""
    command = [sys.executable, "-m", "wsgi", "serve", "--port", "0"]
    everything = {**os.environ, **environment}
    return searched_output(
        subprocess.run(command, cwd=ROOT, env=everything, capture_output=True, text=True, timeout=60, check=False)
    )


def test_production_with_generated_keys_and_http_is_told_and_refuses_to_serve(installation: dict[str, str]) -> None:
    environment = production(installation)
    assert set(wrong(environment)) >= WRONG_IN_PRODUCTION
    served = serve(environment)
    assert served.returncode == 2
    for variable in WRONG_IN_PRODUCTION:
        assert f"✗ {variable}:" in served.stderr
    assert served.stderr.count("→") >= len(WRONG_IN_PRODUCTION)


def test_production_on_a_database_without_our_tables_refuses_to_serve_and_names_the_upgrade(
    installation: dict[str, str], empty_database_url: str
) -> None:
    ready = {
        **installation,
        "PAYHUB_ENV": "production",
        "PAYHUB_BASE_URL": "https://pay.example.com",
        "SENDGRID_API_KEY": "SG.of-nobody",
        "DATABASE_URL": empty_database_url,
    }
    served = serve(ready)
    assert served.returncode == 2
    assert "payhub db upgrade" in served.stderr
    assert "Traceback" not in served.stderr


def test_production_without_keys_refuses_to_serve(installation: dict[str, str]) -> None:
    environment = {**installation, "PAYHUB_ENV": "production", "PAYHUB_SECRET_KEY": "", "PAYHUB_ENCRYPTION_KEYS": ""}
    served = serve(environment)
    assert served.returncode == 2
    for variable in ("PAYHUB_SECRET_KEY", "PAYHUB_ENCRYPTION_KEYS", "PAYHUB_BASE_URL"):
        assert f"✗ {variable}: is not set" in served.stderr
