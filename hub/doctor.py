"""The doctor: what is wrong with this installation, and how to mend it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import redis
from sqlalchemy import create_engine, pool, select, text
from sqlalchemy.exc import SQLAlchemyError

from hub import db, embedded, migrate, outside, process, queue, vault
from hub.config import ConfigurationError, Problem, Settings
from hub.config.reader import Reader
from hub.config.variables import WEBHOOK_SECRETS
from hub.findings import Finding
from hub.integrations import sealed, tokens
from hub.models import DataKey, Endpoint, Integration
from providers.contract import Provider, Verb
from providers.records import Endpoint as ProviderEndpoint
from providers.registry import PUBLIC_NAMES, load_providers

CREDENTIALS_CHECKED_AT_MOST = 200


def examine() -> list[Finding]:
    """Everything that can be examined, all of it at once; a check is left out only where it needs what another found broken."""
    settings, findings = _configuration()
    database_url, redis_url, faults = _servers(settings)
    findings += faults
    schema_is_good = False
    if database_url is not None:
        findings.append(_database(database_url))
        if not findings[-1].unreachable:
            schema = list(_schema(database_url))
            schema_is_good = all(finding.ok for finding in schema)
            findings += schema
    if redis_url is not None:
        findings.append(_redis(redis_url))
    providers = _providers()
    if settings is not None and database_url is not None and schema_is_good:
        process.boot(settings, database_url=database_url, redis_url=redis_url, providers=providers)
        half = {finding.subject.partition("_")[0].lower() for finding in findings if not finding.ok}
        findings += list(_keys(settings))
        findings += list(check_tokens())
        findings += list(check_endpoints(providers))
    else:
        half = {finding.subject.partition("_")[0].lower() for finding in findings if not finding.ok}
    if settings is not None:
        findings += list(outside.services(settings))
    for provider in providers.values():
        if provider.name not in half:
            findings += list(outside.provider(provider))
    return findings


def _providers() -> dict[str, Provider]:
    """Those whose settings can be read; what is wrong with the others stands among the configuration's problems."""
    found: dict[str, Provider] = {}
    for name in PUBLIC_NAMES:
        with contextlib.suppress(ValueError):
            found |= load_providers(os.environ, (name,))
    return found


def _configuration() -> tuple[Settings | None, list[Finding]]:
    """The settings, None where they cannot be used, and what is to be said of them."""
    try:
        settings = Settings.from_env()
    except ConfigurationError as error:
        problems = list(error.problems)
        # Production has them among its problems already; elsewhere they are no reason to refuse.
        problems += [problem for problem in Reader(os.environ).provider_problems() if problem not in problems]
        return None, [Finding(problem.variable, False, problem.what, problem.how_to_mend) for problem in problems]
    findings = [Finding("configuration", True, f"{settings.environment}, {settings.base_url}")]
    findings += [Finding(problem.variable, False, problem.what, problem.how_to_mend) for problem in settings.provider_problems]
    if settings.generated:
        names = ", ".join(sorted(settings.generated))
        findings.append(Finding("secrets", True, f"{names} generated for development in {settings.data_dir}"))
    return settings, findings


def _servers(settings: Settings | None) -> tuple[str | None, str | None, list[Finding]]:
    """The URLs to look at; None for one that cannot be used. The embedded servers are started only for a good configuration."""
    if settings is None:
        reader = Reader(os.environ)
        return reader.database_url(), reader.redis_url(), []
    if settings.database_url and settings.redis_url:
        return settings.database_url, settings.redis_url, []
    try:
        servers = embedded.ensure(
            settings.data_dir, with_postgres=settings.database_url is None, with_redis=settings.redis_url is None
        )
    except (embedded.EmbeddedServerError, OSError) as error:
        fault = Finding("embedded servers", False, str(error), "Or set DATABASE_URL and REDIS_URL to servers of yours.")
        return settings.database_url, settings.redis_url, [fault]
    return settings.database_url or servers.database_url, settings.redis_url or servers.redis_url, []


def _database(url: str) -> Finding:
    engine = create_engine(url, poolclass=pool.NullPool, connect_args={"connect_timeout": 5})
    try:
        with engine.connect() as connection:
            version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
            superuser = connection.exec_driver_sql("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").scalar_one()
    except SQLAlchemyError as error:
        reason = str(error.__cause__ or type(error).__name__).splitlines()[0]
        return Finding("database", False, f"it cannot be reached: {reason}", "Start PostgreSQL, or correct DATABASE_URL.", True)
    if version < 150000:
        return Finding("database", False, f"PostgreSQL {version // 10000} is too old", "Use PostgreSQL 15 or newer.")
    if superuser:
        return Finding(
            "database",
            False,
            "DATABASE_URL logs in as a superuser, whom row-level security does not bind",
            "Make an ordinary role that owns the database: CREATE ROLE payhub_owner LOGIN CREATEROLE PASSWORD '...'.",
        )
    return Finding("database", True, f"PostgreSQL {version // 10000} answers")


def _redis(url: str) -> Finding:
    try:
        with queue.client(url) as client:
            version = client.info("server")["redis_version"]
    except redis.RedisError as error:
        what = f"it cannot be reached ({type(error).__name__}); webhooks are kept, but no work is done"
        return Finding("redis", False, what, "Start Redis, or correct REDIS_URL.")
    return Finding("redis", True, f"Redis {version} answers")


def _schema(url: str) -> Iterator[Finding]:
    at, newest = migrate.current(url), migrate.head()
    if at != newest:
        yield Finding(
            "migrations", False, f"the database is at {at or 'nothing'}, this code needs {newest}", "Run: payhub db upgrade"
        )
        return
    yield Finding("migrations", True, f"at {at}")
    engine = create_engine(url, poolclass=pool.NullPool)
    try:
        with engine.connect() as connection:
            for role in (db.APP_ROLE, db.SYSTEM_ROLE):
                connection.execute(text(f"SET LOCAL ROLE {role}"))
                connection.rollback()
            unforced = connection.execute(
                text(
                    "SELECT string_agg(relname, ', ') FROM pg_class WHERE relnamespace = 'public'::regnamespace "
                    "AND relkind IN ('r', 'p') AND relname <> 'alembic_version' AND NOT (relrowsecurity AND relforcerowsecurity)"
                )
            ).scalar()
    except SQLAlchemyError:
        how = f"As a superuser: GRANT {db.APP_ROLE}, {db.SYSTEM_ROLE} TO the login role of DATABASE_URL."
        yield Finding("roles", False, "the login role may not act as the application's roles", how)
        return
    if unforced:
        yield Finding("roles", False, f"row-level security is off on: {unforced}", "Run: payhub db downgrade base, then upgrade.")
    else:
        yield Finding("roles", True, "row-level security is forced on every table")


def _keys(settings: Settings) -> Iterator[Finding]:
    known = set(settings.keyring.key_ids)
    with db.system_session() as session:
        used = set(session.scalars(select(DataKey.key_id).where(DataKey.wrapped.is_not(None)).distinct()))
        missing = sorted(str(key_id) for key_id in used - known)
        if missing:
            what = f"credentials are sealed under keys that are not in PAYHUB_ENCRYPTION_KEYS: {', '.join(missing)}"
            yield Finding("encryption keys", False, what, "Put those keys back after the newest; then run: payhub keys rotate")
            return
        unreadable = _unreadable(session)
        old = used - {settings.keyring.newest_id}
    if unreadable:
        what = f"credentials cannot be opened for integrations {', '.join(map(str, unreadable))}"
        yield Finding("encryption keys", False, what, "The key has the right id but the wrong value: restore the right one.")
    elif old:
        yield Finding("encryption keys", True, f"{len(old)} older key(s) in use; payhub keys rotate moves to the newest")
    else:
        yield Finding("encryption keys", True, "every credential opens")


def check_tokens() -> Iterator[Finding]:
    """Accesses that are not renewed: days remain, then the providers end them."""
    with db.system_session() as session:
        late = tokens.overdue(session)
    if late:
        what = f"the access tokens of integrations {', '.join(map(str, late))} were not renewed in time"
        how = "Is payhub scheduler running, and a worker? refresh_postponed in the log has the provider's reason. Else reconnect."
        yield Finding("tokens", False, what, how)
    else:
        yield Finding("tokens", True, "every access token is renewed in time")


def _unreadable(session: Any) -> list[int]:
    rows = session.scalars(
        select(Integration).where(Integration.sealed_credentials.is_not(None)).limit(CREDENTIALS_CHECKED_AT_MOST)
    )
    found = []
    for row in rows:
        try:
            sealed.open_credentials(session, row)
        except vault.VaultError:
            found.append(row.id)
    return found


def unsigned_providers(providers: Mapping[str, Provider]) -> list[Problem]:
    """Configured providers whose deliveries cannot be verified: no signing secret in the environment, none in the database."""
    with db.system_session() as session:
        installed = set(
            session.scalars(
                select(Endpoint.provider).where(
                    Endpoint.sealed_secret.is_not(None), Endpoint.integration_id.is_(None), Endpoint.active
                )
            )
        )
    return [
        Problem(
            WEBHOOK_SECRETS[name][0],
            f"it is not set, and no {provider.title} endpoint is installed: webhooks cannot be verified",
            (f"Run: payhub webhooks install {name}; or set" if provider.supports(Verb.CREATE, ProviderEndpoint) else "Set")
            + " it to the secret of the endpoint made by hand",
        )
        for name, provider in providers.items()
        if provider.configured
        and WEBHOOK_SECRETS.get(name)
        and name not in installed
        and not any(os.environ.get(variable, "").strip() for variable in WEBHOOK_SECRETS[name])
    ]


def check_endpoints(providers: Mapping[str, Provider] | None = None) -> Iterator[Finding]:
    """Webhook registrations that are not as they should be, or missing."""
    for problem in unsigned_providers(providers or {}):
        yield Finding(problem.variable, False, problem.what, problem.how_to_mend)
    with db.system_session() as session:
        for endpoint in session.scalars(select(Endpoint).where(Endpoint.error.is_not(None), Endpoint.active)):
            what = f"the endpoint for {endpoint.provider} is not right: {endpoint.error}"
            yield Finding("webhooks", False, what, f"Run: payhub webhooks install {endpoint.provider}")
